/* Storing K and V into the cache, NEON.
 *
 * V goes row by row: [position][head_dim]. K goes to one lane of a block of 16 positions, so that attention
 * loads four registers for 16 positions and never reduces across lanes:
 *
 *   f32:   block: [ d = 0: 16 positions ][ d = 1: 16 positions ] ...                       a value a line
 *   bf16:  block: [ d = 0, 1: 16 positions x (low half d = 0, high half d = 1) ] ...       a pair a line
 *   int8:  block: [ d = 0 .. 3: 16 positions x (4 bytes) ] ...                             a quad a line
 *
 * 16 values are 16 lines, 8 with bf16, 4 with int8: scalar stores, since NEON has no scatter. bf16 is rounded by integer
 * operations (BFCVT belongs to a later ISA), int8 by what quantize uses (row_neon_dotprod.h), each row of a head with a scale of
 * its own.
 */
#include "row_neon_dotprod.h"
#include <assert.h>

/* To nearest even; NaN stays NaN and becomes quiet (kernels/bf16.h). */
static LL_INLINE uint16x4_t to_bf16(float32x4_t x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16); /* only NaN is not equal to itself */
}

typedef struct {
    uint16x8_t low, high;
} sixteen_bf16;

static LL_INLINE sixteen_bf16 load_bf16(const float *x, size_t left) {
    const ll_lanes v = ll_load(x, left);
    return (sixteen_bf16){.low = vcombine_u16(to_bf16(v.part[0]), to_bf16(v.part[1])),
                          .high = vcombine_u16(to_bf16(v.part[2]), to_bf16(v.part[3]))};
}

/* block: of 16 positions; lane: the position in it. */
static void store_k_f32(float *block, size_t lane, const float *k, size_t head_dim) {
    for (size_t d = 0; d < head_dim; d++)
        block[d * LL_KV_BLOCK + lane] = k[d];
}

static LL_INLINE void store_k_bf16_step(uint32_t *out, const float *k, size_t left) {
    const sixteen_bf16 v = load_bf16(k, left);
    uint32_t pairs[LL_LANES / 2];
    vst1q_u32(pairs, vreinterpretq_u32_u16(v.low));
    vst1q_u32(pairs + LL_LANES / 4, vreinterpretq_u32_u16(v.high));
    for (size_t i = 0; i < left / 2; i++)
        out[i * LL_KV_BLOCK] = pairs[i];
}

static void store_k_bf16(uint32_t *block, size_t lane, const float *k, size_t head_dim) {
    size_t d = 0;
    for (; head_dim - d >= LL_LANES; d += LL_LANES)
        store_k_bf16_step(block + d / 2 * LL_KV_BLOCK + lane, k + d, LL_LANES);
    if (d < head_dim)
        store_k_bf16_step(block + d / 2 * LL_KV_BLOCK + lane, k + d, head_dim - d);
}

static LL_INLINE void store_v_bf16_step(uint16_t *out, const float *v, size_t left) {
    const sixteen_bf16 rounded = load_bf16(v, left);
    uint16_t values[LL_LANES], *const to = left < LL_LANES ? values : out;
    vst1q_u16(to, rounded.low);
    vst1q_u16(to + LL_LANES / 2, rounded.high);
    if (left < LL_LANES)
        memcpy(out, values, left * sizeof *values);
}

static void store_v_bf16(uint16_t *out, const float *v, size_t head_dim) {
    size_t d = 0;
    for (; head_dim - d >= LL_LANES; d += LL_LANES)
        store_v_bf16_step(out + d, v + d, LL_LANES);
    if (d < head_dim)
        store_v_bf16_step(out + d, v + d, head_dim - d);
}

/* The scale of a row of head_dim values; *inv is what they are multiplied by. */
static float row_scale(const float *x, size_t head_dim, float *inv) {
    const float amax = ll_chunk_amax_value(ll_chunk_amax(ll_zero_i32(), x, head_dim));
    *inv = ll_inverse(amax);
    return amax / 127.0f;
}

/* What lies past head_dim is loaded as zeros, and becomes the zeros that fill the last quad. */
static LL_INLINE void store_k_i8_step(uint32_t *out, const float *k, size_t left, float inv) {
    uint32_t quads[LL_LANES / 4];
    vst1q_u32(quads, vreinterpretq_u32_s8(ll_quantize_sixteen(ll_load(k, left), inv)));
    for (size_t i = 0; i < (left + 3) / 4; i++)
        out[i * LL_KV_BLOCK] = quads[i];
}

static void store_k_i8(uint32_t *block, float *scale, size_t lane, const float *k, size_t head_dim) {
    float inv;
    *scale = row_scale(k, head_dim, &inv);
    size_t d = 0;
    for (; head_dim - d >= LL_LANES; d += LL_LANES)
        store_k_i8_step(block + d / 4 * LL_KV_BLOCK + lane, k + d, LL_LANES, inv);
    if (d < head_dim)
        store_k_i8_step(block + d / 4 * LL_KV_BLOCK + lane, k + d, head_dim - d, inv);
}

static void store_v_i8(int8_t *out, float *scale, const float *v, size_t head_dim) {
    float inv;
    *scale = row_scale(v, head_dim, &inv);
    ll_chunk_quantize(out, v, head_dim, inv, ll_zero_i32());
    for (size_t d = head_dim; d % 4 != 0; d++)
        out[d] = 0;
}

#include "kv_store.inc"

void ll_kv_store_neon_dotprod(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk,
                              const float *v, size_t ldv) {
    store_rows(kv, pos0, rows, k, ldk, v, ldv);
}
