/* int8 matmul over packed weights, AMX: many rows. Few rows and small groups are avx512vnni's, and so is the layout: panels of
 * two sub-panels of 32 columns, a step of 4 values of k in 2 cache lines of 16 columns, bytes w + 128 (panel.h).
 *
 * Algebra: as there, sum q*w = sum q*u - 128 * sum q, TDPBSUD being signed by unsigned; the second term is added when a
 * group's sums leave the tiles.
 *
 * Tile: a block of 32 rows x 32 columns = 4 tiles of sums, 2 of activations, 2 of weights, whose 16 lines lie 128 bytes apart:
 * 4 loads for 4 TDPBSUD, which take 16 cycles each and a load 8 or more. Sums leave the tiles through memory: a group of a block
 * costs 4 stores of tiles, and for each 16 sums an add, a conversion, a multiply, an fma, a load and a store of y, on the ports
 * that the tiles leave alone. A group's sums are scaled while the next group's are made.
 *
 * Order: 32 columns of a chunk of k (16 KiB) stay in the L1 while the chunk's rows pass; a strip of panels shares the rows'
 * chunk in the L2. With 32 rows and fewer a chunk is all of k; with 16 and fewer a block is 16 rows x 64 columns.
 *
 * Measured on one core of an Emerald Rapids, shared with others, in turn with avx512vnni within one process, K = 5120, times as
 * fast, median of 3 s: 512 rows 1.75, 64 1.4, 16 1.45, 8 1.2; per channel 1.35 to 1.8; of 576 to 1536 values 1.35 to 1.65. In
 * groups of 32, 0.9: those are left to avx512vnni. The best of those runs, 965 GOPS, is 19% of peak_i8: in them a load and a
 * TDPBUSD out of the L1 took as long as one after the other (30 cycles a TDPBUSD), where at other times the same loop took as
 * long as the longer of the two (16 to 17 cycles).
 */
#include "amx.h"
#include "avx512vnni/avx512vnni.h"
#include "panel.h"
#include "tmm.h"

enum {
    TILE = 16,          /* rows, or columns, of a tile */
    TILE_K = 64,        /* values of k of a whole tile */
    QUAD = 4,           /* values of k that stand together */
    LINE = QUAD * TILE, /* bytes: a step of a tile of columns */
    SUB_PANEL = LL_VNNI_SUB_PANEL,
    LINES = QUAD * SUB_PANEL, /* of a sub-panel */
    CHUNK = 512,      /* values of k that are worked through before the next rows, where there are many */
    STRIP = 4,        /* panels that share the activations of a chunk */
    FEW_ROWS = 6,     /* that one pass of avx512vnni's tile takes */
    SMALL_GROUP = 32, /* where scaling takes longer than multiplying */
    AHEAD = 16384,    /* bytes that are fetched ahead of a single tile of rows */
    SCALES = 128, /* blocks of rows x groups of a chunk, at most; as many blocks as MANY_ROWS have at least */
    MANY_ROWS = 512, /* that share the weights of a chunk */
};

/* Values of k of a tile: as many as divide every group, so that none reads past its end. */
static size_t tile_k(const ll_packed *w) {
    const size_t last = w->k - (w->groups - 1) * w->group, whole = w->groups > 1 ? w->group : 0;
    size_t step = TILE_K;
    while (whole % step != 0 || ll_ceil_div(last, QUAD) * QUAD % step != 0)
        step -= QUAD;
    return step;
}

/* ---- a block ---- */

/* Tall: two tiles of rows x two of columns; wide: one tile of rows x four of columns, so that a pass over the rows reads all
 * of a panel. Tiles by number: 0 .. 3 sums, row by row; 4 and 5 activations, 6 and 7 weights. */
typedef struct {
    size_t rows, first; /* of a block, of its first tile */
    bool wide;
} shape;

static shape shape_of(size_t rows, bool wide) {
    return (shape){rows, wide ? rows : ll_ceil_div(rows, 2), wide};
}

/* The fewest blocks, of rows as equal as can be. */
static shape shape_for(size_t rows) {
    const bool wide = rows <= TILE;
    return shape_of(ll_ceil_div(rows, ll_ceil_div(rows, wide ? TILE : 2 * TILE)), wide);
}

static size_t columns_of(const shape *s) {
    return s->wide ? LL_PANEL : LL_PANEL / 2;
}

static void configure(const shape *s, size_t step) {
    const uint8_t first = (uint8_t)s->first, second = (uint8_t)(s->wide ? first : s->rows - first);
    const uint8_t quads = (uint8_t)(step / QUAD);
    ll_tmm_shapes tiles = {.palette = 1, .rows = {first, first, second, second, first, second, quads, quads}};
    for (int t = 0; t < 8; t++)
        tiles.row_bytes[t] = (uint16_t)(t == 4 || t == 5 ? step : TILE_K);
    ll_tmm_configure(&tiles);
}

/* Of a block's rows and a group: the scale, and what unsigned weights have added too much. */
typedef struct {
    float scale[2 * TILE];
    int32_t shift[2 * TILE];
} row_scales;

