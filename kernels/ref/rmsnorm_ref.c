#include "ref.h"
#include <math.h>

typedef struct {
    const float *x, *weight;
    float inv_rms;
} norm_row;

/* The order of the additions is the contract's: 16 lanes, then pairs at distance 8, 4, 2, 1. */
static float sum_of_squares(const float *x, size_t k) {
    float lane[16] = {0};
    for (size_t i = 0; i < k; i++)
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    for (size_t distance = 8; distance > 0; distance /= 2)
        for (size_t i = 0; i < distance; i++)
            lane[i] += lane[i + distance];
    return lane[0];
}

static norm_row start_row(const float *x, const float *weight, float eps, size_t k) {
    const float mean = sum_of_squares(x, k) / (float)k;
    return (norm_row){.x = x, .weight = weight, .inv_rms = 1.0f / sqrtf(mean + eps)};
}

static float norm_element(const void *row, size_t i) {
    const norm_row *const norm = row;
    return norm->x[i] * norm->inv_rms * norm->weight[i];
}

void ll_rmsnorm_i8_ref(ll_act *out, const float *x, size_t ldx, const float *weight, float eps, size_t r0,
                       size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, out->k);
        ll_quantize_row_ref(out, r, norm_element, &row);
    }
}

void ll_rmsnorm_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                        size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const norm_row row = start_row(x + r * ldx, weight, eps, k);
        for (size_t i = 0; i < k; i++)
            y[r * ldy + i] = norm_element(&row, i);
    }
}
