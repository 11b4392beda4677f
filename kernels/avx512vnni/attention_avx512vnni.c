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
#include "exp_avx512vnni.h"

enum { ATT_STEP = 1 };
typedef __m512 lanes_f32;
#include "attention.inc"

size_t ll_attention_scratch_bytes_avx512vnni(const ll_kv *kv, size_t heads) {
    (void)heads;
    return scratch_bytes(kv, 0);
}

/* q is read where it lies. */
static void begin(batch *b, const cache *c) {
    (void)b;
    (void)c;
}

static LL_INLINE void score_queries(float *score, const float *const *q, const void *k, size_t dim,
                                    int queries, const ll_kv_type type, const int lines) {
    switch (queries) {
    case 1:
        score_tile(score, q, k, dim, type, 1, lines);
        break;
    case 2:
        score_tile(score, q, k, dim, type, 2, lines);
        break;
    case 3:
        score_tile(score, q, k, dim, type, 3, lines);
        break;
    case 4:
        score_tile(score, q, k, dim, type, 4, lines);
        break;
    case 5:
        score_tile(score, q, k, dim, type, 5, lines);
        break;
    default:
        score_tile(score, q, k, dim, type, 6, lines);
        break;
    }
}

static LL_INLINE void value_queries(float *o, size_t ldo, const float *fix, const float *p, const void *v,
                                    size_t count, size_t dim, __mmask16 mask, int queries,
                                    const ll_kv_type type, const int lines) {
    switch (queries) {
    case 1:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 1, lines);
        break;
    case 2:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 2, lines);
        break;
    case 3:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 3, lines);
        break;
    case 4:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 4, lines);
        break;
    case 5:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 5, lines);
        break;
    default:
        value_tile(o, ldo, fix, p, v, count, dim, mask, type, 6, lines);
        break;
    }
}

/* Scores of positions [at, at + count), at a multiple of 64; whole lines of 16 are computed. */
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
        const __mmask16 mask = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
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

static LL_INLINE __mmask16 line_mask(uint64_t bits, int line) {
    return (__mmask16)(bits >> (16 * line));
}

/* The scores of the positions of bits become scale * score, times their K's own scale in int8; the others -inf;
 * returns the largest. */
static LL_INLINE float scale_scores(__m512 s[4], const float *score, uint64_t bits, float scale,
                                    const float *k_scale) {
    const __m512 none = _mm512_set1_ps(-INFINITY);
    LL_UNROLL
    for (int l = 0; l < 4; l++) {
        const __mmask16 mask = line_mask(bits, l);
        __m512 raw = _mm512_maskz_loadu_ps(mask, score + 16 * l);
        if (k_scale)
            raw = _mm512_mul_ps(raw, _mm512_maskz_loadu_ps(mask, k_scale + 16 * l));
        s[l] = _mm512_mask_mul_ps(none, mask, raw, _mm512_set1_ps(scale));
    }
    return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(s[0], s[1]), _mm512_max_ps(s[2], s[3])));
}

/* Scores of one query in the block at position at, those in see, become weights e^(s - max), times their V's own
 * scale in int8; the larger of old_max and theirs is the new max. */
static LL_INLINE float weigh(float *score, range see, const cache *c, size_t at, float old_max, __m512 *sum) {
    const uint64_t bits = UINT64_MAX >> (ATT_BLOCK - (see.to - see.from)) << see.from;
    const bool scaled = c->type == LL_KV_I8;
    __m512 s[4];
    const float block_max = scale_scores(s, score, bits, c->scale, scaled ? c->k_scale + at : NULL);
    const float max = block_max > old_max ? block_max : old_max;
    LL_UNROLL
    for (int l = 0; l < 4; l++) {
        s[l] = ll_exp_avx512vnni(_mm512_sub_ps(s[l], _mm512_set1_ps(max)));
        __m512 p = s[l];
        if (scaled)
            p = _mm512_mul_ps(p, _mm512_maskz_loadu_ps(line_mask(bits, l), c->v_scale + at + 16 * l));
        _mm512_store_ps(score + 16 * l, p);
    }
    *sum = _mm512_add_ps(_mm512_add_ps(s[0], s[1]), _mm512_add_ps(s[2], s[3]));
    return max;
}

/* Softmax of a tile's scores in the block at position at; fix[i] is what o must be multiplied by. */
static void weigh_tile(float *score, float *fix, batch *b, size_t first, int queries, const cache *c,
                       size_t at) {
    _Alignas(LL_ALIGN) float rise[16] = {0};
    __m512 sum[ATT_TILE];
    for (int i = 0; i < queries; i++) {
        const size_t query = first + (size_t)i;
        const range see = see_in_block(b, query, at);
        sum[i] = _mm512_setzero_ps();
        if (see.from == see.to)
            continue;
        const float max = weigh(score + i * ATT_BLOCK, see, c, at, b->max[query], &sum[i]);
        rise[i] = b->max[query] - max;
        b->max[query] = max;
    }
    _mm512_store_ps(fix, ll_exp_avx512vnni(_mm512_load_ps(rise)));
    for (int i = 0; i < queries; i++)
        b->sum[first + (size_t)i] =
            _mm512_fmadd_ps(b->sum[first + (size_t)i], _mm512_set1_ps(fix[i]), sum[i]);
}

static void batch_block(batch *b, const cache *c, size_t at) {
    _Alignas(LL_ALIGN) float score[ATT_TILE * ATT_BLOCK], fix[16];
    for (size_t first = 0, queries; first < b->count; first += queries) {
        queries = ll_tile_rows(b->count - first, ATT_TILE);
        if (!tile_sees(b, first, queries, at))
            continue;
        score_block(score, b->q + first, c, at, see_in_block(b, first + queries - 1, at).to, (int)queries);
        weigh_tile(score, fix, b, first, (int)queries, c, at);
        value_tile_block(b, first, (int)queries, fix, score, c, at);
    }
}

static void store_query(float *out, const float *o, lanes_f32 sum, const cache *c) {
    const __m512 total = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
    for (size_t d = 0; d < c->dim; d += 16) {
        const size_t left = c->dim - d;
        const __mmask16 mask = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
        _mm512_mask_storeu_ps(out + d, mask, _mm512_div_ps(_mm512_load_ps(o + d), total));
    }
}

void ll_attention_avx512vnni(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                             size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                             void *scratch) {
    attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
