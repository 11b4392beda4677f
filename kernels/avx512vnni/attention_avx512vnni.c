/* Causal attention with grouped query heads and online softmax, AVX-512.
 *
 * A query is one head of one row; the queries of a KV head are numbered row by row. Up to 48 of them pass
 * over the cache together, in blocks of 64 positions counted from position 0, so that a block is read from
 * memory once and from the L1 by the rest:
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile.h) -> max, exp, sum -> values
 *
 * What a query computes depends only on its own position: its blocks, the order in them and the lanes of its
 * sums are the same whatever other queries share its tile, so prefill and decode agree bit for bit. A query sees
 * positions first .. end-1, first > 0 where a window slides: scores of others are masked, and its sum over V holds
 * no others, so what lies there (NaN perhaps) never reaches it. Blocks that no query sees are not read: with a window,
 * decode costs what the window costs. Online softmax: with m the largest score so far, o = sum e^(s-m) V
 * and l = sum e^(s-m); a block that raises m by d multiplies both by e^-d. l is kept in 16 lanes and added up
 * at the end.
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
#include <assert.h>
#include <math.h>
#include <string.h>

enum { QUERIES = 48 };

/* The queries that pass over the cache together. */
typedef struct {
    __m512 sum[QUERIES];
    float max[QUERIES];
    const float *q[QUERIES];
    size_t first[QUERIES], end[QUERIES]; /* positions seen: [first, end), both ascending */
    float *o;                            /* [QUERIES][ldo], not divided by the sum yet */
    size_t ldo, count;
} batch;

/* One KV head. */
typedef struct {
    const char *k, *v;
    const float *k_scale, *v_scale; /* int8 */
    size_t dim, row;                /* row: bytes of a position */
    float scale;
    ll_kv_type type;
} cache;

/* Positions [from, to) of a block. */
typedef struct {
    size_t from, to;
} range;

static size_t padded_dim(size_t head_dim) {
    return (head_dim + 15) / 16 * 16;
}

