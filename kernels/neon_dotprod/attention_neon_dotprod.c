/* Causal attention, NEON: the walk of attention.inc,
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile_neon_dotprod.h) -> max, exp, sum (attention_blocks_neon.inc)
 *     for each tile of <= 6 queries:     values
 *
 * int8: a score is multiplied by its K's scale before the softmax, a weight by its V's scale after it, both for 4
 * positions at a time; the two products run on the whole numbers. */
#include "attention_tile_neon_dotprod.h"

enum { ATT_STEP = 1 };
#include "attention_blocks_neon.inc"

size_t ll_attention_scratch_bytes_neon_dotprod(const ll_kv *kv, size_t heads) {
    (void)heads;
    return blocks_scratch_bytes(kv);
}

/* A copy: rows of a model lie whole pages apart, in few sets of the L1. */
static void begin(batch *b, const cache *c) {
    float *q = own_of(b).q;
    memset(q, 0, b->count * b->ld * sizeof *q);
    for (size_t i = 0; i < b->count; i++, q += b->ld)
        memcpy(q, b->q[i], c->dim * sizeof *q);
}

static LL_INLINE void store_weights(float *p, size_t at, float32x4_t weights) {
    vst1q_f32(p + at, weights);
}

/* As many positions as lines_of(queries) holds, or 16. */
static LL_INLINE void score_queries(float *score, const float *q, size_t ldq, const char *k, size_t dim,
                                    size_t stride, int queries, bool wide, const ll_kv_type type) {
#define TILE(n, lines)                                                                                       \
    score_tile(score, q, ldq, k, dim, stride, type, n, lines);                                               \
    break
    EACH_TILE(queries, wide)
#undef TILE
}

/* As many dimensions as lines_of(queries) holds, or 16. */
static LL_INLINE void value_queries(float *o, size_t ldo, const float *fix, const float *p, const char *v,
                                    size_t count, size_t row, int queries, bool wide, const ll_kv_type type) {
#define TILE(n, lines)                                                                                       \
    value_tile(o, ldo, fix, p, v, count, row, type, 0, n, lines);                                            \
    break
    EACH_TILE(queries, wide)
#undef TILE
}

static void score_block(float *score, const float *q, size_t ldq, const cache *c, size_t at, size_t count,
                        int queries) {
    const size_t lines = (count + LL_KV_BLOCK - 1) / LL_KV_BLOCK, most = lines_of(queries);
    const size_t stride = LL_KV_BLOCK * c->row;
    const char *k = c->k + at * c->row;
    for (size_t l = 0, step; l < lines; l += step, score += step * LL_KV_BLOCK, k += step * stride) {
        const bool wide = lines - l >= most;
        step = wide ? most : 1;
        if (c->type == LL_KV_F32)
            score_queries(score, q, ldq, k, c->dim, stride, queries, wide, LL_KV_F32);
        else if (c->type == LL_KV_I8)
            score_queries(score, q, ldq, k, c->dim, stride, queries, wide, LL_KV_I8);
        else
            score_queries(score, q, ldq, k, c->dim, stride, queries, wide, LL_KV_BF16);
    }
}

/* The last left < 16 dimensions, a query at a time. */
static void value_tail(float *o, size_t ldo, const float *fix, const float *p, const char *v, size_t count,
                       const cache *c, int queries, int left) {
    for (int i = 0; i < queries; i++, o += ldo, p += ATT_BLOCK) {
        if (c->type == LL_KV_F32)
            value_tile(o, ldo, fix + i, p, v, count, c->row, LL_KV_F32, left, 1, 1);
        else if (c->type == LL_KV_I8)
            value_tile(o, ldo, fix + i, p, v, count, c->row, LL_KV_I8, left, 1, 1);
        else
            value_tile(o, ldo, fix + i, p, v, count, c->row, LL_KV_BF16, left, 1, 1);
    }
}

static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        range part, int queries) {
    const size_t size = ll_kv_element_bytes(c->type), most = lines_of(queries) * ATT_LINE;
    const size_t count = part.to - part.from;
    const char *v = c->v + (at + part.from) * c->row;
    p += part.from;
    size_t d = 0;
    for (size_t step; c->dim - d >= ATT_LINE; d += step) {
        const bool wide = c->dim - d >= most;
        step = wide ? most : ATT_LINE;
        if (c->type == LL_KV_F32)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->row, queries, wide, LL_KV_F32);
        else if (c->type == LL_KV_I8)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->row, queries, wide, LL_KV_I8);
        else
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->row, queries, wide, LL_KV_BF16);
    }
    if (d < c->dim)
        value_tail(o + d, ldo, fix, p, v + d * size, count, c, queries, (int)(c->dim - d));
}

void ll_attention_neon_dotprod(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv,
                               size_t pos0, size_t rows, size_t heads, size_t h0, size_t h1, float scale,
                               size_t window, void *scratch) {
    attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
