/* int8 matmul over packed weights, AVX-512 VNNI.
 *
 * Layout: panel.h, 4 values of k a step, sub-panels of 32 columns: a step is 2 cache lines of 16 columns; each byte is w + 128.
 *
 * Algebra: VPDPBUSD multiplies an unsigned by a signed operand. The weights are the unsigned one,
 * u = w + 128, the activations the signed one, a dword (4 values of k) broadcast to all 16 columns:
 *   sum q*w = sum q*(u - 128) = sum q*u - 128 * sum q.
 * Each accumulator starts at -128 * (the group's sum of q, which the quantizer has stored): the shift is
 * free. Padding of k and n is u = 128 (w = 0). VPDPBUSD does not saturate, and |sum q*w| < 2^31 in a group of
 * 65536.
 *
 * Tile: 6 rows x 32 columns = 12 accumulators and, since groups follow each other, 12 outputs, 2 registers of weights, 1 of
 * activations: 27 of 32. A step costs 12 VPDPBUSD (Zen 4: 1 zmm a cycle, latency 4; Zen 5, Golden Cove: 2), 2 loads and 6
 * broadcasts. Every group adds, to each accumulator, a conversion, a multiply and an fma, the last two on the ports of VPDPBUSD:
 * 94% at best at group 128, 80% at group 32. 64 columns, whose outputs had to be loaded and stored once a group, gave 3 points
 * less at 128 and 7 at 32. The multiply and the fma cost twice their ports' time on Zen 5 (93% at group 128 and 90% at 32 with
 * an add in their stead); what they wait for was not found: other orders, an fma for the multiply, 7 rows changed nothing.
 *
 * Fetching ahead: a single tile reads 8 KB ahead; of several, the first fetch the next sub-panel, so that the first tile does
 * not read it at memory's pace while the others wait: K = 13824, 256 rows: 85% with a tile of 32 columns, without 81%. A sub-panel and not all of a
 * panel, since with the next one both must fit in the L2 (K = 13824: 432 KiB each; a panel's lines in turn gave 76%).
 *
 * Measured on one Zen 5 core (2 threads alike, peak_i8 says 1050 GOPS a thread; gcc 12, other work on the other core), share of the
 * peak in percent, and in brackets of the tile of 64 columns that was here before, in turn:
 *   m x n x k      256 x 5120 x 13824   256 x 5120 x 5120   512 x 4096 x 4096   64 x 4096 x 4096   256 x 3072 x 576
 *   group 128      86 (79)              88 (85)             88 (85)             88 (83)            88 (87)
 *   group 32       70 (59)                                  72 (65)
 *   one a row      95 (91)                                  96 (97)             93 (88)
 * 5120 x 13824 from memory, group 128, times as fast as before: 1 row 1.02, 2 rows 0.97, 4 rows 0.96, 6 rows 0.89, 8 rows 1.1, 16 rows 1.09,
 * 32 rows 1.18. Fetched into the L1, 4 and 6 rows were 6 to 8% faster here; other CPUs were not tried.
 */
#include "avx512vnni.h"
#include "panel.h"

enum {
    TILE_ROWS = 6,
    LANES = 16,
    VECTORS = LL_VNNI_SUB_PANEL / LANES, /* of a tile's columns */
    K_STEP = 4,
    STEP_BYTES = K_STEP * LL_VNNI_SUB_PANEL,
    STEPS = 4, /* between two tests whether a group is at its end */
    FETCHED =
        8, /* lines: what STEPS steps read, and so what they fetch where a single tile reads the weights */
    AHEAD = 8192, /* bytes */
};

size_t ll_packed_i8_bytes_avx512vnni(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_avx512vnni(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                           const int8_t *w, const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, LL_VNNI_SUB_PANEL, 0x80);
}

/* Rows of x, from their first value and first group on. */
typedef struct {
    const int8_t *q;
    const float *scale;
    const int32_t *sum;
    size_t ld, groups;
} rows_of_x;

/* A sub-panel, and what comes from memory while a tile is worked on: lines cache lines every STEPS steps. */
typedef struct {
    const uint8_t *weights;
    const float *scales; /* [groups] rows of 64 */
    size_t k, group, groups;
    const char *next;
    size_t lines;
} columns;

/* gcc 12 spills the accumulators of the intrinsic; around this one instruction it does not. */
static inline __m512i dot4(__m512i acc, __m512i u, __m512i q) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(u), "v"(q));
    return acc;
}

