/* The exp of every kernel: vector versions repeat these operations one by one, so every ISA gives the same
 * bits.
 *
 * x = n ln2 + r with n an integer and |r| <= ln2 / 2 (ln2 in two floats, each step one fma), then
 * e^r = 1 + r + r^2 (C2 + C3 r + C4 r^2 + C5 r^3 + C6 r^4), interpolated at the Chebyshev nodes (relative
 * error 2^-26.5), then 2^n in two exact halves, so that only a result below the smallest normal float is
 * rounded once more.
 *
 * |error| <= 2^-23 e^x + 2^-150 (over every float: 0.69 x 2^-23). Above LL_EXP_HIGH the result is infinity,
 * below LL_EXP_LOW zero; NaN stays NaN. */
#ifndef LL_EXP_H
#define LL_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LL_EXP_HIGH 89.0f  /* e^89 > FLT_MAX, and n stays <= 128 */
#define LL_EXP_LOW -104.0f /* e^-104 < 2^-150, which rounds to zero, and n stays >= -150 */
#define LL_EXP_LOG2E 0x1.715476p+0f
#define LL_EXP_ROUND 0x1.8p+23f /* adding it rounds to an integer, held in the low bits */
#define LL_EXP_LN2_HIGH 0x1.62e43p-1f
#define LL_EXP_LN2_LOW -0x1.05c61p-29f
#define LL_EXP_C2 0x1p-1f
#define LL_EXP_C3 0x1.5554dcp-3f
#define LL_EXP_C4 0x1.55551ap-5f
#define LL_EXP_C5 0x1.120ba2p-7f
#define LL_EXP_C6 0x1.6d113cp-10f

/* 2^n, n in [-126, 127]. */
static inline float ll_exp2_int(int32_t n) {
    const uint32_t bits = ((uint32_t)n + 127) << 23;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static inline float ll_expf_poly(float x) {
    x = x > LL_EXP_HIGH ? LL_EXP_HIGH : x; /* written so that NaN passes */
    x = x < LL_EXP_LOW ? LL_EXP_LOW : x;
    const float n = fmaf(x, LL_EXP_LOG2E, LL_EXP_ROUND) - LL_EXP_ROUND;
    float r = fmaf(n, -LL_EXP_LN2_HIGH, x);
    r = fmaf(n, -LL_EXP_LN2_LOW, r);
    float p = fmaf(LL_EXP_C6, r, LL_EXP_C5);
    p = fmaf(p, r, LL_EXP_C4);
    p = fmaf(p, r, LL_EXP_C3);
    p = fmaf(p, r, LL_EXP_C2);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    if (n != n)
        return n;
    const int32_t whole = (int32_t)n, half = whole / 2;
    return p * ll_exp2_int(half) * ll_exp2_int(whole - half);
}

#endif
