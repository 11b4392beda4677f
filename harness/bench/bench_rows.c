/* Operations that walk rows. */
#include "bench.h"

/* x: [rows][2 k], since SiLU takes gate and up; the others take its first k. */
static void lay_out(problem *p) {
    const sizes *s = &p->s;
    problem_take_act(p);
    p->x = problem_take(p, 2 * s->rows * s->k * sizeof *p->x);
    p->y = problem_take(p, s->rows * s->k * sizeof *p->y);
    p->weight = problem_take(p, s->k * sizeof *p->weight);
    p->cos = problem_take(p, s->rows * s->k * sizeof *p->cos);
    p->sin = problem_take(p, s->rows * s->k * sizeof *p->sin);
}

static bool setup(problem *p) {
    if (!problem_lay_out(p, lay_out))
        return false;
    problem_fill(p, p->x, 2 * p->s.rows * p->s.k);
    problem_fill(p, p->y, p->s.rows * p->s.k);
    problem_fill(p, p->weight, p->s.k);
    for (size_t i = 0; i < p->s.rows * p->s.k; i++) { /* rotated again and again, x stays as long as it is */
        p->cos[i] = 0.8f;
        p->sin[i] = 0.6f;
    }
    return true;
}

static size_t result_act(const problem *p, const void **at) {
    *at = p->act.q;
    return p->s.rows * p->act.ld;
}
static size_t result_y(const problem *p, const void **at) {
    *at = p->y;
    return p->s.rows * p->s.k * sizeof *p->y;
}
static size_t result_x(const problem *p, const void **at) {
    *at = p->x;
    return p->s.rows * p->s.k * sizeof *p->x;
}

typedef struct {
    size_t r0, r1;
} span;
static span rows_of(const problem *p, size_t thread, size_t threads) {
    return (span){problem_share(p->s.rows, thread, threads, 1),
                  problem_share(p->s.rows, thread + 1, threads, 1)};
}

static const float EPS = 1e-5f;

#define RUN(name) static void name(const problem *p, size_t copy, size_t thread, size_t threads)
RUN(run_quantize) {
    const span r = rows_of(p, thread, threads);
    ll_act act = p->act;
    (void)copy;
    p->kernels->quantize(&act, p->x, p->s.k, r.r0, r.r1);
}
RUN(run_rmsnorm_i8) {
    const span r = rows_of(p, thread, threads);
    ll_act act = p->act;
    (void)copy;
    p->kernels->rmsnorm_i8(&act, p->x, p->s.k, p->weight, EPS, r.r0, r.r1);
}
RUN(run_rmsnorm_f32) {
    const span r = rows_of(p, thread, threads);
    (void)copy;
    p->kernels->rmsnorm_f32(p->y, p->s.k, p->x, p->s.k, p->weight, EPS, p->s.k, r.r0, r.r1);
}
RUN(run_silu_mul_i8) {
    const span r = rows_of(p, thread, threads);
    ll_act act = p->act;
    (void)copy;
    p->kernels->silu_mul_i8(&act, p->x, 2 * p->s.k, r.r0, r.r1);
}
RUN(run_silu_mul_f32) {
    const span r = rows_of(p, thread, threads);
    (void)copy;
    p->kernels->silu_mul_f32(p->y, p->s.k, p->x, 2 * p->s.k, p->s.k, r.r0, r.r1);
}
/* y grows slowly enough: 2^24 runs of values below 1. */
RUN(run_add_f32) {
    const span r = rows_of(p, thread, threads);
    (void)copy;
    p->kernels->add_f32(p->y + r.r0 * p->s.k, p->x + r.r0 * p->s.k, (r.r1 - r.r0) * p->s.k);
}
/* k: heads * head_dim. */
RUN(run_rope_f32) {
    const span r = rows_of(p, thread, threads);
    const size_t half = p->s.head_dim / 2;
    (void)copy;
    p->kernels->rope_f32(p->x + r.r0 * p->s.k, p->s.k, r.r1 - r.r0, p->s.k / p->s.head_dim, p->s.head_dim,
                         p->cos + r.r0 * half, p->sin + r.r0 * half);
}
/* In place, so a row's logits are its probabilities of the run before: as long. */
RUN(run_softmax_f32) {
    const span r = rows_of(p, thread, threads);
    (void)copy;
    for (size_t row = r.r0; row < r.r1; row++)
        p->kernels->softmax_f32(p->x + row * p->s.k, p->s.k);
}
RUN(run_logsumexp_f32) {
    const span r = rows_of(p, thread, threads);
    (void)copy;
    for (size_t row = r.r0; row < r.r1; row++)
        p->y[row * p->s.k] = (float)p->kernels->logsumexp_f32(p->x + row * p->s.k, p->s.k);
}

static double bound_softmax(const problem *p) {
    return ((double)p->s.k / 16 + 40) * 0x1p-23;
}
static double bound_logsumexp(const problem *p) {
    (void)p;
    return 0x1p-18; /* of a result below 16 */
}

const operation bench_quantize = {LL_OP_QUANTIZE, setup, run_quantize, result_act, NULL};
const operation bench_rmsnorm_i8 = {LL_OP_RMSNORM_I8, setup, run_rmsnorm_i8, result_act, NULL};
const operation bench_rmsnorm_f32 = {LL_OP_RMSNORM_F32, setup, run_rmsnorm_f32, result_y, NULL};
const operation bench_silu_mul_i8 = {LL_OP_SILU_MUL_I8, setup, run_silu_mul_i8, result_act, NULL};
const operation bench_silu_mul_f32 = {LL_OP_SILU_MUL_F32, setup, run_silu_mul_f32, result_y, NULL};
const operation bench_add_f32 = {LL_OP_ADD_F32, setup, run_add_f32, result_y, NULL};
const operation bench_rope_f32 = {LL_OP_ROPE_F32, setup, run_rope_f32, result_x, NULL};
const operation bench_softmax_f32 = {LL_OP_SOFTMAX_F32, setup, run_softmax_f32, result_x, bound_softmax};
const operation bench_logsumexp_f32 = {LL_OP_LOGSUMEXP_F32, setup, run_logsumexp_f32, result_y,
                                       bound_logsumexp};
