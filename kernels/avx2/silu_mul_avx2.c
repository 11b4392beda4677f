/* 28 vector operations and a division for eight elements, in one chain of some 65 cycles that the core overlaps with
 * the next ones: Zen 3 at 3 GHz, gcc 12, 0.66 ns an element, and 0.97 with the quantizing in groups of 128. */
#include "exp_avx2.h"
#include "row_avx2.h"

typedef struct {
    const float *gate, *up;
} mlp_row;

static inline __m256 silu_mul(__m256 gate, __m256 up) {
    const __m256 negated = _mm256_xor_ps(gate, _mm256_set1_ps(-0.0f));
    const __m256 denominator = _mm256_add_ps(_mm256_set1_ps(1.0f), ll_exp_avx2(negated));
    return _mm256_mul_ps(_mm256_div_ps(gate, denominator), up);
}

/* Elements [start, start + count) into y. */
static inline void activate(float *y, const mlp_row *row, size_t start, size_t count) {
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m256 gate = ll_load(row->gate + start + i, count - i);
        const __m256 up = ll_load(row->up + start + i, count - i);
        ll_store(y + i, count - i, silu_mul(gate, up));
    }
}

static inline const float *mlp_chunk(float *buffer, const void *row, size_t start, size_t count) {
    activate(buffer, row, start, count);
    return buffer;
}

void ll_silu_mul_i8_avx2(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + out->k};
        ll_quantize_row(out, r, mlp_chunk, &row);
    }
}

void ll_silu_mul_f32_avx2(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + k};
        activate(y + r * ldy, &row, 0, k);
    }
}
