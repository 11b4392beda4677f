/* Causal attention over a bf16 cache, AVX-512 BF16: the walk of attention.inc and avx512bw's attention_blocks.inc. f32 and
 * int8 caches are avx512bw's.
 *
 * VDPBF16PS adds the products of two bf16 pairs to a float, in each of 16 lanes: 32 multiply-adds. A pair is two dimensions in
 * the scores and two positions in the values, and is kept as the bits of a float:
 *
 *   scores   K, as stored       16 positions x (k[d] k[d+1])        q, rounded once a pass       (q[d] q[d+1]) to all lanes
 *   values   V[j]    v0  v1  v2  v3  ...  v31    unpack low     (v0 v0') .. (v3 v3')  (v8 v8') ..    p, rounded   (p p')
 *            V[j+1]  v0' v1' v2' v3' ...  v31'   unpack high    (v4 v4') .. (v7 v7')  (v12 v12') ..  in a block   to all lanes
 *
 * so that o keeps its dimensions in that order until it is stored. j is even: what a query computes must not depend on where
 * its tile's common positions begin. Where a query sees one position of a pair, the other's V is masked, since its weight of zero
 * would not stop a NaN. 6 queries x 4 registers are 24 sums, as in avx512bw. Instructions of the inner loops with one query
 * (decode) and with six, for 256 bytes of K or V, gcc 12 (fewer than six queries: and a prefetch for every 64 bytes):
 *
 *                                    scores: 2 dimensions of 64 positions    values: 64 dimensions of 2 positions
 *                                      multiply   all, broadcasts too           multiply   all
 *   here                                  4, 24                16, 43              4, 24   16, 43
 *   avx512bw, a bf16 cache              8, 48                24, 80              8, 48   34, 86
 *
 * The bound. q is rounded to bf16, each value by 2^-9 of it at most, so a score by e = 2^-9 max|scale q.K|_1 at most. When
 * scores move by D_j within [-e, e], the output moves by sum w_j (D_j - mean D) V_j, w the weights on the way, and the mean
 * of |D_j - mean D| is at most e: e max|V|. The weights e^(s-m) are rounded too, by 2^-9 of each, while their sum adds them
 * unrounded: 2^-9 max|V|. Together 2^-9 (1 + max|scale q.K|_1) max|V|. The instruction ignores MXCSR: it takes denormals for zero
 * and makes none. An Emerald Rapids adds first the odd product, then the even one, as two fma (2 million random pairs); another
 * CPU may round otherwise inside: the bound of f32 has room for twice the roundings of fma.
 *
 * Speed, measured on one core of an Emerald Rapids alone, shared with others, whose registers give 1.15 G VDPBF16PS a second for
 * 4.6 G fma, in turn with avx512bw: it takes 1.3 to 1.4 times as long for 512 rows (9 query and 3 KV heads of 64; 4 heads of
 * 128), at position 4095 as long for 8 heads of 128, 1.15 times for 8 query and 2 KV heads. There it is only taken by name (cpu.c).
 */
#include "avx512bf16.h"
#include "avx512bw/attention_tile.h"

enum { ATT_STEP = 2 };
#include "avx512bw/attention_blocks.inc"

static LL_INLINE __m512 dot(__m512 acc, __m512 a, __m512 b) {
    return _mm512_dpbf16_ps(acc, (__m512bh)a, (__m512bh)b);
}

/* ---- scores ---- */

static void begin(batch *b, const cache *c) {
    for (size_t i = 0; i < b->count; i++) {
        float *const pairs = b->more + i * b->ld / 2;
        for (size_t d = 0; d < c->dim; d += 16) {
            const size_t left = c->dim - d;
            const __mmask16 mask = ll_tail_mask(left);
            const __m512 q = _mm512_maskz_loadu_ps(mask, b->q[i] + d);
            _mm256_store_si256((__m256i *)(void *)(pairs + d / 2), (__m256i)_mm512_cvtneps_pbh(q));
        }
        b->q[i] = pairs;
    }
}

/* score[i][0 .. 16 * lines) = q[i] . K; k: the first of lines blocks of 16 positions. */
static LL_INLINE void score_pairs(float *score, const float *const *q, const char *k, size_t dim,
                                  const int queries, const int lines) {
    const size_t stride = dim * LL_KV_BLOCK * sizeof(uint16_t);
    __m512 acc[ATT_TILE][4], kd[4];
    begin_scores(acc, queries, lines);
    for (size_t pair = 0; pair < dim / 2; pair++, k += LL_ALIGN) {
        LL_UNROLL
        for (int l = 0; l < lines; l++) {
            kd[l] = _mm512_load_ps((const void *)(k + (size_t)l * stride));
            prefetch(k + (size_t)l * stride, ATT_BLOCK / LL_KV_BLOCK * stride, queries);
        }
        LL_UNROLL
        for (int i = 0; i < queries; i++) {
            const __m512 qd = _mm512_set1_ps(q[i][pair]);
            LL_UNROLL
            for (int l = 0; l < lines; l++)
                acc[i][l] = dot(acc[i][l], qd, kd[l]);
        }
    }
    store_sums(score, ATT_BLOCK, acc, queries, lines);
}

static LL_INLINE void score_queries(float *score, const float *const *q, const char *k, size_t dim,
                                    int queries, const int lines) {
#define TILE(n)                                                                                              \
    score_pairs(score, q, k, dim, n, lines);                                                                 \
    break
    EACH_TILE(queries)
#undef TILE
}

