/* int8 matmul over packed weights, AVX-512 without VNNI: the tiles of matmul_i8_words.inc, over avx2's packed weights.
 *
 * 32 MACs cost a VPMADDWD and a VPADDD, on the two ports of 512 bits: at most 32 a cycle on Skylake. A tile is 6 rows x 64 columns = 24
 * accumulators, 4 registers of weights, 1 of activations, 1 of products: a step of 2 k takes 48 arithmetic instructions, 4 widening and 6
 * broadcasting loads.
 *
 * Measured on one core of an Emerald Rapids, shared with others (gcc 12; peak_i8 says 219 to 222 GOPS), n x k 5120 x 13824, group 128: 512 rows
 * 165 to 171 GOPS, 72 to 74% of that and 1.3 times avx2. One row, from memory, 13.4 to 14.4 GB/s beside avx2's 12.3 to 12.9.
 */
#include "avx512bw.h"
#include "panel.h"

enum { LANES = 16, TILE_VECTORS = 4 };
typedef __m512i lanes_i32;

static LL_INLINE lanes_i32 zero_sums(void) {
    return _mm512_setzero_si512();
}

static LL_INLINE lanes_i32 load_sum(const int32_t *p) {
    return _mm512_load_si512(p);
}

static LL_INLINE void store_sum(int32_t *p, lanes_i32 v) {
    _mm512_store_si512(p, v);
}

static LL_INLINE void widen(int16_t *out, const int8_t *q) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)q);
    _mm512_storeu_si512(out, _mm512_cvtepi8_epi16(bytes));
}

static LL_INLINE lanes_i32 load_weights(const int8_t *w) {
    return _mm512_cvtepi8_epi16(_mm256_load_si256((const __m256i *)(const void *)w));
}

static LL_INLINE lanes_i32 load_pair(const int16_t *x) {
    int32_t pair;
    memcpy(&pair, x, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* The add is hidden from the compilers, which would add products of several steps to each other first, and run out of registers. */
static LL_INLINE lanes_i32 add_products(lanes_i32 sum, lanes_i32 a, lanes_i32 b) {
    const lanes_i32 product = _mm512_madd_epi16(a, b);
    __asm__("vpaddd %1, %0, %0" : "+v"(sum) : "v"(product));
    return sum;
}

static LL_INLINE void add_scaled(float *y, lanes_i32 sum, float x, const float *ws, bool first) {
    const __m512 old = first ? _mm512_setzero_ps() : _mm512_load_ps(y);
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(x), _mm512_load_ps(ws));
    _mm512_store_ps(y, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, old));
}

#include "matmul_i8_words.inc"

void ll_matmul_i8_avx512bw(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                           size_t n0, size_t n1) {
    matmul(y, ldy, x, m0, m1, w, n0, n1);
}
