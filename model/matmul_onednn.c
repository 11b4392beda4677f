/* oneDNN's int8 matmul as a back end.
 *
 * oneDNN knows no scale for each row and group, so a group is a matmul of its own, int8 x int8 -> int32, and the kernel library
 * applies the scales (add_scaled_i32). The sums are exact, so the result has the bits of matmul_i8.
 *
 * Weights lie in blocks of columns, each group of a block reordered once, at loading, to the form that oneDNN chooses:
 *   scales [groups][n] | block 0: group 0, group 1, ... | block 1: group 0, ... | ...
 *
 * Exactness: on x86 without VNNI products are added in pairs that saturate at 32767, and oneDNN (2.6.3 and 3.2, gemm:jit) lets
 * them: 128 products of 127 x 127 come out as 16320, not 2064512. So whether sums are exact is tried when the back end is made.
 * Where they are not, a weight w = 2 h + l goes as h (-64 .. 63) and l (0 or 1), side by side in twice the columns: oneDNN
 * shifts activations to 0 .. 255, and 2 x 255 x 64 is less than 32768.
 *
 * Threads: oneDNN starts none. Our threads call it at once, each for its share of columns or rows, with an OpenMP thread count
 * of 1; so there are never more threads than --threads says, and sums being exact, their number changes no bit.
 *
 * Primitives are made for 1, 2, 4, ... 128 rows; other numbers of rows run as several of these. */
#include "machine.h"
#include "matmul.h"
#include "onednn_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 256,   /* of a block, at most: with LL_ONEDNN_ROWS rows its sums stay in the L2 */
    BLOCKS_EACH = 4, /* that a thread should find, so that shares are even; blocks are narrower then */
    SHAPES =
        32, /* of a model: 5 matrices, each with a last block and a last group of its own, and the trial's */
    LAYOUT_TEXT = 96, /* ll_matmul.layout */
};

typedef struct {
    ll_matmul base;
    ll_onednn onednn;
    size_t threads;
    size_t parts; /* columns that one of the matrix becomes: 1, or where sums saturate 2 */
    ll_onednn_shape shapes[SHAPES];
    size_t count;
    char layout[LAYOUT_TEXT];
} back_end;

/* A matrix as it is packed. */
typedef struct {
    size_t n, k, group, groups;
    size_t columns;                       /* of a block, the last may have fewer */
    const ll_onednn_shape *at[2][2];      /* [last block][last group] */
    size_t blocks_at, block_bytes, bytes; /* from the beginning; of a block but the last; of all */
} matrix;

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)
#define VERSION NUMBER(DNNL_VERSION_MAJOR) "." NUMBER(DNNL_VERSION_MINOR) "." NUMBER(DNNL_VERSION_PATCH)

const char *ll_matmul_onednn_name(void) {
    return "onednn-" VERSION;
}

static size_t rounded(size_t count, size_t unit) {
    return (count + unit - 1) / unit * unit;
}

/* ---- layout ---- */

static ll_onednn_shape *find_shape(const back_end *b, size_t columns, size_t k) {
    for (size_t i = 0; i < b->count; i++)
        if (b->shapes[i].asked_columns == columns && b->shapes[i].asked_k == k)
            return (ll_onednn_shape *)(uintptr_t)&b->shapes[i];
    return NULL;
}

static bool add_shape(back_end *b, size_t columns, size_t k) {
    if (find_shape(b, columns, k))
        return true;
    if (b->count == SHAPES)
        return false;
    const int before = ll_onednn_alone();
    const bool made = ll_onednn_describe(&b->onednn, &b->shapes[b->count], columns, k);
    ll_onednn_together(before);
    b->count += made;
    return made;
}

static size_t columns_of(const ll_matmul *matmul, size_t n) {
    const back_end *b = (const back_end *)matmul;
    size_t columns = COLUMNS;
    while (columns > LL_PANEL && n / columns < BLOCKS_EACH * b->threads)
        columns /= 2;
    return columns;
}

static void size_matrix(const back_end *b, size_t n, size_t k, size_t group, matrix *out) {
    *out = (matrix){.n = n, .k = k, .group = group, .groups = (k + group - 1) / group};
    out->columns = columns_of(&b->base, n);
    out->blocks_at = rounded(out->groups * n * sizeof(float), LL_ALIGN);
}

