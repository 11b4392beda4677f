/* int8 weights packed in panels of 64 output columns, for ISAs whose multiply-adds take step values of k of a column at
 * once. All panels come first, so that the weights a thread reads are one stream; the scales come after them:
 *
 *   weights [n / 64] panels of [64 / width] sub-panels of [k / step] steps     step: [width columns][step values of k], one byte each
 *   scales  [n / 64][groups][64] f32
 *
 * width is what a tile takes, so that its weights are one stream too. A group begins with a step: columns past n and what fills
 * the last step of a group are zeros. Each byte is w ^ flip: with flip 0x80 it is unsigned, w + 128. */
#ifndef LL_KERNELS_PANEL_H
#define LL_KERNELS_PANEL_H

#include "tile.h"

#include <assert.h>
#include <string.h>

static inline size_t ll_ceil_div(size_t a, size_t b) {
    return a / b + (a % b != 0);
}

/* One panel as a matmul sees it. */
typedef struct {
    const uint8_t *weights;
    const float *scales; /* [groups][64] */
    size_t k, group, groups;
} ll_panel_i8;

/* k with each group rounded up to whole steps. */
static LL_INLINE size_t ll_panel_k(size_t k, size_t group, const size_t step) {
    const size_t whole = k / group, rest = k % group;
    return (whole * ll_ceil_div(group, step) + ll_ceil_div(rest, step)) * step;
}

/* Bytes of a panel's weights. */
static LL_INLINE size_t ll_panel_bytes(size_t k, size_t group, const size_t step) {
    return ll_panel_k(k, group, step) * LL_PANEL;
}

static LL_INLINE size_t ll_panels_bytes(size_t n, size_t k, size_t group, const size_t step) {
    if (k == 0)
        return 0;
    return ll_ceil_div(n, LL_PANEL) *
           (ll_panel_bytes(k, group, step) + ll_ceil_div(k, group) * LL_PANEL * sizeof(float));
}

/* The panel of columns [n, n + 64), n a multiple of 64. */
static LL_INLINE ll_panel_i8 ll_panel_of(const ll_packed *w, size_t n, const size_t step) {
    const size_t bytes = ll_panel_bytes(w->k, w->group, step), i = n / LL_PANEL;
    const uint8_t *const weights = w->data;
    const float *const scales = (const float *)(const void *)(weights + ll_ceil_div(w->n, LL_PANEL) * bytes);
    return (ll_panel_i8){weights + i * bytes, scales + i * w->groups * LL_PANEL, w->k, w->group, w->groups};
}

/* One step of columns [0, cols) out of width: w [cols][k], length values of them. */
static LL_INLINE void ll_panel_pack_step(uint8_t *out, size_t k, size_t cols, const int8_t *w, size_t length,
                                         const size_t step, const size_t width, const uint8_t flip) {
    for (size_t j = 0; j < width; j++) {
        uint64_t values = 0;
        if (j < cols)
            memcpy(&values, w + j * k, length);
        values ^= flip * UINT64_C(0x0101010101010101);
        memcpy(out + j * step, &values, step);
    }
}

/* Columns [0, cols) of a panel: w [cols][k]. */
static LL_INLINE void ll_panel_pack_weights(uint8_t *out, size_t k, size_t group, size_t cols,
                                            const int8_t *w, const size_t step, const size_t width,
                                            const uint8_t flip) {
    for (size_t j = 0; j < LL_PANEL; j += width) {
        const size_t left = j < cols ? cols - j : 0;
        for (size_t i = 0, length; i < k; i += length, out += step * width) {
            length = ll_min(step, ll_min(group - i % group, k - i));
            ll_panel_pack_step(out, k, left, w + (left ? j : 0) * k + i, length, step, width, flip);
        }
    }
}

/* scale [cols][groups]. */
static inline void ll_panel_pack_scales(float *out, size_t groups, size_t cols, const float *scale) {
    for (size_t g = 0; g < groups; g++, out += LL_PANEL)
        for (size_t j = 0; j < LL_PANEL; j++)
            out[j] = j < cols ? scale[j * groups + g] : 0;
}

/* The contract of pack_i8, step at most 8. */
static LL_INLINE void ll_panels_pack(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                                     const int8_t *w, const float *scale, const size_t step,
                                     const size_t width, const uint8_t flip) {
    assert(n0 % LL_PANEL == 0 && (n1 % LL_PANEL == 0 || n1 == n));
    if (k == 0)
        return;
    const size_t groups = ll_ceil_div(k, group), bytes = ll_panel_bytes(k, group, step);
    uint8_t *const weights = data;
    float *const scales = (float *)(void *)(weights + ll_ceil_div(n, LL_PANEL) * bytes);
    for (size_t j = n0; j < n1; j += LL_PANEL) {
        const size_t i = j / LL_PANEL, cols = ll_min(n1 - j, LL_PANEL);
        ll_panel_pack_weights(weights + i * bytes, k, group, cols, w + (j - n0) * k, step, width, flip);
        ll_panel_pack_scales(scales + i * groups * LL_PANEL, groups, cols, scale + (j - n0) * groups);
    }
}

#endif
