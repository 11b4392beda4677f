/* The machine's limits, on the threads and over the weights that the model itself uses. */
#include "session.h"

#include <omp.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double measure_peak(const ll_model *model, double (*probe)(size_t rounds)) {
    enum { ROUNDS = 100000, REPEATS = 5 };
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double ops = 0;
        const double began = seconds();
#pragma omp parallel num_threads((int)model->options.threads) reduction(+ : ops)
        ops += probe(ROUNDS);
        const double rate = ops / (seconds() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

static double measure_bandwidth(const ll_model *model) {
    enum {
        PAGE = 4096,
        REPEATS = 4,
        PAGES_MAX = 1 << 20
    }; /* 4 GiB is far beyond any cache, and takes a tenth of a second */
    const size_t all = model->weights.arena.mapped / PAGE, pages = all < PAGES_MAX ? all : PAGES_MAX;
    double best = 0;
    for (int repeat = 0; repeat < REPEATS * LL_READ_VARIANTS; repeat++) {
        uint64_t sum = 0;
        const double began = seconds();
#pragma omp parallel num_threads((int)model->options.threads) reduction(+ : sum)
        {
            const size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
            const size_t first = pages * thread / threads, end = pages * (thread + 1) / threads;
            sum += model->kernels.read_stream(model->weights.arena.base + first * PAGE, (end - first) * PAGE,
                                              repeat % LL_READ_VARIANTS);
        }
        const double rate = (double)(pages * PAGE) / (seconds() - began);
        if (rate > best && sum != 1) /* the sum is used, so that no compiler can leave the reads out */
            best = rate;
    }
    return best;
}

void ll_model_measure_limits(const ll_model *model, ll_limits *out) {
    out->ops_per_s = measure_peak(model, model->kernels.peak_i8);
    out->f32_ops_per_s = measure_peak(model, model->kernels.peak_f32);
    out->bytes_per_s = measure_bandwidth(model);
}