/* Columns and k of a shape of the matrix, as asked. */
static size_t shape_columns(const back_end *b, const matrix *m, size_t last) {
    const size_t left = m->n - (m->n - 1) / m->columns * m->columns;
    return b->parts * (last ? rounded(left, LL_PANEL) : m->columns);
}

static size_t shape_k(const matrix *m, size_t last) {
    return last ? m->k - (m->groups - 1) * m->group : m->group;
}

/* False: add_matrix has not been there, or had no success. */
static bool find_matrix(const back_end *b, size_t n, size_t k, size_t group, matrix *out) {
    size_matrix(b, n, k, group, out);
    for (size_t i = 0; i < 4; i++)
        if (!(out->at[i / 2][i % 2] = find_shape(b, shape_columns(b, out, i / 2), shape_k(out, i % 2))))
            return false;
    /* Activations are laid out once for all blocks. */
    if (out->at[0][0]->k != out->at[1][0]->k || out->at[0][1]->k != out->at[1][1]->k)
        return false;
    out->block_bytes = (out->groups - 1) * out->at[0][0]->bytes + out->at[0][1]->bytes;
    out->bytes = out->blocks_at + (n - 1) / out->columns * out->block_bytes +
                 (out->groups - 1) * out->at[1][0]->bytes + out->at[1][1]->bytes;
    return true;
}

static bool add_matrix(back_end *b, size_t n, size_t k, size_t group, matrix *out) {
    size_matrix(b, n, k, group, out);
    for (size_t i = 0; i < 4; i++)
        if (!add_shape(b, shape_columns(b, out, i / 2), shape_k(out, i % 2)))
            return false;
    return find_matrix(b, n, k, group, out);
}

static const ll_onednn_shape *shape_at(const matrix *m, size_t n0, size_t g) {
    return m->at[n0 + m->columns >= m->n][g + 1 == m->groups];
}

static uint8_t *weights_at(const matrix *m, const void *data, size_t n0, size_t g) {
    uint8_t *base = (uint8_t *)(uintptr_t)data + m->blocks_at;
    return base + n0 / m->columns * m->block_bytes + g * m->at[n0 + m->columns >= m->n][0]->bytes;
}

static size_t bytes(ll_matmul *matmul, size_t n, size_t k, size_t group) {
    matrix m;
    return add_matrix((back_end *)matmul, n, k, group, &m) ? m.bytes : SIZE_MAX;
}

static ll_status prepare(ll_matmul *matmul, size_t n, size_t k, size_t group, ll_error *error) {
    back_end *b = (back_end *)matmul;
    matrix m;
    bool made = add_matrix(b, n, k, group, &m);
    const int before = ll_onednn_alone();
    for (size_t i = 0; made && i < 4; i++)
        made = ll_onednn_prepare(&b->onednn, find_shape(b, shape_columns(b, &m, i / 2), shape_k(&m, i % 2)));
    ll_onednn_together(before);
    if (made)
        return LL_OK;
    return ll_fail(error, LL_NO_RESOURCE,
                   "oneDNN " VERSION " has no int8 matmul for %zu x %zu weights in groups of %zu here; use "
                   "--matmul own",
                   n, k, group);
}

/* ---- running ---- */

/* What a thread needs beside: activations [group][rows][k of the shape], sums [rows][columns of the shape], oneDNN's own. */
typedef struct {
    int8_t *x;
    int32_t *sum;
    void *own;
    size_t bytes;
} scratch;

static scratch lay_out(const matrix *m, void *at) {
    const size_t k = (m->groups - 1) * m->at[0][0]->k + m->at[0][1]->k;
    const size_t x = rounded(LL_ONEDNN_ROWS * k, LL_ALIGN);
    const size_t sum = rounded(LL_ONEDNN_ROWS * m->at[0][0]->columns * sizeof(int32_t), LL_ALIGN);
    size_t own = LL_ALIGN;
    for (size_t i = 0; i < 4; i++)
        own = m->at[i / 2][i % 2]->scratch > own ? m->at[i / 2][i % 2]->scratch : own;
    uint8_t *base = at;
    return base ? (scratch){(int8_t *)base, (int32_t *)(void *)(base + x), base + x + sum, 0}
                : (scratch){.bytes = x + sum + rounded(own, LL_ALIGN)};
}

