/* int8 matmul over packed weights, SMMLA.
 *
 * Layout: panel.h, 8 values of k a step, sub-panels of 8 columns: a step is one cache line, signed.
 *
 *   step:  [ column 0: k .. k+7 | column 1 ][ columns 2, 3 ][ 4, 5 ][ 6, 7 ]      four registers, each a 2 x 8 matrix
 *
 * SMMLA multiplies a 2 x 8 by a transposed 2 x 8 matrix of bytes and adds the 2 x 2 products to four int32, exactly: 32 multiply-adds,
 * twice those of SDOT. The rows of x go in pairs, too, and are packed for it: 6 rows a tile, step by step, once for COLUMNS columns.
 * A register of sums is then
 *
 *   [ row 0 column 0 | row 0 column 1 | row 1 column 0 | row 1 column 1 ]
 *
 * and so are the outputs until the last group: the scales of the columns are brought into that order by ZIP, those of the rows when
 * they are packed.
 *
 * Tile: 6 rows x 8 columns = 12 sums, and 12 registers of outputs, which stay where they are from group to group; 4 of weights, 3 of x:
 * 31 of 32. 7 loads (4 LDP or LDR) stand beside 12 SMMLA: 6 cycles on two vector pipes, 3 on four. README.md has what a model of the cores
 * says, and what a group costs. (8 x 8 has its outputs in memory: more loads and stores a group than it saves.)
 *
 * One row (decode) takes the same weights by SDOT, whose lanes are then halves of a column's sum: the memory is the limit.
 */
#include "neon_i8mm.h"
#include "panel.h"

enum {
    TILE_ROWS = 6,
    ROW_PAIRS = TILE_ROWS / 2,
    TILE_COLUMNS = 8,
    COLUMN_PAIRS = TILE_COLUMNS / 2,
    TILE_OUTPUTS = TILE_ROWS * TILE_COLUMNS,
    K_STEP = 8,
    STEP_BYTES = K_STEP * TILE_COLUMNS, /* of weights */
    X_STEP_BYTES = K_STEP * TILE_ROWS,
    BLOCK_ROWS = 96, /* whose activations and outputs stay in the caches while COLUMNS columns pass by */
    COLUMNS = 4 * LL_PANEL, /* that the packing of the rows is for */
    X_STEPS = 1024,         /* 48 KiB: a chunk of k of the block's rows, 512 values of 96 or 8192 of 6 */
};

size_t ll_packed_i8_bytes_neon_i8mm(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_neon_i8mm(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                          const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, TILE_COLUMNS, 0);
}

/* Some of k: whole groups (opens and closes), or a part of one. */
typedef struct {
    size_t group, groups; /* the first, and how many */
    size_t start, steps;  /* in the first group, and in all */
    bool opens, closes;
} chunk;

/* What one call works with. Tiles of outputs lie one after the other, each as [row pair][column pair][2][2]. */
typedef struct {
    _Alignas(LL_ALIGN) int8_t x[X_STEPS * X_STEP_BYTES]; /* [tile of rows][step][6][8] */
    float scale[X_STEPS * 2 * TILE_ROWS];                /* [tile of rows][group][6], each twice */
    float y[BLOCK_ROWS * COLUMNS];                       /* [tile of columns][tile of rows] */
    int32_t sum[BLOCK_ROWS * COLUMNS];                   /* of a group not at its end yet */
} scratch;

/* Rows [m, m + rows) and columns [n, n + cols). */
typedef struct {
    const ll_act *x;
    size_t m, rows, tiles, n, cols;
} block;

static size_t steps_of_group(const ll_panel_i8 *p, size_t group) {
    return ll_ceil_div(ll_min(p->group, p->k - group * p->group), K_STEP);
}

/* At most most steps from step start of group on. */
static chunk chunk_at(const ll_panel_i8 *p, size_t group, size_t start, size_t most) {
    const size_t whole = ll_ceil_div(p->group, K_STEP);
    chunk c = {.group = group, .groups = 1, .start = start, .opens = start == 0, .closes = true};
    if (whole <= most) {
        c.groups = ll_min(most / whole, p->groups - group);
        const size_t end = ll_min((group + c.groups) * p->group, p->k);
        c.steps = ll_panel_k(end - group * p->group, p->group, K_STEP) / K_STEP;
        return c;
    }
    const size_t left = steps_of_group(p, group) - start;
    c.steps = ll_min(most, left);
    c.closes = c.steps == left;
    return c;
}

