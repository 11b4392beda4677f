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
    size_t rows, pos0; /* of the chunk */
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

/* y = input W^T for the chunk; input is act in int8, s->input in f32. */
static void matmul(const pass *p, float *y, size_t ldy, const ll_act *act, const ll_packed *w) {
    const size_t m0 = p->wide ? 0 : p->r0, m1 = p->wide ? p->rows : p->r1;
    const size_t n0 = p->wide ? share(w->n, p->thread, p->threads, LL_PANEL) : 0;
    const size_t n1 = p->wide ? share(w->n, p->thread + 1, p->threads, LL_PANEL) : w->n;
    if (p->s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->matmul_f32(y, ldy, p->s->input, p->s->input_ld, m0, m1, w, n0, n1);
    else
        p->kernels->matmul_i8(y, ldy, act, m0, m1, w, n0, n1);
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

/* Few rows: threads share the KV heads. Many: blocks of rows in turn, since later rows see more positions. */
static void attend(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, ldq = q + 2 * c->kv_heads * c->head_dim;
    const float scale = 1.0f / sqrtf((float)c->head_dim);
    void *scratch = s->scratch + p->thread * s->scratch_bytes;
    if (p->wide) {
        const size_t h0 = share(c->kv_heads, p->thread, p->threads, 1);
        const size_t h1 = share(c->kv_heads, p->thread + 1, p->threads, 1);
        p->kernels->attention(s->heads_out, q, s->qkv, ldq, &s->kv[layer], p->pos0, p->rows, c->heads, h0, h1,
                              scale, 0, scratch);
    } else {
        for (size_t r = p->thread * LL_ROW_BLOCK; r < p->rows; r += p->threads * LL_ROW_BLOCK) {
            const size_t rows = p->rows - r < LL_ROW_BLOCK ? p->rows - r : LL_ROW_BLOCK;
            p->kernels->attention(s->heads_out + r * q, q, s->qkv + r * ldq, ldq, &s->kv[layer], p->pos0 + r,
                                  rows, c->heads, 0, c->kv_heads, scale, 0, scratch);
        }
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
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, ldq = q + 2 * kv,
                 half = c->head_dim / 2;
    norm(p, s->x, w->attn_norm, &s->act_hidden);
    matmul(p, s->qkv, ldq, &s->act_hidden, &w->qkv);
    float *mine = s->qkv + p->r0 * ldq;
    const size_t rows = p->r1 - p->r0, pos = p->pos0 + p->r0;
    p->kernels->rope_f32(mine, ldq, rows, c->heads + c->kv_heads, c->head_dim, s->rope_cos + pos * half,
                         s->rope_sin + pos * half);
    p->kernels->kv_store(&s->kv[layer], pos, rows, mine + q, ldq, mine + q + kv, ldq);
    wait_for_all();
    attend(p, layer);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        copy_to_input(p, s->heads_out, q);
    else
        p->kernels->quantize(&s->act_heads, s->heads_out, q, p->r0, p->r1);
    wait_if_wide(p);
    matmul(p, s->out, c->hidden, &s->act_heads, &w->o);
}

static void mlp_layer(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const ll_layer_weights *w = &s->model->weights.layer[layer];
    norm(p, s->x, w->mlp_norm, &s->act_hidden);
    matmul(p, s->gate_up, 2 * c->mlp, &s->act_hidden, &w->gate_up);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->silu_mul_f32(s->input, s->input_ld, s->gate_up, 2 * c->mlp, c->mlp, p->r0, p->r1);
    else
        p->kernels->silu_mul_i8(&s->act_mlp, s->gate_up, 2 * c->mlp, p->r0, p->r1);
    wait_if_wide(p);
    matmul(p, s->out, c->hidden, &s->act_mlp, &w->down);
}

static void copy_rows(const pass *p, float *to, const float *from) {
    const size_t hidden = p->s->model->config.hidden;
    memcpy(to + p->r0 * hidden, from + p->r0 * hidden, (p->r1 - p->r0) * hidden * sizeof(float));
}

static void observe(const pass *p, ll_module module, const float *before) {
    if (!p->observer)
        return;
    wait_for_all();
    if (p->thread == 0)
        p->observer->module(p->observer->context, module, before, p->s->x, p->rows);
    wait_for_all();
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
    pass p = {.s = s, .kernels = &s->model->kernels, .rows = rows, .pos0 = s->depth, .bad_layer = bad_layer};
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

static ll_status forward_chunk(ll_session *s, const int32_t *ids, size_t rows, float *residual,
                               const ll_observer *observer, ll_error *error) {
    const ll_config *c = &s->model->config;
    size_t bad_layer = c->layers;
#pragma omp parallel num_threads((int)s->model->options.threads)
    {
        pass p = begin_pass(s, rows, &bad_layer);
        p.observer = observer;
        embed(&p, ids);
        wait_for_all();
        for (size_t layer = 0; layer < c->layers; layer++)
            block(&p, layer);
        if (residual)
            copy_rows(&p, residual, s->x);
    }
    if (bad_layer < c->layers)
        return ll_fail(error, LL_BAD_INPUT,
                       "the residual stream after block %zu is not finite: the model's weights give numbers "
                       "beyond float32",
                       bad_layer);
    s->depth += rows;
    return LL_OK;
}

ll_status ll_session_forward(ll_session *session, const int32_t *ids, size_t count, float *residual,
                             const ll_observer *observer, ll_error *error) {
    const ll_config *c = &session->model->config;
    if (count > session->capacity - session->depth)
        return ll_fail(error, LL_BAD_INPUT,
                       "%zu tokens at depth %zu do not fit in %zu positions (the model's context is %zu)",
                       count, session->depth, session->capacity, c->context);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= c->vocab)
            return ll_fail(error, LL_BAD_INPUT, "token %zu has id %d, expected 0 to %zu", i, ids[i],
                           c->vocab - 1);
    for (size_t done = 0; done < count;) {
        const size_t rows = count - done < session->chunk ? count - done : session->chunk;
        LL_TRY(forward_chunk(session, ids + done, rows, residual ? residual + done * c->hidden : NULL,
                             observer, error));
        done += rows;
    }
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
        matmul(&p, logits, c->vocab, &s->act_head, &s->model->weights.head);
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
        if (!logits_chunk(session, residual + done * c->hidden, part, logits + done * c->vocab))
            return ll_fail(error, LL_BAD_INPUT,
                           "logits are not finite: the head's weights give numbers beyond float32");
        done += part;
    }
    return LL_OK;
}
