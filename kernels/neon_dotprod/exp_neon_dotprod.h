/* kernels/exp.h, four at a time: the same operations in the same order, hence the same bits. */
#ifndef LL_EXP_NEON_DOTPROD_H
#define LL_EXP_NEON_DOTPROD_H

#include "exp.h"
#include "neon_dotprod.h"

static inline float32x4_t ll_exp_neon_dotprod(float32x4_t x) {
    /* FMIN and FMAX give NaN for NaN, as the comparisons of exp.h do. */
    x = vminq_f32(x, vdupq_n_f32(LL_EXP_HIGH));
    x = vmaxq_f32(x, vdupq_n_f32(LL_EXP_LOW));
    const float32x4_t shift = vdupq_n_f32(LL_EXP_ROUND);
    const float32x4_t n = vsubq_f32(vfmaq_f32(shift, x, vdupq_n_f32(LL_EXP_LOG2E)), shift);
    float32x4_t r = vfmaq_f32(x, n, vdupq_n_f32(-LL_EXP_LN2_HIGH));
    r = vfmaq_f32(r, n, vdupq_n_f32(-LL_EXP_LN2_LOW));
    float32x4_t p = vfmaq_f32(vdupq_n_f32(LL_EXP_C5), r, vdupq_n_f32(LL_EXP_C6));
    p = vfmaq_f32(vdupq_n_f32(LL_EXP_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(LL_EXP_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(LL_EXP_C2), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.0f), p, r);
    /* 2^n as 2^half 2^rest: how an odd n is split does not matter, as the first product is exact. NaN needs no
     * test: p is NaN, and so is its product with the 1 that its n, converted to 0, became. */
    const int32x4_t bias = vdupq_n_s32(127), whole = vcvtq_s32_f32(n);
    const int32x4_t half = vshrq_n_s32(whole, 1), rest = vsubq_s32(whole, half);
    const int32x4_t power_half = vshlq_n_s32(vaddq_s32(half, bias), 23);
    const int32x4_t power_rest = vshlq_n_s32(vaddq_s32(rest, bias), 23);
    return vmulq_f32(vmulq_f32(p, vreinterpretq_f32_s32(power_half)), vreinterpretq_f32_s32(power_rest));
}

#endif
