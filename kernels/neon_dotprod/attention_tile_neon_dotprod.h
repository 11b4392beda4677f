/* The two register-tiled products of attention, for up to 6 queries that share a KV head.
 *
 * Scores: q . K. A line of K holds 16 positions (kernels.h), so a score is a lane and its sum over head_dim one fma chain. Values:
 * o += p V. A lane is a dimension, the chain runs over positions. Of the 32 registers up to 24 are sums,
 *
 *   4 .. 6 queries x 1 line of 16:   16 .. 24 sums, 4 of K or V, 1 of q or p
 *   2, 3 queries   x 2 lines:        16, 24 sums,   4 of K or V, 2, 1 of q or p
 *   1 query        x 4 lines:        16 sums,       4 of K or V, 1 of q or p
 *
 * since two fma (N1, N2) or four (V1, V2) a cycle, each done 4 cycles later, want 8 or 16 chains. Six queries load 4 registers and
 * 6 floats for 24 fma: an fma takes its factor from the lane of another register, and a load of one float goes through no vector
 * pipe, as a load that repeats it in every lane would.
 *
 * bf16 is the upper half of a float: a transpose or a zip with zeros puts it there, in one instruction that any vector pipe takes,
 * where a shift is for every other one. int8 stays exact: bytes are converted to f32, where SDOT would round q too. A table lookup
 * lifts one byte to the top of each lane, and one conversion makes it 2^24 times its value, or, for V, divides by that. Which byte
 * is loaded again in every step: six queries leave no register for it.
 *
 * Instructions of the inner loops with one query and with six, gcc 12; no sum leaves its register, with clang 14 neither:
 *
 *                 scores: 2 dimensions        values: a position
 *             fma      to f32   all       fma     to f32   all
 *   f32     32, 48       0     73, 70   16, 24       0    37, 37
 *   bf16    32, 48    32, 8    89, 78   16, 24   16, 4    41, 40
 *   int8    32, 48   64, 16   126, 87   16, 24   32, 8    65, 46
 *
 * (One query: 4 lines; six: one line.) What is said of pipes is what LLVM 19 models; by it six queries in f32 take as long as their
 * fma do alone, 24 cycles on N1 and N2 and 12 on V1 and V2 for two dimensions. No ARM core has timed any of this, which is why there
 * is no prefetch: where one pays, and how far ahead, is not known here.
 */
#ifndef LL_NEON_DOTPROD_ATTENTION_TILE_H
#define LL_NEON_DOTPROD_ATTENTION_TILE_H

#include "neon_dotprod.h"
#include "tile.h"
#include <string.h>

#define ATT_MULTIPLY "fmla %0.4s, %1.4s, %2.s[0]"
#include "attention_sums_neon.inc"

enum { QUADS = 64 }; /* bytes: 4 dimensions of 16 positions in int8 */

/* ---- to f32 ---- */

/* bf16 is the upper half of a float. Of 4 pairs the lower or the upper, half 0 or 1. */
static LL_INLINE float32x4_t half_of(uint16x8_t pairs, const int half) {
    const uint16x8_t zero = vdupq_n_u16(0);
    return vreinterpretq_f32_u16(half ? vtrn2q_u16(zero, pairs) : vtrn1q_u16(zero, pairs));
}

/* Of 8 values in order the first or the last 4. */
static LL_INLINE float32x4_t four_of(uint16x8_t values, const int last) {
    const uint16x8_t zero = vdupq_n_u16(0);
    return vreinterpretq_f32_u16(last ? vzip2q_u16(zero, values) : vzip1q_u16(zero, values));
}

/* The bytes that go to the tops of four lanes, 255 for none: one of each quad, or four in turn. */
typedef struct {
    uint8_t of_quads[4][16], in_turn[4][16];
} byte_tops;
#define TOPS(a, b, c, d)                                                                                     \
    { 255, 255, 255, a, 255, 255, 255, b, 255, 255, 255, c, 255, 255, 255, d }
static const _Alignas(LL_ALIGN) byte_tops tops = {
    {TOPS(0, 4, 8, 12), TOPS(1, 5, 9, 13), TOPS(2, 6, 10, 14), TOPS(3, 7, 11, 15)},
    {TOPS(0, 1, 2, 3), TOPS(4, 5, 6, 7), TOPS(8, 9, 10, 11), TOPS(12, 13, 14, 15)}};
#undef TOPS

/* What stands in the top byte is converted as it is: 2^24 times its value. */
static LL_INLINE int32x4_t top_bytes(uint8x16_t bytes, const uint8_t *pick) {
    return vreinterpretq_s32_u8(vqtbl1q_u8(bytes, vld1q_u8(pick)));
}

/* ---- scores ---- */

/* 16 positions of K at dimension d of those that lie together. int8 is 2^24 times its value, which is taken off with the scale. */
static LL_INLINE void load_k(float32x4_t k[4], const char *line, const int d, const byte_tops *t,
                             const ll_kv_type type) {
    LL_UNROLL
    for (int r = 0; r < 4; r++) {
        if (type == LL_KV_F32)
            k[r] = vld1q_f32((const float *)line + d * LL_KV_BLOCK + 4 * r);
        else if (type == LL_KV_BF16)
            k[r] = half_of(vld1q_u16((const uint16_t *)line + 8 * r), d);
        else
            k[r] = vcvtq_f32_s32(top_bytes(vld1q_u8((const uint8_t *)line + 16 * r), t->of_quads[d]));
    }
}

