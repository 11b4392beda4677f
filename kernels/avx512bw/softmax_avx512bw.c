#include "exp_avx512bw.h"
#include "row_avx512bw.h"
#include <math.h>

static float maximum(const float *x, size_t n) {
    __m512 max = _mm512_set1_ps(x[0]);
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(n - i);
        max = _mm512_mask_max_ps(max, mask, max, ll_load(x + i, n - i));
    }
    return _mm512_reduce_max_ps(max);
}

void ll_softmax_f32_avx512bw(float *x, size_t n) {
    if (n == 0)
        return;
    const __m512 max = _mm512_set1_ps(maximum(x, n));
    __m512 lanes = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(n - i);
        const __m512 weight = ll_exp_avx512bw(_mm512_sub_ps(ll_load(x + i, n - i), max));
        lanes = _mm512_mask_add_ps(lanes, mask, lanes, weight);
        ll_store(x + i, n - i, weight);
    }
    const __m512 sum = _mm512_set1_ps(_mm512_reduce_add_ps(lanes));
    for (size_t i = 0; i < n; i += LL_LANES) {
        ll_store(x + i, n - i, _mm512_div_ps(ll_load(x + i, n - i), sum));
    }
}

double ll_logsumexp_f32_avx512bw(const float *x, size_t n) {
    if (n == 0)
        return -INFINITY;
    const float max = maximum(x, n);
    __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(n - i);
        const __m512 shifted = _mm512_sub_ps(ll_load(x + i, n - i), _mm512_set1_ps(max));
        const __m512 weight = _mm512_maskz_mov_ps(mask, ll_exp_avx512bw(shifted));
        low = _mm512_add_pd(low, _mm512_cvtps_pd(_mm512_castps512_ps256(weight)));
        high = _mm512_add_pd(high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(weight, 1)));
    }
    return (double)max + log(_mm512_reduce_add_pd(_mm512_add_pd(low, high)));
}
