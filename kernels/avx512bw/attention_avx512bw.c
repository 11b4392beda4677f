/* Causal attention, AVX-512: the walk of attention.inc,
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile.h) -> max, exp, sum -> values
 *
 * A query's sum of weights is kept in 16 lanes.
 *
 * int8: a score is multiplied by its K's scale before the softmax, a weight by its V's scale after it, both for 16
 * positions at a time; the two products run on the whole numbers.
 *
 * Measured on one Zen 4 core, 9 query and 3 KV heads of 64, bf16: 512 rows from position 0 take 3.4 ms, 1024
 * rows 13.4 ms, 76% of the fma peak counting only what is causal (86% without the softmax between the two
 * products); one row at position 1023 takes 27 us. f32 is within 3 points of bf16. Decode, two cores, 40 heads of 128 at
 * position 4095, bf16: 86 to 96% of what plain reads get (39 of 47 GB/s, 29 of 30).
 */
#include "attention_tile.h"

enum { ATT_STEP = 1 };
#include "attention_blocks.inc"

size_t ll_attention_scratch_bytes_avx512bw(const ll_kv *kv, size_t heads) {
    (void)heads;
    return scratch_bytes(kv, 0);
}

static LL_INLINE void store_weights(float *p, const __m512 weights[4]) {
    LL_UNROLL
    for (int l = 0; l < 4; l++)
        _mm512_store_ps(p + 16 * l, weights[l]);
}

/* q is read where it lies. */
static void begin(batch *b, const cache *c) {
    (void)b;
    (void)c;
}

static LL_INLINE void score_queries(float *score, const float *const *q, const void *k, size_t dim,
                                    int queries, const ll_kv_type type, const int lines) {
#define TILE(n)                                                                                              \
    score_tile(score, q, k, dim, type, n, lines);                                                            \
    break
    EACH_TILE(queries)
#undef TILE
}

static LL_INLINE void value_queries(float *o, size_t ldo, const float *fix, const float *p, const void *v,
                                    size_t count, size_t dim, __mmask16 mask, int queries,
                                    const ll_kv_type type, const int lines) {
#define TILE(n)                                                                                              \
    value_tile(o, ldo, fix, p, v, count, dim, mask, type, n, lines);                                         \
    break
    EACH_TILE(queries)
#undef TILE
}

static void score_block(float *score, const float *const *q, const cache *c, size_t at, size_t count,
                        int queries) {
    const size_t lines = (count + LL_KV_BLOCK - 1) / LL_KV_BLOCK;
    const char *k = c->k + at * c->row;
    if (lines == 4 && c->type == LL_KV_F32)
        score_queries(score, q, k, c->dim, queries, LL_KV_F32, 4);
    else if (lines == 4 && c->type == LL_KV_I8)
        score_queries(score, q, k, c->dim, queries, LL_KV_I8, 4);
    else if (lines == 4)
        score_queries(score, q, k, c->dim, queries, LL_KV_BF16, 4);
    for (size_t l = 0; lines < 4 && l < lines; l++, score += LL_KV_BLOCK, k += LL_KV_BLOCK * c->row) {
        if (c->type == LL_KV_F32)
            score_queries(score, q, k, c->dim, queries, LL_KV_F32, 1);
        else if (c->type == LL_KV_I8)
            score_queries(score, q, k, c->dim, queries, LL_KV_I8, 1);
        else
            score_queries(score, q, k, c->dim, queries, LL_KV_BF16, 1);
    }
}

static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        range part, int queries) {
    const size_t size = ll_kv_element_bytes(c->type), count = part.to - part.from;
    const char *v = c->v + (at + part.from) * c->row;
    p += part.from;
    for (size_t d = 0, width; d < c->dim; d += width) {
        const size_t left = c->dim - d;
        const __mmask16 mask = ll_tail_mask(left);
        width = left < 64 ? 16 : 64;
        if (width == 64 && c->type == LL_KV_F32)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_F32, 4);
        else if (width == 64 && c->type == LL_KV_I8)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_I8, 4);
        else if (width == 64)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_BF16, 4);
        else if (c->type == LL_KV_F32)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_F32, 1);
        else if (c->type == LL_KV_I8)
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_I8, 1);
        else
            value_queries(o + d, ldo, fix, p, v + d * size, count, c->dim, mask, queries, LL_KV_BF16, 1);
    }
}

static void store_query(float *out, const float *o, lanes_f32 sum, const cache *c) {
    const __m512 total = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
    for (size_t d = 0; d < c->dim; d += 16) {
        const size_t left = c->dim - d;
        const __mmask16 mask = ll_tail_mask(left);
        _mm512_mask_storeu_ps(out + d, mask, _mm512_div_ps(_mm512_load_ps(o + d), total));
    }
}

void ll_attention_avx512bw(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                           size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                           void *scratch) {
    attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