/* acc[i] = -128 * (the group's sum of q). A row's pointer is forgotten before the next one is used: gcc would make the
 * addresses of a tile's 6 rows once, before the groups, and keep more of them than it has registers. */
static LL_INLINE void start_sums(__m512i acc[TILE_ROWS][VECTORS], const int32_t *sum, size_t groups,
                                 const int rows) {
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m512i start = _mm512_set1_epi32(-128 * *sum);
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            acc[i][j] = start;
        if (i + 1 < rows) {
            sum += groups;
            LL_FORGET(sum);
        }
    }
}

/* acc[i] += one step: 4 values of k. q: the first row's, w: all columns'. */
static LL_INLINE void step(__m512i acc[TILE_ROWS][VECTORS], const int8_t *q, size_t ld, const uint8_t *w,
                           const int rows) {
    __m512i u[VECTORS];
    LL_UNROLL
    for (int j = 0; j < VECTORS; j++)
        u[j] = _mm512_load_si512(w + 64 * j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        int32_t q4;
        memcpy(&q4, q + (size_t)i * ld, sizeof q4);
        const __m512i x = _mm512_set1_epi32(q4);
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            acc[i][j] = dot4(acc[i][j], u[j], x);
    }
}

/* out[i] = fma(acc, xs[i] * ws, out[i]). */
static LL_INLINE void scale_out(__m512 out[TILE_ROWS][VECTORS], __m512i acc[TILE_ROWS][VECTORS],
                                const float *ws, const float *xs, size_t groups, const int rows) {
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m512 x = _mm512_set1_ps(*xs);
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++) {
            const __m512 scale = _mm512_mul_ps(x, _mm512_load_ps(ws + LANES * j));
            out[i][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i][j]), scale, out[i][j]);
        }
        if (i + 1 < rows) {
            xs += groups;
            LL_FORGET(xs);
        }
    }
}

/* lines cache lines from next on, alone FETCHED of them; returns what comes after. (gcc does not unroll the loop for a constant.) */
static LL_INLINE const char *fetch(const char *next, size_t lines, const bool alone) {
    if (alone) {
        LL_UNROLL
        for (size_t i = 0; i < FETCHED; i++)
            _mm_prefetch(ll_ahead(next, i * LL_ALIGN), _MM_HINT_T1);
        return ll_ahead(next, FETCHED * LL_ALIGN);
    }
    for (size_t i = 0; i < lines; i++)
        _mm_prefetch(ll_ahead(next, i * LL_ALIGN), _MM_HINT_T1);
    return ll_ahead(next, lines * LL_ALIGN);
}

/* rows x 32 outputs. */
static LL_INLINE void tile(float *y, size_t ldy, const rows_of_x *x, const columns *c, const bool alone,
                           const int rows) {
    const uint8_t *w = c->weights;
    const int8_t *q = x->q;
    const char *next = c->next;
    const size_t ld = x->ld, groups = c->groups, ld_scale = x->groups, lines = c->lines;
    __m512 out[TILE_ROWS][VECTORS];
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            out[i][j] = _mm512_setzero_ps();
    }
    for (size_t g = 0; g < groups; g++) {
        const size_t steps = ll_ceil_div(ll_min(c->group, c->k - g * c->group), K_STEP);
        __m512i acc[TILE_ROWS][VECTORS];
        start_sums(acc, x->sum + g, ld_scale, rows);
        if (steps >= STEPS) {
            const uint8_t *const end = w + steps / STEPS * STEPS * STEP_BYTES;
            do {
                next = fetch(next, lines, alone);
                LL_UNROLL
                for (int s = 0; s < STEPS; s++)
                    step(acc, q + K_STEP * s, ld, w + STEP_BYTES * s, rows);
                w += STEPS * STEP_BYTES;
                q += STEPS * K_STEP;
            } while (w != end);
        }
        for (size_t left = steps % STEPS; left > 0; left--) {
            step(acc, q, ld, w, rows);
            w += STEP_BYTES;
            q += K_STEP;
        }
        scale_out(out, acc, c->scales + g * LL_PANEL, x->scale + g, ld_scale, rows);
    }
    LL_UNROLL
    for (int i = 0; i < rows; i++, y += ldy) {
        LL_UNROLL
        for (int j = 0; j < VECTORS; j++)
            _mm512_storeu_ps(y + LANES * j, out[i][j]);
    }
}

