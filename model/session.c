#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_act take_act(ll_session *s, size_t k, size_t group) {
    void *at = ll_arena_take(&s->arena, ll_act_bytes(s->chunk, k, group));
    return at ? ll_act_place(at, s->chunk, k, group) : (ll_act){0};
}

static float *take_rows(ll_session *s, size_t rows, size_t width) {
    return ll_arena_take(&s->arena, (uint64_t)rows * width * sizeof(float));
}

static void take_cache(ll_session *s) {
    const ll_config *c = &s->model->config;
    const ll_kv_type type = s->model->options.weights == LL_WEIGHTS_F32 ? LL_KV_F32 : LL_KV_BF16;
    const size_t bytes = ll_kv_bytes(type, s->capacity, c->kv_heads, c->head_dim);
    s->kv_bytes = 0;
    for (size_t layer = 0; layer < c->layers; layer++) {
        if (s->mask.attn[layer])
            continue;
        s->kv[layer] =
            (ll_kv){.capacity = s->capacity, .kv_heads = c->kv_heads, .head_dim = c->head_dim, .type = type};
        s->kv[layer].k = ll_arena_take(&s->arena, bytes);
        s->kv[layer].v = ll_arena_take(&s->arena, bytes);
        s->kv_bytes += 2 * bytes;
    }
}

/* Lays everything out in the arena: called once to count, once to place. */
static void lay_out(ll_session *s) {
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    take_cache(s);
    s->rope_cos = take_rows(s, s->capacity, c->head_dim / 2);
    s->rope_sin = take_rows(s, s->capacity, c->head_dim / 2);
    s->x = take_rows(s, s->chunk, c->hidden);
    s->before = take_rows(s, s->chunk, c->hidden);
    s->block_in = take_rows(s, s->chunk, c->hidden);
    s->qkv = take_rows(s, s->chunk, q + 2 * kv);
    s->heads_out = take_rows(s, s->chunk, q);
    s->gate_up = take_rows(s, s->chunk, 2 * c->mlp);
    s->out = take_rows(s, s->chunk, c->hidden);
    if (s->model->options.weights == LL_WEIGHTS_F32) {
        s->input_ld = ll_widest_input(c);
        s->input = take_rows(s, s->chunk, s->input_ld);
    } else {
        s->act_hidden = take_act(s, c->hidden, ll_group_of(&s->model->options, c->hidden));
        s->act_heads = take_act(s, q, ll_group_of(&s->model->options, q));
        s->act_mlp = take_act(s, c->mlp, ll_group_of(&s->model->options, c->mlp));
        s->act_head = take_act(s, c->hidden, ll_head_group(c->hidden));
    }
    const ll_kv cache = {.capacity = s->capacity,
                         .kv_heads = c->kv_heads,
                         .head_dim = c->head_dim,
                         .type = s->model->options.weights == LL_WEIGHTS_F32 ? LL_KV_F32 : LL_KV_BF16};
    s->scratch_bytes = s->model->kernels.attention_scratch_bytes(&cache, c->heads);
    s->scratch_bytes = (s->scratch_bytes + 2 * LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
    s->scratch = ll_arena_take(&s->arena, s->scratch_bytes * s->model->options.threads);
}

/* Angles in double: position * theta^(-2 i / head_dim) (arXiv 2104.09864, section 3.2). */
static void fill_rope(ll_session *s) {
    const size_t half = s->model->config.head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        const double frequency = pow(s->model->config.rope_theta, -(double)i / (double)half);
        for (size_t position = 0; position < s->capacity; position++) {
            const double angle = (double)position * frequency;
            s->rope_cos[position * half + i] = (float)cos(angle);
            s->rope_sin[position * half + i] = (float)sin(angle);
        }
    }
}

ll_status ll_session_create(ll_session **out, const ll_model *model, const ll_mask *mask, size_t capacity,
                            ll_error *error) {
    *out = NULL;
    if (capacity == 0 || capacity > model->config.context)
        return ll_fail(error, LL_BAD_INPUT, "%zu positions asked, but this model's context is %zu positions",
                       capacity, model->config.context);
    ll_session *s = calloc(1, sizeof *s);
    if (!s)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a session");
    s->model = model;
    s->mask = *mask;
    s->capacity = (capacity + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK;
    s->chunk = capacity < LL_CHUNK ? capacity : LL_CHUNK;
    lay_out(s);
    const ll_status status = ll_arena_map(&s->arena, "KV-cache and buffers", error);
    if (status != LL_OK) {
        free(s);
        return status;
    }
    /* Every page is made real now: a cache read before it is written must cost what a written one costs, and what the next
     * session finds available must be true. */
    memset(s->arena.base, 0, s->arena.mapped);
    lay_out(s);
    fill_rope(s);
    *out = s;
    return LL_OK;
}

void ll_session_destroy(ll_session *session) {
    if (session)
        ll_arena_unmap(&session->arena);
    free(session);
}

void ll_session_reset(ll_session *session) {
    session->depth = 0;
}

void ll_session_skip_to(ll_session *session, size_t positions) {
    session->depth = positions < session->capacity ? positions : session->capacity;
}

size_t ll_session_depth(const ll_session *session) {
    return session->depth;
}

uint64_t ll_session_kv_bytes(const ll_session *session) {
    return session->kv_bytes;
}
