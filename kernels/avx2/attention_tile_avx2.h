/* The two register-tiled products of attention, for up to 6 queries that share a KV head.
 *
 * Scores: q . K. A line of K holds 16 positions (kv_store_avx2.c), so a score is a lane and its sum over head_dim one
 * fma chain. Values: o += p V. A lane is a dimension, the chain runs over positions. Of the 16 registers 12 are sums,
 *
 *   4 .. 6 queries x 1 line of 16:   8 .. 12 sums, 2 of K or V, 1 of q or p
 *   2, 3 queries   x 2 lines:        8, 12 sums,   1 of K or V, 2, 3 of q or p
 *   1 query        x 4 lines:        8 sums,       1 of K or V, 1 of q or p
 *
 * since two fma a cycle, each done 4 cycles later (Zen 3), want 8 chains. Six queries load 2 registers and 6 broadcasts
 * for 12 fma: 8 loads in 6 cycles that have room for 12.
 *
 * bf16 is the upper half of a float: a shift makes the lower of a pair f32, two the upper, where a mask would take a
 * register. V is loaded as pairs, too: o lies as 8 even, 8 odd dimensions, line by line, until it is stored. int8 stays
 * exact: bytes are converted to f32, where a dot of int8 would round q too. Of K, a shuffle lifts one byte of each
 * lane's four to the top, and one conversion makes it 2^24 times its value; of V, one instruction loads and widens 8
 * values, one converts. Six queries hide most of that behind their fma.
 *
 * Instructions of the inner loops with one query and with six, gcc 12; no sum leaves its register in these (the scores
 * of three queries in bf16 and int8 do spill 2 and 6 of 60 and 84; with one line, bf16 loses 14%):
 *
 *                 scores: 2 dimensions        values: a position
 *             fma      to f32   all       fma     to f32   all
 *   f32     16, 24       0     39, 52    8, 12       0    26, 25
 *   bf16    16, 24    24, 6    72, 58    8, 12   12, 3    37, 27
 *   int8    16, 24    32, 8    92, 70    8, 12   16, 4    32, 27
 *
 * (One query: 4 lines, and 4 or 8 prefetches in scores, 1 to 4 in values, among all; six: one line.)
 */
#ifndef LL_AVX2_ATTENTION_TILE_H
#define LL_AVX2_ATTENTION_TILE_H

#include "avx2.h"
#include "tile.h"

enum {
    ATT_TILE = 6,      /* queries */
    ATT_BLOCK = 64,    /* positions */
    ATT_LINE = 16,     /* positions or dimensions: two registers */
    ATT_REGISTERS = 8, /* of one query, at most: 4 lines */
    QUADS = 64,        /* bytes: 4 dimensions of 16 positions in int8 */
};

static LL_INLINE __m256 lower_half(__m256i pairs) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}

/* Shifts, where a mask would hold one of the 16 registers. */
static LL_INLINE __m256 upper_half(__m256i pairs) {
    return lower_half(_mm256_srli_epi32(pairs, 16));
}

/* Bytes part of 8 quads of int8, times 2^24: what stands in the top byte is converted as it is, and the power of two
 * is taken off with the scale. */
static LL_INLINE __m256 byte_of(__m256i quads, size_t part) {
#define TOP(p)                                                                                               \
    p << 24 | 0x808080, (4 + p) << 24 | 0x808080, (8 + p) << 24 | 0x808080, (12 + p) << 24 | 0x808080
    static const _Alignas(32)
        uint32_t top[4][8] = {{TOP(0), TOP(0)}, {TOP(1), TOP(1)}, {TOP(2), TOP(2)}, {TOP(3), TOP(3)}};
#undef TOP
    return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(quads, _mm256_load_si256((const __m256i *)top[part])));
}

/* 8 positions of dimension d of the lines of 16 positions that begin at line: those of register r. */
static LL_INLINE __m256 load_k(const char *line, size_t stride, int r, size_t d, const ll_kv_type type) {
    const char *from = line + (size_t)(r / 2) * stride + (size_t)(r % 2) * sizeof(__m256);
    if (type == LL_KV_F32)
        return _mm256_load_ps((const float *)from + d % 2 * LL_KV_BLOCK);
    const __m256i loaded = _mm256_load_si256((const __m256i *)from);
    if (type == LL_KV_I8)
        return byte_of(loaded, d % 4);
    return d % 2 ? upper_half(loaded) : lower_half(loaded);
}

