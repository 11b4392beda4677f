/* The two register-tiled products of attention, for up to 6 queries that share a KV head.
 *
 * Scores: q . K for 16 .. 64 positions. A line of K holds 16 positions (kv_store_avx512bw.c), so a score is
 * a lane and its sum over head_dim one fma chain: 6 queries x 4 lines = 24 accumulators, as in the f32
 * matmul. Values: o += p V for 16 .. 64 dimensions. A lane is a dimension, the chain runs over positions: 6
 * queries x 4 lines again. Both cost one fma a lane and step (Zen 4: 1 zmm a cycle, latency 4), 4 loads and 6
 * broadcasts a step of 24 fma. bf16 is the upper half of a float: a shift, or a mask for the odd half of a
 * pair, makes it f32; 4 to 8 cheap integer operations beside 24 fma, where the bf16 dot instruction would be
 * another ISA. int8 stays exact: bytes are converted to f32, where a dot of int8 would round q too. Of K, a shuffle
 * lifts one byte of each lane's four to the top, and one conversion makes it 2^24 times its value; of V, one instruction
 * loads and widens 16 values, one converts.
 *
 * Instructions of the inner loops with one query (decode) and with six, gcc 12, no spill in those of int8:
 *
 *                scores: a dimension of 64 positions              values: 64 dimensions of a position
 *           bytes      fma   to f32   all, broadcasts too     bytes      fma   to f32   all
 *   f32       256    4, 24        0                 9, 43       256    4, 24        0    9, 39
 *   bf16      128    4, 24        4                12, 40       128    4, 24        8   17, 43
 *   int8       64    4, 24        8                31, 56        64    4, 24        8   17, 43
 *
 * (Fewer than six queries: and a prefetch for every 64 bytes.)
 *
 * So one query in int8 is 12 vector operations for 64 bytes, 6 cycles on Zen 4, which starts two zmm a cycle: 10 bytes a
 * cycle, more than memory gives a core. Out of the L1, scores cost it 6 cycles for bf16's 4, values 6 for 6.
 */
#ifndef LL_AVX512BW_ATTENTION_TILE_H
#define LL_AVX512BW_ATTENTION_TILE_H

#include "avx512bw.h"
#include "tile.h"

enum {
    ATT_TILE = 6,   /* queries */
    ATT_BLOCK = 64, /* positions */
    QUADS = 64,     /* bytes: 4 dimensions of 16 positions in int8 */
};

static LL_INLINE __m512 upper_half(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)));
}

static LL_INLINE __m512 lower_half(__m512i pairs) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}

/* Bytes part of 16 quads of int8, times 2^24: what stands in the top byte is converted as it is, and the power of two
 * is taken off with the scale. */
static LL_INLINE __m512 byte_of(__m512i quads, size_t part) {
#define TOP(p)                                                                                               \
    { p << 24 | 0x808080, (4 + p) << 24 | 0x808080, (8 + p) << 24 | 0x808080, (12 + p) << 24 | 0x808080 }
    static const _Alignas(16) uint32_t top[4][4] = {TOP(0), TOP(1), TOP(2), TOP(3)};
#undef TOP
    const __m512i pick = _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)top[part]));
    return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(quads, pick));
}

/* Decode has a few queries for each KV head and reads every line of the cache from memory once: what the next block holds
 * in this one's place is asked for now, into the L2, since two blocks fill the L1. The hardware's own prefetch begins anew on
 * each page, which 16 positions of K may well fill. Measured, 2 Zen 4 cores, one bf16 query of 128: 23 -> 36 GB/s where
 * plain reads get 46, 21 -> 29 where they get 31; into the L1, nothing. */
static LL_INLINE void prefetch(const void *line, size_t block, const int queries) {
    if (queries < ATT_TILE) /* prefill's tiles find the block in the L1 */
        _mm_prefetch(ll_ahead(line, block), _MM_HINT_T1);
}

static LL_INLINE void begin_scores(__m512 acc[ATT_TILE][4], const int queries, const int lines) {
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int l = 0; l < lines; l++)
            acc[i][l] = _mm512_setzero_ps();
    }
}

static LL_INLINE void begin_values(__m512 acc[ATT_TILE][4], const float *o, size_t ldo, const float *fix,
                                   const int queries, const int lines) {
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int l = 0; l < lines; l++)
            acc[i][l] = _mm512_mul_ps(_mm512_load_ps(o + (size_t)i * ldo + 16 * l), _mm512_set1_ps(fix[i]));
    }
}

/* out[i][0 .. 16 * lines) = the sums. */
static LL_INLINE void store_sums(float *out, size_t ld, __m512 acc[ATT_TILE][4], const int queries,
                                 const int lines) {
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        LL_UNROLL
        for (int l = 0; l < lines; l++)
            _mm512_store_ps(out + (size_t)i * ld + 16 * l, acc[i][l]);
    }
}

/* Of the intrinsic gcc 12 spills sums where 24 of them and 4 lines of K share the registers; of this it does not. */
static LL_INLINE __m512 fma_in_place(__m512 acc, __m512 a, __m512 b) {
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
    return acc;
}

