#include "row_avx512vnni.h"

void ll_add_f32_avx512vnni(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(n - i);
        const __m512 sum =
            _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y + i), _mm512_maskz_loadu_ps(mask, x + i));
        _mm512_mask_storeu_ps(y + i, mask, sum);
    }
}

static void rotate_head(float *x, size_t half, const float *cos, const float *sin) {
    for (size_t d = 0; d < half; d += LL_LANES) {
        const __mmask16 mask = ll_tail_mask(half - d);
        const __m512 a = _mm512_maskz_loadu_ps(mask, x + d);
        const __m512 b = _mm512_maskz_loadu_ps(mask, x + half + d);
        const __m512 c = _mm512_maskz_loadu_ps(mask, cos + d);
        const __m512 s = _mm512_maskz_loadu_ps(mask, sin + d);
        _mm512_mask_storeu_ps(x + d, mask, _mm512_fmsub_ps(a, c, _mm512_mul_ps(b, s)));
        _mm512_mask_storeu_ps(x + half + d, mask, _mm512_fmadd_ps(b, c, _mm512_mul_ps(a, s)));
    }
}

void ll_rope_f32_avx512vnni(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim,
                            const float *cos, const float *sin) {
    const size_t half = head_dim / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++)
            rotate_head(x + r * ldx + h * head_dim, half, cos + r * half, sin + r * half);
}
