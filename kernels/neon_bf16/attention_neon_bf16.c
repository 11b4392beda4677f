/* Causal attention over a bf16 cache, NEON with BFDOT: the walk of attention.inc, and neon_dotprod's attention_blocks_neon.inc and
 * tiles. f32 and int8 caches are neon_dotprod's.
 *
 * BFDOT adds the products of two bf16 pairs to a float, in each of 4 lanes: 8 multiply-adds. A pair is two dimensions in the scores
 * and two positions in the values, and is kept as the bits of a float; q's or p's is a lane of another register:
 *
 *   scores   K, as stored       4 positions x (k[d] k[d+1])     q, rounded once a pass            (q[d] q[d+1])
 *   values   V[j]    v0  v1  v2  v3  ...  v7    zip first       (v0 v0') (v1 v1') (v2 v2') ..     p, rounded in a block
 *            V[j+1]  v0' v1' v2' v3' ...  v7'   zip second      (v4 v4') (v5 v5') (v6 v6') ..     (p p')
 *
 * j is even: what a query computes must not depend on where its tile's common positions begin. Where a query sees one position
 * of a pair, the other's V counts as zero, since its weight of zero would not stop a NaN. Instructions of the inner loops with one
 * query (4 lines) and with six (one line), gcc 12; no sum leaves its register, with clang 14 neither:
 *
 *                                    scores: 2 dimensions       values: 2 positions
 *                                      multiply   all             multiply   zip      all
 *   here                                 16, 24   39, 36            16, 24   16, 4   46, 42
 *   neon_dotprod, a bf16 cache           32, 48   89, 78            32, 48   32, 8   82, 80
 *
 * The bound. q is rounded to bf16, each value by 2^-9 of it at most, and so are the weights e^(s-m), while their sum adds them
 * unrounded: 2^-9 (1 + max|scale q.K|_1) max|V|, as avx512bf16 derives it. BFDOT rounds to odd (Arm's manual, where FPCR.EBF is 0
 * or not there): the two products, which are exact, 8 bits by 8; their sum; and what that adds up to with the lane. The last two
 * are off by less than 2^-23 of the result each, where an fma is by 2^-24, but one BFDOT takes the place of two fma. So a score, in
 * head_dim / 2 steps, is off by (head_dim / 2 + 1) 2^-23 |scale q.K|_1 at most, a sum over V by (positions / 2 + 1) 2^-23 of the
 * sum of its absolute products: half of what f32's bound allows, which leaves the rest for the exp, the sum of weights and the
 * rescaling of o. BFDOT takes denormals for zero and makes none, as the contract allows. Where FPCR.EBF is set it rounds once less,
 * and to nearest. BFCVTN rounds as FPCR says, which is to nearest even unless a program changes it. All this was run by qemu only:
 * no ARM core has computed or timed it.
 */
#include "neon_bf16.h"
#define ATT_MULTIPLY "bfdot %0.4s, %1.8h, %2.2h[0]"
#include "neon_dotprod/attention_sums_neon.inc"

enum { ATT_STEP = 2 };
#include "attention_tiles.inc"
#include "neon_dotprod/attention_blocks_neon.inc"

enum { PAIRS = 64 }; /* bytes: a pair of dimensions of 16 positions */

static LL_INLINE float32x2_t round_pairs(float32x4_t values) {
    return vreinterpret_f32_bf16(vcvt_bf16_f32(values));
}

/* ---- scores ---- */

static void begin(batch *b, const cache *c) {
    float *pairs = own_of(b).q;
    for (size_t i = 0; i < b->count; i++, pairs += b->ld) {
        const float *const q = b->q[i];
        size_t d = 0;
        for (; c->dim - d >= 4; d += 4)
            vst1_f32(pairs + d / 2, round_pairs(vld1q_f32(q + d)));
        if (d < c->dim) /* an even number: two are left */
            vst1_f32(pairs + d / 2, round_pairs(vcombine_f32(vld1_f32(q + d), vdup_n_f32(0))));
    }
}