/* score[i][0 .. 16 * lines) = q[i] . K; k: the first of lines blocks of 16 positions, stride bytes apart. q is followed by zeros
 * where int8's quads go past dim. */
static LL_INLINE void score_tile(float *score, const float *q, size_t ldq, const char *k, size_t dim,
                                 size_t stride, const ll_kv_type type, const int queries, const int lines) {
    const int together = type == LL_KV_I8 ? 4 : 2; /* dimensions of a step */
    const size_t bytes = type == LL_KV_F32 ? 2 * LL_KV_BLOCK * sizeof(float) : QUADS;
    const byte_tops *t = &tops;
    float32x4_t acc[ATT_TILE][ATT_REGISTERS], x[4];
    float kept[ATT_TILE];
    begin_scores(acc, queries, 4 * lines);
    for (size_t d = 0; d < dim; d += (size_t)together, k += bytes) {
        LL_UNROLL
        for (int part = 0; part < together; part++) {
            LL_FORGET(t);
            keep_factors(kept, q + d + part, ldq, queries);
            LL_UNROLL
            for (int l = 0; l < lines; l++) {
                load_k(x, k + (size_t)l * stride, part, t, type);
                add_line(acc, l, x, kept, q + d + part, ldq, queries);
            }
        }
    }
    store_sums(score, ATT_BLOCK, acc, queries, 4 * lines);
}

/* ---- values ---- */

/* 16 dimensions of a row of V. */
static LL_INLINE void load_v(float32x4_t to[4], const char *v, const byte_tops *t, const ll_kv_type type) {
    LL_UNROLL
    for (int r = 0; r < 4; r++) {
        if (type == LL_KV_F32)
            to[r] = vld1q_f32((const float *)v + 4 * r);
        else if (type == LL_KV_BF16)
            to[r] = four_of(vld1q_u16((const uint16_t *)v + r / 2 * 8), r % 2);
        else
            to[r] = vcvtq_n_f32_s32(top_bytes(vld1q_u8((const uint8_t *)v), t->in_turn[r]), 24);
    }
}

/* Up to 4 dimensions of the left that are left, an even number, and zeros. int8's rows are whole quads. */
static LL_INLINE float32x4_t load_v_four(const char *v, int left, const ll_kv_type type) {
    uint64_t bits = 0;
    if (left <= 0)
        return vdupq_n_f32(0);
    if (type == LL_KV_F32)
        return left >= 4 ? vld1q_f32((const float *)v)
                         : vcombine_f32(vld1_f32((const float *)v), vdup_n_f32(0));
    if (type == LL_KV_I8) {
        memcpy(&bits, v, 4);
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(bits)))));
    }
    memcpy(&bits, v, left >= 4 ? 8 : 4);
    return vreinterpretq_f32_u32(vshll_n_u16(vcreate_u16(bits), 16));
}

/* o[i][0 .. 16 * lines) = o * fix[i] + sum of p[i][j] * V[j] over j in [0, count), row bytes apart. */
static LL_INLINE void value_lines(float *o, size_t ldo, const float *fix, const float *p, const char *v,
                                  size_t count, size_t row, const ll_kv_type type, const int queries,
                                  const int lines) {
    const size_t size = ll_kv_element_bytes(type);
    const byte_tops *t = &tops;
    float32x4_t acc[ATT_TILE][ATT_REGISTERS], x[4];
    float kept[ATT_TILE];
    begin_values(acc, o, ldo, fix, queries, 4 * lines);
    for (size_t j = 0; j < count; j++, v += row) {
        LL_FORGET(t);
        keep_factors(kept, p + j, ATT_BLOCK, queries);
        LL_UNROLL
        for (int l = 0; l < lines; l++) {
            load_v(x, v + (size_t)l * ATT_LINE * size, t, type);
            add_line(acc, l, x, kept, p + j, ATT_BLOCK, queries);
        }
    }
    store_sums(o, ldo, acc, queries, 4 * lines);
}

/* The same of one query and the first left of 16 dimensions, which become whole lines of f32 first: put together between the
 * multiplies they would push the sums out of their registers. */
static void value_edge(float *o, const float *fix, const float *p, const char *v, size_t count, size_t row,
                       const ll_kv_type type, int left) {
    float padded[ATT_BLOCK][ATT_LINE];
    for (size_t j = 0; j < count; j++)
        for (int r = 0; r < 4; r++)
            vst1q_f32(&padded[j][4 * r], load_v_four(v + j * row + 4 * (size_t)r * ll_kv_element_bytes(type),
                                                     left - 4 * r, type));
    value_lines(o, 0, fix, p, (const char *)padded, count, sizeof padded[0], LL_KV_F32, 1, 1);
}

/* Either; tail: 0, or the dimensions left of the only line. */
static LL_INLINE void value_tile(float *o, size_t ldo, const float *fix, const float *p, const char *v,
                                 size_t count, size_t row, const ll_kv_type type, const int tail,
                                 const int queries, const int lines) {
    if (tail)
        value_edge(o, fix, p, v, count, row, type, tail);
    else
        value_lines(o, ldo, fix, p, v, count, row, type, queries, lines);
}

#endif
