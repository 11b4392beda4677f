#include "ref.h"
#include <math.h>

void ll_add_f32_ref(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

void ll_add_scaled_i32_ref(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf((float)sum[i], x_scale * w_scale[i], y[i]);
}

static void rotate_head(float *x, size_t half, const float *cos, const float *sin) {
    for (size_t d = 0; d < half; d++) {
        const float a = x[d], b = x[d + half];
        x[d] = fmaf(a, cos[d], -(b * sin[d]));
        x[d + half] = fmaf(b, cos[d], a * sin[d]);
    }
}

void ll_rope_f32_ref(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                     const float *sin) {
    const size_t half = head_dim / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++)
            rotate_head(x + r * ldx + h * head_dim, half, cos + r * half, sin + r * half);
}
