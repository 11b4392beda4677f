/* int8 matmul over packed weights, SDOT.
 *
 * Layout: panel.h, 4 values of k a step, sub-panels of 16 columns: a step is one cache line, signed.
 *
 *   panel:  [ 16 columns: k = 0 .. 3, k = 4 .. 7, ... ][ 16 columns ][ 16 ][ 16 ]
 *
 * SDOT adds to each of 4 int32 lanes (columns) its 4 products of bytes, signed by signed, exactly; by element, the 4 activations of
 * one row serve all lanes, so nothing is shifted and nothing is corrected.
 *
 * Tile: 6 rows x 16 columns = 24 accumulators, 4 registers of weights, 1 of activations: 29 of 32. 10 loads stand beside 24 SDOT, in
 * 12 cycles on two vector pipes with two loads a cycle, in 6 on four with three. README.md has the loop's cycles by core.
 *
 * A group costs each accumulator a conversion, a multiply and an fma: with 128 values 72 operations beside 768 SDOT, 91% at most; by a
 * model of the cores 81 to 84%, since it also begins with zeros and loads and stores y (README.md).
 *
 * Large K goes in chunks of whole groups, so that a panel's 256 KiB stay in the L2 while all rows pass; y carries the sums. (One scale a row is
 * one group, hence one chunk.)
 */
#include "panel.h"
#include "tile_neon_dotprod.h"

enum {
    TILE_ROWS = 6,
    SUB_PANEL = 16, /* columns of a tile */
    VECTORS = SUB_PANEL / 4,
    K_STEP = 4,
    STEP_BYTES = K_STEP * SUB_PANEL,
    CHUNK = 4096, /* k: 256 KiB of a panel */
};

size_t ll_packed_i8_bytes_neon_dotprod(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_neon_dotprod(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                             const int8_t *w, const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, SUB_PANEL, 0);
}

/* Rows of x, from their first value and first group on. */
typedef struct {
    const int8_t *q;
    const float *scale;
    size_t ld, groups;
} rows_of_x;

/* acc[i] += one step: 4 values of k. q: the first row's. */
static LL_INLINE void step(int32x4_t acc[TILE_ROWS][VECTORS], const int8_t *q, size_t ld, const int8_t *w,
                           const int rows) {
    int8x16_t b[VECTORS];
    LL_UNROLL
    for (int j = 0; j < VECTORS; j++)
        b[j] = vld1q_s8(w + 16 * j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        const int8x8_t x = vreinterpret_s8_f32(ll_load_element(q + (size_t)i * ld));
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            acc[i][j] = vdotq_lane_s32(acc[i][j], b[j], x, 0);
    }
}

/* y[i][0 .. 16) = fma(acc, xs[i] * ws, first ? 0 : y). */
static LL_INLINE void scale_out(float *y, size_t ldy, int32x4_t acc[TILE_ROWS][VECTORS], const float *ws,
                                const float *xs, size_t groups, bool first, const int rows) {
    float32x4_t w[VECTORS];
    LL_UNROLL
    for (int j = 0; j < VECTORS; j++)
        w[j] = vld1q_f32(ws + 4 * j);
    LL_UNROLL
    for (int i = 0; i < rows; i++, y += ldy, xs += groups) {
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++) {
            const float32x4_t old = first ? vdupq_n_f32(0) : vld1q_f32(y + 4 * j);
            vst1q_f32(y + 4 * j, vfmaq_f32(old, vcvtq_f32_s32(acc[i][j]), vmulq_n_f32(w[j], *xs)));
        }
    }
}

