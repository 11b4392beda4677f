/* FADD, FMLA, and SCVTF for sums. Sixteen elements a turn, which are loaded and stored by pairs of registers. */
#include "row_neon_dotprod.h"

static LL_INLINE void add_step(float *y, const float *x, size_t left) {
    const ll_lanes other = ll_load(x, left);
    ll_lanes sum = ll_load(y, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        sum.part[p] = vaddq_f32(sum.part[p], other.part[p]);
    ll_store(y, left, sum);
}

void ll_add_f32_neon_dotprod(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; n - i >= LL_LANES; i += LL_LANES)
        add_step(y + i, x + i, LL_LANES);
    if (i < n)
        add_step(y + i, x + i, n - i);
}

/* ll_load for sums. */
static LL_INLINE void load_sums(int32x4_t sums[LL_PARTS], const int32_t *sum, size_t left) {
    int32_t padded[LL_LANES] = {0};
    if (left < LL_LANES)
        sum = memcpy(padded, sum, left * sizeof *sum);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        sums[p] = vld1q_s32(sum + 4 * p);
}

static LL_INLINE void add_scaled_step(float *y, const int32_t *sum, float x_scale, const float *w_scale,
                                      size_t left) {
    int32x4_t sums[LL_PARTS];
    load_sums(sums, sum, left);
    const ll_lanes scale = ll_load(w_scale, left);
    ll_lanes total = ll_load(y, left);
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++)
        total.part[p] = vfmaq_f32(total.part[p], vcvtq_f32_s32(sums[p]), vmulq_n_f32(scale.part[p], x_scale));
    ll_store(y, left, total);
}

void ll_add_scaled_i32_neon_dotprod(float *y, const int32_t *sum, float x_scale, const float *w_scale,
                                    size_t n) {
    size_t i = 0;
    for (; n - i >= LL_LANES; i += LL_LANES)
        add_scaled_step(y + i, sum + i, x_scale, w_scale + i, LL_LANES);
    if (i < n)
        add_scaled_step(y + i, sum + i, x_scale, w_scale + i, n - i);
}

/* low: the pairs' first elements; high: their second ones. FMLS would negate another operand than the contract, whose -(b * sin)
 * is the addend: the negation stands by itself. */
static LL_INLINE void rotate_step(float *low, float *high, const float *cos, const float *sin, size_t left) {
    const ll_lanes a = ll_load(low, left), b = ll_load(high, left);
    const ll_lanes c = ll_load(cos, left), s = ll_load(sin, left);
    ll_lanes first, second;
    LL_UNROLL
    for (size_t p = 0; p < LL_PARTS; p++) {
        const float32x4_t b_sin = vmulq_f32(b.part[p], s.part[p]), a_sin = vmulq_f32(a.part[p], s.part[p]);
        first.part[p] = vfmaq_f32(vnegq_f32(b_sin), a.part[p], c.part[p]);
        second.part[p] = vfmaq_f32(a_sin, b.part[p], c.part[p]);
    }
    ll_store(low, left, first);
    ll_store(high, left, second);
}

static void rotate_head(float *x, size_t half, const float *cos, const float *sin) {
    size_t d = 0;
    for (; half - d >= LL_LANES; d += LL_LANES)
        rotate_step(x + d, x + half + d, cos + d, sin + d, LL_LANES);
    if (d < half)
        rotate_step(x + d, x + half + d, cos + d, sin + d, half - d);
}

void ll_rope_f32_neon_dotprod(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim,
                              const float *cos, const float *sin) {
    const size_t half = head_dim / 2;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < heads; h++)
            rotate_head(x + r * ldx + h * head_dim, half, cos + r * half, sin + r * half);
}