/* score[i][0 .. 16 * lines) = q[i] . K; k: the first of lines blocks of 16 positions, stride bytes apart. */
static LL_INLINE void score_tile(float *score, const float *q, size_t ldq, const char *k, size_t pairs,
                                 size_t stride, const int queries, const int lines) {
    float32x4_t acc[ATT_TILE][ATT_REGISTERS], x[4];
    float kept[ATT_TILE];
    begin_scores(acc, queries, 4 * lines);
    for (size_t pair = 0; pair < pairs; pair++, k += PAIRS) {
        keep_factors(kept, q + pair, ldq, queries);
        LL_UNROLL
        for (int l = 0; l < lines; l++) {
            LL_UNROLL
            for (int r = 0; r < 4; r++)
                x[r] = vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)k + (size_t)l * stride + 16 * r));
            add_line(acc, l, x, kept, q + pair, ldq, queries);
        }
    }
    store_sums(score, ATT_BLOCK, acc, queries, 4 * lines);
}

/* As many positions as lines_of(queries) holds, or 16. */
static void score_queries(float *score, const float *q, size_t ldq, const char *k, const cache *c,
                          int queries, bool wide) {
#define TILE(n, lines)                                                                                       \
    score_tile(score, q, ldq, k, c->dim / 2, LL_KV_BLOCK * c->row, n, lines);                                \
    break
    EACH_TILE(queries, wide)
#undef TILE
}

static void score_block(float *score, const float *q, size_t ldq, const cache *c, size_t at, size_t count,
                        int queries) {
    const size_t lines = (count + LL_KV_BLOCK - 1) / LL_KV_BLOCK, most = lines_of(queries);
    const char *k = c->k + at * c->row;
    for (size_t l = 0, step; l < lines; l += step, k += step * LL_KV_BLOCK * c->row) {
        const bool wide = lines - l >= most;
        step = wide ? most : 1;
        score_queries(score + l * LL_KV_BLOCK, q, ldq, k, c, queries, wide);
    }
}

/* ---- values ---- */

static LL_INLINE void store_weights(float *p, size_t at, float32x4_t weights) {
    vst1_f32(p + at / 2, round_pairs(weights));
}

/* 16 dimensions of two positions, 8 of each at a time, as pairs. */
static LL_INLINE void zip_positions(float32x4_t to[2], uint16x8_t even, uint16x8_t odd) {
    to[0] = vreinterpretq_f32_u16(vzip1q_u16(even, odd));
    to[1] = vreinterpretq_f32_u16(vzip2q_u16(even, odd));
}

/* o[i][0 .. 16 * lines) = o * fix[i] + p[i] . V, pair by pair, of positions row bytes apart. */
static LL_INLINE void value_tile(float *o, size_t ldo, const float *fix, const float *p, const char *v,
                                 size_t pairs, size_t row, const int queries, const int lines) {
    float32x4_t acc[ATT_TILE][ATT_REGISTERS], x[4];
    float kept[ATT_TILE];
    begin_values(acc, o, ldo, fix, queries, 4 * lines);
    for (size_t j = 0; j < pairs; j++, v += 2 * row) {
        keep_factors(kept, p + j, ATT_BLOCK, queries);
        LL_UNROLL
        for (int l = 0; l < lines; l++) {
            LL_UNROLL
            for (int half = 0; half < 2; half++) {
                const uint16_t *even = (const uint16_t *)v + ATT_LINE * l + 8 * half;
                zip_positions(x + 2 * half, vld1q_u16(even),
                              vld1q_u16((const uint16_t *)((const char *)even + row)));
            }
            add_line(acc, l, x, kept, p + j, ATT_BLOCK, queries);
        }
    }
    store_sums(o, ldo, acc, queries, 4 * lines);
}

/* As many dimensions as lines_of(queries) holds, or 16. */
static void value_queries(float *o, size_t ldo, const float *fix, const float *p, const char *v, size_t pairs,
                          size_t row, int queries, bool wide) {
#define TILE(n, lines)                                                                                       \
    value_tile(o, ldo, fix, p, v, pairs, row, n, lines);                                                     \
    break
    EACH_TILE(queries, wide)
#undef TILE
}

