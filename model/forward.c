/* The forward pass, top to bottom. One parallel region runs a chunk of tokens through all layers; within it
 * the work is split in one of two ways. Tall (many rows): every thread takes its own rows through whole
 * layers, and waits only around attention. Wide (few rows, as in decode): every thread takes its own columns
 * of each matrix, and waits after every step. A row's result is the same bits either way. */
#include "dequant.h"
#include "finite.h"
#include "session.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { TALL_ROWS = 16 }; /* rows a thread needs to be worth weights read by every thread */

typedef struct {
    ll_session *s;
    const ll_kernels *kernels;
    const ll_observer *observer;
    size_t rows;
    size_t first; /* the chunk's row 0 among the tokens of the call */
    size_t pos0;  /* of row 0, and each row comes one later; */
    bool batched; /* or: row r is the next token of sequence r */
    size_t thread, threads;
    size_t r0, r1; /* this thread's rows */
    bool wide;
    size_t *bad_layer; /* layers: none */
} pass;

static size_t share(size_t total, size_t thread, size_t threads, size_t unit) {
    const size_t units = (total + unit - 1) / unit;
    const size_t at = units * thread / threads * unit;
    return at < total ? at : total;
}

static void wait_for_all(void) {
#pragma omp barrier
}

static void wait_if_wide(const pass *p) {
    if (p->wide)
        wait_for_all();
}

static void add_bias(const pass *p, float *y, size_t ldy, const float *bias, size_t m0, size_t m1, size_t n0,
                     size_t n1) {
    for (size_t r = m0; r < m1; r++)
        p->kernels->add_f32(y + r * ldy + n0, bias + n0, n1 - n0);
}

/* y = input W^T + bias (NULL: none) for the chunk; input is act in int8, s->input in f32. */
static void matmul(const pass *p, float *y, size_t ldy, const ll_act *act, const ll_packed *w,
                   const float *bias) {
    const size_t m0 = p->wide ? 0 : p->r0, m1 = p->wide ? p->rows : p->r1;
    const size_t unit = ll_session_columns(p->s, w->n);
    const size_t n0 = p->wide ? share(w->n, p->thread, p->threads, unit) : 0;
    const size_t n1 = p->wide ? share(w->n, p->thread + 1, p->threads, unit) : w->n;
    ll_session_multiply(p->s, p->thread, y, ldy, act, m0, m1, w, n0, n1);
    if (bias)
        add_bias(p, y, ldy, bias, m0, m1, n0, n1);
    wait_if_wide(p);
}

/* The residual stream, normed, as the input of a matmul: act in int8, s->input in f32. */
static void norm(const pass *p, const float *x, const float *weight, ll_act *act) {
    const ll_config *c = &p->s->model->config;
    if (p->s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->rmsnorm_f32(p->s->input, p->s->input_ld, x, c->hidden, weight, c->eps, c->hidden, p->r0,
                                p->r1);
    else
        p->kernels->rmsnorm_i8(act, x, c->hidden, weight, c->eps, p->r0, p->r1);
    wait_if_wide(p);
}

static const ll_kv *cache_of(const pass *p, size_t layer, size_t row) {
    const ll_session *s = p->s;
    return &s->kv[layer * s->batch + (p->batched ? row : s->sequence)];
}

static size_t position_of(const pass *p, size_t row) {
    return p->batched ? p->s->depth[row] : p->pos0 + row;
}

/* Rows [r, r + rows), which one cache serves, for the KV heads [h0, h1). */
static void attend_rows(const pass *p, size_t layer, size_t r, size_t rows, size_t h0, size_t h1) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, ldq = q + 2 * c->kv_heads * c->head_dim;
    p->kernels->attention(s->heads_out + r * q, q, s->qkv + r * ldq, ldq, cache_of(p, layer, r),
                          position_of(p, r), rows, c->heads, h0, h1, 1.0f / sqrtf((float)c->head_dim),
                          c->window, s->scratch + p->thread * s->scratch_bytes);
}

/* A batch: threads share all heads of all sequences. Few rows: they share the KV heads. Many: blocks of rows in turn, since
 * later rows see more positions. */
static void attend(const pass *p, size_t layer) {
    const size_t kv_heads = p->s->model->config.kv_heads;
    if (p->batched) {
        const size_t end = share(p->rows * kv_heads, p->thread + 1, p->threads, 1);
        for (size_t at = share(p->rows * kv_heads, p->thread, p->threads, 1); at < end;) {
            const size_t row = at / kv_heads, first = at % kv_heads;
            const size_t heads = kv_heads - first < end - at ? kv_heads - first : end - at;
            attend_rows(p, layer, row, 1, first, first + heads);
            at += heads;
        }
    } else if (p->wide) {
        attend_rows(p, layer, 0, p->rows, share(kv_heads, p->thread, p->threads, 1),
                    share(kv_heads, p->thread + 1, p->threads, 1));
    } else {
        for (size_t r = p->thread * LL_ROW_BLOCK; r < p->rows; r += p->threads * LL_ROW_BLOCK)
            attend_rows(p, layer, r, p->rows - r < LL_ROW_BLOCK ? p->rows - r : LL_ROW_BLOCK, 0, kv_heads);
    }
    wait_for_all();
}