size_t ll_attention_scratch_bytes_avx512vnni(const ll_kv *kv, size_t heads) {
    (void)heads;
    return QUERIES * padded_dim(kv->head_dim) * sizeof(float);
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

/* o = o * fix + p V over count positions from position at on. */
static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        size_t count, int queries) {
    const size_t size = ll_kv_element_bytes(c->type);
    const char *v = c->v + at * c->row;
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

/* What a query sees of the block at position at; from == to: nothing. */
static range see_in_block(const batch *b, size_t query, size_t at) {
    const size_t from = b->first[query] > at ? ll_min(b->first[query] - at, ATT_BLOCK) : 0;
    const size_t to = b->end[query] > at ? ll_min(b->end[query] - at, ATT_BLOCK) : 0;
    return (range){from, to > from ? to : from};
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

/* o = o * fix + p V of query i of a tile alone, over positions part of the block. */
static void value_alone(batch *b, size_t first, int i, float fix, const float *score, const cache *c,
                        size_t at, range part) {
    if (part.from < part.to)
        value_block(b->o + (first + (size_t)i) * b->ldo, b->ldo, &fix, score + i * ATT_BLOCK + part.from, c,
                    at + part.from, part.to - part.from, 1);
}

/* o = o * fix + p V: what all queries of the tile see together, what a few see each alone, every query's positions in
 * ascending order. */
static void value_tile_block(batch *b, size_t first, int queries, float *fix, const float *score,
                             const cache *c, size_t at) {
    range common = see_in_block(b, first + (size_t)queries - 1, at);
    common.to = ll_min(common.to, see_in_block(b, first, at).to);
    if (common.from >= common.to)
        common.from = common.to = ATT_BLOCK;
    for (int i = 0; i < queries; i++) {
        const range see = see_in_block(b, first + (size_t)i, at);
        const range before = {see.from, ll_min(see.to, common.from)};
        value_alone(b, first, i, fix[i], score, c, at, before);
        fix[i] = before.from < before.to ? 1 : fix[i];
    }
    if (common.from == common.to)
        return;
    value_block(b->o + first * b->ldo, b->ldo, fix, score + common.from, c, at + common.from,
                common.to - common.from, queries);
    for (int i = 0; i < queries; i++)
        value_alone(b, first, i, 1, score, c, at,
                    (range){common.to, see_in_block(b, first + (size_t)i, at).to});
}

static void tile_block(batch *b, size_t first, int queries, const cache *c, size_t at) {
    _Alignas(LL_ALIGN) float score[ATT_TILE * ATT_BLOCK], fix[16];
    const size_t most = see_in_block(b, first + (size_t)queries - 1, at).to;
    if (b->first[first] >= at + ATT_BLOCK || b->end[first + (size_t)queries - 1] <= at)
        return;
    score_block(score, b->q + first, c, at, most, queries);
    weigh_tile(score, fix, b, first, queries, c, at);
    value_tile_block(b, first, queries, fix, score, c, at);
}

static void pass(batch *b, const cache *c) {
    for (size_t i = 0; i < b->count; i++) {
        b->sum[i] = _mm512_setzero_ps();
        b->max[i] = -INFINITY;
    }
    memset(b->o, 0, b->count * b->ldo * sizeof *b->o);
    for (size_t at = b->first[0] / ATT_BLOCK * ATT_BLOCK; at < b->end[b->count - 1]; at += ATT_BLOCK) {
        for (size_t first = 0, queries; first < b->count; first += queries) {
            queries = ll_tile_rows(b->count - first, ATT_TILE);
            tile_block(b, first, (int)queries, c, at);
        }
    }
}

static void store_query(float *out, const float *o, __m512 sum, size_t dim) {
    const __m512 total = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
    for (size_t d = 0; d < dim; d += 16) {
        const __mmask16 mask = (__mmask16)(dim - d < 16 ? (1u << (dim - d)) - 1 : 0xffff);
        _mm512_mask_storeu_ps(out + d, mask, _mm512_div_ps(_mm512_load_ps(o + d), total));
    }
}

static cache cache_of(const ll_kv *kv, size_t head, float scale) {
    const size_t row = ll_kv_bytes(kv->type, 1, 1, kv->head_dim), at = head * kv->capacity;
    cache c = {.k = (const char *)kv->k + at * row,
               .v = (const char *)kv->v + at * row,
               .dim = kv->head_dim,
               .row = row,
               .scale = scale,
               .type = kv->type};
    if (kv->type == LL_KV_I8) {
        c.k_scale = kv->k_scale + at;
        c.v_scale = kv->v_scale + at;
        c.scale = scale * 0x1p-24f; /* byte_of */
    }
    return c;
}

void ll_attention_avx512vnni(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                             size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                             void *scratch) {
    assert(pos0 + rows <= kv->capacity && heads % kv->kv_heads == 0 && kv->head_dim % 2 == 0);
    const size_t share = heads / kv->kv_heads, dim = kv->head_dim;
    batch b;
    b.o = scratch;
    b.ldo = padded_dim(dim);
    for (size_t h = h0; h < h1; h++) {
        const cache c = cache_of(kv, h, scale);
        for (size_t t = 0; t < rows * share; t += b.count) {
            b.count = ll_min(rows * share - t, QUERIES);
            for (size_t i = 0; i < b.count; i++) {
                const size_t row = (t + i) / share, head = h * share + (t + i) % share;
                b.q[i] = q + row * ldq + head * dim;
                b.end[i] = pos0 + row + 1;
                b.first[i] = window && window < b.end[i] ? b.end[i] - window : 0;
            }
            pass(&b, &c);
            for (size_t i = 0; i < b.count; i++)
                store_query(out + (t + i) / share * ldo + (h * share + (t + i) % share) * dim,
                            b.o + i * b.ldo, b.sum[i], dim);
        }
    }
}