/* Groups [0, groups) of a chunk for a block. */
typedef struct {
    shape shape;
    const int8_t *q;
    size_t ld;
    const uint8_t *w, *w2;            /* of the sub-panel; wide: and of the panel's second */
    const float *w_scale;             /* [groups][64] */
    const row_scales *xs;             /* [groups] */
    size_t group, groups, last, step; /* last: values of the last group */
} block;

#define TILE_OF(sums, t) ((sums) + (t)*TILE * TILE)

/* What comes AHEAD of bytes read at p. */
static LL_INLINE void prefetch(const uint8_t *p, size_t bytes) {
    for (size_t at = 0; at < bytes; at += LL_ALIGN)
        _mm_prefetch(ll_ahead(p, AHEAD + at), _MM_HINT_T1);
}

/* The sums of a group: [4][16][16]. */
static LL_INLINE void dot_group(int32_t *sums, const block *b, size_t g, const bool wide) {
    const size_t length = g + 1 == b->groups ? b->last : b->group, step = b->step, ld = b->ld;
    const int8_t *q = b->q + g * b->group, *q2 = q + b->shape.first * ld;
    const uint8_t *w = b->w + g * b->group * SUB_PANEL, *w2 = b->w2 + g * b->group * SUB_PANEL;
    LL_TMM_ZERO(0);
    LL_TMM_ZERO(1);
    LL_TMM_ZERO(2);
    LL_TMM_ZERO(3);
    for (const int8_t *const end = q + length; q < end; q += step, w += step * SUB_PANEL) {
        LL_TMM_LOAD(4, q, ld);
        LL_TMM_LOAD(6, w, LINES);
        LL_TMM_DOT(0, 4, 6);
        LL_TMM_LOAD(7, w + LINE, LINES);
        LL_TMM_DOT(1, 4, 7);
        if (wide) {
            prefetch(w, step * SUB_PANEL);
            prefetch(w2, step * SUB_PANEL);
            LL_TMM_LOAD(6, w2, LINES);
            LL_TMM_DOT(2, 4, 6);
            LL_TMM_LOAD(7, w2 + LINE, LINES);
            LL_TMM_DOT(3, 4, 7);
            w2 += step * SUB_PANEL;
        } else {
            LL_TMM_LOAD(5, q2, ld);
            LL_TMM_DOT(2, 5, 6);
            LL_TMM_DOT(3, 5, 7);
            q2 += step;
        }
    }
    LL_TMM_STORE(TILE_OF(sums, 0), LINE, 0);
    LL_TMM_STORE(TILE_OF(sums, 1), LINE, 1);
    LL_TMM_STORE(TILE_OF(sums, 2), LINE, 2);
    LL_TMM_STORE(TILE_OF(sums, 3), LINE, 3);
}

/* Where a group's scaled sums are added to what stands in old (NULL: to zero), and go. */
typedef struct {
    const float *old;
    float *out;
    size_t ld_old, ld_out;
    uint64_t columns; /* a bit each, of those in old and out */
} target;

/* Row i: sums is its row of the first of width tiles. */
static LL_INLINE void scale_row(const int32_t *sums, const row_scales *xs, const __m512 *w, const target *t,
                                size_t i, const int width) {
    const __m512 x = _mm512_set1_ps(xs->scale[i]);
    const __m512i shift = _mm512_set1_epi32(xs->shift[i]);
    LL_UNROLL
    for (int c = 0; c < width; c++) {
        const __mmask16 mask = (__mmask16)(t->columns >> (TILE * c));
        const __m512 old =
            t->old ? _mm512_maskz_loadu_ps(mask, t->old + i * t->ld_old + TILE * c) : _mm512_setzero_ps();
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_load_si512(TILE_OF(sums, c)), shift));
        _mm512_mask_storeu_ps(t->out + i * t->ld_out + TILE * c, mask,
                              _mm512_fmadd_ps(sum, _mm512_mul_ps(x, w[c]), old));
    }
}

static LL_INLINE void scale_group(const int32_t *sums, const block *b, size_t g, const target *t,
                                  const bool wide) {
    const int width = wide ? 4 : 2;
    __m512 w[4];
    LL_UNROLL
    for (int c = 0; c < width; c++)
        w[c] = _mm512_load_ps(b->w_scale + g * LL_PANEL + TILE * c);
    for (size_t i = 0; i < b->shape.first; i++)
        scale_row(sums + i * TILE, b->xs + g, w, t, i, width);
    for (size_t i = b->shape.first; i < b->shape.rows; i++)
        scale_row(TILE_OF(sums, 2) + (i - b->shape.first) * TILE, b->xs + g, w, t, i, width);
}