/* What is seen of a pair of positions. */
typedef enum { SEEN_BOTH, SEEN_EVEN, SEEN_ODD } seen_kind;

/* The first left of 8 dimensions of a position, and zeros. */
static uint16x8_t load_v_tail(const char *v, size_t left) {
    uint16_t values[8] = {0};
    memcpy(values, v, ll_min(left, 8) * sizeof *values);
    return vld1q_u16(values);
}

/* The same as value_tile of one query and the first left of 16 dimensions. What is not seen counts as zeros: its weight is zero,
 * but zero times a NaN is none. */
static void value_edge(float *o, float fix, const float *p, const char *v, size_t pairs, size_t row,
                       size_t left, seen_kind seen) {
    float32x4_t acc[ATT_TILE][ATT_REGISTERS], x[4];
    begin_values(acc, o, 0, &fix, 1, 4);
    for (size_t j = 0; j < pairs; j++, v += 2 * row) {
        for (size_t half = 0; half < 2; half++) {
            const size_t here = left > 8 * half ? left - 8 * half : 0;
            const char *even = v + 8 * half * sizeof(uint16_t);
            zip_positions(x + 2 * half, load_v_tail(even, seen == SEEN_ODD ? 0 : here),
                          load_v_tail(even + row, seen == SEEN_EVEN ? 0 : here));
        }
        add_line(acc, 0, x, p + j, p + j, ATT_BLOCK, 1);
    }
    store_sums(o, 0, acc, 1, 4);
}

/* Pairs [pairs.from, pairs.to) of the block at position at, all of them seen. */
static void value_pairs(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        range pairs, int queries) {
    const size_t most = lines_of(queries) * ATT_LINE, count = pairs.to - pairs.from;
    const char *v = c->v + (at + 2 * pairs.from) * c->row;
    size_t d = 0;
    p += pairs.from;
    for (size_t step; c->dim - d >= ATT_LINE; d += step) {
        const bool wide = c->dim - d >= most;
        step = wide ? most : ATT_LINE;
        value_queries(o + d, ldo, fix, p, v + d * sizeof(uint16_t), count, c->row, queries, wide);
    }
    for (int i = 0; d < c->dim && i < queries; i++)
        value_edge(o + (size_t)i * ldo + d, fix[i], p + i * ATT_BLOCK, v + d * sizeof(uint16_t), count,
                   c->row, c->dim - d, SEEN_BOTH);
}

/* The one pair of the block at position at of which a query sees one position. */
static void value_cut(float *o, float fix, const float *p, const cache *c, size_t at, size_t pair,
                      seen_kind seen) {
    const char *v = c->v + (at + 2 * pair) * c->row;
    for (size_t d = 0; d < c->dim; d += ATT_LINE)
        value_edge(o + d, fix, p + pair, v + d * sizeof(uint16_t), 1, c->row, ll_min(c->dim - d, ATT_LINE),
                   seen);
}

/* Only a query alone begins or ends between the two positions of a pair. */
static void value_block(float *o, size_t ldo, const float *fix, const float *p, const cache *c, size_t at,
                        range part, int queries) {
    static const float one = 1;
    const range pairs = {(part.from + 1) / 2, part.to / 2};
    if (part.from % 2) {
        value_cut(o, *fix, p, c, at, part.from / 2, SEEN_ODD);
        fix = &one;
    }
    if (pairs.from < pairs.to) {
        value_pairs(o, ldo, fix, p, c, at, pairs, queries);
        fix = &one;
    }
    if (part.to % 2)
        value_cut(o, *fix, p, c, at, part.to / 2, SEEN_EVEN);
}

size_t ll_attention_scratch_bytes_neon_bf16(const ll_kv *kv, size_t heads) {
    return kv->type == LL_KV_BF16 ? blocks_scratch_bytes(kv)
                                  : ll_attention_scratch_bytes_neon_dotprod(kv, heads);
}

void ll_attention_neon_bf16(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                            size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                            void *scratch) {
    if (kv->type == LL_KV_BF16)
        attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
    else
        ll_attention_neon_dotprod(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