static LL_INLINE void rows_x_columns(float *y, size_t ldy, const rows_of_x *x, const columns *c, size_t rows,
                                     const bool alone) {
    switch (rows) {
    case 1:
        tile(y, ldy, x, c, alone, 1);
        break;
    case 2:
        tile(y, ldy, x, c, alone, 2);
        break;
    case 3:
        tile(y, ldy, x, c, alone, 3);
        break;
    case 4:
        tile(y, ldy, x, c, alone, 4);
        break;
    case 5:
        tile(y, ldy, x, c, alone, 5);
        break;
    default:
        tile(y, ldy, x, c, alone, 6);
        break;
    }
}

/* A single tile reads the weights once, as fast as memory gives them: all it reads is fetched. */
static __attribute__((noinline)) void rows_x_columns_alone(float *y, size_t ldy, const rows_of_x *x,
                                                           const columns *c, size_t rows) {
    rows_x_columns(y, ldy, x, c, rows, true);
}

static __attribute__((noinline)) void rows_x_columns_shared(float *y, size_t ldy, const rows_of_x *x,
                                                            const columns *c, size_t rows) {
    rows_x_columns(y, ldy, x, c, rows, false);
}

/* The last panel may have fewer columns than the tile writes: it goes through a buffer. */
static void rows_x_edge(float *y, size_t ldy, const rows_of_x *x, const columns *c, size_t rows,
                        size_t cols) {
    _Alignas(LL_ALIGN) float buffer[TILE_ROWS * LL_VNNI_SUB_PANEL];
    rows_x_columns_shared(buffer, LL_VNNI_SUB_PANEL, x, c, rows);
    for (size_t i = 0; i < rows; i++)
        memcpy(y + i * ldy, buffer + i * LL_VNNI_SUB_PANEL, cols * sizeof *y);
}

/* The first lines of rows [m, m + TILE_ROWS), to the L1. */
static void fetch_rows(const ll_act *x, size_t m, size_t m1) {
    for (size_t i = m; i < ll_min(m + TILE_ROWS, m1); i++) {
        _mm_prefetch(ll_ahead(x->q, i * x->ld), _MM_HINT_T0);
        _mm_prefetch(ll_ahead(x->q, i * x->ld + LL_ALIGN), _MM_HINT_T0);
    }
}

/* Rows [m0, m1) x columns [0, cols) of a sub-panel. What several tiles read is in the L2 when they do: the first of them fetch
 * the next sub-panel, FETCHED parts of it in equal shares. */
static void rows_x_sub_panel(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, columns *c,
                             size_t cols) {
    const size_t bytes = ll_panel_k(c->k, c->group, K_STEP) * LL_VNNI_SUB_PANEL;
    const size_t tiles = ll_ceil_div(m1 - m0, TILE_ROWS), lines = ll_ceil_div(FETCHED, tiles);
    for (size_t m = m0, rows, fetched = 0; m < m1; m += rows, fetched += lines) {
        rows = ll_tile_rows(m1 - m, TILE_ROWS);
        const rows_of_x of_x = {x->q + m * x->ld, x->scale + m * x->groups, x->sum + m * x->groups, x->ld,
                                x->groups};
        c->lines = fetched < FETCHED ? lines : 0;
        c->next = ll_ahead(c->weights, tiles == 1 ? AHEAD : bytes + fetched * bytes / FETCHED);
        fetch_rows(x, m + rows, m1);
        if (cols < LL_VNNI_SUB_PANEL)
            rows_x_edge(y + m * ldy, ldy, &of_x, c, rows, cols);
        else if (tiles == 1)
            rows_x_columns_alone(y + m * ldy, ldy, &of_x, c, rows);
        else
            rows_x_columns_shared(y + m * ldy, ldy, &of_x, c, rows);
    }
}

void ll_matmul_i8_avx512vnni(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                             size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    if (w->k == 0 || m0 == m1)
        return;
    const size_t bytes = ll_panel_k(w->k, w->group, K_STEP) * LL_VNNI_SUB_PANEL;
    for (size_t j = n0; j < n1; j += LL_VNNI_SUB_PANEL) {
        const size_t at = j % LL_PANEL;
        const ll_panel_i8 p = ll_panel_of(w, j - at, K_STEP);
        columns c = {.weights = p.weights + at / LL_VNNI_SUB_PANEL * bytes,
                     .scales = p.scales + at,
                     .k = p.k,
                     .group = p.group,
                     .groups = p.groups};
        rows_x_sub_panel(y + j, ldy, x, m0, m1, &c, ll_min(n1 - j, LL_VNNI_SUB_PANEL));
    }
}
