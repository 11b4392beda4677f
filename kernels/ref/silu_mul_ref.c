#include "exp.h"
#include "ref.h"

static float silu_mul(float gate, float up) {
    return gate / (1.0f + ll_expf_poly(-gate)) * up;
}

typedef struct {
    const float *gate, *up;
} mlp_row;

static float mlp_element(const void *row, size_t i) {
    const mlp_row *const mlp = row;
    return silu_mul(mlp->gate[i], mlp->up[i]);
}

void ll_silu_mul_i8_ref(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + out->k};
        ll_quantize_row_ref(out, r, mlp_element, &row);
    }
}

void ll_silu_mul_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++)
        for (size_t i = 0; i < k; i++)
            y[r * ldy + i] = silu_mul(x[r * ldx + i], x[r * ldx + k + i]);
}
