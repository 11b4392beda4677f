/* int8 matmul over packed weights, AVX2: exact products in 16 bits.
 *
 * Layout: panel.h, 2 values of k a step: 128 bytes, signed.
 *
 * AVX2 has no exact product of bytes: VPMADDUBSW saturates its pair sums. VPMADDWD is exact, so both sides become 16 bits wide:
 * a dword of activations (2 values of k) is broadcast to 8 columns, each of which adds its pair of products to its int32
 * sum. 16 MACs cost a multiply and an add; Zen 3 does 2 of the first and 4 of both in a cycle: 32 MACs.
 *
 * The weights are widened on their way into the registers, once for each tile, a chunk of the tile's rows once for a panel
 * into the L1. A tile is 6 rows x 16 columns = 12 accumulators, 2 registers of weights, 1 of activations, 1 of products:
 * a step of 2 k takes 24 arithmetic instructions, 2 widening and 6 broadcasting loads. (Widening a chunk of weights once for
 * all rows, into the L2, gained 2 %.) One row takes the 64 columns of a panel at once: its weights are one stream. A chunk
 * holds whole groups, or a part of one, whose sums then wait in memory. Outputs grow in a buffer: rows of y lie a power
 * of two apart often enough to push each other out of the caches between two chunks.
 *
 * Measured on one core of a shared Zen 3 EPYC (2.95 GHz; peak_i8 says 152 .. 158 GOPS, the adds take ports from the
 * multiplies; gcc 12), the better runs: M = 512, group 128, n x k 4096 x 4096 76 .. 80%, 13824 x 5120 77%; one scale a row 83%,
 * group 32 75%. M = 1 read weights at 13 GB/s where read_stream reaches 16, before it fetched ahead (fetch_step).
 */
#include "avx2.h"
#include "panel.h"

#ifdef __clang__
#define LL_UNROLL_STEPS _Pragma("clang loop unroll_count(4)")
#else
#define LL_UNROLL_STEPS _Pragma("GCC unroll 4")
#endif

enum {
    TILE_ROWS = 6,
    SUB_PANEL = 16, /* columns of a tile */
    K_STEP = 2,
    STEP_BYTES = K_STEP * LL_PANEL,
    CHUNK = 512,      /* k */
    BLOCK_ROWS = 192, /* whose activations, sums and outputs stay in the L2 while panels pass by */
    X_STRIDE = CHUNK + 16,
};

size_t ll_packed_i8_bytes_avx2(size_t n, size_t k, size_t group) {
    return ll_panels_bytes(n, k, group, K_STEP);
}

void ll_pack_i8_avx2(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                     const float *scale) {
    ll_panels_pack(data, n, k, group, n0, n1, w, scale, K_STEP, LL_PANEL, 0);
}

/* Some of k: whole groups (opens and closes), or a part of one. */
typedef struct {
    size_t k, length;
    size_t group, groups; /* the first group, and how many */
    bool opens, closes;
} chunk;

/* What one call works with. */
typedef struct {
    _Alignas(LL_ALIGN) int16_t x[TILE_ROWS * X_STRIDE];    /* a chunk of a tile's rows, widened */
    _Alignas(LL_ALIGN) int32_t sum[BLOCK_ROWS * LL_PANEL]; /* of a group not at its end yet */
    _Alignas(LL_ALIGN) float y[BLOCK_ROWS * LL_PANEL];     /* outputs */
} scratch;

/* Rows [m, m + rows) of x. */
typedef struct {
    const ll_act *x;
    size_t m, rows;
} block;

static chunk chunk_at(const ll_panel_i8 *p, size_t k) {
    chunk c = {.k = k, .group = k / p->group, .groups = 1, .opens = true, .closes = true};
    if (p->group <= CHUNK) {
        c.groups = ll_min(CHUNK / p->group, p->groups - c.group);
        c.length = ll_min(c.groups * p->group, p->k - k);
        return c;
    }
    const size_t start = c.group * p->group, end = ll_min(start + p->group, p->k);
    c.length = ll_min(CHUNK, end - k);
    c.opens = k == start;
    c.closes = k + c.length == end;
    return c;
}

/* Whole vectors: what lies behind a row's k are zeros, behind a chunk the next one's values, unused. */
static void widen_rows(int16_t *out, const int8_t *q, size_t ld, size_t length, size_t rows) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < length; k += 16) {
            const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(q + i * ld + k));
            _mm256_store_si256((__m256i *)(void *)(out + i * X_STRIDE + k), _mm256_cvtepi8_epi16(bytes));
        }
    }
}

