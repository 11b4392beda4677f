/* int8 matmul over packed weights, AVX-VNNI.
 *
 * Layout: panel.h, 4 values of k a step, sub-panels of 16 columns: a step is one cache line; each byte is w + 128. The algebra is that of
 * every VPDPBUSD (README.md): unsigned weights times signed activations, each sum begins at -128 * (the group's sum of q).
 *
 * Tile: 6 rows x 16 columns = 12 accumulators, 2 registers of weights, 1 of activations, a dword broadcast to all columns: 15 of 16. A
 * step costs 12 VPDPBUSD (Golden Cove: 2 ymm a cycle, latency 5, so 10 chains are enough), 2 loads and 6 broadcasts.
 *
 * Measured on one core of an Emerald Rapids, shared with others (gcc 12; peak_i8 says 471 to 487 GOPS), n x k 5120 x 13824, group 128: 512 rows
 * 342 to 346 GOPS, 70% of that and 2.7 times avx2; panels of 64 columns, of which a tile reads every fourth line, gave 315 to 319. One row, from
 * memory, 14 GB/s beside avx2's 13, fetching 8 KB ahead; 2 KB 13.5, without 11.4.
 */
#include "avxvnni.h"
#include "panel.h"

enum {
    TILE_ROWS = 6,
    LANES = 8,   /* columns of a register */
    VECTORS = 2, /* of a tile */
    SUB_PANEL = VECTORS * LANES,
    K_STEP = 4,
    STEP_BYTES = K_STEP * SUB_PANEL, /* a cache line */
    AHEAD = 8192,                    /* bytes */
};

size_t ll_packed_i8_bytes_avxvnni(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_avxvnni(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                        const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, SUB_PANEL, 0x80);
}

/* Rows of x, from their first value and first group on. */
typedef struct {
    const int8_t *q;
    const float *scale;
    const int32_t *sum;
    size_t ld, groups;
} rows_of_x;

/* In the VEX encoding; around this one instruction gcc 12 keeps the sums where they are. */
static LL_INLINE __m256i dot4(__m256i acc, __m256i u, __m256i q) {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(u), "x"(q));
    return acc;
}

static LL_INLINE __m256i load_w(const uint8_t *w, int vector) {
    return _mm256_load_si256((const __m256i *)(const void *)(w + 32 * vector));
}

/* acc[i] += one step: 4 values of k. */
static LL_INLINE void step(__m256i acc[TILE_ROWS][VECTORS], const int8_t *q, size_t ld, const uint8_t *w,
                           const int rows) {
    __m256i u[VECTORS];
    LL_UNROLL
    for (int j = 0; j < VECTORS; j++)
        u[j] = load_w(w, j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        int32_t q4;
        memcpy(&q4, q + (size_t)i * ld, sizeof q4);
        const __m256i x = _mm256_set1_epi32(q4);
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            acc[i][j] = dot4(acc[i][j], u[j], x);
    }
}

/* y[i] = fma(acc, xs[i] * ws, first ? 0 : y[i]). */
static LL_INLINE void scale_out(float *y, size_t ldy, __m256i acc[TILE_ROWS][VECTORS], const float *ws,
                                const float *xs, size_t groups, bool first, const int rows) {
    LL_UNROLL
    for (int i = 0; i < rows; i++, y += ldy, xs += groups) {
        const __m256 x = _mm256_broadcast_ss(xs);
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++) {
            const __m256 old = first ? _mm256_setzero_ps() : _mm256_loadu_ps(y + LANES * j);
            const __m256 scale = _mm256_mul_ps(x, _mm256_load_ps(ws + LANES * j));
            _mm256_storeu_ps(y + LANES * j, _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[i][j]), scale, old));
        }
    }
}

/* rows x 16 outputs; w: the sub-panel, ws: its scales. */
static LL_INLINE void tile(float *y, size_t ldy, const rows_of_x *x, const ll_panel_i8 *p, const uint8_t *w,
                           const float *ws, const int rows) {
    const int8_t *q = x->q;
    for (size_t g = 0; g < p->groups; g++, ws += LL_PANEL) {
        __m256i acc[TILE_ROWS][VECTORS];
        LL_UNROLL
        for (int i = 0; i < rows; i++) {
            LL_UNROLL
            for (int j = 0; j < VECTORS; j++)
                acc[i][j] = _mm256_set1_epi32(-128 * x->sum[(size_t)i * x->groups + g]);
        }
        const uint8_t *const end =
            w + ll_ceil_div(ll_min(p->group, p->k - g * p->group), K_STEP) * STEP_BYTES;
        do {               /* a group is never empty */
            if (rows == 1) /* goes through weights as fast as they come from memory */
                _mm_prefetch(ll_ahead(w, AHEAD), _MM_HINT_T1);
            step(acc, q, x->ld, w, rows);
            w += STEP_BYTES;
            q += K_STEP;
        } while (w != end);
        scale_out(y, ldy, acc, ws, x->scale + g, x->groups, g == 0, rows);
    }
}

static void rows_x_columns(float *y, size_t ldy, const rows_of_x *x, const ll_panel_i8 *p, const uint8_t *w,
                           const float *ws, size_t rows) {
    switch (rows) {
    case 1:
        tile(y, ldy, x, p, w, ws, 1);
        break;
    case 2:
        tile(y, ldy, x, p, w, ws, 2);
        break;
    case 3:
        tile(y, ldy, x, p, w, ws, 3);
        break;
    case 4:
        tile(y, ldy, x, p, w, ws, 4);
        break;
    case 5:
        tile(y, ldy, x, p, w, ws, 5);
        break;
    default:
        tile(y, ldy, x, p, w, ws, 6);
        break;
    }
}

/* rows x 64 outputs, from row m on. */
static void rows_x_panel(float *y, size_t ldy, const ll_act *act, size_t m, const ll_panel_i8 *p,
                         size_t rows) {
    const rows_of_x x = {act->q + m * act->ld, act->scale + m * act->groups, act->sum + m * act->groups,
                         act->ld, act->groups};
    const size_t bytes = ll_panel_bytes(p->k, p->group, K_STEP) / (LL_PANEL / SUB_PANEL);
    const uint8_t *w = p->weights;
    for (size_t j = 0; j < LL_PANEL; j += SUB_PANEL, w += bytes)
        rows_x_columns(y + j, ldy, &x, p, w, p->scales + j, rows);
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void rows_x_edge(float *y, size_t ldy, const ll_act *x, size_t m, const ll_panel_i8 *p, size_t rows,
                        size_t cols) {
    _Alignas(LL_ALIGN) float buffer[TILE_ROWS * LL_PANEL];
    rows_x_panel(buffer, LL_PANEL, x, m, p, rows);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_PANEL, cols * sizeof *y);
}

void ll_matmul_i8_avxvnni(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                          size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    for (size_t j = n0; w->k && j < n1; j += LL_PANEL) {
        const size_t cols = ll_min(n1 - j, LL_PANEL);
        const ll_panel_i8 p = ll_panel_of(w, j, K_STEP);
        for (size_t m = m0, rows; m < m1; m += rows) {
            rows = ll_tile_rows(m1 - m, TILE_ROWS);
            if (cols == LL_PANEL)
                rows_x_panel(y + m * ldy + j, ldy, x, m, &p, rows);
            else
                rows_x_edge(y + m * ldy + j, ldy, x, m, &p, rows, cols);
        }
    }
}