/* rows x 16 outputs over groups [g0, g1); w: the sub-panel at group g0, ws: its scales. */
static LL_INLINE void tile(float *y, size_t ldy, const rows_of_x *x, const ll_panel_i8 *p, const int8_t *w,
                           const float *ws, size_t g0, size_t g1, const int rows) {
    const int8_t *q = x->q + g0 * p->group;
    for (size_t g = g0; g < g1; g++) {
        int32x4_t acc[TILE_ROWS][VECTORS];
        LL_UNROLL
        for (int i = 0; i < rows; i++) {
            LL_UNROLL
            for (int j = 0; j < VECTORS; j++)
                acc[i][j] = vdupq_n_s32(0);
        }
        const int8_t *const end = w + ll_ceil_div(ll_min(p->group, p->k - g * p->group), K_STEP) * STEP_BYTES;
        do { /* a group is never empty */
            step(acc, q, x->ld, w, rows);
            w += STEP_BYTES;
            q += K_STEP;
        } while (w != end);
        scale_out(y, ldy, acc, ws + g * LL_PANEL, x->scale + g, x->groups, g == 0, rows);
    }
}

static void rows_x_sub(float *y, size_t ldy, const rows_of_x *x, const ll_panel_i8 *p, const int8_t *w,
                       const float *ws, size_t g0, size_t g1, size_t rows) {
    switch (rows) {
    case 1:
        tile(y, ldy, x, p, w, ws, g0, g1, 1);
        break;
    case 2:
        tile(y, ldy, x, p, w, ws, g0, g1, 2);
        break;
    case 3:
        tile(y, ldy, x, p, w, ws, g0, g1, 3);
        break;
    case 4:
        tile(y, ldy, x, p, w, ws, g0, g1, 4);
        break;
    case 5:
        tile(y, ldy, x, p, w, ws, g0, g1, 5);
        break;
    default:
        tile(y, ldy, x, p, w, ws, g0, g1, 6);
        break;
    }
}

/* rows x 64 outputs over groups [g0, g1), from row m on. */
static void rows_x_panel(float *y, size_t ldy, const ll_act *act, size_t m, const ll_panel_i8 *p, size_t g0,
                         size_t g1, size_t rows) {
    const rows_of_x x = {act->q + m * act->ld, act->scale + m * act->groups, act->ld, act->groups};
    const size_t bytes = ll_panel_bytes(p->k, p->group, K_STEP) / (LL_PANEL / SUB_PANEL);
    const int8_t *w = (const int8_t *)p->weights + g0 * ll_ceil_div(p->group, K_STEP) * STEP_BYTES;
    for (size_t j = 0; j < LL_PANEL; j += SUB_PANEL, w += bytes)
        rows_x_sub(y + j, ldy, &x, p, w, p->scales + j, g0, g1, rows);
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void rows_x_edge(float *y, size_t ldy, const ll_act *x, size_t m, const ll_panel_i8 *p, size_t rows,
                        size_t cols) {
    float buffer[TILE_ROWS * LL_PANEL];
    rows_x_panel(buffer, LL_PANEL, x, m, p, 0, p->groups, rows);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_PANEL, cols * sizeof *y);
}

void ll_matmul_i8_neon_dotprod(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1,
                               const ll_packed *w, size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    const size_t chunk = ll_ceil_div(CHUNK, w->group ? w->group : 1); /* groups */
    for (size_t j = n0; w->k && j < n1; j += LL_PANEL) {
        const size_t cols = ll_min(n1 - j, LL_PANEL);
        const size_t most = cols == LL_PANEL && m1 - m0 > TILE_ROWS ? chunk : w->groups;
        const ll_panel_i8 p = ll_panel_of(w, j, K_STEP);
        for (size_t g = 0; g < w->groups; g += most) {
            const size_t g1 = ll_min(g + most, w->groups);
            for (size_t m = m0, rows; m < m1; m += rows) {
                rows = ll_tile_rows(m1 - m, TILE_ROWS);
                if (cols == LL_PANEL)
                    rows_x_panel(y + m * ldy + j, ldy, x, m, &p, g, g1, rows);
                else
                    rows_x_edge(y + m * ldy + j, ldy, x, m, &p, rows, cols);
            }
        }
    }
}