static size_t scratch_bytes(ll_matmul *matmul, size_t n, size_t k, size_t group) {
    matrix m;
    return add_matrix((back_end *)matmul, n, k, group, &m) ? lay_out(&m, NULL).bytes : SIZE_MAX;
}

/* rows rows from row on, with zeros filled up to 1 << step. */
static void lay_out_rows(const matrix *m, int8_t *out, const ll_act *x, size_t row, size_t rows,
                         size_t step) {
    for (size_t g = 0; g < m->groups; g++) {
        const ll_onednn_shape *s = shape_at(m, 0, g);
        for (size_t i = row; i < row + rows; i++, out += s->k) {
            memcpy(out, x->q + i * x->ld + g * m->group, s->asked_k);
            memset(out + s->asked_k, 0, s->k - s->asked_k);
        }
        memset(out, 0, (((size_t)1 << step) - rows) * s->k);
        out += (((size_t)1 << step) - rows) * s->k;
    }
}

/* rows rows from row on, for one block, as 1 << step of them. */
typedef struct {
    const back_end *b;
    dnnl_stream_t stream;
    const matrix *m;
    const void *data; /* packed */
    scratch at;
    const ll_act *x;
    size_t row, rows, step;
} piece;

/* A group's part of y: the block's first column of the piece's first row. */
static void add_group(const piece *p, float *y, size_t ldy, size_t n0, size_t columns, size_t g) {
    const ll_onednn_shape *s = shape_at(p->m, n0, g);
    const float *w_scale = (const float *)p->data + g * p->m->n + n0;
    for (size_t i = 0; i < p->rows; i++) {
        int32_t *sum = p->at.sum + i * s->columns;
        const int32_t *low = sum + s->asked_columns / 2;
        for (size_t j = 0; p->b->parts == 2 && j < columns; j++)
            sum[j] = 2 * sum[j] + low[j];
        p->b->base.kernels->add_scaled_i32(y + i * ldy, sum, p->x->scale[(p->row + i) * p->x->groups + g],
                                           w_scale, columns);
    }
}

static bool run_block(const piece *p, float *y, size_t ldy, size_t n0) {
    const matrix *m = p->m;
    const size_t left = m->n - n0, columns = left < m->columns ? left : m->columns;
    const int8_t *x = p->at.x;
    for (size_t i = 0; i < p->rows; i++)
        memset(y + i * ldy, 0, columns * sizeof *y);
    for (size_t g = 0; g < m->groups; g++) {
        const ll_onednn_shape *s = shape_at(m, n0, g);
        if (!ll_onednn_multiply(&p->b->onednn, p->stream, s, p->step, x, weights_at(m, p->data, n0, g),
                                p->at.sum, p->at.own))
            return false;
        add_group(p, y, ldy, n0, columns, g);
        x += s->k << p->step;
    }
    return true;
}

static size_t least_step(const matrix *m) {
    size_t least = 0;
    for (size_t i = 0; i < 4; i++)
        least = m->at[i / 2][i % 2]->least > least ? m->at[i / 2][i % 2]->least : least;
    return least;
}

static bool run_rows(piece *p, float *y, size_t ldy, size_t m1, size_t n0, size_t n1) {
    const size_t least = least_step(p->m);
    for (; p->row < m1; p->row += p->rows) {
        const size_t left = m1 - p->row;
        p->step = LL_ONEDNN_STEPS - 1;
        while (p->step > least && (size_t)1 << p->step > left)
            p->step--;
        p->rows = left < (size_t)1 << p->step ? left : (size_t)1 << p->step;
        lay_out_rows(p->m, p->at.x, p->x, p->row, p->rows, p->step);
        for (size_t n = n0; n < n1; n += p->m->columns)
            if (!run_block(p, y + p->row * ldy + n, ldy, n))
                return false;
    }
    return true;
}

static bool run(const ll_matmul *matmul, float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1,
                const ll_packed *w, size_t n0, size_t n1, void *scratch_at) {
    const back_end *b = (const back_end *)matmul;
    matrix m;
    piece p = {.b = b, .m = &m, .data = w->data, .x = x, .row = m0};
    if (!find_matrix(b, w->n, w->k, w->group, &m) ||
        dnnl_stream_create(&p.stream, b->onednn.engine, dnnl_stream_default_flags) != dnnl_success)
        return false;
    p.at = lay_out(&m, scratch_at);
    const int before = ll_onednn_alone();
    const bool done = run_rows(&p, y, ldy, m1, n0, n1);
    ll_onednn_together(before);
    dnnl_stream_destroy(p.stream);
    return done;
}