/* acc[i][l] += q[i][d] * k[l]. */
static LL_INLINE void score_step(__m512 acc[ATT_TILE][4], const float *const *q, size_t d, const __m512 k[4],
                                 const int queries, const int lines) {
    LL_UNROLL
    for (int i = 0; i < queries; i++) {
        __m512 qd = _mm512_set1_ps(q[i][d]);
        LL_UNROLL
        for (int l = 0; l < lines; l++)
            acc[i][l] = fma_in_place(acc[i][l], qd, k[l]);
    }
}

/* score[i][0 .. 16 * lines) = q[i] . K; k: the first of lines blocks of 16 positions. */
static LL_INLINE void score_tile(float *score, const float *const *q, const void *k, size_t dim,
                                 const ll_kv_type type, const int queries, const int lines) {
    const size_t block = ll_kv_bytes(type, ATT_BLOCK, 1, dim);
    __m512 acc[ATT_TILE][4], kd[4];
    begin_scores(acc, queries, lines);
    if (type == LL_KV_F32) {
        const float *line = k;
        for (size_t d = 0; d < dim; d++, line += LL_KV_BLOCK) {
            LL_UNROLL
            for (int l = 0; l < lines; l++) {
                kd[l] = _mm512_load_ps(line + (size_t)l * dim * LL_KV_BLOCK);
                prefetch(line + (size_t)l * dim * LL_KV_BLOCK, block, queries);
            }
            score_step(acc, q, d, kd, queries, lines);
        }
    } else if (type == LL_KV_I8) {
        const char *line = k;
        const size_t stride = (dim + 3) / 4 * QUADS; /* of 16 positions */
        for (size_t d = 0; d < dim; d++, line += d % 4 == 0 ? QUADS : 0) {
            LL_UNROLL
            for (int l = 0; l < lines; l++) {
                kd[l] = byte_of(_mm512_load_si512(line + (size_t)l * stride), d % 4);
                if (d % 4 == 0)
                    prefetch(line + (size_t)l * stride, block, queries);
            }
            score_step(acc, q, d, kd, queries, lines);
        }
    } else {
        const uint32_t *line = k;
        for (size_t d = 0; d < dim; d += 2, line += LL_KV_BLOCK) {
            LL_UNROLL
            for (int l = 0; l < lines; l++) {
                kd[l] = lower_half(_mm512_load_si512(line + (size_t)l * dim / 2 * LL_KV_BLOCK));
                prefetch(line + (size_t)l * dim / 2 * LL_KV_BLOCK, block, queries);
            }
            score_step(acc, q, d, kd, queries, lines);
            LL_FORGET(line);
            LL_UNROLL
            for (int l = 0; l < lines; l++)
                kd[l] = upper_half(_mm512_load_si512(line + (size_t)l * dim / 2 * LL_KV_BLOCK));
            score_step(acc, q, d + 1, kd, queries, lines);
        }
    }
    store_sums(score, ATT_BLOCK, acc, queries, lines);
}

/* 16 dimensions of V from d on, those of mask. */
static LL_INLINE __m512 load_v(const void *v, size_t d, const ll_kv_type type, __mmask16 mask) {
    if (type == LL_KV_F32)
        return _mm512_maskz_loadu_ps(mask, (const float *)v + d);
    if (type == LL_KV_I8)
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, (const int8_t *)v + d)));
    const __m256i half = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)v + d);
    return lower_half(_mm512_cvtepu16_epi32(half));
}

/* o[i][0 .. 16 * lines) = o * fix[i] + sum of p[i][j] * V[j] over j in [0, count). Dimensions past head_dim
 * are masked out of the last line. */
static LL_INLINE void value_tile(float *o, size_t ldo, const float *fix, const float *p, const void *v,
                                 size_t count, size_t dim, __mmask16 mask, const ll_kv_type type,
                                 const int queries, const int lines) {
    const size_t bytes = ll_kv_bytes(type, 1, 1, dim);
    const char *row = v;
    __m512 acc[ATT_TILE][4];
    begin_values(acc, o, ldo, fix, queries, lines);
    for (size_t j = 0; j < count; j++, row += bytes) {
        __m512 vj[4];
        LL_UNROLL
        for (int l = 0; l < lines; l++)
            vj[l] = load_v(row, 16 * (size_t)l, type, lines == 1 ? mask : (__mmask16)0xffff);
        LL_UNROLL
        for (int at = 0; at < lines * 16 * (int)ll_kv_element_bytes(type); at += 64)
            prefetch(row + at, ATT_BLOCK * bytes, queries);
        LL_UNROLL
        for (int i = 0; i < queries; i++) {
            __m512 pj = _mm512_set1_ps(p[(size_t)i * ATT_BLOCK + j]);
            LL_UNROLL
            for (int l = 0; l < lines; l++)
                acc[i][l] = _mm512_fmadd_ps(pj, vj[l], acc[i][l]);
        }
    }
    store_sums(o, ldo, acc, queries, lines);
}

/* Calls TILE(queries), which ends with a break: the count is a constant in each. */
#define EACH_TILE(queries)                                                                                   \
    switch (queries) {                                                                                       \
    case 1:                                                                                                  \
        TILE(1);                                                                                             \
    case 2:                                                                                                  \
        TILE(2);                                                                                             \
    case 3:                                                                                                  \
        TILE(3);                                                                                             \
    case 4:                                                                                                  \
        TILE(4);                                                                                             \
    case 5:                                                                                                  \
        TILE(5);                                                                                             \
    default:                                                                                                 \
        TILE(6);                                                                                             \
    }

#endif