/* ---- x ---- */

/* Steps of a tile's rows: of rows that are missing, the last one again. What lies behind a group meets weights of zero. */
static void pack_steps(int8_t *out, const int8_t *q, size_t ld, size_t rows, size_t steps) {
    const int8_t *row[TILE_ROWS];
    for (size_t i = 0; i < TILE_ROWS; i++)
        row[i] = q + ll_min(i, rows - 1) * ld;
    for (size_t s = 0; s < steps; s++) {
        LL_UNROLL
        for (size_t i = 0; i < TILE_ROWS; i++)
            vst1_s8(out + s * X_STEP_BYTES + i * K_STEP, vld1_s8(row[i] + s * K_STEP));
    }
}

/* The chunk's groups of a tile from row m on; a row's q is walked group by group, since a group may end within a step. */
static void pack_tile(int8_t *out, float *scale, const ll_act *x, size_t m, size_t rows, const ll_panel_i8 *p,
                      const chunk *c) {
    for (size_t g = c->group; g < c->group + c->groups; g++, scale += 2 * TILE_ROWS) {
        const size_t steps = c->groups == 1 ? c->steps : steps_of_group(p, g);
        pack_steps(out, x->q + m * x->ld + g * p->group + c->start * K_STEP, x->ld, rows, steps);
        out += steps * X_STEP_BYTES;
        for (size_t i = 0; i < TILE_ROWS; i++)
            scale[2 * i] = scale[2 * i + 1] = x->scale[(m + ll_min(i, rows - 1)) * x->groups + g];
    }
}

static void pack_rows(scratch *s, const block *b, const ll_panel_i8 *p, const chunk *c) {
    for (size_t t = 0; t < b->tiles; t++)
        pack_tile(s->x + t * c->steps * X_STEP_BYTES, s->scale + t * c->groups * 2 * TILE_ROWS, b->x,
                  b->m + t * TILE_ROWS, ll_min(b->rows - t * TILE_ROWS, TILE_ROWS), p, c);
}

/* ---- a tile ---- */

typedef struct {
    float *y;
    int32_t *sum;
    const int8_t *x, *w;
    const float *xs, *ws; /* scales of the rows [group][12], of the columns [group][64] */
} place;

/* acc += 8 values of k: row pairs of x times the four column pairs. */
static LL_INLINE void dot_step(int32x4_t acc[ROW_PAIRS][COLUMN_PAIRS], const int8_t *x, const int8_t *w,
                               const int pairs) {
    int8x16_t b[COLUMN_PAIRS];
    LL_UNROLL
    for (int j = 0; j < COLUMN_PAIRS; j++)
        b[j] = vld1q_s8(w + 16 * j);
    LL_UNROLL
    for (int i = 0; i < pairs; i++) {
        const int8x16_t a = vld1q_s8(x + 16 * i);
        LL_UNROLL
        for (int j = 0; j < COLUMN_PAIRS; j++)
            acc[i][j] = vmmlaq_s32(acc[i][j], a, b[j]);
    }
}

/* y = fma(acc, xs * ws, y). */
static LL_INLINE void add_scaled(float32x4_t y[ROW_PAIRS][COLUMN_PAIRS],
                                 int32x4_t acc[ROW_PAIRS][COLUMN_PAIRS], const float *xs, const float *ws,
                                 const int pairs) {
    float32x4_t w[COLUMN_PAIRS];
    LL_UNROLL
    for (int j = 0; j < COLUMN_PAIRS; j++) {
        const float64x2_t four = vreinterpretq_f64_f32(vld1q_f32(ws + j / 2 * 4));
        w[j] = vreinterpretq_f32_f64(j % 2 ? vzip2q_f64(four, four) : vzip1q_f64(four, four));
    }
    LL_UNROLL
    for (int i = 0; i < pairs; i++) {
        const float32x4_t x = vld1q_f32(xs);
        xs += 4;
        LL_FORGET(xs);
        LL_UNROLL
        for (int j = 0; j < COLUMN_PAIRS; j++)
            y[i][j] = vfmaq_f32(y[i][j], vcvtq_f32_s32(acc[i][j]), vmulq_f32(x, w[j]));
    }
}