/* ---- packing ---- */

/* A group of a block, [columns of the shape][k of the shape]. */
static void make_plain(const back_end *b, const matrix *m, const ll_onednn_shape *s, size_t columns,
                       const int8_t *q, int8_t *out) {
    memset(out, 0, s->columns * s->k);
    for (size_t j = 0; j < columns; j++, q += m->k) {
        int8_t *high = out + j * s->k, *low = high + s->asked_columns / 2 * s->k;
        if (b->parts == 1)
            memcpy(high, q, s->asked_k);
        for (size_t i = 0; b->parts == 2 && i < s->asked_k; i++) {
            low[i] = (int8_t)(q[i] & 1);
            high[i] = (int8_t)((q[i] - low[i]) / 2);
        }
    }
}

static bool pack_block(const back_end *b, dnnl_stream_t stream, const matrix *m, void *data, size_t n0,
                       size_t columns, const int8_t *q) {
    size_t most = 0;
    for (size_t i = 0; i < 4; i++) {
        const size_t size = m->at[i / 2][i % 2]->columns * m->at[i / 2][i % 2]->k;
        most = size > most ? size : most;
    }
    int8_t *plain = aligned_alloc(LL_ALIGN, rounded(most, LL_ALIGN));
    bool done = plain != NULL;
    for (size_t g = 0; done && g < m->groups; g++) {
        const ll_onednn_shape *s = shape_at(m, n0, g);
        make_plain(b, m, s, columns, q + g * m->group, plain);
        done = ll_onednn_reorder(&b->onednn, stream, s, plain, weights_at(m, data, n0, g));
    }
    free(plain);
    return done;
}

static bool pack(const ll_matmul *matmul, const ll_packed *w, size_t n0, size_t n1, const int8_t *q,
                 const float *scale) {
    const back_end *b = (const back_end *)matmul;
    matrix m;
    dnnl_stream_t stream;
    void *data = (void *)(uintptr_t)w->data;
    float *scales = data;
    if (!find_matrix(b, w->n, w->k, w->group, &m) ||
        dnnl_stream_create(&stream, b->onednn.engine, dnnl_stream_default_flags) != dnnl_success)
        return false;
    for (size_t j = n0; j < n1; j++)
        for (size_t g = 0; g < m.groups; g++)
            scales[g * m.n + j] = scale[(j - n0) * m.groups + g];
    const int before = ll_onednn_alone();
    bool done = true;
    for (size_t n = n0; done && n < n1; n += m.columns)
        done =
            pack_block(b, stream, &m, data, n, n1 - n < m.columns ? n1 - n : m.columns, q + (n - n0) * m.k);
    ll_onednn_together(before);
    dnnl_stream_destroy(stream);
    return done;
}

/* ---- making ---- */

static void destroy(ll_matmul *matmul) {
    back_end *b = (back_end *)matmul;
    for (size_t i = 0; i < b->count; i++)
        ll_onednn_free(&b->shapes[i]);
    ll_onednn_end(&b->onednn);
    free(b);
}

enum { TRIAL_M = LL_ONEDNN_ROWS + 1, TRIAL_N = LL_PANEL, TRIAL_K = 128, LARGEST = 127 };

/* The largest products that there are, by the first and the last step. False: no memory. */
static bool try_sums(const back_end *b, uint8_t *buffer, const size_t at[4], bool *exact) {
    ll_act x = ll_act_place(buffer + at[0], TRIAL_M, TRIAL_K, TRIAL_K);
    const ll_packed w = {.data = buffer, .n = TRIAL_N, .k = TRIAL_K, .group = TRIAL_K, .groups = 1};
    int8_t *plain = (int8_t *)buffer + at[1];
    float *y = (float *)(void *)(buffer + at[2]), scale[TRIAL_N];
    memset(plain, LARGEST, TRIAL_N * TRIAL_K);
    memset(x.q, LARGEST, TRIAL_M * x.ld);
    for (size_t i = 0; i < TRIAL_M; i++)
        x.scale[i] = 1;
    for (size_t i = 0; i < TRIAL_N; i++)
        scale[i] = 1;
    if (!pack(&b->base, &w, 0, TRIAL_N, plain, scale) ||
        !run(&b->base, y, TRIAL_N, &x, 0, TRIAL_M, &w, 0, TRIAL_N, buffer + at[3]))
        return false;
    *exact = true;
    for (size_t i = 0; i < TRIAL_M * TRIAL_N; i++)
        *exact &= y[i] == (float)(TRIAL_K * LARGEST * LARGEST);
    return true;
}

