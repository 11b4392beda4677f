/* kernels/exp.h, sixteen at a time: the same operations in the same order, hence the same bits. */
#ifndef LL_EXP_AVX512BW_H
#define LL_EXP_AVX512BW_H

#include "avx512bw.h"
#include "exp.h"

static inline __m512 ll_exp_avx512bw(__m512 x) {
    /* min and max give their second operand for NaN, as the comparisons of exp.h do. */
    x = _mm512_min_ps(_mm512_set1_ps(LL_EXP_HIGH), x);
    x = _mm512_max_ps(_mm512_set1_ps(LL_EXP_LOW), x);
    const __m512 shift = _mm512_set1_ps(LL_EXP_ROUND);
    const __m512 n = _mm512_sub_ps(_mm512_fmadd_ps(x, _mm512_set1_ps(LL_EXP_LOG2E), shift), shift);
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-LL_EXP_LN2_HIGH), x);
    r = _mm512_fmadd_ps(n, _mm512_set1_ps(-LL_EXP_LN2_LOW), r);
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(LL_EXP_C6), r, _mm512_set1_ps(LL_EXP_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(LL_EXP_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(LL_EXP_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(LL_EXP_C2));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n); /* p x 2^n rounded once, as the two halves are */
}

#endif
