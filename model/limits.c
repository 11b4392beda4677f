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

static double measure_bandwidth(const ll_kernels *kernels, size_t threads, const uint8_t *base,
                                size_t pages) {
    enum { REPEATS = 4 };
    double best = 0;
    for (int repeat = 0; repeat < REPEATS * LL_READ_VARIANTS; repeat++) {
        uint64_t sum = 0;
        const double began = seconds();
#pragma omp parallel num_threads((int)threads) reduction(+ : sum)
        {
            const size_t thread = (size_t)omp_get_thread_num(), all = (size_t)omp_get_num_threads();
            const size_t first = pages * thread / all, end = pages * (thread + 1) / all;
            sum += kernels->read_stream(base + first * PAGE, (end - first) * PAGE, repeat % LL_READ_VARIANTS);
        }
        const double rate = (double)(pages * PAGE) / (seconds() - began);
        if (rate > best && sum != 1) /* the sum is used, so that no compiler can leave the reads out */
            best = rate;
    }
    return best;
}

static void measure(const ll_kernels *kernels, size_t threads, const ll_arena *memory, ll_limits *out) {
    enum { PAGES_MAX = 1 << 20 }; /* 4 GiB is far beyond any cache, and takes a tenth of a second */
    const size_t pages = memory->mapped / PAGE;
    out->ops_per_s = measure_peak(kernels->peak_i8, threads);
    out->f32_ops_per_s = measure_peak(kernels->peak_f32, threads);
    out->bytes_per_s =
        measure_bandwidth(kernels, threads, memory->base, pages < PAGES_MAX ? pages : PAGES_MAX);
}

void ll_model_measure_limits(const ll_model *model, ll_limits *out) {
    measure(&model->kernels, model->options.threads, &model->weights.arena, out);
}

ll_status ll_machine_measure_limits(const ll_model_options *options, ll_limits *out, ll_error *error) {
    enum { BYTES = 128 << 20 };
    ll_kernels kernels;
    ll_machine machine;
    LL_TRY(ll_model_select_kernels(&kernels, options->isa, error));
    LL_TRY(ll_machine_probe(&machine, "", error));
    ll_arena memory = {.used = BYTES};
    LL_TRY(ll_arena_map(&memory, "a probe of the memory's bandwidth", error));
    memset(memory.base, 1, memory.mapped); /* pages that were never written are all the same one */
    measure(&kernels, options->threads ? options->threads : machine.threads, &memory, out);
    ll_arena_unmap(&memory);
    return LL_OK;
}
