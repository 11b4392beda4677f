/* Lanes past the end hold -infinity, whose exp is an exact zero: neither the maximum nor the sum sees them. */
#include "exp_avx2.h"
#include "row_avx2.h"
#include <math.h>

static float maximum(const float *x, size_t n) {
    __m256 max = _mm256_set1_ps(-INFINITY);
    for (size_t i = 0; i < n; i += LL_LANES)
        max = _mm256_max_ps(ll_load_or(x + i, n - i, -INFINITY), max);
    return ll_max_lanes(max);
}

static double add_lanes_f64(__m256d lanes) {
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd(lanes, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

/* A lane adds n / 8 weights, each sum rounded by half a unit of 2^-23: the n / 16 of the contract's bound. */
void ll_softmax_f32_avx2(float *x, size_t n) {
    if (n == 0)
        return;
    const __m256 max = _mm256_set1_ps(maximum(x, n));
    __m256 lanes = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __m256 weight = ll_exp_avx2(_mm256_sub_ps(ll_load_or(x + i, n - i, -INFINITY), max));
        lanes = _mm256_add_ps(lanes, weight);
        ll_store(x + i, n - i, weight);
    }
    const __m256 sum = _mm256_set1_ps(ll_add_lanes(lanes));
    for (size_t i = 0; i < n; i += LL_LANES)
        ll_store(x + i, n - i, _mm256_div_ps(ll_load(x + i, n - i), sum));
}

double ll_logsumexp_f32_avx2(const float *x, size_t n) {
    if (n == 0)
        return -INFINITY;
    const float max = maximum(x, n);
    __m256d low = _mm256_setzero_pd(), high = low;
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __m256 shifted = _mm256_sub_ps(ll_load_or(x + i, n - i, -INFINITY), _mm256_set1_ps(max));
        const __m256 weight = ll_exp_avx2(shifted);
        low = _mm256_add_pd(low, _mm256_cvtps_pd(_mm256_castps256_ps128(weight)));
        high = _mm256_add_pd(high, _mm256_cvtps_pd(_mm256_extractf128_ps(weight, 1)));
    }
    return (double)max + log(add_lanes_f64(_mm256_add_pd(low, high)));
}
