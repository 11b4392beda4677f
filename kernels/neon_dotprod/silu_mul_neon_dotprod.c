/* The exp (exp_neon_dotprod.h) in FMLA, then FADD, FDIV and FMUL: the contract divides, so FRECPE, an estimate, cannot stand in.
 * Four chains, one a register, run side by side. */
#include "exp_neon_dotprod.h"
#include "row_neon_dotprod.h"

typedef struct {
    const float *gate, *up;
} mlp_row;

static LL_INLINE float32x4_t silu_mul(float32x4_t gate, float32x4_t up) {
    const float32x4_t denominator = vaddq_f32(vdupq_n_f32(1.0f), ll_exp_neon_dotprod(vnegq_f32(gate)));
    return vmulq_f32(vdivq_f32(gate, denominator), up);
}

static LL_INLINE void activate_step(float *y, const float *gate, const float *up, size_t left) {
    const ll_lanes factor = ll_load(up, left);
    ll_lanes v = ll_load(gate, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        v.part[p] = silu_mul(v.part[p], factor.part[p]);
    ll_store(y, left, v);
}

/* Elements [start, start + count) into y. */
static void activate(float *y, const mlp_row *row, size_t start, size_t count) {
    const float *const gate = row->gate + start, *const up = row->up + start;
    size_t i = 0;
    for (; count - i >= LL_LANES; i += LL_LANES)
        activate_step(y + i, gate + i, up + i, LL_LANES);
    if (i < count)
        activate_step(y + i, gate + i, up + i, count - i);
}

static inline const float *mlp_chunk(float *buffer, const void *row, size_t start, size_t count) {
    activate(buffer, row, start, count);
    return buffer;
}

void ll_silu_mul_i8_neon_dotprod(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + out->k};
        ll_quantize_row(out, r, mlp_chunk, &row);
    }
}

void ll_silu_mul_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0,
                                  size_t r1) {
    for (size_t r = r0; r < r1; r++) {
        const mlp_row row = {.gate = x + r * ldx, .up = x + r * ldx + k};
        activate(y + r * ldy, &row, 0, k);
    }
}
