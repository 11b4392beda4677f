/* f32 matmul, NEON: the tiles of matmul_f32.inc.
 *
 * 6 rows x 16 columns are 24 chains of FMLA by element, beside 4 registers of weights and 1 of x. One row's 64 columns, two rows' 32 are 16 chains: latency 4 on four pipes.
 */
#include "tile_neon_dotprod.h"

enum { LANES = 4 };
typedef float32x4_t lanes_f32;
typedef float32x2_t factor; /* in lane 0 */

static LL_INLINE lanes_f32 zero_lanes(void) {
    return vdupq_n_f32(0);
}

static LL_INLINE lanes_f32 load_lanes(const float *p) {
    return vld1q_f32(p);
}

static LL_INLINE void store_lanes(float *p, lanes_f32 v) {
    vst1q_f32(p, v);
}

static LL_INLINE factor load_factor(const float *p) {
    return ll_load_element(p);
}

static LL_INLINE lanes_f32 add_product(lanes_f32 sum, factor a, lanes_f32 b) {
    return vfmaq_lane_f32(sum, b, a, 0);
}

#include "matmul_f32.inc"

size_t ll_packed_f32_bytes_neon_dotprod(size_t n, size_t k) {
    return packed_bytes(n, k);
}

void ll_pack_f32_neon_dotprod(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w) {
    pack(data, n, k, n0, n1, w);
}

void ll_matmul_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                                const ll_packed *w, size_t n0, size_t n1) {
    matmul(y, ldy, x, ldx, m0, m1, w, n0, n1);
}
