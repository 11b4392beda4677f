/* f32 matmul over packed weights, AVX-512.
 *
 * Layout: 64 output columns make a panel, one line of 64 per k; the columns past n hold zeros.
 *
 *   panel:  [ k = 0: 16 columns | 16 | 16 | 16 ][ k = 1 ] ... [ k = K-1 ]      256 bytes each
 *
 * Every output is one fma chain over k ascending, as the contract wants, so the parallelism is between
 * outputs: a tile of 6 rows x 64 columns is 24 chains. A step of k costs 24 fma (Zen 4: 1 zmm a cycle,
 * latency 4), 4 loads and 6 broadcasts.
 * Measured on one Zen 4 core, M = 512: 95 .. 98% of the fma peak (118 GFLOPS) for k = 576 .. 4096.
 */
#include "avx512bw.h"
#include "tile.h"
#include <assert.h>
#include <string.h>

enum {
    TILE_ROWS = 6,
    BLOCK_K = 1024, /* 256 KiB of a panel pass over all rows before the next: a quarter of Zen 4's L2 */
};

size_t ll_packed_f32_bytes_avx512bw(size_t n, size_t k) {
    return (n + LL_PANEL - 1) / LL_PANEL * LL_PANEL * k * sizeof(float);
}

void ll_pack_f32_avx512bw(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w) {
    assert(n0 % LL_PANEL == 0 && (n1 % LL_PANEL == 0 || n1 == n));
    (void)n;
    float *out = (float *)data + n0 * k;
    for (size_t j0 = n0; j0 < n1; j0 += LL_PANEL) {
        for (size_t i = 0; i < k; i++, out += LL_PANEL)
            for (size_t j = 0; j < LL_PANEL; j++)
                out[j] = j0 + j < n1 ? w[(j0 - n0 + j) * k + i] : 0.0f;
    }
}

/* Outputs rows x 64 over k in [0, k): the chains start at 0, or at y where an earlier block left them. */
static LL_INLINE void tile(float *y, size_t ldy, const float *x, size_t ldx, const float *w, size_t k,
                           bool first, const int rows) {
    __m512 acc[TILE_ROWS][4];
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < 4; j++)
            acc[i][j] = first ? _mm512_setzero_ps() : _mm512_loadu_ps(y + (size_t)i * ldy + 16 * j);
    }
    for (size_t s = 0; s < k; s++, w += LL_PANEL, x++) {
        __m512 b[4];
        LL_UNROLL
        for (int j = 0; j < 4; j++)
            b[j] = _mm512_load_ps(w + 16 * j);
        LL_UNROLL
        for (int i = 0; i < rows; i++) {
            __m512 a = _mm512_set1_ps(x[(size_t)i * ldx]);
            LL_UNROLL
            for (int j = 0; j < 4; j++)
                acc[i][j] = _mm512_fmadd_ps(a, b[j], acc[i][j]);
        }
    }
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < 4; j++)
            _mm512_storeu_ps(y + (size_t)i * ldy + 16 * j, acc[i][j]);
    }
}

static void rows_x_panel(float *y, size_t ldy, const float *x, size_t ldx, const float *w, size_t k,
                         bool first, size_t rows) {
    switch (rows) {
    case 1:
        tile(y, ldy, x, ldx, w, k, first, 1);
        break;
    case 2:
        tile(y, ldy, x, ldx, w, k, first, 2);
        break;
    case 3:
        tile(y, ldy, x, ldx, w, k, first, 3);
        break;
    case 4:
        tile(y, ldy, x, ldx, w, k, first, 4);
        break;
    case 5:
        tile(y, ldy, x, ldx, w, k, first, 5);
        break;
    default:
        tile(y, ldy, x, ldx, w, k, first, 6);
        break;
    }
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void rows_x_edge(float *y, size_t ldy, const float *x, size_t ldx, const float *w, size_t k,
                        size_t rows, size_t cols) {
    _Alignas(LL_ALIGN) float buffer[TILE_ROWS * LL_PANEL];
    rows_x_panel(buffer, LL_PANEL, x, ldx, w, k, true, rows);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_PANEL, cols * sizeof *y);
}

/* Rows [0, m) against one panel, in blocks of k that stay in the L2; y carries the chains between them. */
static void panel_pass(float *y, size_t ldy, const float *x, size_t ldx, size_t m, const float *panel,
                       size_t k, size_t cols) {
    size_t block = cols == LL_PANEL && m > TILE_ROWS ? BLOCK_K : k;
    for (size_t k0 = 0, length; k0 < k; k0 += length) {
        length = ll_min(block, k - k0);
        for (size_t i = 0, rows; i < m; i += rows) {
            rows = ll_tile_rows(m - i, TILE_ROWS);
            const float *w = panel + k0 * LL_PANEL;
            if (cols == LL_PANEL)
                rows_x_panel(y + i * ldy, ldy, x + i * ldx + k0, ldx, w, length, k0 == 0, rows);
            else
                rows_x_edge(y + i * ldy, ldy, x + i * ldx, ldx, w, k, rows, cols);
        }
    }
}

void ll_matmul_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                            const ll_packed *w, size_t n0, size_t n1) {
    assert(n0 % LL_PANEL == 0 && n1 <= w->n);
    for (size_t j = n0; j < n1; j += LL_PANEL)
        panel_pass(y + m0 * ldy + j, ldy, x + m0 * ldx, ldx, m1 - m0, (const float *)w->data + j * w->k, w->k,
                   ll_min(n1 - j, LL_PANEL));
}
