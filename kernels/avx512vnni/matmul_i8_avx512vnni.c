/* int8 matmul over packed weights, AVX-512 VNNI.
 *
 * Layout: panel.h, 4 values of k a step, 4 cache lines of 16 columns; each byte is w + 128.
 *
 * Algebra: VPDPBUSD multiplies an unsigned by a signed operand. The weights are the unsigned one,
 * u = w + 128, the activations the signed one, a dword (4 values of k) broadcast to all 16 columns:
 *   sum q*w = sum q*(u - 128) = sum q*u - 128 * sum q.
 * Each accumulator starts at -128 * (the group's sum of q, which the quantizer has stored): the shift is
 * free. Padding of k and n is u = 128 (w = 0). VPDPBUSD does not saturate, and |sum q*w| < 2^31 in a group of
 * 65536.
 *
 * Tile: 6 rows x 64 columns = 24 accumulators, 4 registers of weights, 1 of activations. A step costs 24
 * VPDPBUSD (Zen 4: 1 zmm a cycle, latency 4), 4 loads and 6 broadcasts. Every group adds, to each accumulator,
 * a conversion, a multiply, an fma, and a load and a store of y, since 24 sums in f32 do not fit beside them:
 * at group 128, 48 cycles on the port of 768 VPDPBUSD, so 94% at best.
 *
 * Measured on one Zen 4 core (peak_i8 says 471 GOPS; gcc 12, clang 14 within 3 points), M = 512, group 128:
 *   n x k      960 x 576   3072 x 576   576 x 1536   49152 x 576   4096 x 4096   5120 x 13824
 *   of peak        88%         85%          89%          82%           85%           84%
 * 96% with one scale a row. M = 1 .. 4 reads weights at 31 .. 34 GB/s where read_stream reaches 33; scales between the
 * weights of two groups made it slower (20 GB/s).
 *
 * Fetching ahead (tile_x_panel), measured on two Emerald Rapids cores, weights from memory, group 128, in turn with the same
 * without it, which reads 22 GB/s at one row where read_stream reads 25: rows 1: 1.11 times as fast (97% of read_stream),
 * 4: 1.32, 6: 1.35, 8: 1.34, 16: 1.30, 32: 1.16. On Zen 4, 0.5 to 4 KB ahead into the L1 had made one row 0 to 2% faster.
 */
#include "avx512vnni.h"
#include "panel.h"

enum {
    TILE_ROWS = 6,
    K_STEP = 4,
    STEP_BYTES = K_STEP * LL_PANEL,
    AHEAD = 8192, /* bytes */
    FEW_TILES = 8,
};

size_t ll_packed_i8_bytes_avx512vnni(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_avx512vnni(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                           const int8_t *w, const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, LL_PANEL, 0x80);
}

/* gcc 12 spills the accumulators of the intrinsic; around this one instruction it does not. */
static inline __m512i dot4(__m512i acc, __m512i u, __m512i q) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(u), "v"(q));
    return acc;
}

/* gcc would make the addresses of a tile's 6 rows once, before the groups, and keep more of them than it has registers: so a
 * row's pointer is forgotten before the next one is used. y[i][0..64) = fma(acc, xs[i] * ws, first ? 0 : y[i][0..64)). */
static LL_INLINE void scale_out(float *y, size_t ldy, __m512i acc[TILE_ROWS][4], const float *ws,
                                const float *xs, size_t groups, bool first, const int rows) {
    __m512 w[4];
    LL_UNROLL
    for (int j = 0; j < 4; j++)
        w[j] = _mm512_load_ps(ws + 16 * j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m512 x = _mm512_set1_ps(*xs);
        LL_UNROLL
        for (int j = 0; j < 4; j++) {
            const __m512 old = first ? _mm512_setzero_ps() : _mm512_loadu_ps(y + 16 * j);
            const __m512 sum = _mm512_cvtepi32_ps(acc[i][j]);
            _mm512_storeu_ps(y + 16 * j, _mm512_fmadd_ps(sum, _mm512_mul_ps(x, w[j]), old));
        }
        if (i + 1 < rows) {
            y += ldy;
            xs += groups;
            LL_FORGET(y);
            LL_FORGET(xs);
        }
    }
}

/* acc[i] += one step: 4 values of k. q: the first row's, w: all columns'. */
static LL_INLINE void step(__m512i acc[TILE_ROWS][4], const int8_t *q, size_t ld, const uint8_t *w,
                           const int rows) {
    __m512i u[4];
    LL_UNROLL
    for (int j = 0; j < 4; j++)
        u[j] = _mm512_load_si512(w + 64 * j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        int32_t q4;
        memcpy(&q4, q + (size_t)i * ld, sizeof q4);
        const __m512i x = _mm512_set1_epi32(q4);
        LL_UNROLL
        for (int j = 0; j < 4; j++)
            acc[i][j] = dot4(acc[i][j], u[j], x);
    }
}