/* One tile's place: its first column and row, at the chunk's start. */
typedef struct {
    float *y;         /* [rows][64] */
    int32_t *sum;     /* [rows][64] */
    const int16_t *x; /* [rows][X_STRIDE] */
    const float *xs;  /* scales of the rows, at the chunk's first group */
    const float *ws;  /* and of the columns */
    const int8_t *w;
} place;

/* clang would add the products of several steps to each other first, and run out of registers for them: it must not know
 * that this adds. gcc, which must, would run out of them else. */
static LL_INLINE __m256i add(__m256i sum, __m256i product) {
#ifdef __clang__
    __asm__("vpaddd %1, %0, %0" : "+x"(sum) : "x"(product));
    return sum;
#else
    return _mm256_add_epi32(sum, product);
#endif
}

/* 8 columns of a step. */
static LL_INLINE __m256i load_w(const int8_t *w, int vector) {
    return _mm256_cvtepi8_epi16(_mm_load_si128((const __m128i *)(const void *)(w + 16 * vector)));
}

/* 2 values of k of a row, for all columns. */
static LL_INLINE __m256i load_x(const int16_t *x, int row) {
    int32_t pair;
    memcpy(&pair, x + row * X_STRIDE, sizeof pair);
    return _mm256_set1_epi32(pair);
}

/* One row has its weights one after the other, since 8 of them beside 8 sums are more than the registers. */
static LL_INLINE void dot_step(__m256i acc[TILE_ROWS][8], const int16_t *x, const int8_t *w, const int rows,
                               const int vectors) {
    __m256i b[8];
    LL_UNROLL
    for (int j = 0; rows > 1 && j < vectors; j++)
        b[j] = load_w(w, j);
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        const __m256i a = load_x(x, i);
        LL_UNROLL
        for (int j = 0; j < vectors; j++) {
            acc[i][j] = add(acc[i][j], _mm256_madd_epi16(a, rows > 1 ? b[j] : load_w(w, j)));
        }
    }
}

/* One row goes through weights as fast as they come from memory, and Zen 3's own prefetchers begin anew at every page: into
 * the L2, since what is fetched so far ahead should not push out what is used now. Measured, cold, one core: 1.2 to 1.3 times
 * as fast; 1 to 2 KB ahead are alike, the L1 gains a third less. */
static LL_INLINE void fetch_step(const int8_t *w, const int rows) {
    enum { AHEAD = 1536, LINE = 64 };
    for (size_t at = 0; rows == 1 && at < STEP_BYTES; at += LINE)
        _mm_prefetch(ll_ahead(w, AHEAD + at), _MM_HINT_T1);
}

static LL_INLINE void dot(__m256i acc[TILE_ROWS][8], const int16_t *x, const int8_t *w, size_t steps,
                          const int rows, const int vectors) {
    LL_UNROLL_STEPS
    for (size_t s = 0; s < steps; s++, x += K_STEP, w += STEP_BYTES) {
        fetch_step(w, rows);
        dot_step(acc, x, w, rows, vectors);
    }
}

/* y = fma(acc, xs * ws, first ? 0 : y). */
static LL_INLINE void scale_out(const place *t, size_t g, __m256i acc[TILE_ROWS][8], size_t groups,
                                bool first, const int rows, const int vectors) {
    const float *const ws = t->ws + g * LL_PANEL;
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        float *const y = t->y + i * LL_PANEL;
        const __m256 x = _mm256_set1_ps(t->xs[(size_t)i * groups + g]);
        LL_UNROLL
        for (int j = 0; j < vectors; j++) {
            const __m256 old = first ? _mm256_setzero_ps() : _mm256_load_ps(y + 8 * j);
            const __m256 scale = _mm256_mul_ps(x, _mm256_load_ps(ws + 8 * j));
            _mm256_store_ps(y + 8 * j, _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc[i][j]), scale, old));
        }
    }
}

/* Sums that an earlier chunk left, or zeros. */
static LL_INLINE void load_sums(__m256i acc[TILE_ROWS][8], const place *t, bool zero, const int rows,
                                const int vectors) {
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < vectors; j++) {
            const void *const sum = t->sum + i * LL_PANEL + 8 * j;
            acc[i][j] = zero ? _mm256_setzero_si256() : _mm256_load_si256((const __m256i *)sum);
        }
    }
}

