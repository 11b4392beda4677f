/* What the kernels that walk a row share: loads and stores of its end, and the quantizing. */
#ifndef LL_ROW_AVX512BW_H
#define LL_ROW_AVX512BW_H

#include "avx512bw.h"

/* The next elements at p when left of them remain, zeros behind them. Whole vectors go unmasked: a masked
 * store does not forward to the load that follows. */
static inline __m512 ll_load(const float *p, size_t left) {
    return left >= LL_LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(ll_tail_mask(left), p);
}

static inline void ll_store(float *p, size_t left, __m512 value) {
    if (left >= LL_LANES)
        _mm512_storeu_ps(p, value);
    else
        _mm512_mask_storeu_ps(p, ll_tail_mask(left), value);
}

typedef __m512i ll_lanes_i32;

static inline ll_lanes_i32 ll_zero_i32(void) {
    return _mm512_setzero_si512();
}

static inline __m512i ll_chunk_amax(__m512i amax, const float *x, size_t count) {
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m512i bits = _mm512_castps_si512(ll_load(x + i, count - i));
        amax = _mm512_max_epu32(amax, _mm512_and_si512(bits, magnitude));
    }
    return amax;
}

static inline float ll_chunk_amax_value(__m512i amax) {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128((int)_mm512_reduce_max_epu32(amax))));
}

/* Returns sum with the new values added, lane by lane. */
static inline __m512i ll_chunk_quantize(int8_t *q, const float *x, size_t count, float inv, __m512i sum) {
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(count - i);
        const __m512 scaled = _mm512_mul_ps(ll_load(x + i, count - i), _mm512_set1_ps(inv));
        const __m512 clamped =
            _mm512_max_ps(_mm512_min_ps(scaled, _mm512_set1_ps(127.0f)), _mm512_set1_ps(-127.0f));
        /* 0 x infinity becomes 0, as in ref: inv overflows when amax is below 127 / FLT_MAX. */
        const __mmask16 ordered = _mm512_cmp_ps_mask(scaled, scaled, _CMP_ORD_Q);
        const __m512i values = _mm512_maskz_cvtps_epi32(ordered, clamped);
        _mm_mask_storeu_epi8(q + i, mask, _mm512_cvtepi32_epi8(values));
        sum = _mm512_add_epi32(sum, values);
    }
    return sum;
}

static inline int32_t ll_add_lanes_i32(__m512i lanes) {
    return _mm512_reduce_add_epi32(lanes);
}

#include "quantize_row.inc"

#endif