/* rows x 64 outputs; q, xs and xsum are at the tile's first row. Every step fetches lines cache lines of what comes next. */
static LL_INLINE void tile(float *y, size_t ldy, const int8_t *q, size_t ld, const float *xs,
                           const int32_t *xsum, const ll_panel_i8 *p, const char *next, const int lines,
                           const int rows) {
    const uint8_t *w = p->weights;
    for (size_t g = 0; g < p->groups; g++) {
        const float *ws = p->scales + g * LL_PANEL;
        const size_t steps = (ll_min(p->group, p->k - g * p->group) + 3) / 4;
        const int32_t *sum = xsum + g;
        __m512i acc[TILE_ROWS][4];
        LL_UNROLL
        for (int i = 0; i < rows; i++) {
            const __m512i start = _mm512_set1_epi32(-128 * *sum);
            LL_UNROLL
            for (int j = 0; j < 4; j++)
                acc[i][j] = start;
            if (i + 1 < rows) {
                sum += p->groups;
                LL_FORGET(sum);
            }
        }
        const uint8_t *const end = w + steps * STEP_BYTES;
        do { /* a group is never empty; told so, gcc 12 keeps the accumulators where they are */
            LL_UNROLL
            for (int i = 0; i < lines; i++)
                _mm_prefetch(ll_ahead(next, (size_t)i * LL_ALIGN), _MM_HINT_T1);
            next = ll_ahead(next, (size_t)lines * LL_ALIGN);
            step(acc, q, ld, w, rows);
            w += STEP_BYTES;
            q += 4;
        } while (w != end);
        if (g == 0)
            scale_out(y, ldy, acc, ws, xs + g, p->groups, true, rows);
        else
            scale_out(y, ldy, acc, ws, xs + g, p->groups, false, rows);
    }
}

static LL_INLINE void rows_x_panel(float *y, size_t ldy, const ll_act *x, size_t m, const ll_panel_i8 *p,
                                   size_t rows, const char *next, const int lines) {
    const int8_t *q = x->q + m * x->ld;
    const float *xs = x->scale + m * x->groups;
    const int32_t *xsum = x->sum + m * x->groups;
    switch (rows) {
    case 1:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 1);
        break;
    case 2:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 2);
        break;
    case 3:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 3);
        break;
    case 4:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 4);
        break;
    case 5:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 5);
        break;
    default:
        tile(y, ldy, q, x->ld, xs, xsum, p, next, lines, 6);
        break;
    }
}

static __attribute__((noinline)) void rows_x_panel_0(float *y, size_t ldy, const ll_act *x, size_t m,
                                                     const ll_panel_i8 *p, size_t rows) {
    rows_x_panel(y, ldy, x, m, p, rows, NULL, 0);
}

static __attribute__((noinline)) void rows_x_panel_2(float *y, size_t ldy, const ll_act *x, size_t m,
                                                     const ll_panel_i8 *p, size_t rows, const char *next) {
    rows_x_panel(y, ldy, x, m, p, rows, next, 2);
}

static __attribute__((noinline)) void rows_x_panel_4(float *y, size_t ldy, const ll_act *x, size_t m,
                                                     const ll_panel_i8 *p, size_t rows, const char *next) {
    rows_x_panel(y, ldy, x, m, p, rows, next, 4);
}

/* What comes from memory while a tile is worked on: a single tile's own weights (they are read once, as fast as memory gives
 * them), of several the next panel, half of it by each of the first two, since the others read from the L2 what these have
 * read. Many tiles do not wait for memory. */
static void tile_x_panel(float *y, size_t ldy, const ll_act *x, size_t m, const ll_panel_i8 *p, size_t rows,
                         size_t index, size_t tiles) {
    const size_t bytes = ll_panel_bytes(p->k, p->group, K_STEP);
    if (tiles == 1)
        rows_x_panel_4(y, ldy, x, m, p, rows, ll_ahead(p->weights, AHEAD));
    else if (tiles <= FEW_TILES && index < 2)
        rows_x_panel_2(y, ldy, x, m, p, rows, ll_ahead(p->weights, bytes + index * bytes / 2));
    else
        rows_x_panel_0(y, ldy, x, m, p, rows);
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void tile_x_edge(float *y, size_t ldy, const ll_act *x, size_t m, const ll_panel_i8 *p, size_t rows,
                        size_t cols) {
    _Alignas(LL_ALIGN) float buffer[TILE_ROWS * LL_PANEL];
    tile_x_panel(buffer, LL_PANEL, x, m, p, rows, 0, 1);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_PANEL, cols * sizeof *y);
}

void ll_matmul_i8_avx512vnni(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                             size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    if (w->k == 0)
        return;
    const size_t tiles = ll_ceil_div(m1 - m0, TILE_ROWS);
    for (size_t j = n0; j < n1; j += LL_PANEL) {
        const size_t cols = ll_min(n1 - j, LL_PANEL);
        const ll_panel_i8 p = ll_panel_of(w, j, K_STEP);
        for (size_t m = m0, rows, index = 0; m < m1; m += rows, index++) {
            rows = ll_tile_rows(m1 - m, TILE_ROWS);
            if (cols == LL_PANEL)
                tile_x_panel(y + m * ldy + j, ldy, x, m, &p, rows, index, tiles);
            else
                tile_x_edge(y + m * ldy + j, ldy, x, m, &p, rows, cols);
        }
    }
}
