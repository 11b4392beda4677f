/* What the kernels that walk a row share: sixteen floats at a time, loads and stores of a row's end, and the quantizing.
 *
 * Sixteen floats in four registers: as many as rmsnorm's contract has lanes, as 16 bytes of q fill a register, and enough to load
 * and store by pairs (LDP, STP). NEON loads nothing by mask: the last, fewer than sixteen, go by way of a buffer.
 *
 * Quantizing leans on what the conversions do anyway. FCVTNS rounds to nearest even, makes NaN 0 and saturates; SQXTN narrows
 * and saturates: only -128 is left to be made -127. The sum of sixteen q is one SDOT by ones. For sixteen elements, 4 loads, 4 FABS
 * and 4 SMAX find amax, then 4 loads, 4 FMUL, 4 FCVTNS, 6 SQXTN, SMAX, SDOT and a store make q. */
#ifndef LL_ROW_NEON_DOTPROD_H
#define LL_ROW_NEON_DOTPROD_H

#include "neon_dotprod.h"
#include "tile.h"
#include <string.h>

enum { LL_PARTS = 4, LL_LANES = 4 * LL_PARTS };

typedef struct {
    float32x4_t part[LL_PARTS]; /* lanes 0 .. 3, 4 .. 7, ... */
} ll_lanes;

static LL_INLINE ll_lanes ll_all_lanes(float value) {
    ll_lanes lanes;
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        lanes.part[p] = vdupq_n_f32(value);
    return lanes;
}

static LL_INLINE ll_lanes ll_load_whole(const float *p) {
    ll_lanes lanes;
    LL_UNROLL
    for (size_t part = 0; part < LL_PARTS; part++)
        lanes.part[part] = vld1q_f32(p + 4 * part);
    return lanes;
}

static LL_INLINE void ll_store_whole(float *p, ll_lanes lanes) {
    LL_UNROLL
    for (size_t part = 0; part < LL_PARTS; part++)
        vst1q_f32(p + 4 * part, lanes.part[part]);
}

/* The next elements at p when left of them remain, fill behind them. Callers loop over whole vectors with LL_LANES for left, a
 * constant, and take the rest by one more call: so the loop knows nothing of the buffer. */
static LL_INLINE ll_lanes ll_load_or(const float *p, size_t left, float fill) {
    if (left >= LL_LANES)
        return ll_load_whole(p);
    float padded[LL_LANES];
    ll_store_whole(padded, ll_all_lanes(fill));
    memcpy(padded, p, left * sizeof *p);
    return ll_load_whole(padded);
}

/* The same with zeros behind them. */
static LL_INLINE ll_lanes ll_load(const float *p, size_t left) {
    return ll_load_or(p, left, 0.0f);
}

static LL_INLINE void ll_store(float *p, size_t left, ll_lanes lanes) {
    if (left >= LL_LANES) {
        ll_store_whole(p, lanes);
        return;
    }
    float padded[LL_LANES];
    ll_store_whole(padded, lanes);
    memcpy(p, padded, left * sizeof *p);
}

typedef int32x4_t ll_lanes_i32;

static inline ll_lanes_i32 ll_zero_i32(void) {
    return vdupq_n_s32(0);
}

static LL_INLINE int32x4_t ll_magnitude_bits(float32x4_t x) {
    return vreinterpretq_s32_f32(vabsq_f32(x));
}

/* Without the sign the bits are never negative, so the signed maximum is right. */
static LL_INLINE int32x4_t ll_amax_step(int32x4_t amax, const float *x, size_t left) {
    const ll_lanes lanes = ll_load(x, left);
    const int32x4_t low = vmaxq_s32(ll_magnitude_bits(lanes.part[0]), ll_magnitude_bits(lanes.part[1]));
    const int32x4_t high = vmaxq_s32(ll_magnitude_bits(lanes.part[2]), ll_magnitude_bits(lanes.part[3]));
    return vmaxq_s32(amax, vmaxq_s32(low, high));
}

static LL_INLINE int32x4_t ll_chunk_amax(int32x4_t amax, const float *x, size_t count) {
    size_t i = 0;
    for (; count - i >= LL_LANES; i += LL_LANES)
        amax = ll_amax_step(amax, x + i, LL_LANES);
    return i < count ? ll_amax_step(amax, x + i, count - i) : amax;
}

static inline float ll_chunk_amax_value(int32x4_t amax) {
    return vget_lane_f32(vreinterpret_f32_s32(vdup_n_s32(vmaxvq_s32(amax))), 0);
}

static inline int32_t ll_add_lanes_i32(int32x4_t lanes) {
    return vaddvq_s32(lanes);
}

/* The q of sixteen elements. 0 x infinity is NaN and becomes 0, as in ref: inv overflows when amax is below 127 / FLT_MAX. */
static LL_INLINE int8x16_t ll_quantize_sixteen(ll_lanes x, float inv) {
    int32x4_t q[LL_PARTS];
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        q[p] = vcvtnq_s32_f32(vmulq_n_f32(x.part[p], inv));
    const int16x8_t low = vqmovn_high_s32(vqmovn_s32(q[0]), q[1]);
    const int16x8_t high = vqmovn_high_s32(vqmovn_s32(q[2]), q[3]);
    return vmaxq_s8(vqmovn_high_s16(vqmovn_s16(low), high), vdupq_n_s8(-127));
}

/* The first left of sixteen q, and no byte behind them. */
static LL_INLINE void ll_store_bytes(int8_t *q, size_t left, int8x16_t bytes) {
    if (left >= LL_LANES) {
        vst1q_s8(q, bytes);
        return;
    }
    int8_t padded[LL_LANES];
    vst1q_s8(padded, bytes);
    memcpy(q, padded, left);
}

static LL_INLINE int32x4_t ll_quantize_step(int8_t *q, const float *x, size_t left, float inv,
                                            int32x4_t sum) {
    const int8x16_t bytes = ll_quantize_sixteen(ll_load(x, left), inv);
    ll_store_bytes(q, left, bytes);
    return vdotq_s32(sum, bytes, vdupq_n_s8(1));
}

/* Returns sum with the new values added, in whichever lanes. */
static LL_INLINE int32x4_t ll_chunk_quantize(int8_t *q, const float *x, size_t count, float inv,
                                             int32x4_t sum) {
    size_t i = 0;
    for (; count - i >= LL_LANES; i += LL_LANES)
        sum = ll_quantize_step(q + i, x + i, LL_LANES, inv, sum);
    return i < count ? ll_quantize_step(q + i, x + i, count - i, inv, sum) : sum;
}

#include "quantize_row.inc"

#endif
