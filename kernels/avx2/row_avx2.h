/* What the kernels that walk a row share: tail masks and the quantizing end of a row.
 *
 * Quantizing reads a chunk twice, for amax and for q: 3 and some 8 instructions a vector. 32 elements at a time are
 * packed by vpackssdw, vpacksswb and one vpermd. Zen 3 at 3 GHz, gcc 12: 0.25 ns an element in groups of 128, 0.21 in
 * one group a row. */
#ifndef LL_ROW_AVX2_H
#define LL_ROW_AVX2_H

#include "avx2.h"
#include "tile.h"
#include <string.h>

enum { LL_LANES = 8 }; /* floats of a ymm register */

/* The first left lanes, left <= LL_LANES. Lanes masked out are never touched in memory. */
static inline __m256i ll_tail_mask(size_t left) {
    static const int32_t window[2 * LL_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(window + LL_LANES - left));
}

/* The next elements at p when left of them remain, zeros behind them. Whole vectors go unmasked: a masked store
 * does not forward to the load that follows, and Zen takes tens of cycles for one. */
static inline __m256 ll_load(const float *p, size_t left) {
    return left >= LL_LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, ll_tail_mask(left));
}

/* The same with fill behind them. */
static inline __m256 ll_load_or(const float *p, size_t left, float fill) {
    if (left >= LL_LANES)
        return _mm256_loadu_ps(p);
    const __m256i mask = ll_tail_mask(left);
    return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask));
}

static inline void ll_store(float *p, size_t left, __m256 value) {
    if (left >= LL_LANES)
        _mm256_storeu_ps(p, value);
    else
        _mm256_maskstore_ps(p, ll_tail_mask(left), value);
}

/* Lanes added pairwise at distance 4, 2, 1. */
static inline float ll_add_lanes(__m256 lanes) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float ll_max_lanes(__m256 lanes) {
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

typedef __m256i ll_lanes_i32;

static inline ll_lanes_i32 ll_zero_i32(void) {
    return _mm256_setzero_si256();
}

/* Without the sign the bits are never negative, so the signed maximum is right. */
static inline __m256i ll_chunk_amax(__m256i amax, const float *x, size_t count) {
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m256i bits = _mm256_castps_si256(ll_load(x + i, count - i));
        amax = _mm256_max_epi32(amax, _mm256_and_si256(bits, magnitude));
    }
    return amax;
}

static inline float ll_chunk_amax_value(__m256i amax) {
    const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(amax), _mm256_extracti128_si256(amax, 1));
    const __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
    const __m128i one = _mm_max_epi32(two, _mm_shuffle_epi32(two, 1));
    return _mm_cvtss_f32(_mm_castsi128_ps(one));
}

static inline int32_t ll_add_lanes_i32(__m256i lanes) {
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

/* The q of eight elements. */
static inline __m256i ll_quantize_eight(__m256 x, float inv) {
    const __m256 scaled = _mm256_mul_ps(x, _mm256_set1_ps(inv));
    /* 0 x infinity becomes 0, as in ref: inv overflows when amax is below 127 / FLT_MAX. */
    const __m256 ordered = _mm256_and_ps(scaled, _mm256_cmp_ps(scaled, scaled, _CMP_ORD_Q));
    return _mm256_cvtps_epi32(
        _mm256_max_ps(_mm256_min_ps(ordered, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-127.0f)));
}

/* Four vectors of q as 32 bytes: the packs work in halves of a register, which leaves the quads of values in
 * the order 0 2 4 6 1 3 5 7. */
static inline void ll_store_bytes_32(int8_t *q, const __m256i v[4]) {
    const __m256i low = _mm256_packs_epi32(v[0], v[1]), high = _mm256_packs_epi32(v[2], v[3]);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    _mm256_storeu_si256((__m256i *)(void *)q, bytes);
}

/* The first left of one vector of q, and no byte behind them. */
static inline void ll_store_bytes(int8_t *q, size_t left, __m256i v) {
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(_mm_packs_epi16(words, words));
    if (left >= LL_LANES) {
        memcpy(q, &bytes, 8);
        return;
    }
    if (left & 4) {
        memcpy(q, &bytes, 4);
        q += 4;
        bytes >>= 32;
    }
    if (left & 2) {
        memcpy(q, &bytes, 2);
        q += 2;
        bytes >>= 16;
    }
    if (left & 1)
        memcpy(q, &bytes, 1);
}

/* Returns sum with the new values added, lane by lane. */
static inline __m256i ll_chunk_quantize(int8_t *q, const float *x, size_t count, float inv, __m256i sum) {
    size_t i = 0;
    for (; count - i >= 4 * LL_LANES; i += 4 * LL_LANES) {
        __m256i v[4];
        LL_UNROLL
        for (size_t part = 0; part < 4; part++)
            v[part] = ll_quantize_eight(_mm256_loadu_ps(x + i + part * LL_LANES), inv);
        ll_store_bytes_32(q + i, v);
        sum = _mm256_add_epi32(sum,
                               _mm256_add_epi32(_mm256_add_epi32(v[0], v[1]), _mm256_add_epi32(v[2], v[3])));
    }
    for (; i < count; i += LL_LANES) {
        const __m256i values = ll_quantize_eight(ll_load(x + i, count - i), inv);
        ll_store_bytes(q + i, count - i, values);
        sum = _mm256_add_epi32(sum, values);
    }
    return sum;
}

#include "quantize_row.inc"

#endif
