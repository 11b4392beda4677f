#include "bench.h"

#include <math.h>
#include <string.h>

static size_t positions_of(const problem *p) {
    return p->s.pos0 + p->s.rows;
}

static size_t q_width(const problem *p) {
    return p->s.heads * p->s.head_dim;
}
static size_t kv_width(const problem *p) {
    return p->s.kv_heads * p->s.head_dim;
}

static void take_kv(problem *p, size_t copies) {
    const sizes *s = &p->s;
    p->kv = (ll_kv){.capacity = (positions_of(p) + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK,
                    .kv_heads = s->kv_heads,
                    .head_dim = s->head_dim,
                    .type = s->kv};
    const size_t start = p->used, bytes = ll_kv_bytes(s->kv, p->kv.capacity, s->kv_heads, s->head_dim),
                 scales = ll_kv_scale_bytes(s->kv, p->kv.capacity, s->kv_heads);
    p->kv.k = problem_take(p, bytes);
    p->kv.v = problem_take(p, bytes);
    if (scales) {
        p->kv.k_scale = problem_take(p, scales);
        p->kv.v_scale = problem_take(p, scales);
    }
    p->kv_bytes = p->used - start;
    problem_take(p, (copies - 1) * p->kv_bytes);
}

/* x: new rows of K, then of V, [rows][kv_width] each; weight: queries. */
static void lay_out(problem *p) {
    take_kv(p, p->copies);
    p->x = problem_take(p, 2 * p->s.rows * kv_width(p) * sizeof *p->x);
    p->weight = problem_take(p, p->s.rows * q_width(p) * sizeof *p->weight);
    p->y = problem_take(p, p->s.rows * q_width(p) * sizeof *p->y);
    p->scratch_bytes = p->kernels->attention_scratch_bytes(&p->kv, p->s.heads) + LL_ALIGN;
    p->scratch_bytes = p->scratch_bytes / LL_ALIGN * LL_ALIGN;
    p->scratch = problem_take(p, p->threads * p->scratch_bytes);
}

static void store(const problem *p, const ll_kv *kv, size_t pos, size_t rows, size_t from) {
    const size_t width = kv_width(p);
    const float *k = p->x + from * width;
    p->kernels->kv_store(kv, pos, rows, k, width, k + p->s.rows * width, width);
}

static ll_kv copy_of(const problem *p, size_t copy) {
    ll_kv kv = p->kv;
    kv.k = (char *)kv.k + copy * p->kv_bytes;
    kv.v = (char *)kv.v + copy * p->kv_bytes;
    if (kv.k_scale) {
        kv.k_scale = (float *)(void *)((char *)kv.k_scale + copy * p->kv_bytes);
        kv.v_scale = (float *)(void *)((char *)kv.v_scale + copy * p->kv_bytes);
    }
    return kv;
}

/* Fills the cache with the random rows, again and again. */
static bool setup(problem *p) {
    if (!problem_lay_out(p, lay_out))
        return false;
    problem_fill(p, p->x, 2 * p->s.rows * kv_width(p));
    problem_fill(p, p->weight, p->s.rows * q_width(p));
    for (size_t pos = 0; pos < positions_of(p); pos++)
        store(p, &p->kv, pos, 1, pos % p->s.rows);
    for (size_t copy = 1; copy < p->copies; copy++)
        memcpy((char *)p->kv.k + copy * p->kv_bytes, p->kv.k, p->kv_bytes);
    return true;
}

/* Blocks of rows in turn, as in prefill; a single row's KV heads. */
static void run_attention(const problem *p, size_t copy, size_t thread, size_t threads) {
    enum { BLOCK = 32 };
    const sizes *s = &p->s;
    const size_t width = q_width(p);
    const ll_kv kv = copy_of(p, copy);
    void *scratch = (char *)p->scratch + thread * p->scratch_bytes;
    const float scale = 1 / sqrtf((float)s->head_dim);
    if (s->rows == 1) {
        p->kernels->attention(p->y, width, p->weight, width, &kv, s->pos0, 1, s->heads,
                              problem_share(s->kv_heads, thread, threads, 1),
                              problem_share(s->kv_heads, thread + 1, threads, 1), scale, 0, scratch);
        return;
    }
    for (size_t r = thread * BLOCK; r < s->rows; r += threads * BLOCK)
        p->kernels->attention(p->y + r * width, width, p->weight + r * width, width, &kv, s->pos0 + r,
                              s->rows - r < BLOCK ? s->rows - r : BLOCK, s->heads, 0, s->kv_heads, scale, 0,
                              scratch);
}

static size_t result_attention(const problem *p, const void **at) {
    *at = p->y;
    return p->s.rows * q_width(p) * sizeof *p->y;
}

/* The contract's, with |q|, |K|, |V| <= 1: |scale q.K|_1 <= sqrt(head_dim). */
static double bound_attention(const problem *p) {
    const double dim = (double)p->s.head_dim;
    const double rounding = p->kernels->attention_rounds && p->kv.type == LL_KV_BF16 ? 0x1p-9 : 0;
    return ((dim + (double)positions_of(p) + 64) * 0x1p-23 + rounding) * (1 + sqrt(dim));
}

static void run_kv_store(const problem *p, size_t copy, size_t thread, size_t threads) {
    const ll_kv kv = copy_of(p, copy);
    const size_t r0 = problem_share(p->s.rows, thread, threads, LL_KV_BLOCK),
                 r1 = problem_share(p->s.rows, thread + 1, threads, LL_KV_BLOCK);
    store(p, &kv, p->s.pos0 + r0, r1 - r0, r0);
}

static size_t result_kv_store(const problem *p, const void **at) {
    *at = p->kv.k;
    return p->kv_bytes;
}

const operation bench_attention = {LL_OP_ATTENTION, setup, run_attention, result_attention, bound_attention};
const operation bench_kv_store = {LL_OP_KV_STORE, setup, run_kv_store, result_kv_store, NULL};