/* The line at p, of the block that comes next: few queries pass faster than the memory follows, and K's lines are too
 * short for the hardware to foresee. Into the L2, since two blocks fill the L1: measured, 2 Zen 4 cores, one bf16 query
 * of 128: 24 -> 39 GB/s where plain reads get 47, 21 -> 29 where they get 30; into the L1, nothing. */
static LL_INLINE void prefetch(const char *p, size_t block) {
    _mm_prefetch(ll_ahead(p, block), _MM_HINT_T1);
}

static LL_INLINE void prefetch_k(const char *line, size_t stride, const ll_kv_type type, const int lines) {
    LL_UNROLL
    for (int l = 0; l < lines; l++, line += stride) {
        prefetch(line, ATT_BLOCK / LL_KV_BLOCK * stride);
        if (type == LL_KV_F32) /* two dimensions are two lines */
            prefetch(line + LL_KV_BLOCK * sizeof(float), ATT_BLOCK / LL_KV_BLOCK * stride);
    }
}

/* Of the intrinsic clang 14 spills sums (it prefers the form that overwrites a factor), gcc 12 some; of this, neither. */
static LL_INLINE __m256 fma_in_place(__m256 acc, __m256 a, __m256 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
    return acc;
}

/* acc[i][r] += q[i] * K. Of many registers of K one at a time is alive beside the few q, of two both beside one q at a
 * time: with 12 sums not more than 16 in all. */
static LL_INLINE void score_step(__m256 acc[ATT_TILE][ATT_REGISTERS], const float *q, size_t ldq, size_t d,
                                 const char *line, size_t stride, const ll_kv_type type, const int queries,
                                 const int registers) {
    __m256 kept[ATT_TILE];
    if (registers > 2) {
        LL_UNROLL
        for (int i = 0; i < queries; i++)
            kept[i] = _mm256_broadcast_ss(q + (size_t)i * ldq + d);
        LL_UNROLL
        for (int r = 0; r < registers; r++) {
            const __m256 k = load_k(line, stride, r, d, type);
            LL_UNROLL
            for (int i = 0; i < queries; i++)
                acc[i][r] = fma_in_place(acc[i][r], kept[i], k);
        }
        return;
    }
    kept[0] = load_k(line, stride, 0, d, type);
    kept[1] = load_k(line, stride, 1, d, type);
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        const __m256 qd = _mm256_broadcast_ss(q + (size_t)i * ldq + d);
        acc[i][0] = fma_in_place(acc[i][0], qd, kept[0]);
        acc[i][1] = fma_in_place(acc[i][1], qd, kept[1]);
    }
}

/* score[i][0 .. 16 * lines) = q[i] . K; k: the first of lines blocks of 16 positions, stride bytes apart. */
static LL_INLINE void score_tile(float *score, const float *q, size_t ldq, const char *k, size_t dim,
                                 size_t stride, const ll_kv_type type, const int queries, const int lines) {
    const int registers = 2 * lines;
    __m256 acc[ATT_TILE][ATT_REGISTERS];
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int r = 0; r < registers; r++)
            acc[i][r] = _mm256_setzero_ps();
    }
    for (size_t d = 0; d < dim; d += 2) {
        const char *line =
            k + (type == LL_KV_I8 ? d / 4 * QUADS : d * LL_KV_BLOCK * ll_kv_element_bytes(type));
        if (lines > 1)
            prefetch_k(line, stride, type, lines);
        score_step(acc, q, ldq, d, line, stride, type, queries, registers);
        LL_FORGET(line);
        score_step(acc, q, ldq, d + 1, line, stride, type, queries, registers);
    }
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int r = 0; r < registers; r++)
            _mm256_store_ps(score + i * ATT_BLOCK + 8 * r, acc[i][r]);
    }
}