/* What is done for every register of a tile's outputs, and where those lie. */
#define AT(i, j) ((i * COLUMN_PAIRS + j) * 4)
#define EACH_PAIR(statement)                                                                                 \
    LL_UNROLL                                                                                                \
    for (int i = 0; i < pairs; i++) {                                                                        \
        LL_UNROLL                                                                                            \
        for (int j = 0; j < COLUMN_PAIRS; j++)                                                               \
            statement;                                                                                       \
    }

/* 2 * pairs rows x 8 columns over a chunk: whole groups, or a part of one. */
static LL_INLINE void tile(const place *t, const ll_panel_i8 *p, const chunk *c, const int pairs) {
    const int8_t *x = t->x, *w = t->w;
    float32x4_t y[ROW_PAIRS][COLUMN_PAIRS];
    int32x4_t acc[ROW_PAIRS][COLUMN_PAIRS];
    EACH_PAIR(y[i][j] = c->group == 0 ? vdupq_n_f32(0) : vld1q_f32(t->y + AT(i, j)));
    for (size_t g = 0; g < c->groups; g++) {
        const size_t steps = c->groups == 1 ? c->steps : steps_of_group(p, c->group + g);
        const int8_t *const end = w + steps * STEP_BYTES;
        EACH_PAIR(acc[i][j] = c->opens ? vdupq_n_s32(0) : vld1q_s32(t->sum + AT(i, j)));
        do { /* a group is never empty */
            dot_step(acc, x, w, pairs);
            x += X_STEP_BYTES;
            w += STEP_BYTES;
        } while (w != end);
        if (!c->closes) {
            EACH_PAIR(vst1q_s32(t->sum + AT(i, j), acc[i][j]));
            return;
        }
        add_scaled(y, acc, t->xs + g * 2 * TILE_ROWS, t->ws + g * LL_PANEL, pairs);
    }
    EACH_PAIR(vst1q_f32(t->y + AT(i, j), y[i][j]));
}

/* Not inlined: its loops need the registers that the walk over the block holds. */
static __attribute__((noinline)) void rows_x_columns(const place *t, const ll_panel_i8 *p, const chunk *c,
                                                     size_t rows) {
    switch ((rows + 1) / 2) {
    case 1:
        tile(t, p, c, 1);
        break;
    case 2:
        tile(t, p, c, 2);
        break;
    default:
        tile(t, p, c, 3);
        break;
    }
}

/* ---- a block ---- */

/* The packed rows against 8 columns, the index-th of the block. */
static void block_x_columns(scratch *s, const block *b, const ll_panel_i8 *p, const chunk *c, size_t index) {
    const size_t column = index * TILE_COLUMNS % LL_PANEL;
    const size_t bytes = ll_panel_bytes(p->k, p->group, K_STEP) / (LL_PANEL / TILE_COLUMNS);
    const size_t first = c->group * ll_ceil_div(p->group, K_STEP) + c->start;
    place t = {.y = s->y + index * b->tiles * TILE_OUTPUTS,
               .sum = s->sum + index * b->tiles * TILE_OUTPUTS,
               .x = s->x,
               .w = (const int8_t *)p->weights + column / TILE_COLUMNS * bytes + first * STEP_BYTES,
               .xs = s->scale,
               .ws = p->scales + c->group * LL_PANEL + column};
    for (size_t m = 0; m < b->rows; m += TILE_ROWS) {
        rows_x_columns(&t, p, c, b->rows - m);
        t.y += TILE_OUTPUTS;
        t.sum += TILE_OUTPUTS;
        t.x += c->steps * X_STEP_BYTES;
        t.xs += c->groups * 2 * TILE_ROWS;
    }
}

/* A row pair's 8 columns in their order. */
static LL_INLINE void order_pair(float out[2][TILE_COLUMNS], const float *y) {
    LL_UNROLL
    for (int half = 0; half < 2; half++) {
        const float64x2_t low = vreinterpretq_f64_f32(vld1q_f32(y + 8 * half));
        const float64x2_t high = vreinterpretq_f64_f32(vld1q_f32(y + 8 * half + 4));
        vst1q_f32(out[0] + 4 * half, vreinterpretq_f32_f64(vzip1q_f64(low, high)));
        vst1q_f32(out[1] + 4 * half, vreinterpretq_f32_f64(vzip2q_f64(low, high)));
    }
}

