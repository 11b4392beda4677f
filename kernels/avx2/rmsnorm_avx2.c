/* Two accumulators only: their sixteen lanes are the lanes of the contract, which is what makes every ISA agree. */
#include "row_avx2.h"
#include <math.h>

typedef struct {
    const float *x, *weight;
    float inv_rms;
} norm_row;

static inline __m256 add_squares(__m256 lane, const float *x, size_t left) {
    const __m256 v = ll_load(x, left);
    return _mm256_fmadd_ps(v, v, lane);
}

static norm_row start_row(const float *x, const float *weight, float eps, size_t k) {
    __m256 low = _mm256_setzero_ps(), high = low;
    size_t i = 0;
    for (; k - i >= 2 * LL_LANES; i += 2 * LL_LANES) {
        low = add_squares(low, x + i, LL_LANES);
        high = add_squares(high, x + i + LL_LANES, LL_LANES);
    }
    low = add_squares(low, x + i, k - i);
    if (k - i > LL_LANES)
        high = add_squares(high, x + i + LL_LANES, k - i - LL_LANES);
    const float mean = ll_add_lanes(_mm256_add_ps(low, high)) / (float)k; /* distance 8, then 4, 2, 1 */
    return (norm_row){.x = x, .weight = weight, .inv_rms = 1.0f / sqrtf(mean + eps)};
}

/* Elements [start, start + count) into y. */
static inline void normalize(float *y, const norm_row *row, size_t start, size_t count) {
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m256 x = ll_load(row->x + start + i, count - i);
        const __m256 weight = ll_load(row->weight + start + i, count - i);
        const __m256 scaled = _mm256_mul_ps(x, _mm256_set1_ps(row->inv_rms));
        ll_store(y + i, count - i, _mm256_mul_ps(scaled, weight));
    }
}

static inline const float *norm_chunk(float *buffer, const void *row, size_t start, size_t count) {
    normalize(buffer, row, start, count);
    return buffer;
}

void ll_rmsnorm_i8_avx2(ll_act *out, const float *x, size_t ldx, const float *weight, float eps, size_t r0,
                        size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, out->k);
        ll_quantize_row(out, r, norm_chunk, &row);
    }
}

void ll_rmsnorm_f32_avx2(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                         size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, k);
        normalize(y + r * ldy, &row, 0, k);
    }
}
