/* Storing K and V into the cache, AVX-512.
 *
 * V goes row by row: [position][head_dim]. K goes to one lane of a block of 16 positions, so that attention
 * loads one line for 16 positions and never reduces across lanes:
 *
 *   f32:   block: [ d = 0: 16 positions ][ d = 1: 16 positions ] ...                       a value a line
 *   bf16:  block: [ d = 0, 1: 16 positions x (low half d = 0, high half d = 1) ] ...       a pair a line
 *   int8:  block: [ d = 0 .. 3: 16 positions x (4 bytes) ] ...                             a quad a line
 *
 * 16 values are 16 lines, 8 with bf16, 4 with int8: scalar stores of the lanes of one register; a scatter is slower on
 * Zen 4 (microcode), and the whole step is some thousandths of a token's time. bf16 is rounded by integer
 * operations, since the conversion instruction (AVX512_BF16) belongs to a later ISA. int8 is quantized 16 values at a
 * time by what quantize uses (row_avx512bw.h), each row of a head with a scale of its own.
 */
#include "avx512bw.h"
#include "row_avx512bw.h"
#include "tile.h"
#include <assert.h>
#include <string.h>

/* Lanes hold the bf16 of x in their low half: to nearest even; NaN stays NaN and becomes quiet
 * (kernels/bf16.h). */
static LL_INLINE __m512i to_bf16(__m512 x) {
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16);
}

static LL_INLINE __mmask16 mask_of(size_t left) {
    return left < 16 ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
}

/* block: of 16 positions; lane: the position in it. */
static void store_k_f32(float *block, size_t lane, const float *k, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d++)
        block[d * LL_KV_BLOCK + lane] = k[d];
}

static void store_k_bf16(uint32_t *block, size_t lane, const float *k, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d += 16) {
        __m512 x = _mm512_maskz_loadu_ps(mask_of(head_dim - d), k + d);
        _Alignas(32) uint32_t pairs[8];
        _mm256_store_si256((__m256i *)pairs, _mm512_cvtepi32_epi16(to_bf16(x)));
        for (size_t i = 0; i < ll_min(8, (head_dim - d) / 2); i++)
            block[(d / 2 + i) * LL_KV_BLOCK + lane] = pairs[i];
    }
}

static void store_v_bf16(uint16_t *out, const float *v, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d += 16) {
        __mmask16 mask = mask_of(head_dim - d);
        __m512 x = _mm512_maskz_loadu_ps(mask, v + d);
        _mm256_mask_storeu_epi16(out + d, mask, _mm512_cvtepi32_epi16(to_bf16(x)));
    }
}

/* The scale of a row of head_dim values; *inv is what they are multiplied by. */
static float row_scale(const float *x, size_t head_dim, float *inv) {
    const __m512i bits = ll_chunk_amax(_mm512_setzero_si512(), x, head_dim);
    const float amax = ll_chunk_amax_value(bits);
    *inv = ll_inverse(amax);
    return amax / 127.0f;
}

static void store_k_i8(uint32_t *block, float *scale, size_t lane, const float *k, size_t head_dim) {
    float inv;
    *scale = row_scale(k, head_dim, &inv);
    for (size_t d = 0; d < head_dim; d += 16) {
        uint32_t quads[4] = {0};
        ll_chunk_quantize((int8_t *)quads, k + d, ll_min(16, head_dim - d), inv, _mm512_setzero_si512());
        for (size_t i = 0; i < ll_min(4, (head_dim - d + 3) / 4); i++)
            block[(d / 4 + i) * LL_KV_BLOCK + lane] = quads[i];
    }
}

static void store_v_i8(int8_t *out, float *scale, const float *v, size_t head_dim) {
    float inv;
    *scale = row_scale(v, head_dim, &inv);
    ll_chunk_quantize(out, v, head_dim, inv, _mm512_setzero_si512());
    for (size_t d = head_dim; d % 4 != 0; d++)
        out[d] = 0;
}

#include "kv_store.inc"

void ll_kv_store_avx512bw(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk,
                          const float *v, size_t ldv) {
    store_rows(kv, pos0, rows, k, ldk, v, ldv);
}
