/* What the machine can do at most, as benches of their own and as what shares are of. */
#include "bench.h"
#include "progress.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 128 << 20, PAGE = 4096 }; /* beyond the caches that two cores of a server share */

/* Read by every thread, its own part; kept, since it is read between all cases. */
static char *read_buffer(void) {
    static char *buffer;
    if (!buffer && (buffer = aligned_alloc((size_t)2 << 20, READ_BYTES)))
        memset(buffer, 1, READ_BYTES);
    return buffer;
}

static double peak(double (*loop)(size_t rounds), size_t rounds, size_t threads) {
    double ops = 0;
    const double start = ll_seconds();
#pragma omp parallel num_threads((int)threads) reduction(+ : ops)
    ops += loop(rounds);
    return ops / (ll_seconds() - start);
}

static volatile uint64_t sink; /* so that what is read is needed */

static double read_rate(const ll_kernels *kernels, size_t threads, int variant) {
    const char *buffer = read_buffer();
    if (!buffer)
        return 0;
    uint64_t sum = 0;
    const double start = ll_seconds();
#pragma omp parallel num_threads((int)threads) reduction(+ : sum)
    {
        const size_t thread = (size_t)omp_get_thread_num();
        const size_t at = problem_share(READ_BYTES, thread, threads, PAGE),
                     end = problem_share(READ_BYTES, thread + 1, threads, PAGE);
        sum += kernels->read_stream(buffer + at, end - at, variant);
    }
    sink = sum;
    return READ_BYTES / (ll_seconds() - start);
}

/* Some milliseconds on the slowest core of today, after a first run that wakes the threads. */
enum { ROUNDS = 20000 };

double bench_limit(limit what, const ll_kernels *kernels, size_t threads) {
    double best = 0;
    if (what == LIMIT_INT8 || what == LIMIT_F32) {
        double (*loop)(size_t) = what == LIMIT_INT8 ? kernels->peak_i8 : kernels->peak_f32;
        peak(loop, ROUNDS / 10, threads);
        return peak(loop, ROUNDS, threads);
    }
    for (int variant = 0; what == LIMIT_BYTES && variant < LL_READ_VARIANTS; variant++) {
        const double rate = read_rate(kernels, threads, variant);
        best = rate > best ? rate : best;
    }
    return best;
}

typedef struct {
    ll_kernels kernels;
    size_t threads;
    int variant; /* of read_stream; -1: the int8 peak, -2: the f32 peak */
} probe;

static void run_probe(ll_gbench_state *state, void *argument) {
    const probe *p = argument;
    double rate = 0, runs = 0;
    while (ll_gbench_next(state, 1)) {
        const double start = ll_seconds();
        rate += p->variant >= 0
                    ? read_rate(&p->kernels, p->threads, p->variant)
                    : bench_limit(p->variant == -1 ? LIMIT_INT8 : LIMIT_F32, &p->kernels, p->threads);
        ll_gbench_time(state, ll_seconds() - start);
        runs++;
    }
    ll_gbench_counter(state, p->variant >= 0 ? "GB/s" : "GOP/s", rate / runs / 1e9);
}

static void add(const ll_kernels *kernels, const char *name, const char *isa, size_t threads, int variant) {
    char text[128];
    probe *p = malloc(sizeof *p); /* as long as the program */
    if (!p)
        return;
    *p = (probe){*kernels, threads, variant};
    if (variant >= 0)
        snprintf(text, sizeof text, "%s/%s/variant:%d/threads:%zu", name, isa, variant, threads);
    else
        snprintf(text, sizeof text, "%s/%s/threads:%zu", name, isa, threads);
    ll_gbench_register(text, run_probe, p);
}

void bench_register_probes(const ll_kernels *kernels, const char *isa, size_t threads) {
    add(kernels, ll_op_name(LL_OP_PEAK_I8), isa, threads, -1);
    add(kernels, ll_op_name(LL_OP_PEAK_F32), isa, threads, -2);
    for (int variant = 0; variant < LL_READ_VARIANTS; variant++)
        add(kernels, ll_op_name(LL_OP_READ_STREAM), isa, threads, variant);
}
