/* int8 matmul over packed weights, AVX2: the tiles of matmul_i8_words.inc.
 *
 * 16 MACs cost a VPMADDWD and a VPADDD; Zen 3 does 2 of the first and 4 of both in a cycle: 32 MACs. A tile is 6 rows x 16
 * columns = 12 accumulators, 2 registers of weights, 1 of activations, 1 of products: a step of 2 k takes 24 arithmetic
 * instructions, 2 widening and 6 broadcasting loads.
 *
 * Measured on one core of a shared Zen 3 EPYC (2.95 GHz; peak_i8 says 152 .. 158 GOPS, the adds take ports from the
 * multiplies; gcc 12), the better runs: M = 512, group 128, n x k 4096 x 4096 76 .. 80%, 13824 x 5120 77%; one scale a row 83%,
 * group 32 75%. M = 1 read weights at 13 GB/s where read_stream reaches 16, before it fetched ahead (fetch_step).
 */
#include "avx2.h"
#include "panel.h"

enum { LANES = 8, TILE_VECTORS = 2 };
typedef __m256i lanes_i32;

static LL_INLINE lanes_i32 zero_sums(void) {
    return _mm256_setzero_si256();
}

static LL_INLINE lanes_i32 load_sum(const int32_t *p) {
    return _mm256_load_si256((const __m256i *)(const void *)p);
}

static LL_INLINE void store_sum(int32_t *p, lanes_i32 v) {
    _mm256_store_si256((__m256i *)(void *)p, v);
}

static LL_INLINE void widen(int16_t *out, const int8_t *q) {
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)q);
    _mm256_store_si256((__m256i *)(void *)out, _mm256_cvtepi8_epi16(bytes));
}

static LL_INLINE lanes_i32 load_weights(const int8_t *w) {
    return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)w));
}

static LL_INLINE lanes_i32 load_pair(const int16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* clang would add the products of several steps to each other first, and run out of registers for them: it must not know
 * that this adds. gcc, which must, would run out of them else. */
static LL_INLINE lanes_i32 add_products(lanes_i32 sum, lanes_i32 a, lanes_i32 b) {
    const lanes_i32 product = _mm256_madd_epi16(a, b);
#ifdef __clang__
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(product));
    return sum;
#else
    return _mm256_add_epi32(sum, product);
#endif
}

static LL_INLINE void add_scaled(float *y, lanes_i32 sum, float x, const float *ws, bool first) {
    const __m256 old = first ? _mm256_setzero_ps() : _mm256_load_ps(y);
    const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(x), _mm256_load_ps(ws));
    _mm256_store_ps(y, _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, old));
}

#include "matmul_i8_words.inc"

size_t ll_packed_i8_bytes_avx2(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_avx2(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                     const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, LL_PANEL, 0);
}

void ll_matmul_i8_avx2(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                       size_t n0, size_t n1) {
    matmul(y, ldy, x, m0, m1, w, n0, n1);
}
