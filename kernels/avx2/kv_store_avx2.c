/* Storing K and V into the cache, AVX2.
 *
 * V goes row by row: [position][head_dim]. K goes to one lane of a block of 16 positions, so that attention
 * loads two registers for 16 positions and never reduces across lanes:
 *
 *   f32:   block: [ d = 0: 16 positions ][ d = 1: 16 positions ] ...                       a value a line
 *   bf16:  block: [ d = 0, 1: 16 positions x (low half d = 0, high half d = 1) ] ...       a pair a line
 *   int8:  block: [ d = 0 .. 3: 16 positions x (4 bytes) ] ...                             a quad a line
 *
 * 8 values are 8 lines, 4 with bf16, 2 with int8: scalar stores, since AVX2 has no scatter. bf16 is rounded by integer
 * operations. head_dim is even and the rows of int8 are whole quads, so a tail is whole pairs or quads: these are
 * stored one by one, for lack of a masked store of 16 or 8 bits. int8 has a scale for each row of a head; the lanes
 * past head_dim are loaded as zeros, and become the zeros that fill the last quad.
 */
#include "row_avx2.h"
#include <assert.h>
#include <string.h>

/* To nearest even; NaN stays NaN and becomes quiet (kernels/bf16.h). */
static LL_INLINE __m128i to_bf16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i half = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* block: of 16 positions; lane: the position in it. */
static void store_k_f32(float *block, size_t lane, const float *k, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d++)
        block[d * LL_KV_BLOCK + lane] = k[d];
}

static void store_k_bf16(uint32_t *block, size_t lane, const float *k, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d += LL_LANES) {
        _Alignas(16) uint32_t pairs[4];
        _mm_store_si128((__m128i *)pairs, to_bf16(ll_load(k + d, head_dim - d)));
        for (size_t i = 0; i < ll_min(4, (head_dim - d) / 2); i++)
            block[(d / 2 + i) * LL_KV_BLOCK + lane] = pairs[i];
    }
}

static void store_v_bf16(uint16_t *out, const float *v, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d += LL_LANES) {
        uint16_t values[LL_LANES];
        _mm_storeu_si128((__m128i *)values, to_bf16(ll_load(v + d, head_dim - d)));
        if (head_dim - d >= LL_LANES)
            memcpy(out + d, values, sizeof values);
        else
            memcpy(out + d, values, (head_dim - d) * sizeof *values);
    }
}

/* 8 values as two quads. */
static LL_INLINE void quantize(uint32_t quads[2], __m256 x, float inv) {
    const __m256i q = ll_quantize_eight(x, inv);
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q), _mm256_extracti128_si256(q, 1));
    _mm_storel_epi64((__m128i *)quads, _mm_packs_epi16(words, words));
}

/* Quad i of the row goes to out[i * stride]. */
static LL_INLINE void store_i8(uint32_t *out, size_t stride, float *scale, const float *x, size_t head_dim) {
    const float amax = ll_chunk_amax_value(ll_chunk_amax(_mm256_setzero_si256(), x, head_dim));
    const float inv = ll_inverse(amax);
    *scale = amax / 127.0f;
    for (size_t d = 0; d < head_dim; d += LL_LANES) {
        uint32_t quads[2];
        quantize(quads, ll_load(x + d, head_dim - d), inv);
        out[d / 4 * stride] = quads[0];
        if (head_dim - d > 4)
            out[(d / 4 + 1) * stride] = quads[1];
    }
}

static void store_k_i8(uint32_t *block, float *scale, size_t lane, const float *k, size_t head_dim) {
    store_i8(block + lane, LL_KV_BLOCK, scale, k, head_dim);
}

static void store_v_i8(int8_t *out, float *scale, const float *v, size_t head_dim) {
    store_i8((uint32_t *)out, 1, scale, v, head_dim);
}

#include "kv_store.inc"

void ll_kv_store_avx2(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                      size_t ldv) {
    store_rows(kv, pos0, rows, k, ldk, v, ldv);
}
