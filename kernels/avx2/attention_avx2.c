/* Causal attention with grouped query heads and online softmax, AVX2.
 *
 * A query is one head of one row; the queries of a KV head are numbered row by row. Up to 48 of them pass
 * over the cache together, in blocks of 64 positions counted from position 0, so that a block is read from
 * memory once and from the L1 by the rest:
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile_avx2.h) -> max, exp, sum
 *     for each tile of <= 6 queries:     values
 *
 * What a query computes depends only on its own position: its blocks, the order in them and the lanes of its
 * sums are the same whatever other queries share its tile, so prefill and decode agree bit for bit. A query sees
 * positions first .. end-1, first > 0 where a window slides: scores of others are masked, and its sum over V holds
 * no others, so what lies there (NaN perhaps) never reaches it. Blocks that no query sees are not read: with a window,
 * decode costs what the window costs. Online softmax: with m the largest score so far, o = sum e^(s-m) V
 * and l = sum e^(s-m); a block that raises m by d multiplies both by e^-d. l is kept in 8 lanes and added up
 * at the end.
 *
 * int8: a score is multiplied by its K's scale before the softmax, a weight by its V's scale after it, both for 8
 * positions at a time; the two products run on the whole numbers.
 *
 * Measured on one Zen 3 core (a shared machine: the better runs), 40 query and KV heads of 128, 512 rows from position
 * 0: bf16 43 ms, 62 of the 95 GFLOPS that 2 fma a cycle give (66%, counting only what is causal), f32 45 ms (64%), int8
 * 47 ms (59%). Decode, two cores of a Zen 4 that run this ISA, 40 heads at position 4095, bf16: 84 to 98% of what plain reads
 * get (39 of 47 GB/s, 29 of 30).
 */
#include "attention_tile_avx2.h"
#include "exp_avx2.h"
#include "row_avx2.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { QUERIES = 48 };

/* The queries that pass over the cache together. */
typedef struct {
    __m256 sum[QUERIES];
    float max[QUERIES];
    size_t first[QUERIES], end[QUERIES]; /* positions seen: [first, end), both ascending */
    float *q;               /* [QUERIES][ld], a copy: rows of a model lie whole pages apart, in the
                                          * same few sets of the L1 */
    float *o;               /* [QUERIES][ld], not divided by the sum yet; in load_v's order */
    float *score;           /* [QUERIES][ATT_BLOCK] */
    float fix[QUERIES + 8]; /* what a block's maximum multiplies o by; written 8 at a time */
    size_t ld, count;
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
    return (head_dim + ATT_LINE - 1) / ATT_LINE * ATT_LINE;
}

size_t ll_attention_scratch_bytes_avx2(const ll_kv *kv, size_t heads) {
    (void)heads;
    return QUERIES * (2 * padded_dim(kv->head_dim) + ATT_BLOCK) * sizeof(float);
}

/* With few queries a tile takes more lines, so that 8 chains of fma or more are under way: 4 lines of one query, 2 of
 * two or three. */
static size_t lines_of(int queries) {
    return queries == 1 ? 4 : queries <= 3 ? 2 : 1;
}

