#include "row_avx512bw.h"

void ll_add_f32_avx512bw(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __m512 sum = _mm512_add_ps(ll_load(y + i, n - i), ll_load(x + i, n - i));
        ll_store(y + i, n - i, sum);
    }
}

void ll_add_scaled_i32_avx512bw(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n) {
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(x_scale), ll_load(w_scale + i, n - i));
        const __m512 bits = ll_load((const float *)(const void *)(sum + i), n - i);
        const __m512 value = _mm512_cvtepi32_ps(_mm512_castps_si512(bits));
        ll_store(y + i, n - i, _mm512_fmadd_ps(value, scale, ll_load(y + i, n - i)));
    }
}

static void rotate_head(float *x, size_t half, const float *cos, const float *sin) {
    for (size_t d = 0; d < half; d += LL_LANES) {
        const __m512 a = ll_load(x + d, half - d);
        const __m512 b = ll_load(x + half + d, half - d);
        const __m512 c = ll_load(cos + d, half - d);
        const __m512 s = ll_load(sin + d, half - d);
        ll_store(x + d, half - d, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        ll_store(x + half + d, half - d, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}

void ll_rope_f32_avx512bw(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                          const float *sin) {
    const size_t half = head_dim / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++)
            rotate_head(x + r * ldx + h * head_dim, half, cos + r * half, sin + r * half);
}
