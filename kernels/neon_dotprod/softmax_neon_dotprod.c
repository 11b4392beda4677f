/* Three walks: FMAX, the exp (exp_neon_dotprod.h) with FADD, FDIV. logsumexp widens each weight (FCVTL) before it adds.
 * Lanes past the end hold -infinity, whose exp is an exact zero: neither the maximum nor the sum sees them. */
#include "exp_neon_dotprod.h"
#include "row_neon_dotprod.h"
#include <math.h>

static LL_INLINE float32x4_t maximum_step(float32x4_t max, const float *x, size_t left) {
    const ll_lanes v = ll_load_or(x, left, -INFINITY);
    const float32x4_t low = vmaxq_f32(v.part[0], v.part[1]), high = vmaxq_f32(v.part[2], v.part[3]);
    return vmaxq_f32(max, vmaxq_f32(low, high));
}

static float maximum(const float *x, size_t n) {
    float32x4_t max = vdupq_n_f32(-INFINITY);
    size_t i = 0;
    for (; n - i >= LL_LANES; i += LL_LANES)
        max = maximum_step(max, x + i, LL_LANES);
    if (i < n)
        max = maximum_step(max, x + i, n - i);
    return vmaxvq_f32(max);
}

/* e^(x - max). */
static LL_INLINE ll_lanes weights(const float *x, size_t left, float max) {
    ll_lanes v = ll_load_or(x, left, -INFINITY);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        v.part[p] = ll_exp_neon_dotprod(vsubq_f32(v.part[p], vdupq_n_f32(max)));
    return v;
}

/* Puts the weights in x's place and adds them to sum. The four are added one after the other: a tree would keep each longer, and gcc
 * would run out of registers. */
static LL_INLINE float32x4_t weight_step(float *x, size_t left, float max, float32x4_t sum) {
    const ll_lanes weight = weights(x, left, max);
    ll_store(x, left, weight);
    float32x4_t four = weight.part[0];
    LL_UNROLL
    for (size_t p = 1; p < LL_PARTS; p++)
        four = vaddq_f32(four, weight.part[p]);
    return vaddq_f32(sum, four);
}

static LL_INLINE void divide_step(float *x, size_t left, float sum) {
    ll_lanes v = ll_load(x, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        v.part[p] = vdivq_f32(v.part[p], vdupq_n_f32(sum));
    ll_store(x, left, v);
}

/* A lane adds n / 16 sums of four weights, each rounded by half a unit of 2^-23: half of the n / 16 of the contract's bound. */
void ll_softmax_f32_neon_dotprod(float *x, size_t n) {
    if (n == 0)
        return;
    const float max = maximum(x, n);
    const size_t whole = n - n % LL_LANES;
    float32x4_t lanes = vdupq_n_f32(0.0f);
    for (size_t i = 0; i < whole; i += LL_LANES)
        lanes = weight_step(x + i, LL_LANES, max, lanes);
    if (whole < n)
        lanes = weight_step(x + whole, n - whole, max, lanes);
    const float sum = vaddvq_f32(lanes);
    for (size_t i = 0; i < whole; i += LL_LANES)
        divide_step(x + i, LL_LANES, sum);
    if (whole < n)
        divide_step(x + whole, n - whole, sum);
}

/* Four sums of weights in double. */
typedef struct {
    float64x2_t low, high;
} sum_f64;

static LL_INLINE sum_f64 sum_step(sum_f64 sum, const float *x, size_t left, float max) {
    const ll_lanes weight = weights(x, left, max);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++) {
        sum.low = vaddq_f64(sum.low, vcvt_f64_f32(vget_low_f32(weight.part[p])));
        sum.high = vaddq_f64(sum.high, vcvt_high_f64_f32(weight.part[p]));
    }
    return sum;
}

double ll_logsumexp_f32_neon_dotprod(const float *x, size_t n) {
    if (n == 0)
        return -INFINITY;
    const float max = maximum(x, n);
    sum_f64 sum = {vdupq_n_f64(0.0), vdupq_n_f64(0.0)};
    size_t i = 0;
    for (; n - i >= LL_LANES; i += LL_LANES)
        sum = sum_step(sum, x + i, LL_LANES, max);
    if (i < n)
        sum = sum_step(sum, x + i, n - i, max);
    return (double)max + log(vaddvq_f64(vaddq_f64(sum.low, sum.high)));
}
