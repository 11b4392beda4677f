/* Causal attention, AVX2: the walk of attention.inc,
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile_avx2.h) -> max, exp, sum
 *     for each tile of <= 6 queries:     values
 *
 * A query's sum of weights is kept in 8 lanes; its o lies in load_v's order.
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

enum { ATT_STEP = 1 };
typedef __m256 lanes_f32;
#include "attention.inc"

/* Behind o in the scratch. */
typedef struct {
    float *q;     /* [QUERIES][ld], a copy: rows of a model lie whole pages apart, in few sets of the L1 */
    float *score; /* [QUERIES][ATT_BLOCK] */
    float *fix;   /* [QUERIES], what a block's maximum multiplies o by; written 8 at a time */
} own_parts;

static own_parts own_of(const batch *b) {
    float *const score = b->more + QUERIES * b->ld;
    return (own_parts){b->more, score, score + QUERIES * ATT_BLOCK};
}

size_t ll_attention_scratch_bytes_avx2(const ll_kv *kv, size_t heads) {
    (void)heads;
    const size_t more = QUERIES * (padded_dim(kv->head_dim) + ATT_BLOCK + 1) + 8;
    return scratch_bytes(kv, more * sizeof(float));
}

static void begin(batch *b, const cache *c) {
    for (size_t i = 0; i < b->count; i++)
        memcpy(own_of(b).q + i * b->ld, b->q[i], c->dim * sizeof(float));
}

#include "attention_lines.inc"

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

/* Scores and weights of all tiles, then the values of all, so that the L1 holds K alone,
 * then V alone. */
static void batch_block(batch *b, const cache *c, size_t at) {
    const own_parts own = own_of(b);
    for (size_t first = 0, queries; first < b->count; first += queries) {
        queries = ll_tile_rows(b->count - first, ATT_TILE);
        float *score = own.score + first * ATT_BLOCK;
        if (!tile_sees(b, first, queries, at))
            continue;
        score_block(score, own.q + first * b->ld, b->ld, c, at, see_in_block(b, first + queries - 1, at).to,
                    (int)queries);
        weigh_tile(score, own.fix + first, b, first, (int)queries, c, at);
    }
    for (size_t first = 0, queries; first < b->count; first += queries) {
        queries = ll_tile_rows(b->count - first, ATT_TILE);
        if (tile_sees(b, first, queries, at))
            value_tile_block(b, first, (int)queries, own.fix + first, own.score + first * ATT_BLOCK, c, at);
    }
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

void ll_attention_avx2(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                       size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                       void *scratch) {
    attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
