/* Four accumulators only: their sixteen lanes are the lanes of the contract, which is what makes every ISA agree. So the sum of
 * squares takes an FMLA's latency for sixteen elements; the rest is two FMUL for four. */
#include "row_neon_dotprod.h"
#include <math.h>

typedef struct {
    const float *x, *weight;
    float inv_rms;
} norm_row;

static LL_INLINE ll_lanes add_squares(ll_lanes lanes, const float *x, size_t left) {
    const ll_lanes v = ll_load(x, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        lanes.part[p] = vfmaq_f32(lanes.part[p], v.part[p], v.part[p]);
    return lanes;
}

/* Lanes added pairwise at distance 8, 4, 2, 1. */
static LL_INLINE float add_lanes(ll_lanes lanes) {
    const float32x4_t low = vaddq_f32(lanes.part[0], lanes.part[2]);
    const float32x4_t high = vaddq_f32(lanes.part[1], lanes.part[3]);
    const float32x4_t four = vaddq_f32(low, high);
    return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

static norm_row start_row(const float *x, const float *weight, float eps, size_t k) {
    ll_lanes lanes = ll_all_lanes(0.0f);
    size_t i = 0;
    for (; k - i >= LL_LANES; i += LL_LANES)
        lanes = add_squares(lanes, x + i, LL_LANES);
    if (i < k)
        lanes = add_squares(lanes, x + i, k - i);
    const float mean = add_lanes(lanes) / (float)k;
    return (norm_row){.x = x, .weight = weight, .inv_rms = 1.0f / sqrtf(mean + eps)};
}

static LL_INLINE void normalize_step(float *y, const float *x, const float *weight, float inv_rms,
                                     size_t left) {
    const ll_lanes factor = ll_load(weight, left);
    ll_lanes v = ll_load(x, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        v.part[p] = vmulq_f32(vmulq_n_f32(v.part[p], inv_rms), factor.part[p]);
    ll_store(y, left, v);
}

/* Elements [start, start + count) into y. */
static LL_INLINE void normalize(float *y, const norm_row *row, size_t start, size_t count) {
    const float *const x = row->x + start, *const weight = row->weight + start;
    const float inv_rms = row->inv_rms; /* y might be it, for all that the compiler knows */
    size_t i = 0;
    for (; count - i >= LL_LANES; i += LL_LANES)
        normalize_step(y + i, x + i, weight + i, inv_rms, LL_LANES);
    if (i < count)
        normalize_step(y + i, x + i, weight + i, inv_rms, count - i);
}

static inline const float *norm_chunk(float *buffer, const void *row, size_t start, size_t count) {
    normalize(buffer, row, start, count);
    return buffer;
}

void ll_rmsnorm_i8_neon_dotprod(ll_act *out, const float *x, size_t ldx, const float *weight, float eps,
                                size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, out->k);
        ll_quantize_row(out, r, norm_chunk, &row);
    }
}

void ll_rmsnorm_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, const float *weight,
                                 float eps, size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, k);
        normalize(y + r * ldy, &row, 0, k);
    }
}
