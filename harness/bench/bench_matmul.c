#include "bench.h"

#include <stdlib.h>
#include <string.h>

static void lay_out_i8(problem *p) {
    const sizes *s = &p->s;
    const size_t group = s->group ? s->group : s->k;
    problem_take_act(p);
    p->x = problem_take(p, s->rows * s->k * sizeof *p->x);
    p->y = problem_take(p, s->rows * s->n * sizeof *p->y);
    p->w = (ll_packed){.n = s->n, .k = s->k, .group = group, .groups = (s->k + group - 1) / group};
    p->w_bytes = p->matmul ? p->matmul->bytes(p->matmul, s->n, s->k, group)
                           : p->kernels->packed_i8_bytes(s->n, s->k, group);
    p->w_bytes = (p->w_bytes + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
    p->w.data = problem_take(p, p->copies * p->w_bytes);
}

static size_t panel_end(const problem *p, size_t n) {
    return p->w.n - n < LL_PANEL ? p->w.n : n + LL_PANEL;
}

/* Columns that are packed, and multiplied by a thread, together. */
static size_t unit_of(const problem *p) {
    return p->matmul ? p->matmul->columns(p->matmul, p->w.n) : LL_PANEL;
}

static bool pack_columns(problem *p, size_t n0, size_t n1, const int8_t *q, const float *scale) {
    if (p->matmul)
        return p->matmul->pack(p->matmul, &p->w, n0, n1, q, scale);
    p->kernels->pack_i8((void *)(uintptr_t)p->w.data, p->w.n, p->w.k, p->w.group, n0, n1, q, scale);
    return true;
}

/* Some columns at a time, every LL_PANEL from the same random numbers. */
static bool pack_i8(problem *p) {
    const size_t k = p->w.k, groups = p->w.groups, unit = unit_of(p);
    int8_t *q = malloc(unit * k);
    float *x = malloc(LL_PANEL * k * sizeof *x), *scale = malloc(unit * groups * sizeof *scale);
    bool good = q && x && scale;
    if (good) {
        problem_fill(p, x, LL_PANEL * k);
        for (size_t i = 0; i < unit * k; i++)
            q[i] = (int8_t)(127 * x[i % (LL_PANEL * k)]);
        for (size_t i = 0; i < unit * groups; i++)
            scale[i] = 0.001f * (float)(1 + i % (LL_PANEL * groups) % 7);
        for (size_t n = 0; good && n < p->w.n; n += unit)
            good = pack_columns(p, n, p->w.n - n < unit ? p->w.n : n + unit, q, scale);
    }
    free(q);
    free(x);
    free(scale);
    return good;
}

static void copy_weights(problem *p) {
    for (size_t copy = 1; copy < p->copies; copy++)
        memcpy((char *)(uintptr_t)p->w.data + copy * p->w_bytes, p->w.data, p->w_bytes);
}

static bool fill_i8(problem *p) {
    if (!pack_i8(p))
        return false;
    copy_weights(p);
    problem_fill(p, p->x, p->s.rows * p->s.k);
    p->kernels->quantize(&p->act, p->x, p->s.k, 0, p->s.rows);
    return true;
}

static bool setup_i8(problem *p) {
    return problem_lay_out(p, lay_out_i8) && fill_i8(p);
}

static ll_packed copy_of(const problem *p, size_t copy) {
    ll_packed w = p->w;
    w.data = (const char *)p->w.data + copy * p->w_bytes;
    return w;
}

/* Few rows: threads share the columns; many: the rows, as the forward pass does. */
typedef struct {
    size_t m0, m1, n0, n1;
} part;
static part part_of(const problem *p, size_t thread, size_t threads) {
    enum { TALL = 16 };
    if (p->s.rows < threads * TALL)
        return (part){0, p->s.rows, problem_share(p->s.n, thread, threads, unit_of(p)),
                      problem_share(p->s.n, thread + 1, threads, unit_of(p))};
    return (part){problem_share(p->s.rows, thread, threads, 1),
                  problem_share(p->s.rows, thread + 1, threads, 1), 0, p->s.n};
}

static void run_i8(const problem *p, size_t copy, size_t thread, size_t threads) {
    const part at = part_of(p, thread, threads);
    const ll_packed w = copy_of(p, copy);
    p->kernels->matmul_i8(p->y, p->s.n, &p->act, at.m0, at.m1, &w, at.n0, at.n1);
}

/* ---- oneDNN, the yardstick ---- */

static void lay_out_yardstick(problem *p) {
    lay_out_i8(p);
    p->scratch = problem_take(p, p->threads * p->scratch_bytes);
}

/* ref, which it is compared with, multiplies itself. */
static bool setup_yardstick(problem *p) {
    ll_error error;
    const sizes *s = &p->s;
    const size_t group = s->group ? s->group : s->k;
    if (strcmp(p->kernels->name, ll_isa_name(0)) == 0)
        return setup_i8(p);
    if (ll_matmul_create_onednn(&p->matmul, p->kernels, 1, &error) != LL_OK ||
        p->matmul->prepare(p->matmul, s->n, s->k, group, &error) != LL_OK)
        return false;
    p->scratch_bytes = p->matmul->scratch_bytes(p->matmul, s->n, s->k, group);
    return problem_lay_out(p, lay_out_yardstick) && fill_i8(p);
}

static void run_yardstick(const problem *p, size_t copy, size_t thread, size_t threads) {
    const part at = part_of(p, thread, threads);
    const ll_packed w = copy_of(p, copy);
    if (!p->matmul)
        run_i8(p, copy, thread, threads);
    else if (!p->matmul->run(p->matmul, p->y, p->s.n, &p->act, at.m0, at.m1, &w, at.n0, at.n1,
                             (char *)p->scratch + thread * p->scratch_bytes))
        abort(); /* no memory: there is no result to time */
}

static size_t result(const problem *p, const void **at) {
    *at = p->y;
    return p->s.rows * p->s.n * sizeof *p->y;
}

static void lay_out_f32(problem *p) {
    const sizes *s = &p->s;
    p->x = problem_take(p, s->rows * s->k * sizeof *p->x);
    p->y = problem_take(p, s->rows * s->n * sizeof *p->y);
    p->w = (ll_packed){.n = s->n, .k = s->k};
    p->w_bytes = (p->kernels->packed_f32_bytes(s->n, s->k) + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
    p->w.data = problem_take(p, p->copies * p->w_bytes);
}

static bool setup_f32(problem *p) {
    if (!problem_lay_out(p, lay_out_f32))
        return false;
    float *x = malloc(LL_PANEL * p->s.k * sizeof *x);
    if (!x)
        return false;
    problem_fill(p, x, LL_PANEL * p->s.k);
    for (size_t n = 0; n < p->w.n; n += LL_PANEL)
        p->kernels->pack_f32((void *)(uintptr_t)p->w.data, p->w.n, p->w.k, n, panel_end(p, n), x);
    free(x);
    copy_weights(p);
    problem_fill(p, p->x, p->s.rows * p->s.k);
    return true;
}

static void run_f32(const problem *p, size_t copy, size_t thread, size_t threads) {
    const part at = part_of(p, thread, threads);
    const ll_packed w = copy_of(p, copy);
    p->kernels->matmul_f32(p->y, p->s.n, p->x, p->s.k, at.m0, at.m1, &w, at.n0, at.n1);
}

const operation bench_matmul_i8 = {LL_OP_MATMUL_I8, setup_i8, run_i8, result, NULL};
const operation bench_matmul_yardstick = {LL_OP_MATMUL_I8, setup_yardstick, run_yardstick, result, NULL};
const operation bench_matmul_f32 = {LL_OP_MATMUL_F32, setup_f32, run_f32, result, NULL};
