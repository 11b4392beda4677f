/* f32 matmul over packed weights, AVX2 and FMA.
 *
 * Layout: 64 output columns make a panel of four sub-panels, one line of 16 columns per k; columns past n hold zeros.
 *
 *   panel:  [ 16 columns: k = 0, k = 1, ... K-1 ][ 16 columns ][ 16 ][ 16 ]      64 bytes for each k
 *
 * Every output is one fma chain over k ascending, as the contract wants, so the parallelism is between outputs: a tile of
 * 6 rows x 16 columns is 12 chains. A step of k costs 12 fma (Zen 3: 2 ymm a cycle, latency 4), 2 loads and
 * 6 broadcasts. One row takes 64 columns at once, two rows 32: eight chains, which is what the latency asks for.
 */
#include "avx2.h"
#include "tile.h"
#include <assert.h>
#include <string.h>

enum {
    TILE_ROWS = 6,
    SUB_PANEL = 16,
    BLOCK_K = 1024, /* 64 KiB of a sub-panel pass over all rows before the next */
};

size_t ll_packed_f32_bytes_avx2(size_t n, size_t k) {
    return (n + LL_PANEL - 1) / LL_PANEL * LL_PANEL * k * sizeof(float);
}

void ll_pack_f32_avx2(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w) {
    assert(n0 % LL_PANEL == 0 && (n1 % LL_PANEL == 0 || n1 == n));
    (void)n;
    float *out = (float *)data + n0 * k;
    const size_t end = n0 + (n1 - n0 + LL_PANEL - 1) / LL_PANEL * LL_PANEL;
    for (size_t j0 = n0; j0 < end; j0 += SUB_PANEL) {
        for (size_t i = 0; i < k; i++, out += SUB_PANEL)
            for (size_t j = 0; j < SUB_PANEL; j++)
                out[j] = j0 + j < n1 ? w[(j0 - n0 + j) * k + i] : 0.0f;
    }
}

/* Where a tile's operands and outputs lie; subs: floats from one sub-panel to the next. */
typedef struct {
    float *y;
    const float *x, *w;
    size_t ldy, ldx, subs;
} place;

/* Outputs rows x 16 subs over k steps: the chains start at 0, or at y where an earlier block left them. */
static LL_INLINE void tile(const place *t, size_t k, bool first, const int rows, const int subs) {
    const float *x = t->x, *w = t->w;
    __m256 acc[TILE_ROWS][8];
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < 2 * subs; j++)
            acc[i][j] = first ? _mm256_setzero_ps() : _mm256_loadu_ps(t->y + (size_t)i * t->ldy + 8 * j);
    }
    for (size_t s = 0; s < k; s++, w += SUB_PANEL, x++) {
        __m256 b[8];
        LL_UNROLL
        for (int j = 0; j < 2 * subs; j++)
            b[j] = _mm256_load_ps(w + (size_t)(j / 2) * t->subs + 8 * (j % 2));
        LL_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m256 a = _mm256_set1_ps(x[(size_t)i * t->ldx]);
            LL_UNROLL
            for (int j = 0; j < 2 * subs; j++)
                acc[i][j] = _mm256_fmadd_ps(a, b[j], acc[i][j]);
        }
    }
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < 2 * subs; j++)
            _mm256_storeu_ps(t->y + (size_t)i * t->ldy + 8 * j, acc[i][j]);
    }
}

/* rows x 16 columns of one sub-panel. */
static void rows_x_sub(const place *t, size_t k, bool first, size_t rows) {
    switch (rows) {
    case 1:
        tile(t, k, first, 1, 1);
        break;
    case 2:
        tile(t, k, first, 2, 1);
        break;
    case 3:
        tile(t, k, first, 3, 1);
        break;
    case 4:
        tile(t, k, first, 4, 1);
        break;
    case 5:
        tile(t, k, first, 5, 1);
        break;
    default:
        tile(t, k, first, 6, 1);
        break;
    }
}

/* rows x 64 columns. */
static void rows_x_panel(place t, size_t k, size_t rows) {
    if (rows == 1) {
        tile(&t, k, true, 1, 4);
        return;
    }
    for (int j = 0; j < 4; j += rows == 2 ? 2 : 1) {
        if (rows == 2)
            tile(&t, k, true, 2, 2);
        else
            rows_x_sub(&t, k, true, rows);
        t.y += (rows == 2 ? 2 : 1) * SUB_PANEL;
        t.w += (rows == 2 ? 2 : 1) * t.subs;
    }
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void rows_x_edge(place t, size_t k, size_t rows, size_t cols) {
    _Alignas(LL_ALIGN) float buffer[TILE_ROWS * LL_PANEL];
    float *const y = t.y;
    const size_t ldy = t.ldy;
    t.y = buffer;
    t.ldy = LL_PANEL;
    rows_x_panel(t, k, rows);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_PANEL, cols * sizeof *y);
}

/* Many rows against a whole panel: each sub-panel in blocks of k that stay in the cache; y carries the chains between them. */
static void many_x_panel(place t, size_t m, size_t k) {
    for (int sub = 0; sub < LL_PANEL / SUB_PANEL; sub++, t.w += t.subs, t.y += SUB_PANEL) {
        for (size_t k0 = 0, length; k0 < k; k0 += length) {
            length = ll_min(BLOCK_K, k - k0);
            for (size_t i = 0, rows; i < m; i += rows) {
                rows = ll_tile_rows(m - i, TILE_ROWS);
                const place at = {t.y + i * t.ldy, t.x + i * t.ldx + k0, t.w + k0 * SUB_PANEL, t.ldy, t.ldx,
                                  t.subs};
                rows_x_sub(&at, length, k0 == 0, rows);
            }
        }
    }
}

static void rows_x_columns(place t, size_t m, size_t k, size_t cols) {
    if (cols == LL_PANEL && m > TILE_ROWS) {
        many_x_panel(t, m, k);
        return;
    }
    for (size_t i = 0, rows; i < m; i += rows, t.y += rows * t.ldy, t.x += rows * t.ldx) {
        rows = ll_tile_rows(m - i, TILE_ROWS);
        if (cols == LL_PANEL)
            rows_x_panel(t, k, rows);
        else
            rows_x_edge(t, k, rows, cols);
    }
}

void ll_matmul_f32_avx2(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                        const ll_packed *w, size_t n0, size_t n1) {
    assert(n0 % LL_PANEL == 0 && n1 <= w->n);
    for (size_t j = n0; j < n1; j += LL_PANEL) {
        const place t = {y + m0 * ldy + j, x + m0 * ldx, (const float *)w->data + j * w->k, ldy, ldx,
                         w->k * SUB_PANEL};
        rows_x_columns(t, m1 - m0, w->k, ll_min(n1 - j, LL_PANEL));
    }
}
