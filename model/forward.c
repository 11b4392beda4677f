/* The forward pass, top to bottom. The team runs a chunk of tokens through all layers; within it the work is split in one of
 * three ways. Alone (many rows, one node): every thread takes its own rows through whole layers, and waits only around
 * attention. Else a node's threads work on the columns of each matrix and the KV heads that the node holds, and all wait after
 * every step: tall (many rows), each for its share of the rows; wide (few rows, as in decode), each for its share of the
 * columns. A row's result is the same bits in any way. */
#include "forward.h"
#include "dequant.h"
#include "finite.h"

#include <math.h>
#include <string.h>

enum { TALL_ROWS = 16 }; /* rows a thread needs to be worth weights read by every thread */

typedef struct {
    ll_session *s;
    const ll_kernels *kernels;
    const ll_observer *observer;
    size_t rows;
    size_t first; /* the chunk's row 0 among the tokens of the call */
    const ll_run *runs;
    size_t run_count;
    bool steps; /* every run is one row */
    ll_member *member;
    size_t r0, r1; /* this thread's rows of what is done row by row */
    bool wide, alone;
    atomic_size_t *bad_layer; /* the first that is; layers: none */
} pass;

static void wait_for_all(const pass *p) {
    ll_team_wait(p->member);
}

static void wait_unless_alone(const pass *p) {
    if (!p->alone)
        wait_for_all(p);
}

static void add_bias(const pass *p, float *y, size_t ldy, const float *bias, size_t m0, size_t m1, size_t n0,
                     size_t n1) {
    for (size_t r = m0; r < m1; r++)
        p->kernels->add_f32(y + r * ldy + n0, bias + n0, n1 - n0);
}

/* y = input W^T + bias (NULL: none) for the chunk; input is act in int8, s->input in f32. */
static void matmul(const pass *p, float *y, size_t ldy, const ll_act *act, const ll_split *w,
                   const float *bias) {
    const ll_member *m = p->member;
    const ll_packed *part = &w->part[m->node];
    const size_t begin = w->begin[m->node];
    size_t m0 = 0, m1 = p->rows, n0 = 0, n1 = part->n;
    if (p->wide)
        ll_share(part->n, m->place, m->places, ll_session_columns(p->s, part->n), &n0, &n1);
    else
        ll_share(p->rows, m->place, m->places, 1, &m0, &m1);
    if (n0 < n1 && m0 < m1) {
        ll_session_multiply(p->s, m->number, y + begin, ldy, act, m0, m1, part, n0, n1);
        if (bias)
            add_bias(p, y, ldy, bias, m0, m1, begin + n0, begin + n1);
    }
    wait_unless_alone(p);
}