static ll_status find_parts(back_end *b, ll_error *error) {
    LL_TRY(prepare(&b->base, TRIAL_N, TRIAL_K, TRIAL_K, error));
    size_t at[4];
    at[0] = rounded(bytes(&b->base, TRIAL_N, TRIAL_K, TRIAL_K), LL_ALIGN);
    at[1] = at[0] + rounded(ll_act_bytes(TRIAL_M, TRIAL_K, TRIAL_K), LL_ALIGN);
    at[2] = at[1] + TRIAL_N * TRIAL_K;
    at[3] = at[2] + TRIAL_M * TRIAL_N * sizeof(float);
    uint8_t *buffer = aligned_alloc(
        LL_ALIGN, at[3] + rounded(scratch_bytes(&b->base, TRIAL_N, TRIAL_K, TRIAL_K), LL_ALIGN));
    bool exact = false;
    const bool done = buffer && try_sums(b, buffer, at, &exact);
    free(buffer);
    b->parts = exact ? 1 : 2;
    return done ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory to try oneDNN's matmul");
}

static ll_status begin(back_end *b, ll_error *error) {
    if (!ll_onednn_begin(&b->onednn))
        return ll_fail(error, LL_NO_RESOURCE, "oneDNN " VERSION " does not start here; use --matmul own");
    LL_TRY(find_parts(b, error));
    if (b->parts > 1)
        b->base.note =
            "oneDNN's int8 sums saturate on this CPU, so it multiplies every weight as two halves: "
            "exact, for twice the work and bytes";
    snprintf(b->layout, sizeof b->layout, "onednn-" VERSION " for ISA %d, parts %zu, threads %zu",
             (int)dnnl_get_effective_cpu_isa(), b->parts, b->threads);
    return LL_OK;
}

static ll_status check_version(ll_error *error) {
    const dnnl_version_t *found = dnnl_version();
    if (found->major == DNNL_VERSION_MAJOR && found->minor == DNNL_VERSION_MINOR &&
        found->patch == DNNL_VERSION_PATCH)
        return LL_OK;
    return ll_fail(error, LL_NO_RESOURCE,
                   "this program was built with oneDNN " VERSION ", here is %d.%d.%d: build it again, or use "
                   "--matmul own",
                   found->major, found->minor, found->patch);
}

ll_status ll_matmul_create_onednn(ll_matmul **out, const ll_kernels *kernels, size_t threads,
                                  ll_error *error) {
    LL_TRY(check_version(error));
    back_end *b = calloc(1, sizeof *b);
    if (!b)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a matmul");
    b->base = (ll_matmul){.kernels = kernels,
                          .layout = b->layout,
                          .columns = columns_of,
                          .bytes = bytes,
                          .scratch_bytes = scratch_bytes,
                          .prepare = prepare,
                          .pack = pack,
                          .run = run,
                          .destroy = destroy};
    b->threads = threads;
    b->parts = 1;
    const ll_status status = begin(b, error);
    if (status == LL_OK)
        *out = &b->base;
    else
        destroy(&b->base);
    return status;
}

void ll_matmul_describe_onednn(const ll_kernels *kernels, char *out, size_t capacity) {
    ll_error error = {0};
    ll_matmul *matmul;
    if (ll_matmul_create_onednn(&matmul, kernels, 1, &error) != LL_OK) {
        snprintf(out, capacity, "%s", error.text);
        return;
    }
    const back_end *b = (const back_end *)matmul;
    snprintf(out, capacity, VERSION ", %s%s%s", ll_onednn_implementation(&b->shapes[0]),
             matmul->note ? ": " : "", matmul->note ? matmul->note : "");
    destroy(matmul);
}