/* The block's part of y: in a buffer while groups are added, since rows of y may fall on the same sets of the L1. */
static LL_INLINE void add_block(float *y, size_t ldy, size_t cols, bool first, const block *b,
                                const bool wide) {
    enum { WHOLE = 4 * TILE * TILE };
    _Alignas(LL_ALIGN) int32_t sums[2][WHOLE];
    _Alignas(LL_ALIGN) float buffer[WHOLE];
    const size_t ld = wide ? LL_PANEL : LL_PANEL / 2;
    const uint64_t columns = UINT64_MAX >> (LL_PANEL - cols);
    dot_group(sums[0], b, 0, wide);
    for (size_t g = 0; g < b->groups; g++) {
        const bool last = g + 1 == b->groups;
        if (!last)
            dot_group(sums[(g + 1) % 2], b, g + 1, wide);
        target t = {buffer, buffer, ld, ld, last || g == 0 ? columns : UINT64_MAX};
        if (g == 0)
            t.old = first ? NULL : y, t.ld_old = ldy;
        if (last)
            t.out = y, t.ld_out = ldy;
        scale_group(sums[g % 2], b, g, &t, wide);
    }
}

static __attribute__((noinline)) void add_tall(float *y, size_t ldy, size_t cols, bool first,
                                               const block *b) {
    add_block(y, ldy, cols, first, b, false);
}

static __attribute__((noinline)) void add_wide(float *y, size_t ldy, size_t cols, bool first,
                                               const block *b) {
    add_block(y, ldy, cols, first, b, true);
}

/* ---- the order of blocks ---- */

/* A chunk: groups [from, from + groups) of k, for rows [m0, m1). */
typedef struct {
    const ll_act *x;
    const ll_packed *w;
    shape shape;
    size_t m0, m1, from, groups;
} chunk;

static void gather_scales(row_scales *out, const chunk *c) {
    for (size_t m = c->m0; m < c->m1; m += c->shape.rows)
        for (size_t g = 0; g < c->groups; g++, out++)
            for (size_t i = 0; i < ll_min(c->m1 - m, c->shape.rows); i++) {
                const size_t at = (m + i) * c->x->groups + c->from + g;
                out->scale[i] = c->x->scale[at];
                out->shift[i] = -128 * c->x->sum[at];
            }
}

/* All rows of a chunk by a block's columns from n on. */
static void chunk_columns(float *y, size_t ldy, const chunk *c, const row_scales *xs, size_t n, size_t n1) {
    const ll_panel_i8 p = ll_panel_of(c->w, n / LL_PANEL * LL_PANEL, QUAD);
    const size_t bytes = ll_panel_k(p.k, p.group, QUAD) * SUB_PANEL;
    const size_t at = c->from * p.group, column = n % LL_PANEL, cols = ll_min(n1 - n, columns_of(&c->shape));
    block b = {.ld = c->x->ld,
               .w = p.weights + column / SUB_PANEL * bytes + at * SUB_PANEL,
               .w2 = p.weights + bytes + at * SUB_PANEL,
               .w_scale = p.scales + c->from * LL_PANEL + column,
               .group = p.group,
               .groups = c->groups,
               .last = ll_min(p.group, p.k - (c->from + c->groups - 1) * p.group),
               .step = tile_k(c->w)};
    for (size_t m = c->m0; m < c->m1; m += c->shape.rows, xs += c->groups) {
        const size_t rows = ll_min(c->m1 - m, c->shape.rows);
        if (rows != b.shape.rows) {
            b.shape = shape_of(rows, c->shape.wide);
            configure(&b.shape, b.step);
        }
        b.q = c->x->q + m * c->x->ld + at;
        b.xs = xs;
        (c->shape.wide ? add_wide : add_tall)(y + m * ldy + n, ldy, cols, c->from == 0, &b);
    }
}

/* Columns [n0, n1), a strip of panels. */
static void strip(float *y, size_t ldy, chunk *c, size_t n0, size_t n1) {
    row_scales scales[SCALES];
    const size_t wanted = c->m1 - c->m0 <= 2 * TILE ? c->w->groups
                          : c->w->group < CHUNK     ? CHUNK / c->w->group
                                                    : 1;
    const size_t groups = ll_min(wanted, SCALES / ll_ceil_div(c->m1 - c->m0, c->shape.rows));
    for (c->from = 0; c->from < c->w->groups; c->from += c->groups) {
        c->groups = ll_min(c->w->groups - c->from, groups);
        gather_scales(scales, c);
        for (size_t n = n0; n < n1; n += columns_of(&c->shape))
            chunk_columns(y, ldy, c, scales, n, n1);
    }
}

void ll_matmul_i8_amx(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                      size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    if (m1 - m0 <= FEW_ROWS || w->k == 0 || w->group <= SMALL_GROUP) {
        ll_matmul_i8_avx512vnni(y, ldy, x, m0, m1, w, n0, n1);
        return;
    }
    const size_t rows = ll_ceil_div(m1 - m0, ll_ceil_div(m1 - m0, MANY_ROWS));
    for (size_t j = n0; j < n1; j += STRIP * LL_PANEL)
        for (size_t m = m0; m < m1; m += rows) {
            chunk c = {.x = x, .w = w, .m0 = m, .m1 = ll_min(m1, m + rows)};
            c.shape = shape_for(c.m1 - c.m0);
            strip(y, ldy, &c, j, ll_min(n1, j + STRIP * LL_PANEL));
        }
    ll_tmm_release();
}
