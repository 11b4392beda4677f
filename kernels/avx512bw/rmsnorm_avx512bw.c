/* One accumulator only: its sixteen lanes are the lanes of the contract, which is what makes every ISA agree.
 */
#include "row_avx512bw.h"
#include <math.h>

typedef struct {
    const float *x, *weight;
    float inv_rms;
} norm_row;

/* Lanes added pairwise at distance 8, 4, 2, 1. */
static float add_lanes(__m512 lane) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(lane), _mm512_extractf32x8_ps(lane, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static norm_row start_row(const float *x, const float *weight, float eps, size_t k) {
    __m512 lane = _mm512_setzero_ps();
    for (size_t i = 0; i < k; i += LL_LANES) {
        const __m512 v = ll_load(x + i, k - i);
        lane = _mm512_fmadd_ps(v, v, lane);
    }
    const float mean = add_lanes(lane) / (float)k;
    return (norm_row){.x = x, .weight = weight, .inv_rms = 1.0f / sqrtf(mean + eps)};
}

/* Elements [start, start + count) into y. */
static inline void normalize(float *y, const norm_row *row, size_t start, size_t count) {
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m512 x = ll_load(row->x + start + i, count - i);
        const __m512 weight = ll_load(row->weight + start + i, count - i);
        const __m512 scaled = _mm512_mul_ps(x, _mm512_set1_ps(row->inv_rms));
        ll_store(y + i, count - i, _mm512_mul_ps(scaled, weight));
    }
}

static inline const float *norm_chunk(float *buffer, const void *row, size_t start, size_t count) {
    normalize(buffer, row, start, count);
    return buffer;
}

void ll_rmsnorm_i8_avx512bw(ll_act *out, const float *x, size_t ldx, const float *weight, float eps,
                            size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, out->k);
        ll_quantize_row(out, r, norm_chunk, &row);
    }
}

void ll_rmsnorm_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                             size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, k);
        normalize(y + r * ldy, &row, 0, k);
    }
}
