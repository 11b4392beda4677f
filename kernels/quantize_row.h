/* A row quantized group by group, by the rule of ll_act: the walk that the vector ISAs share. The ISA's row header defines,
 * before it includes this file,
 *   ll_lanes_i32                                             a register of int32
 *   ll_lanes_i32 ll_zero_i32(void)
 *   ll_lanes_i32 ll_chunk_amax(amax, x, count)               the larger of amax and |x| as bits, lane by lane
 *   float ll_chunk_amax_value(amax)                          the largest lane as the float it is
 *   ll_lanes_i32 ll_chunk_quantize(q, x, count, inv, sum)    writes q; returns sum + q, lane by lane
 *   int32_t ll_add_lanes_i32(sum)
 *
 * |x| as bits compare as integers just as |x| does, with NaN above all (see ref/quantize_ref.c). */
#ifndef LL_QUANTIZE_ROW_H
#define LL_QUANTIZE_ROW_H

#include "tile.h"

/* Elements a group is computed in at a time: 4 KB, so that the usual group is computed once and stays in L1. */
enum { LL_QUANTIZE_CHUNK = 1024 };

/* Elements [start, start + count) of a row about to be quantized: computed into buffer, or where they already
 * lie. */
typedef const float *ll_chunk_fn(float *buffer, const void *row, size_t start, size_t count);

static inline float ll_inverse(float amax) {
    return amax == 0.0f ? 0.0f : 127.0f / amax;
}

/* Forced inline, so that chunk is a known function in each kernel. */
static LL_INLINE void ll_quantize_group(ll_act *out, size_t r, size_t g, ll_chunk_fn *chunk,
                                        const void *row) {
    _Alignas(LL_ALIGN) float buffer[LL_QUANTIZE_CHUNK];
    const size_t start = g * out->group;
    const size_t end = out->k - start < out->group ? out->k : start + out->group;
    const float *x = buffer;
    ll_lanes_i32 amax_bits = ll_zero_i32(), sum = ll_zero_i32();
    for (size_t i = start; i < end; i += LL_QUANTIZE_CHUNK) {
        const size_t count = ll_min(end - i, LL_QUANTIZE_CHUNK);
        x = chunk(buffer, row, i, count);
        amax_bits = ll_chunk_amax(amax_bits, x, count);
    }
    const float amax = ll_chunk_amax_value(amax_bits), inv = ll_inverse(amax);
    for (size_t i = start; i < end; i += LL_QUANTIZE_CHUNK) {
        const size_t count = ll_min(end - i, LL_QUANTIZE_CHUNK);
        if (end - start > LL_QUANTIZE_CHUNK) /* else the only chunk is still at x */
            x = chunk(buffer, row, i, count);
        sum = ll_chunk_quantize(out->q + r * out->ld + i, x, count, inv, sum);
    }
    out->scale[r * out->groups + g] = amax / 127.0f;
    out->sum[r * out->groups + g] = ll_add_lanes_i32(sum);
}

static LL_INLINE void ll_quantize_row(ll_act *out, size_t r, ll_chunk_fn *chunk, const void *row) {
    for (size_t g = 0; g < out->groups; g++)
        ll_quantize_group(out, r, g, chunk, row);
}

#endif