/* Rotates Q and K of this thread's rows and stores K and V: at once where they follow each other. */
static void rotate_and_store(const pass *p, size_t layer) {
    const ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, ldq = q + 2 * kv,
                 half = c->head_dim / 2;
    const size_t step = p->batched ? 1 : p->r1 - p->r0;
    for (size_t r = p->r0; r < p->r1; r += step) {
        float *row = s->qkv + r * ldq;
        const size_t pos = position_of(p, r);
        p->kernels->rope_f32(row, ldq, step, c->heads + c->kv_heads, c->head_dim, s->rope_cos + pos * half,
                             s->rope_sin + pos * half);
        p->kernels->kv_store(cache_of(p, layer, r), pos, step, row + q, ldq, row + q + kv, ldq);
    }
    wait_for_all();
}

static void copy_to_input(const pass *p, const float *rows, size_t width) {
    for (size_t r = p->r0; r < p->r1; r++)
        memcpy(p->s->input + r * p->s->input_ld, rows + r * width, width * sizeof(float));
}

static void attention_layer(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const ll_layer_weights *w = &s->model->weights.layer[layer];
    const size_t q = c->heads * c->head_dim;
    norm(p, s->x, w->attn_norm, &s->act_hidden);
    matmul(p, s->qkv, w->qkv.n, &s->act_hidden, &w->qkv, w->qkv_bias);
    rotate_and_store(p, layer);
    attend(p, layer);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        copy_to_input(p, s->heads_out, q);
    else
        p->kernels->quantize(&s->act_heads, s->heads_out, q, p->r0, p->r1);
    wait_if_wide(p);
    matmul(p, s->out, c->hidden, &s->act_heads, &w->o, w->o_bias);
}

static void mlp_layer(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const ll_layer_weights *w = &s->model->weights.layer[layer];
    norm(p, s->x, w->mlp_norm, &s->act_hidden);
    matmul(p, s->gate_up, 2 * c->mlp, &s->act_hidden, &w->gate_up, w->gate_up_bias);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->silu_mul_f32(s->input, s->input_ld, s->gate_up, 2 * c->mlp, c->mlp, p->r0, p->r1);
    else
        p->kernels->silu_mul_i8(&s->act_mlp, s->gate_up, 2 * c->mlp, p->r0, p->r1);
    wait_if_wide(p);
    matmul(p, s->out, c->hidden, &s->act_mlp, &w->down, w->down_bias);
}

static void copy_rows(const pass *p, float *to, const float *from) {
    const size_t hidden = p->s->model->config.hidden;
    memcpy(to + p->r0 * hidden, from + p->r0 * hidden, (p->r1 - p->r0) * hidden * sizeof(float));
}

/* A thread's rows of the residual stream are its own, so nobody waits. */
static void observe(const pass *p, ll_module module, const float *before) {
    const size_t at = p->r0 * p->s->model->config.hidden;
    if (p->observer && p->r0 < p->r1)
        p->observer->module(p->observer->context, module, p->first + p->r0, before + at, p->s->x + at,
                            p->r1 - p->r0);
}

/* x += out, on this thread's rows: a module's residual add. */
static void add_residual(const pass *p, ll_module module) {
    const size_t hidden = p->s->model->config.hidden;
    if (p->observer)
        copy_rows(p, p->s->before, p->s->x);
    p->kernels->add_f32(p->s->x + p->r0 * hidden, p->s->out + p->r0 * hidden, (p->r1 - p->r0) * hidden);
    observe(p, module, p->s->before);
}

static void block(const pass *p, size_t layer) {
    const ll_session *s = p->s;
    const size_t hidden = s->model->config.hidden;
    const bool attn = !s->mask.attn[layer], mlp = !s->mask.mlp[layer];
    if (p->observer)
        copy_rows(p, s->block_in, s->x);
    if (attn) {
        attention_layer(p, layer);
        add_residual(p, (ll_module){LL_ATTN, layer});
    }
    if (mlp) {
        mlp_layer(p, layer);
        add_residual(p, (ll_module){LL_MLP, layer});
    }
    if (attn || mlp)
        observe(p, (ll_module){LL_BLOCK, layer}, s->block_in);
    if (!ll_all_finite(s->x + p->r0 * hidden, (p->r1 - p->r0) * hidden)) {
#pragma omp critical
        if (layer < *p->bad_layer)
            *p->bad_layer = layer;
    }
}

static pass begin_pass(ll_session *s, size_t rows, size_t *bad_layer) {
    pass p = {.s = s,
              .kernels = &s->model->kernels,
              .rows = rows,
              .pos0 = s->depth[s->sequence],
              .bad_layer = bad_layer};
    p.thread = (size_t)omp_get_thread_num();
    p.threads = (size_t)omp_get_num_threads();
    p.wide = rows < p.threads * TALL_ROWS && p.threads > 1;
    p.r0 = share(rows, p.thread, p.threads, 1);
    p.r1 = share(rows, p.thread + 1, p.threads, 1);
    return p;
}