static void score_block(float *score, const float *const *q, const cache *c, size_t at, size_t count,
                        int queries) {
    const size_t lines = (count + LL_KV_BLOCK - 1) / LL_KV_BLOCK;
    const char *k = c->k + at * c->row;
    if (lines == 4)
        score_queries(score, q, k, c->dim, queries, 4);
    for (size_t l = 0; lines < 4 && l < lines; l++, score += LL_KV_BLOCK, k += LL_KV_BLOCK * c->row)
        score_queries(score, q, k, c->dim, queries, 1);
}

/* ---- values ---- */

static LL_INLINE void store_weights(float *p, const __m512 weights[4]) {
    _mm512_store_si512(p, (__m512i)_mm512_cvtne2ps_pbh(weights[1], weights[0]));
    _mm512_store_si512(p + 16, (__m512i)_mm512_cvtne2ps_pbh(weights[3], weights[2]));
}

/* 32 dimensions of two positions, those of the masks; each lane of the two results is a pair. */
static LL_INLINE void load_pairs(__m512 to[2], const char *v, size_t row, __mmask32 even, __mmask32 odd) {
    const __m512i a = _mm512_maskz_loadu_epi16(even, v), b = _mm512_maskz_loadu_epi16(odd, v + row);
    to[0] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(a, b));
    to[1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(a, b));
}

/* What of V a tile takes: dimensions those of mask, of the first pair of positions not the even one, of the last not the odd
 * one where they are cut. */
typedef struct {
    const char *v;
    size_t row, pairs;
    __mmask32 mask;
    bool first_cut, last_cut;
} value_part;

/* o[i][0 .. 16 * lines) = o * fix[i] + p[i] . V, pair by pair, lines 4 or 2; only with cut are masks looked at. */
static LL_INLINE void value_pairs(float *o, size_t ldo, const float *fix, const float *p,
                                  const value_part *part, const int queries, const int lines,
                                  const bool cut) {
    const size_t row = part->row, pairs = part->pairs;
    const char *v = part->v;
    __m512 acc[ATT_TILE][4];
    begin_values(acc, o, ldo, fix, queries, lines);
    for (size_t j = 0; j < pairs; j++, v += 2 * row) {
        const __mmask32 even = !cut ? UINT32_MAX : part->first_cut && j == 0 ? 0 : part->mask;
        const __mmask32 odd = !cut ? UINT32_MAX : part->last_cut && j + 1 == pairs ? 0 : part->mask;
        __m512 vj[4];
        LL_UNROLL
        for (int l = 0; l < lines; l += 2) {
            load_pairs(vj + l, v + 32 * l, row, even, odd);
            prefetch(v + 32 * l, ATT_BLOCK * row, queries);
            prefetch(v + row + 32 * l, ATT_BLOCK * row, queries);
        }
        LL_UNROLL
        for (int i = 0; i < queries; i++) {
            const __m512 pj = _mm512_set1_ps(p[(size_t)i * ATT_BLOCK + j]);
            LL_UNROLL
            for (int l = 0; l < lines; l++)
                acc[i][l] = dot(acc[i][l], pj, vj[l]);
        }
    }
    store_sums(o, ldo, acc, queries, lines);
}

static LL_INLINE void value_queries(float *o, size_t ldo, const float *fix, const float *p,
                                    const value_part *part, int queries, const int lines, const bool cut) {
#define TILE(n)                                                                                              \
    value_pairs(o, ldo, fix, p, part, n, lines, cut);                                                        \
    break
    EACH_TILE(queries)
#undef TILE
}

static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        range seen, int queries) {
    const size_t first = seen.from / 2, end = (seen.to + 1) / 2;
    const bool whole = seen.from % 2 == 0 && seen.to % 2 == 0;
    value_part part = {.v = c->v + (at + 2 * first) * c->row,
                       .row = c->row,
                       .pairs = end - first,
                       .first_cut = seen.from % 2 != 0,
                       .last_cut = seen.to % 2 != 0};
    for (size_t d = 0, width; d < c->dim; d += width, part.v += width * sizeof(uint16_t)) {
        const size_t left = c->dim - d;
        width = whole && left >= 64 ? 64 : 32;
        part.mask = left < 32 ? (1u << left) - 1 : UINT32_MAX;
        if (width == 64)
            value_queries(o + d, ldo, fix, p + first, &part, queries, 4, false);
        else
            value_queries(o + d, ldo, fix, p + first, &part, queries, 2, true);
    }
}

/* The interleaved V left the dimensions of every 32 in another order: lanes of 4 in turn from its two registers. */
static void store_query(float *out, const float *o, lanes_f32 sum, const cache *c) {
    const __m512 total = _mm512_set1_ps(_mm512_reduce_add_ps(sum));
    const __m512i turns = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    for (size_t d = 0; d < c->dim; d += 16) {
        const size_t left = c->dim - d, from = d / 32 * 32;
        const __mmask16 mask = ll_tail_mask(left);
        const __m512i pick = _mm512_add_epi32(turns, _mm512_set1_epi32((int)(d - from) / 2));
        const __m512 line =
            _mm512_permutex2var_ps(_mm512_load_ps(o + from), pick, _mm512_load_ps(o + from + 16));
        _mm512_mask_storeu_ps(out + d, mask, _mm512_div_ps(line, total));
    }
}

size_t ll_attention_scratch_bytes_avx512bf16(const ll_kv *kv, size_t heads) {
    if (kv->type != LL_KV_BF16)
        return ll_attention_scratch_bytes_avx512bw(kv, heads);
    return scratch_bytes(kv, QUERIES * padded_dim(kv->head_dim) * sizeof(uint16_t));
}

void ll_attention_avx512bf16(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                             size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                             void *scratch) {
    if (kv->type == LL_KV_BF16)
        attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
    else
        ll_attention_avx512bw(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
