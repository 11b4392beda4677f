/* kernels/exp.h, eight at a time: the same operations in the same order, hence the same bits. */
#ifndef LL_EXP_AVX2_H
#define LL_EXP_AVX2_H

#include "avx2.h"
#include "exp.h"

static inline __m256 ll_exp_avx2(__m256 x) {
    /* min and max give their second operand for NaN, as the comparisons of exp.h do. */
    x = _mm256_min_ps(_mm256_set1_ps(LL_EXP_HIGH), x);
    x = _mm256_max_ps(_mm256_set1_ps(LL_EXP_LOW), x);
    const __m256 shift = _mm256_set1_ps(LL_EXP_ROUND);
    const __m256 n = _mm256_sub_ps(_mm256_fmadd_ps(x, _mm256_set1_ps(LL_EXP_LOG2E), shift), shift);
    __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(-LL_EXP_LN2_HIGH), x);
    r = _mm256_fmadd_ps(n, _mm256_set1_ps(-LL_EXP_LN2_LOW), r);
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(LL_EXP_C6), r, _mm256_set1_ps(LL_EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(LL_EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(LL_EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(LL_EXP_C2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    /* 2^n as 2^half 2^rest: how an odd n is split does not matter, as the first product is exact. NaN needs no
     * test: p is NaN, and so is its product with whatever its n became. */
    const __m256i bias = _mm256_set1_epi32(127), whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1), rest = _mm256_sub_epi32(whole, half);
    const __m256i power_half = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i power_rest = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(power_half)), _mm256_castsi256_ps(power_rest));
}

#endif