static void embed(const pass *p, const int32_t *ids) {
    const ll_weights *w = &p->s->model->weights;
    const size_t hidden = p->s->model->config.hidden;
    for (size_t r = p->r0; r < p->r1; r++)
        ll_dequant(w->embedding_type, (const uint8_t *)w->embedding + (size_t)ids[r] * w->embedding_row,
                   hidden, p->s->x + r * hidden);
}

/* Tokens that go through all layers together. */
typedef struct {
    const int32_t *ids; /* [rows] */
    size_t first, rows; /* first: of the call's tokens */
    bool batched;       /* one of each sequence; or all of the selected one */
    float *residual;    /* [rows][hidden], NULL: not asked for */
    const ll_observer *observer;
} tokens;

static ll_status run(ll_session *s, const tokens *t, ll_error *error) {
    const ll_config *c = &s->model->config;
    size_t bad_layer = c->layers;
#pragma omp parallel num_threads((int)s->model->options.threads)
    {
        pass p = begin_pass(s, t->rows, &bad_layer);
        p.first = t->first;
        p.observer = t->observer;
        p.batched = t->batched;
        embed(&p, t->ids);
        wait_for_all();
        for (size_t layer = 0; layer < c->layers; layer++)
            block(&p, layer);
        if (t->residual)
            copy_rows(&p, t->residual, s->x);
    }
    LL_TRY(ll_session_check_matmuls(s, error));
    if (bad_layer < c->layers)
        return ll_fail(error, LL_BAD_INPUT,
                       "the residual stream after block %zu is not finite: the model's weights give numbers "
                       "beyond float32",
                       bad_layer);
    return LL_OK;
}

static ll_status check_ids(const ll_session *s, const int32_t *ids, size_t count, ll_error *error) {
    const size_t vocab = s->model->config.vocab;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocab)
            return ll_fail(error, LL_BAD_INPUT, "token %zu has id %d, expected 0 to %zu", i, ids[i],
                           vocab - 1);
    return LL_OK;
}

static ll_status check_room(const ll_session *s, size_t sequence, size_t count, ll_error *error) {
    if (count <= s->capacity - s->depth[sequence])
        return LL_OK;
    return ll_fail(error, LL_BAD_INPUT,
                   "%zu tokens at depth %zu do not fit in %zu positions (the model's context is %zu)", count,
                   s->depth[sequence], s->capacity, s->model->config.context);
}

ll_status ll_session_forward(ll_session *session, const int32_t *ids, size_t count, float *residual,
                             const ll_observer *observer, ll_error *error) {
    const size_t hidden = session->model->config.hidden;
    LL_TRY(check_room(session, session->sequence, count, error));
    LL_TRY(check_ids(session, ids, count, error));
    for (size_t done = 0; done < count;) {
        const tokens some = {.ids = ids + done,
                             .first = done,
                             .rows = count - done < session->chunk ? count - done : session->chunk,
                             .residual = residual ? residual + done * hidden : NULL,
                             .observer = observer};
        LL_TRY(run(session, &some, error));
        session->depth[session->sequence] += some.rows;
        done += some.rows;
    }
    return LL_OK;
}

ll_status ll_session_decode(ll_session *session, const int32_t *ids, float *residual, ll_error *error) {
    for (size_t i = 0; i < session->batch; i++)
        LL_TRY(check_room(session, i, 1, error));
    LL_TRY(check_ids(session, ids, session->batch, error));
    const tokens some = {.ids = ids, .rows = session->batch, .batched = true, .residual = residual};
    LL_TRY(run(session, &some, error));
    for (size_t i = 0; i < session->batch; i++)
        session->depth[i]++;
    return LL_OK;
}

static bool logits_chunk(ll_session *s, const float *residual, size_t rows, float *logits) {
    const ll_config *c = &s->model->config;
    bool finite = true;
    size_t unused = 0;
#pragma omp parallel num_threads((int)s->model->options.threads)
    {
        pass p = begin_pass(s, rows, &unused);
        norm(&p, residual, s->model->weights.final_norm, &s->act_head);
        matmul(&p, logits, c->vocab, &s->act_head, &s->model->weights.head, NULL);
        if (!ll_all_finite(logits + p.r0 * c->vocab, (p.r1 - p.r0) * c->vocab)) {
#pragma omp atomic write
            finite = false;
        }
    }
    return finite;
}

ll_status ll_session_logits(ll_session *session, const float *residual, size_t rows, float *logits,
                            ll_error *error) {
    const ll_config *c = &session->model->config;
    for (size_t done = 0; done < rows;) {
        const size_t part = rows - done < session->chunk ? rows - done : session->chunk;
        const bool finite =
            logits_chunk(session, residual + done * c->hidden, part, logits + done * c->vocab);
        LL_TRY(ll_session_check_logits(session, finite, error));
        done += part;
    }
    return LL_OK;
}