/* Lanes below count; count may be negative. */
static LL_INLINE __m256i lanes_below(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* 8 of 16 dimensions of V, the first or the second; of bf16, those even or those odd. */
static LL_INLINE __m256 load_v(const char *v, int half, const ll_kv_type type) {
    if (type == LL_KV_F32)
        return _mm256_loadu_ps((const float *)v + 8 * half);
    if (type == LL_KV_I8)
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(v + 8 * half))));
    const __m256i pairs = _mm256_loadu_si256((const __m256i *)v);
    return half ? upper_half(pairs) : lower_half(pairs);
}

/* The same of the last left < 16 dimensions, and zeros. What is left is whole pairs of bf16 and, with the zeros that
 * fill a row, whole quads of int8: 4 bytes a lane of the mask. */
static LL_INLINE void load_v_tail(__m256 to[2], const char *v, const ll_kv_type type, int left) {
    if (type == LL_KV_F32) {
        to[0] = _mm256_maskload_ps((const float *)v, lanes_below(left));
        to[1] =
            left <= 8 ? _mm256_setzero_ps() : _mm256_maskload_ps((const float *)v + 8, lanes_below(left - 8));
    } else if (type == LL_KV_I8) {
        const __m128i mask = _mm256_castsi256_si128(lanes_below((left + 3) / 4));
        const __m128i bytes = _mm_maskload_epi32((const int *)v, mask);
        to[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
        to[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
    } else {
        const __m256i pairs = _mm256_maskload_epi32((const int *)v, lanes_below(left / 2));
        to[0] = lower_half(pairs);
        to[1] = upper_half(pairs);
    }
}

/* acc[i][r] += p[i] * V, registers kept as in score_step; tail: 0, or the dimensions left of the only line. */
static LL_INLINE void value_step(__m256 acc[ATT_TILE][ATT_REGISTERS], const float *p, const char *v,
                                 const ll_kv_type type, const int tail, const int queries,
                                 const int registers) {
    __m256 kept[ATT_TILE];
    if (registers > 2) {
        LL_UNROLL
        for (int i = 0; i < queries; i++)
            kept[i] = _mm256_broadcast_ss(p + i * ATT_BLOCK);
        LL_UNROLL
        for (int r = 0; r < registers; r++) {
            const __m256 vr = load_v(v + (size_t)(r / 2) * ATT_LINE * ll_kv_element_bytes(type), r % 2, type);
            LL_FORGET(v);
            LL_UNROLL
            for (int i = 0; i < queries; i++)
                acc[i][r] = fma_in_place(acc[i][r], kept[i], vr);
        }
        return;
    }
    if (tail) {
        load_v_tail(kept, v, type, tail);
    } else {
        kept[0] = load_v(v, 0, type);
        kept[1] = load_v(v, 1, type);
    }
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        const __m256 pi = _mm256_broadcast_ss(p + i * ATT_BLOCK);
        acc[i][0] = fma_in_place(acc[i][0], pi, kept[0]);
        acc[i][1] = fma_in_place(acc[i][1], pi, kept[1]);
    }
}

/* o[i][0 .. 16 * lines) = o * fix[i] + sum of p[i][j] * V[j] over j in [0, count), row bytes apart; bf16 in load_v's
 * order. */
static LL_INLINE void value_tile(float *o, size_t ldo, const float *fix, const float *p, const char *v,
                                 size_t count, size_t row, const ll_kv_type type, const int tail,
                                 const int queries, const int lines) {
    const int registers = 2 * lines;
    __m256 acc[ATT_TILE][ATT_REGISTERS];
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int r = 0; r < registers; r++)
            acc[i][r] = _mm256_mul_ps(_mm256_load_ps(o + (size_t)i * ldo + 8 * r), _mm256_set1_ps(fix[i]));
    }
    for (size_t j = 0; j < count; j++, v += row) {
        if (lines > 1) {
            LL_UNROLL
            for (int at = 0; at < lines * ATT_LINE * (int)ll_kv_element_bytes(type); at += 64)
                prefetch(v + at, ATT_BLOCK * row);
        }
        value_step(acc, p + j, v, type, tail, queries, registers);
    }
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int r = 0; r < registers; r++)
            _mm256_store_ps(o + (size_t)i * ldo + 8 * r, acc[i][r]);
    }
}

#endif