/* The residual stream, normed, as the input of a matmul: act in int8, s->input in f32. */
static void norm(const pass *p, const float *x, const float *weight, ll_act *act) {
    const ll_config *c = &p->s->model->config;
    if (p->s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->rmsnorm_f32(p->s->input, p->s->input_ld, x, c->hidden, weight, c->eps, c->hidden, p->r0,
                                p->r1);
    else
        p->kernels->rmsnorm_i8(act, x, c->hidden, weight, c->eps, p->r0, p->r1);
    wait_unless_alone(p);
}

/* What a node holds of the cache of a run's sequence. */
static const ll_kv *cache_of(const pass *p, size_t layer, const ll_run *run, size_t node) {
    const ll_session *s = p->s;
    const size_t at = s->one_cache ? 0 : layer;
    return &s->kv[(at * s->batch + run->sequence) * p->member->nodes + node];
}

/* rows rows of a run from its row at on, for the KV heads [h0, h1) of those that the node holds. */
static void attend_rows(const pass *p, size_t layer, const ll_run *run, size_t at, size_t rows, size_t h0,
                        size_t h1) {
    ll_session *s = p->s;
    const size_t r = run->row + at;
    const ll_config *c = &s->model->config;
    const ll_kv *cache = cache_of(p, layer, run, p->member->node);
    const size_t q = c->heads * c->head_dim, ldq = q + 2 * c->kv_heads * c->head_dim,
                 queries = c->heads / c->kv_heads;
    const size_t first = s->head_begin[p->member->node] * queries * c->head_dim;
    p->kernels->attention(s->heads_out + r * q + first, q, s->qkv + r * ldq + first, ldq, cache,
                          run->position + at, rows, cache->kv_heads * queries, h0, h1,
                          1.0f / sqrtf((float)c->head_dim), c->window, s->scratch[p->member->number]);
}

/* Few rows, or steps of a batch: threads share all heads of all runs. */
static void attend_by_heads(const pass *p, size_t layer, size_t heads) {
    const ll_member *m = p->member;
    size_t at, end;
    ll_share(p->run_count * heads, m->place, m->places, 1, &at, &end);
    while (at < end) {
        const ll_run *run = &p->runs[at / heads];
        const size_t first = at % heads, count = heads - first < end - at ? heads - first : end - at;
        attend_rows(p, layer, run, 0, run->rows, first, first + count);
        at += count;
    }
}

/* Many rows: blocks of them in turn, since later rows see more positions. */
static void attend_by_blocks(const pass *p, size_t layer, size_t heads) {
    size_t block = 0;
    for (const ll_run *run = p->runs; run < p->runs + p->run_count; run++)
        for (size_t at = 0; at < run->rows; at += LL_ROW_BLOCK, block++)
            if (block % p->member->places == p->member->place)
                attend_rows(p, layer, run, at, run->rows - at < LL_ROW_BLOCK ? run->rows - at : LL_ROW_BLOCK,
                            0, heads);
}

/* Heads are always those that the node holds. */
static void attend(const pass *p, size_t layer) {
    const size_t node = p->member->node, heads = p->s->head_begin[node + 1] - p->s->head_begin[node];
    if (heads > 0 && (p->steps || p->wide))
        attend_by_heads(p, layer, heads);
    else if (heads > 0)
        attend_by_blocks(p, layer, heads);
    wait_for_all(p);
}

/* Rotates Q and K of rows rows of a run from its row at on, and puts K and V into the caches of the nodes that hold their
 * heads. */
static void rotate_and_store_rows(const pass *p, size_t layer, const ll_run *run, size_t at, size_t rows) {
    const ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim, ldq = q + 2 * kv,
                 half = c->head_dim / 2, position = run->position + at;
    float *const row = s->qkv + (run->row + at) * ldq;
    p->kernels->rope_f32(row, ldq, rows, c->heads + c->kv_heads, c->head_dim, s->rope_cos + position * half,
                         s->rope_sin + position * half);
    for (size_t node = 0; node < p->member->nodes; node++) {
        const ll_kv *cache = cache_of(p, layer, run, node);
        const float *k = row + q + s->head_begin[node] * c->head_dim;
        if (cache->kv_heads)
            p->kernels->kv_store(cache, position, rows, k, ldq, k + kv, ldq);
    }
}

/* Of every run those rows that are this thread's. */
static void rotate_and_store(const pass *p, size_t layer) {
    for (const ll_run *run = p->runs; run < p->runs + p->run_count && run->row < p->r1; run++) {
        const size_t first = run->row < p->r0 ? p->r0 : run->row,
                     end = run->row + run->rows < p->r1 ? run->row + run->rows : p->r1;
        if (first < end)
            rotate_and_store_rows(p, layer, run, first - run->row, end - first);
    }
    wait_for_all(p);
}

static void copy_to_input(const pass *p, const float *rows, size_t width) {
    for (size_t r = p->r0; r < p->r1; r++)
        memcpy(p->s->input + r * p->s->input_ld, rows + r * width, width * sizeof(float));
}

/* A thread's rows of s->input are its own until all have multiplied them, so nobody waits. */
static void observe_input(const pass *p, ll_input input, size_t layer) {
    const ll_input_observer *o = p->s->inputs;
    if (o && p->r0 < p->r1)
        o->input(o->context, input, layer, p->first + p->r0, p->s->input + p->r0 * p->s->input_ld,
                 p->s->input_ld, p->r1 - p->r0);
}

static void attention_layer(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const ll_layer_weights *w = &s->model->weights.layer[layer];
    const size_t q = c->heads * c->head_dim;
    norm(p, s->x, w->attn_norm, &s->act_hidden);
    observe_input(p, LL_INPUT_QKV, layer);
    matmul(p, s->qkv, w->qkv.n, &s->act_hidden, &w->qkv, w->qkv_bias);
    rotate_and_store(p, layer);
    attend(p, layer);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        copy_to_input(p, s->heads_out, q);
    else
        p->kernels->quantize(&s->act_heads, s->heads_out, q, p->r0, p->r1);
    observe_input(p, LL_INPUT_O, layer);
    wait_unless_alone(p);
    matmul(p, s->out, c->hidden, &s->act_heads, &w->o, w->o_bias);
}

static void mlp_layer(const pass *p, size_t layer) {
    ll_session *s = p->s;
    const ll_config *c = &s->model->config;
    const ll_layer_weights *w = &s->model->weights.layer[layer];
    norm(p, s->x, w->mlp_norm, &s->act_hidden);
    observe_input(p, LL_INPUT_GATE_UP, layer);
    matmul(p, s->gate_up, 2 * c->mlp, &s->act_hidden, &w->gate_up, w->gate_up_bias);
    if (s->model->options.weights == LL_WEIGHTS_F32)
        p->kernels->silu_mul_f32(s->input, s->input_ld, s->gate_up, 2 * c->mlp, c->mlp, p->r0, p->r1);
    else
        p->kernels->silu_mul_i8(&s->act_mlp, s->gate_up, 2 * c->mlp, p->r0, p->r1);
    observe_input(p, LL_INPUT_DOWN, layer);
    wait_unless_alone(p);
    matmul(p, s->out, c->hidden, &s->act_mlp, &w->down, w->down_bias);
}

/* Of this thread's rows those that leave their residual stream. */
static void output_rows(const pass *p, float *to) {
    const size_t hidden = p->s->model->config.hidden;
    for (const ll_run *run = p->runs; run < p->runs + p->run_count; run++) {
        const size_t begin = run->row + run->silent, first = begin < p->r0 ? p->r0 : begin,
                     end = run->row + run->rows < p->r1 ? run->row + run->rows : p->r1;
        if (first < end)
            memcpy(to + (run->output + first - begin) * hidden, p->s->x + first * hidden,
                   (end - first) * hidden * sizeof(float));
    }
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

static void run_module(const pass *p, ll_module module) {
    if (module.kind == LL_ATTN)
        attention_layer(p, module.layer);
    else
        mlp_layer(p, module.layer);
    add_residual(p, module);
}

static void check_finite(const pass *p, size_t layer) {
    const size_t hidden = p->s->model->config.hidden;
    if (ll_all_finite(p->s->x + p->r0 * hidden, (p->r1 - p->r0) * hidden))
        return;
    size_t first = atomic_load(p->bad_layer);
    while (layer < first && !atomic_compare_exchange_weak(p->bad_layer, &first, layer))
        continue;
}

static void block(const pass *p, size_t layer) {
    const ll_session *s = p->s;
    const bool attn = !s->mask.attn[layer], mlp = !s->mask.mlp[layer];
    if (p->observer)
        copy_rows(p, s->block_in, s->x);
    if (attn)
        run_module(p, (ll_module){LL_ATTN, layer});
    if (mlp)
        run_module(p, (ll_module){LL_MLP, layer});
    if (attn || mlp)
        observe(p, (ll_module){LL_BLOCK, layer}, s->block_in);
    check_finite(p, layer);
}

static pass begin_pass(ll_session *s, ll_member *m, size_t rows, atomic_size_t *bad_layer) {
    pass p = {.s = s, .kernels = &s->model->kernels, .rows = rows, .member = m, .bad_layer = bad_layer};
    p.wide = rows < m->places * TALL_ROWS && m->threads > 1;
    p.alone = !p.wide && m->nodes == 1;
    ll_share(rows, m->thread, m->threads, 1, &p.r0, &p.r1);
    return p;
}

void ll_model_embed(const ll_model *model, const int32_t *ids, size_t count, float *x) {
    const ll_weights *w = &model->weights;
    const size_t hidden = model->config.hidden;
    for (size_t i = 0; i < count; i++)
        ll_dequant(w->embedding_type, (const uint8_t *)w->embedding + (size_t)ids[i] * w->embedding_row,
                   hidden, x + i * hidden);
}

/* One chunk on its way, as every thread sees it. */
typedef struct {
    ll_session *s;
    const ll_tokens *tokens;
    atomic_size_t bad_layer;
} passing;

static void run_layers(void *context, ll_member *m) {
    passing *all = context;
    const ll_tokens *t = all->tokens;
    pass p = begin_pass(all->s, m, t->rows, &all->bad_layer);
    p.first = t->first;
    p.observer = t->observer;
    p.runs = all->s->runs;
    p.run_count = t->runs;
    p.steps = t->runs == t->rows;
    if (t->only) {
        run_module(&p, *t->only);
        check_finite(&p, t->only->layer);
        return;
    }
    ll_model_embed(all->s->model, t->ids + p.r0, p.r1 - p.r0,
                   all->s->x + p.r0 * all->s->model->config.hidden);
    wait_for_all(&p);
    for (size_t layer = 0; layer < all->s->model->config.layers; layer++)
        block(&p, layer);
    if (t->residual)
        output_rows(&p, t->residual);
}

ll_status ll_session_run_tokens(ll_session *s, const ll_tokens *t, ll_error *error) {
    const ll_model *model = s->model;
    const bool step = t->runs == t->rows;
    passing all = {.s = s, .tokens = t, .bad_layer = model->config.layers};
    ll_team_run(model->team, step ? model->placement.options.decode_threads : 0, run_layers, &all);
    LL_TRY(ll_session_check_matmuls(s, error));
    const size_t bad_layer = all.bad_layer;
    if (bad_layer < model->config.layers)
        return ll_fail(error, LL_BAD_INPUT,
                       "the residual stream after block %zu is not finite: the model's weights give numbers "
                       "beyond float32",
                       bad_layer);
    return LL_OK;
}

/* Logits of a chunk of rows. */
typedef struct {
    ll_session *s;
    const float *residual;
    float *logits;
    size_t rows;
    atomic_bool infinite;
} logits_of;

static void run_head(void *context, ll_member *m) {
    logits_of *all = context;
    ll_session *s = all->s;
    const size_t vocab = s->model->config.vocab;
    atomic_size_t unused = 0;
    pass p = begin_pass(s, m, all->rows, &unused);
    norm(&p, all->residual, s->model->weights.final_norm, &s->act_head);
    matmul(&p, all->logits, vocab, &s->act_head, &s->model->weights.head, NULL);
    if (!ll_all_finite(all->logits + p.r0 * vocab, (p.r1 - p.r0) * vocab))
        atomic_store(&all->infinite, true);
}

ll_status ll_session_logits(ll_session *session, const float *residual, size_t rows, float *logits,
                            ll_error *error) {
    const ll_config *c = &session->model->config;
    for (size_t done = 0; done < rows;) {
        const size_t part = rows - done < session->chunk ? rows - done : session->chunk;
        logits_of all = {.s = session,
                         .residual = residual + done * c->hidden,
                         .logits = logits + done * c->vocab,
                         .rows = part};
        ll_team_run(session->model->team, part == 1 ? session->model->placement.options.decode_threads : 0,
                    run_head, &all);
        LL_TRY(ll_session_check_logits(session, !all.infinite, error));
        done += part;
    }
    return LL_OK;
}
