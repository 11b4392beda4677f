#include "exp_avx512bw.h"
#include "row_avx512bw.h"

typedef struct {
    const float *gate, *up;
} mlp_row;

static inline __m512 silu_mul(__m512 gate, __m512 up) {
    const __m512 negated = _mm512_xor_ps(gate, _mm512_set1_ps(-0.0f));
    const __m512 denominator = _mm512_add_ps(_mm512_set1_ps(1.0f), ll_exp_avx512bw(negated));
    return _mm512_mul_ps(_mm512_div_ps(gate, denominator), up);
}

/* Elements [start, start + count) into y. */
static inline void activate(float *y, const mlp_row *row, size_t start, size_t count) {
    for (size_t i = 0; i < count; i += LL_LANES) {
        const __m512 gate = ll_load(row->gate + start + i, count - i);
        const __m512 up = ll_load(row->up + start + i, count - i);
        ll_store(y + i, count - i, silu_mul(gate, up));
    }
}

static inline const float *mlp_chunk(float *buffer, const void *row, size_t start, size_t count) {
    activate(buffer, row, start, count);
    return buffer;
}

void ll_silu_mul_i8_avx512bw(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + out->k};
        ll_quantize_row(out, r, mlp_chunk, &row);
    }
}

void ll_silu_mul_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0,
                              size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + k};
        activate(y + r * ldy, &row, 0, k);
    }
}