static LL_INLINE void store_sums(const place *t, __m256i acc[TILE_ROWS][8], const int rows,
                                 const int vectors) {
    LL_UNROLL
    for (int i = 0; i < rows; i++) {
        LL_UNROLL
        for (int j = 0; j < vectors; j++)
            _mm256_store_si256((__m256i *)(void *)(t->sum + i * LL_PANEL + 8 * j), acc[i][j]);
    }
}

/* rows x 8 vectors outputs over a chunk. */
static LL_INLINE void tile(const place *t, const ll_panel_i8 *p, const chunk *c, const int rows,
                           const int vectors) {
    const int16_t *x = t->x;
    const int8_t *w = t->w;
    for (size_t g = 0; g < c->groups; g++) {
        const size_t steps = (ll_min(p->group, c->length - g * p->group) + 1) / 2;
        __m256i acc[TILE_ROWS][8];
        load_sums(acc, t, c->opens, rows, vectors);
        dot(acc, x, w, steps, rows, vectors);
        x += 2 * steps;
        w += steps * STEP_BYTES;
        if (c->closes)
            scale_out(t, g, acc, p->groups, c->group + g == 0, rows, vectors);
        else
            store_sums(t, acc, rows, vectors);
    }
}

static void rows_x_columns(const place *t, const ll_panel_i8 *p, const chunk *c, size_t rows) {
    switch (rows) {
    case 1:
        tile(t, p, c, 1, 8);
        break;
    case 2:
        tile(t, p, c, 2, 2);
        break;
    case 3:
        tile(t, p, c, 3, 2);
        break;
    case 4:
        tile(t, p, c, 4, 2);
        break;
    case 5:
        tile(t, p, c, 5, 2);
        break;
    default:
        tile(t, p, c, 6, 2);
        break;
    }
}

/* rows rows from row i of the block on, against the panel's columns [0, cols). */
static void rows_x_panel(scratch *s, const block *b, const ll_panel_i8 *p, const chunk *c, size_t i,
                         size_t rows, size_t cols) {
    const size_t row = b->m + i, width = rows == 1 ? LL_PANEL : SUB_PANEL;
    place t = {.y = s->y + i * LL_PANEL,
               .sum = s->sum + (c->opens && c->closes ? 0 : i * LL_PANEL),
               .x = s->x,
               .xs = b->x->scale + row * p->groups + c->group,
               .ws = p->scales + c->group * LL_PANEL,
               .w = (const int8_t *)p->weights + c->k / K_STEP * STEP_BYTES};
    widen_rows(s->x, b->x->q + row * b->x->ld + c->k, b->x->ld, c->length, rows);
    for (size_t j = 0; j < cols; j += width) {
        rows_x_columns(&t, p, c, rows);
        t.y += width;
        t.sum += width;
        t.ws += width;
        t.w += 2 * width;
    }
}

static void block_x_panel(scratch *s, const block *b, const ll_panel_i8 *p, size_t cols) {
    for (size_t k = 0; k < p->k;) {
        const chunk c = chunk_at(p, k);
        for (size_t i = 0, rows; i < b->rows; i += rows) {
            rows = ll_tile_rows(b->rows - i, TILE_ROWS);
            rows_x_panel(s, b, p, &c, i, rows, cols);
        }
        k += c.length;
    }
}

void ll_matmul_i8_avx2(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                       size_t n0, size_t n1) {
    assert(x->k == w->k && x->group == w->group && n0 % LL_PANEL == 0 && n1 <= w->n);
    if (w->k == 0)
        return;
    scratch s;
    for (size_t m = m0; m < m1; m += BLOCK_ROWS) {
        const block b = {x, m, ll_min(m1 - m, BLOCK_ROWS)};
        for (size_t j = n0; j < n1; j += LL_PANEL) {
            const size_t cols = ll_min(n1 - j, LL_PANEL);
            const ll_panel_i8 p = ll_panel_of(w, j, K_STEP);
            block_x_panel(&s, &b, &p, cols);
            for (size_t r = 0; r < b.rows; r++)
                memcpy(y + (m + r) * ldy + j, s.y + r * LL_PANEL, cols * sizeof *y);
        }
    }
}
