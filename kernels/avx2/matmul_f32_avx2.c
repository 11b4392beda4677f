/* f32 matmul, AVX2 and FMA: the tiles of matmul_f32.inc.
 *
 * 6 rows x 16 columns are 12 chains. A step of k costs 12 fma (Zen 3: 2 ymm a cycle, latency 4), 2 loads and
 * 6 broadcasts. One row's 64 columns, two rows' 32 are eight chains, which is what the latency asks for.
 */
#include "avx2.h"
#include "tile.h"

enum { LANES = 8 };
typedef __m256 lanes_f32;
typedef __m256 factor;

static LL_INLINE lanes_f32 zero_lanes(void) {
    return _mm256_setzero_ps();
}

static LL_INLINE lanes_f32 load_lanes(const float *p) {
    return _mm256_loadu_ps(p);
}

static LL_INLINE void store_lanes(float *p, lanes_f32 v) {
    _mm256_storeu_ps(p, v);
}

static LL_INLINE factor load_factor(const float *p) {
    return _mm256_broadcast_ss(p);
}

static LL_INLINE lanes_f32 add_product(lanes_f32 sum, factor a, lanes_f32 b) {
    return _mm256_fmadd_ps(a, b, sum);
}

#include "matmul_f32.inc"

size_t ll_packed_f32_bytes_avx2(size_t n, size_t k) {
    return packed_bytes(n, k);
}

void ll_pack_f32_avx2(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w) {
    pack(data, n, k, n0, n1, w);
}

void ll_matmul_f32_avx2(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                        const ll_packed *w, size_t n0, size_t n1) {
    matmul(y, ldy, x, ldx, m0, m1, w, n0, n1);
}