/* Calls TILE(queries, lines): as many lines as lines_of(queries) where wide, or one. */
#define EACH_TILE(queries, wide)                                                                             \
    switch (wide ? queries : -queries) {                                                                     \
    case 1:                                                                                                  \
        TILE(1, 4);                                                                                          \
    case 2:                                                                                                  \
        TILE(2, 2);                                                                                          \
    case 3:                                                                                                  \
        TILE(3, 2);                                                                                          \
    case -1:                                                                                                 \
        TILE(1, 1);                                                                                          \
    case -2:                                                                                                 \
        TILE(2, 1);                                                                                          \
    case -3:                                                                                                 \
        TILE(3, 1);                                                                                          \
    case 4:                                                                                                  \
    case -4:                                                                                                 \
        TILE(4, 1);                                                                                          \
    case 5:                                                                                                  \
    case -5:                                                                                                 \
        TILE(5, 1);                                                                                          \
    default:                                                                                                 \
        TILE(6, 1);                                                                                          \
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

/* Scores of positions [at, at + count), at a multiple of 64; whole lines of 16 are computed. */
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

/* o = o * fix + p V over count positions from position at on. */
static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        size_t count, int queries) {
    const size_t size = ll_kv_element_bytes(c->type), most = lines_of(queries) * ATT_LINE;
    const char *v = c->v + at * c->row;
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

/* The lanes of positions [from, to) of a block among those from position at on. */
static LL_INLINE __m256i lanes_seen(range see, int at) {
    const __m256i below = lanes_below((int)see.from - at);
    return _mm256_andnot_si256(below, lanes_below((int)see.to - at));
}

/* The scores of the positions of see become scale * score, times their K's own scale in int8; the others -inf;
 * returns the largest. */
static LL_INLINE float scale_scores(float *score, range see, float scale, const float *k_scale) {
    __m256 most = _mm256_set1_ps(-INFINITY);
    for (int i = 0; i < ATT_BLOCK; i += 8) {
        const __m256i seen = lanes_seen(see, i);
        __m256 s = _mm256_load_ps(score + i);
        if (k_scale)
            s = _mm256_mul_ps(s, _mm256_maskload_ps(k_scale + i, seen));
        s = _mm256_mul_ps(s, _mm256_set1_ps(scale));
        s = _mm256_blendv_ps(_mm256_set1_ps(-INFINITY), s, _mm256_castsi256_ps(seen));
        _mm256_store_ps(score + i, s);
        most = _mm256_max_ps(most, s);
    }
    return ll_max_lanes(most);
}

/* Scores become weights e^(score - max), times their V's own scale in int8; returns the sum of the weights. */
static LL_INLINE __m256 weigh(float *score, range see, float max, const float *v_scale) {
    __m256 total = _mm256_setzero_ps();
    for (int i = 0; i < ATT_BLOCK; i += 8) {
        __m256 p = ll_exp_avx2(_mm256_sub_ps(_mm256_load_ps(score + i), _mm256_set1_ps(max)));
        total = _mm256_add_ps(total, p);
        if (v_scale)
            p = _mm256_mul_ps(p, _mm256_maskload_ps(v_scale + i, lanes_seen(see, i)));
        _mm256_store_ps(score + i, p);
    }
    return total;
}

/* What a query sees of the block at position at; from == to: nothing. */
static range see_in_block(const batch *b, size_t query, size_t at) {
    const size_t from = b->first[query] > at ? ll_min(b->first[query] - at, ATT_BLOCK) : 0;
    const size_t to = b->end[query] > at ? ll_min(b->end[query] - at, ATT_BLOCK) : 0;
    return (range){from, to > from ? to : from};
}

/* Softmax of a tile's scores in the block at position at; fix[i] is what o must be multiplied by. Two loops, so that
 * the chain of one query's maximum is hidden behind the others'. */
static void weigh_tile(float *score, float *fix, batch *b, size_t first, int queries, const cache *c,
                       size_t at) {
    const float *k_scale = c->k_scale ? c->k_scale + at : NULL,
                *v_scale = c->v_scale ? c->v_scale + at : NULL;
    _Alignas(LL_ALIGN) float rise[8] = {0};
    for (int i = 0; i < queries; i++) {
        float *max = &b->max[first + (size_t)i];
        const range see = see_in_block(b, first + (size_t)i, at);
        if (see.from == see.to)
            continue;
        const float block_max = scale_scores(score + i * ATT_BLOCK, see, c->scale, k_scale);
        const float new_max = block_max > *max ? block_max : *max;
        rise[i] = *max - new_max;
        *max = new_max;
    }
    _mm256_storeu_ps(fix, ll_exp_avx2(_mm256_load_ps(rise)));
    for (int i = 0; i < queries; i++) {
        const size_t query = first + (size_t)i;
        const range see = see_in_block(b, query, at);
        if (see.from < see.to)
            b->sum[query] = _mm256_fmadd_ps(b->sum[query], _mm256_set1_ps(fix[i]),
                                            weigh(score + i * ATT_BLOCK, see, b->max[query], v_scale));
    }
}

/* o = o * fix + p V of query i of a tile alone, over positions part of the block. */
static void value_alone(batch *b, size_t first, int i, float fix, const float *score, const cache *c,
                        size_t at, range part) {
    if (part.from < part.to)
        value_block(b->o + (first + (size_t)i) * b->ld, b->ld, &fix, score + i * ATT_BLOCK + part.from, c,
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
    value_block(b->o + first * b->ld, b->ld, fix, score + common.from, c, at + common.from,
                common.to - common.from, queries);
    for (int i = 0; i < queries; i++)
        value_alone(b, first, i, 1, score, c, at,
                    (range){common.to, see_in_block(b, first + (size_t)i, at).to});
}

/* Whether the last or the first of a tile's queries, hence any, sees some of the block at position at. */
static bool tile_sees(const batch *b, size_t first, size_t queries, size_t at) {
    return b->first[first] < at + ATT_BLOCK && b->end[first + queries - 1] > at;
}

/* The block at position at: scores and weights of all tiles, then the values of all, so that the L1 holds K alone,
 * then V alone. */
static void batch_block(batch *b, const cache *c, size_t at) {
    for (size_t first = 0, queries; first < b->count; first += queries) {
        queries = ll_tile_rows(b->count - first, ATT_TILE);
        float *score = b->score + first * ATT_BLOCK;
        if (!tile_sees(b, first, queries, at))
            continue;
        score_block(score, b->q + first * b->ld, b->ld, c, at, see_in_block(b, first + queries - 1, at).to,
                    (int)queries);
        weigh_tile(score, b->fix + first, b, first, (int)queries, c, at);
    }
    for (size_t first = 0, queries; first < b->count; first += queries) {
        queries = ll_tile_rows(b->count - first, ATT_TILE);
        if (tile_sees(b, first, queries, at))
            value_tile_block(b, first, (int)queries, b->fix + first, b->score + first * ATT_BLOCK, c, at);
    }
}

static void pass(batch *b, const cache *c) {
    for (size_t i = 0; i < b->count; i++) {
        b->sum[i] = _mm256_setzero_ps();
        b->max[i] = -INFINITY;
    }
    memset(b->o, 0, b->count * b->ld * sizeof *b->o);
    for (size_t at = b->first[0] / ATT_BLOCK * ATT_BLOCK; at < b->end[b->count - 1]; at += ATT_BLOCK)
        batch_block(b, c, at);
}

/* Line o in the order of dimensions. */
static LL_INLINE void order_line(__m256 line[2], const float *o, ll_kv_type type) {
    const __m256 a = _mm256_load_ps(o), b = _mm256_load_ps(o + 8);
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    const bool pairs = type == LL_KV_BF16;
    line[0] = pairs ? _mm256_permute2f128_ps(low, high, 0x20) : a;
    line[1] = pairs ? _mm256_permute2f128_ps(low, high, 0x31) : b;
}

/* A masked store takes tens of cycles on Zen, even of a whole register: the tail alone is masked. */
static void store_query(float *out, const float *o, __m256 sum, const cache *c) {
    const __m256 total = _mm256_set1_ps(ll_add_lanes(sum));
    for (size_t d = 0; d < c->dim; d += ATT_LINE) {
        __m256 line[2];
        order_line(line, o + d, c->type);
        for (size_t at = d; at < ll_min(c->dim, d + ATT_LINE); at += 8) {
            const __m256 result = _mm256_div_ps(line[(at - d) / 8], total);
            if (c->dim - at >= 8)
                _mm256_storeu_ps(out + at, result);
            else
                _mm256_maskstore_ps(out + at, lanes_below((int)(c->dim - at)), result);
        }
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

void ll_attention_avx2(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                       size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                       void *scratch) {
    assert(pos0 + rows <= kv->capacity && heads % kv->kv_heads == 0 && kv->head_dim % 2 == 0);
    const size_t share = heads / kv->kv_heads, dim = kv->head_dim;
    batch b;
    b.q = scratch;
    b.o = b.q + QUERIES * padded_dim(dim);
    b.score = b.o + QUERIES * padded_dim(dim);
    b.ld = padded_dim(dim);
    for (size_t h = h0; h < h1; h++) {
        const cache c = cache_of(kv, h, scale);
        for (size_t t = 0; t < rows * share; t += b.count) {
            b.count = ll_min(rows * share - t, QUERIES);
            for (size_t i = 0; i < b.count; i++) {
                const size_t row = (t + i) / share, head = h * share + (t + i) % share;
                memcpy(b.q + i * b.ld, q + row * ldq + head * dim, dim * sizeof *q);
                b.end[i] = pos0 + row + 1;
                b.first[i] = window && window < b.end[i] ? b.end[i] - window : 0;
            }
            pass(&b, &c);
            for (size_t i = 0; i < b.count; i++)
                store_query(out + (t + i) / share * ldo + (h * share + (t + i) % share) * dim, b.o + i * b.ld,
                            b.sum[i], &c);
        }
    }
}
