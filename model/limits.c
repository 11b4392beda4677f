/* The machine's limits, on the threads and over the weights that the model itself uses. */
#include "session.h"

#include <omp.h>
#include <string.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double measure_peak(double (*probe)(size_t rounds), size_t threads) {
    enum { ROUNDS = 100000, REPEATS = 5 };
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double ops = 0;
        const double began = seconds();
#pragma omp parallel num_threads((int)threads) reduction(+ : ops)
        ops += probe(ROUNDS);
        const double rate = ops / (seconds() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

enum { PAGE = 4096 };

/* The best of the ways to read, each tried as often as it takes to read a few hundred megabytes, four times at most. */
static double measure_bandwidth(const ll_kernels *kernels, size_t threads, const uint8_t *base,
                                size_t pages) {
    enum { REPEATS = 4, PAGES_ENOUGH = (256 << 20) / PAGE };
    const size_t asked = PAGES_ENOUGH / (pages ? pages : 1) + 1;
    const size_t repeats = asked < REPEATS ? asked : REPEATS;
    double best = 0;
    for (size_t repeat = 0; repeat < repeats * LL_READ_VARIANTS; repeat++) {
        uint64_t sum = 0;
        const double began = seconds();
#pragma omp parallel num_threads((int)threads) reduction(+ : sum)
        {
            const size_t thread = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
            const size_t first = pages * thread / all, end = pages * (thread + 1) / all;
            sum += kernels->read_stream(base + first * PAGE, (end - first) * PAGE,
                                        (int)(repeat % LL_READ_VARIANTS));
        }
        const double rate = (double)(pages * PAGE) / (seconds() - began);
        if (rate > best && sum != 1) /* the sum is used, so that no compiler can leave the reads out */
            best = rate;
    }
    return best;
}

static void measure_compute(const ll_kernels *kernels, size_t threads, ll_limits *out) {
    out->ops_per_s = measure_peak(kernels->peak_i8, threads);
    out->f32_ops_per_s = measure_peak(kernels->peak_f32, threads);
}

void ll_model_measure_compute(const ll_model *model, ll_limits *out) {
    measure_compute(&model->kernels, model->options.threads, out);
}

void ll_model_measure_bandwidth(const ll_model *model, ll_limits *out) {
    enum { PAGES_MAX = (1 << 30) / PAGE }; /* far beyond any cache, and read within the time of a step */
    const size_t pages = model->weights.arena.mapped / PAGE;
    out->bytes_per_s = measure_bandwidth(&model->kernels, model->options.threads, model->weights.arena.base,
                                         pages < PAGES_MAX ? pages : PAGES_MAX);
}

ll_status ll_machine_measure_limits(const ll_model_options *options, ll_limits *out, ll_error *error) {
    enum { BYTES = 128 << 20 };
    ll_kernels kernels;
    ll_machine machine;
    LL_TRY(ll_model_select_kernels(&kernels, options, error));
    LL_TRY(ll_machine_probe(&machine, "", error));
    ll_arena memory = {.used = BYTES};
    LL_TRY(ll_arena_map(&memory, "a probe of the memory's bandwidth", error));
    memset(memory.base, 1, memory.mapped); /* pages that were never written are all the same one */
    const size_t threads = options->threads ? options->threads : machine.threads;
    measure_compute(&kernels, threads, out);
    out->bytes_per_s = measure_bandwidth(&kernels, threads, memory.base, memory.mapped / PAGE);
    ll_arena_unmap(&memory);
    return LL_OK;
}
