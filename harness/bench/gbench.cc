#include "gbench.h"

#include <benchmark/benchmark.h>
#include <string>
#include <vector>

using benchmark::BenchmarkReporter;
using Runs = std::vector<BenchmarkReporter::Run>;

namespace {

benchmark::State *state_of(ll_gbench_state *state) {
    return reinterpret_cast<benchmark::State *>(state);
}

// A case that ended with an error: a flag and a text up to 1.7, a state and a text from 1.8 on.
template <class Run> auto refusal(const Run &run, int) -> decltype(run.error_occurred, std::string()) {
    return run.error_occurred ? run.error_message : std::string();
}
template <class Run> auto refusal(const Run &run, long) -> decltype(run.skip_message, std::string()) {
    return run.skipped ? run.skip_message : std::string();
}

bool counter_of(const void *runs, const char *name, double *out) {
    for (const auto &run : *static_cast<const Runs *>(runs)) {
        const auto found = run.counters.find(name);
        if (found == run.counters.end())
            return false;
        *out++ = found->second;
    }
    return true;
}

class Reporter : public BenchmarkReporter {
  public:
    explicit Reporter(const ll_gbench_reporter *to) : to_(to) {}

    bool ReportContext(const Context &) override { return true; }

    void ReportRuns(const Runs &report) override {
        Runs runs; // without the aggregates
        std::vector<double> seconds;
        for (const auto &run : report)
            if (run.run_type == Run::RT_Iteration)
                runs.push_back(run);
        if (runs.empty())
            return;
        for (const auto &run : runs)
            seconds.push_back(run.real_accumulated_time /
                              static_cast<double>(run.iterations > 0 ? run.iterations : 1));
        const std::string name = runs[0].run_name.function_name, why = refusal(runs[0], 0);
        const ll_gbench_result result = {name.c_str(), why.empty() ? nullptr : why.c_str(), seconds.data(),
                                         seconds.size()};
        to_->result(to_->context, &result, counter_of, &runs);
    }

  private:
    const ll_gbench_reporter *to_;
};

} // namespace

extern "C" {

bool ll_gbench_next(ll_gbench_state *state, size_t runs) {
    return state_of(state)->KeepRunningBatch(static_cast<benchmark::IterationCount>(runs));
}

void ll_gbench_time(ll_gbench_state *state, double seconds) {
    state_of(state)->SetIterationTime(seconds);
}

void ll_gbench_counter(ll_gbench_state *state, const char *name, double value) {
    state_of(state)->counters[name] = value;
}

void ll_gbench_refuse(ll_gbench_state *state, const char *why) {
    state_of(state)->SkipWithError(why);
}

void ll_gbench_register(const char *name, ll_gbench_run *run, void *argument) {
    const auto call = [run, argument](benchmark::State &state) {
        run(reinterpret_cast<ll_gbench_state *>(&state), argument);
    };
    benchmark::RegisterBenchmark(name, call)->UseManualTime()->Unit(benchmark::kMicrosecond);
}

void ll_gbench_begin(int *argc, char **argv) {
    benchmark::Initialize(argc, argv);
}

size_t ll_gbench_run_all(const ll_gbench_reporter *reporter) {
    Reporter display(reporter);
    return benchmark::RunSpecifiedBenchmarks(&display);
}
}