static void store_block(float *y, size_t ldy, const scratch *s, const block *b) {
    const float *from = s->y;
    for (size_t n = 0; n < b->cols; n += TILE_COLUMNS) {
        const size_t cols = ll_min(b->cols - n, TILE_COLUMNS);
        for (size_t m = 0; m < b->tiles * TILE_ROWS; m += 2, from += 2 * TILE_COLUMNS) {
            float pair[2][TILE_COLUMNS];
            if (m >= b->rows)
                continue;
            order_pair(pair, from);
            for (size_t i = 0; i < ll_min(b->rows - m, 2); i++)
                memcpy(y + (b->m + m + i) * ldy + b->n + n, pair[i], cols * sizeof *y);
        }
    }
}

static void compute_block(scratch *s, const block *b, const ll_packed *w) {
    const ll_panel_i8 first = ll_panel_of(w, b->n, K_STEP);
    const size_t most = X_STEPS / b->tiles;
    for (size_t group = 0, start = 0; group < w->groups;) {
        const chunk c = chunk_at(&first, group, start, most);
        pack_rows(s, b, &first, &c);
        for (size_t n = 0; n < b->cols; n += TILE_COLUMNS) {
            const ll_panel_i8 p = ll_panel_of(w, b->n + n / LL_PANEL * LL_PANEL, K_STEP);
            block_x_columns(s, b, &p, &c, n / TILE_COLUMNS);
        }
        group += c.closes ? c.groups : 0;
        start = c.closes ? 0 : start + c.steps;
    }
}

/* ---- one row ---- */

/* 8 outputs: the halves of the columns' sums are added by pairs. */
static LL_INLINE void row_x_columns(float *y, const int8_t *q, const float *xs, const ll_panel_i8 *p,
                                    const int8_t *w, const float *ws) {
    float32x4_t out[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
    for (size_t g = 0; g < p->groups; g++, ws += LL_PANEL) {
        const int8_t *x = q + g * p->group;
        int32x4_t acc[COLUMN_PAIRS];
        LL_UNROLL
        for (int j = 0; j < COLUMN_PAIRS; j++)
            acc[j] = vdupq_n_s32(0);
        for (size_t s = steps_of_group(p, g); s > 0; s--, x += K_STEP, w += STEP_BYTES) {
            const int8x16_t twice = vcombine_s8(vld1_s8(x), vld1_s8(x));
            LL_UNROLL
            for (int j = 0; j < COLUMN_PAIRS; j++)
                acc[j] = vdotq_s32(acc[j], vld1q_s8(w + 16 * j), twice);
        }
        LL_UNROLL
        for (int i = 0; i < 2; i++) {
            const float32x4_t sum = vcvtq_f32_s32(vpaddq_s32(acc[2 * i], acc[2 * i + 1]));
            out[i] = vfmaq_f32(out[i], sum, vmulq_n_f32(vld1q_f32(ws + 4 * i), xs[g]));
        }
    }
    vst1q_f32(y, out[0]);
    vst1q_f32(y + 4, out[1]);
}

static void row_x_panel(float *y, const ll_act *x, size_t m, const ll_panel_i8 *p, size_t cols) {
    const size_t bytes = ll_panel_bytes(p->k, p->group, K_STEP) / (LL_PANEL / TILE_COLUMNS);
    for (size_t j = 0; j < cols; j += TILE_COLUMNS) {
        float out[TILE_COLUMNS];
        row_x_columns(out, x->q + m * x->ld, x->scale + m * x->groups, p,
                      (const int8_t *)p->weights + j / TILE_COLUMNS * bytes, p->scales + j);
        memcpy(y + j, out, ll_min(cols - j, TILE_COLUMNS) * sizeof *y);
    }
}

void ll_matmul_i8_neon_i8mm(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                            size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    if (w->k == 0)
        return;
    for (size_t n = n0; m1 - m0 == 1 && n < n1; n += LL_PANEL) {
        const ll_panel_i8 p = ll_panel_of(w, n, K_STEP);
        row_x_panel(y + m0 * ldy + n, x, m0, &p, ll_min(n1 - n, LL_PANEL));
    }
    scratch s;
    for (size_t m = m0, rows; m1 - m0 > 1 && m < m1; m += rows) {
        rows = ll_tile_rows(m1 - m, BLOCK_ROWS);
        for (size_t n = n0; n < n1; n += COLUMNS) {
            const block b = {x, m, rows, ll_ceil_div(rows, TILE_ROWS), n, ll_min(n1 - n, COLUMNS)};
            compute_block(&s, &b, w);
            store_block(y, ldy, &s, &b);
        }
    }
}
