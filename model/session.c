#include "session.h"
#include "count.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_act take_act(ll_session *s, size_t k, size_t group) {
    void *at = ll_arena_take(&s->arena, ll_act_bytes(s->chunk, k, group));
    return at ? ll_act_place(at, s->chunk, k, group) : (ll_act){0};
}

static float *take_rows(ll_session *s, size_t rows, size_t width) {
    return ll_arena_take(&s->arena, ll_product_or_max(ll_product_or_max(rows, width), sizeof(float)));
}

/* What a node holds of a cache. */
static ll_kv take_kv(ll_session *s, size_t node) {
    const ll_config *c = &s->model->config;
    ll_kv kv = {.capacity = s->capacity,
                .kv_heads = s->head_begin[node + 1] - s->head_begin[node],
                .head_dim = c->head_dim,
                .type = ll_kv_type_of(&s->model->options)};
    const size_t bytes = ll_kv_bytes(kv.type, kv.capacity, kv.kv_heads, kv.head_dim);
    const size_t scales = ll_kv_scale_bytes(kv.type, kv.capacity, kv.kv_heads);
    kv.k = ll_arena_take(&s->arena, bytes);
    kv.v = ll_arena_take(&s->arena, bytes);
    if (scales) {
        kv.k_scale = ll_arena_take(&s->arena, scales);
        kv.v_scale = ll_arena_take(&s->arena, scales);
    }
    s->kv_bytes += 2 * (bytes + scales);
    return kv;
}

static void take_caches(ll_session *s, size_t node) {
    const size_t nodes = s->model->placement.nodes;
    if (s->one_cache)
        s->kv[node] = take_kv(s, node);
    for (size_t layer = 0; layer < s->model->config.layers && !s->one_cache; layer++)
        for (size_t sequence = 0; sequence < s->batch && !s->mask.attn[layer]; sequence++)
            s->kv[(layer * s->batch + sequence) * nodes + node] = take_kv(s, node);
}

static size_t most_of_parts(const ll_session *s, const ll_split *split, size_t most) {
    ll_matmul *matmul = s->model->matmul;
    for (size_t i = 0; i < s->model->placement.nodes; i++) {
        const ll_packed *w = &split->part[i];
        const size_t bytes = w->n ? matmul->scratch_bytes(matmul, w->n, w->k, w->group) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* What the most demanding matmul needs. */
static size_t matmul_scratch(const ll_session *s) {
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const size_t sizes[][2] = {
        {q + 2 * kv, c->hidden}, {c->hidden, q}, {2 * c->mlp, c->hidden}, {c->hidden, c->mlp}};
    ll_matmul *matmul = s->model->matmul;
    if (s->model->options.weights == LL_WEIGHTS_F32)
        return 0;
    size_t most = matmul->scratch_bytes(matmul, c->vocab, c->hidden, ll_head_group(c->hidden));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t bytes = matmul->scratch_bytes(matmul, sizes[i][0], sizes[i][1],
                                                   ll_group_of(&s->model->options, sizes[i][1]));
        most = bytes > most ? bytes : most;
    }
    for (size_t i = 0; i < c->layers; i++) { /* parts are of other shapes than the whole */
        const ll_layer_weights *w = &s->model->weights.layer[i];
        const ll_split *const all[] = {&w->qkv, &w->o, &w->gate_up, &w->down, &s->model->weights.head};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            most = most_of_parts(s, all[j], most);
    }
    return most;
}

static size_t scratch_of(const ll_session *s) {
    const ll_config *c = &s->model->config;
    const ll_kv cache = {.capacity = s->capacity,
                         .kv_heads = c->kv_heads,
                         .head_dim = c->head_dim,
                         .type = ll_kv_type_of(&s->model->options)};
    const size_t attention = s->model->kernels.attention_scratch_bytes(&cache, c->heads),
                 matmul = matmul_scratch(s);
    return ll_sum_or_max(attention > matmul ? attention : matmul, 2 * LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
}

/* What a node holds: KV heads, and what its threads have for themselves. */
static void lay_out_node(ll_session *s, size_t node) {
    const ll_place_node *n = &s->model->placement.node[node];
    ll_arena_next_zone(&s->arena, s->model->placement.nodes > 1);
    take_caches(s, node);
    for (size_t i = n->first; i < n->first + n->threads; i++) {
        s->logits[i] = take_rows(s, LL_LOGITS_ROWS, LL_LOGITS_IDS);
        s->scratch[i] = ll_arena_take(&s->arena, s->scratch_bytes);
    }
}

/* What all nodes read and write. */
static void lay_out_shared(ll_session *s) {
    const ll_config *c = &s->model->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    ll_arena_next_zone(&s->arena, s->model->placement.nodes > 1);
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
}

/* Lays everything out in the arena: called once to count, once to place. */
static void lay_out(ll_session *s) {
    const ll_placement *p = &s->model->placement;
    s->kv_bytes = 0;
    s->scratch_bytes = scratch_of(s);
    for (size_t i = 0; i < p->nodes; i++)
        ll_placement_share(p, i, s->model->config.kv_heads, 1, &s->head_begin[i], &s->head_begin[i + 1]);
    for (size_t i = 0; i < p->nodes; i++)
        lay_out_node(s, i);
    lay_out_shared(s);
}

/* Angles in double, at the config's frequencies, over the factors that the file may hold. */
static ll_status fill_rope(ll_session *s, ll_error *error) {
    const size_t half = s->model->config.head_dim / 2;
    const float *factors = s->model->weights.rope_factors;
    double *frequency = malloc(half * sizeof *frequency);
    if (!frequency)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu rotation frequencies", half);
    ll_config_rope_frequencies(&s->model->config, frequency);
    for (size_t i = 0; factors && i < half; i++)
        frequency[i] /= (double)factors[i];
    for (size_t position = 0; position < s->capacity; position++)
        for (size_t i = 0; i < half; i++) {
            const double angle = (double)position * frequency[i];
            s->rope_cos[position * half + i] = (float)cos(angle);
            s->rope_sin[position * half + i] = (float)sin(angle);
        }
    free(frequency);
    return LL_OK;
}

/* Rows of a pass: what can come in one call, LL_CHUNK at most, and never fewer than a step of all sequences has. */
static size_t chunk_of(size_t batch, size_t capacity) {
    size_t rows = capacity < LL_CHUNK / batch ? capacity * batch : LL_CHUNK;
    rows = rows < batch ? batch : rows;
    return rows < LL_LOGITS_SETS ? LL_LOGITS_SETS : rows;
}

/* Everything but the memory: what a session of this kind needs is counted in its arena. */
static ll_status begin(ll_session **out, const ll_model *model, const ll_mask *mask, size_t batch,
                       size_t capacity, bool one_cache, ll_error *error) {
    const size_t layers = model->config.layers, threads = model->placement.threads;
    ll_session *s = calloc(1, sizeof *s);
    if (s) {
        s->chunk = chunk_of(batch, capacity);
        s->runs = calloc(s->chunk, sizeof *s->runs);
        s->steps = calloc(batch, sizeof *s->steps);
        s->depth = calloc(batch, sizeof *s->depth);
        s->kv = calloc(layers * batch * model->placement.nodes, sizeof *s->kv);
        s->logits = calloc(threads, sizeof *s->logits);
        s->scratch = calloc(threads, sizeof *s->scratch);
    }
    if (!s || !s->runs || !s->steps || !s->depth || !s->kv || !s->logits || !s->scratch) {
        ll_session_destroy(s);
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a session");
    }
    s->model = model;
    s->one_cache = one_cache;
    s->mask = *mask;
    ll_mask_add(&s->mask, &model->config.dropped);
    s->batch = batch;
    s->capacity = (capacity + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK;
    lay_out(s);
    *out = s;
    return LL_OK;
}

ll_status ll_placement_bytes(ll_node_bytes out[LL_MAX_NODES + 1], const ll_config *config,
                             const ll_model_options *options, const ll_placement *placement,
                             const ll_topology *topology, size_t batch, size_t capacity, ll_error *error) {
    const ll_mask full = {0};
    ll_session *s = NULL;
    ll_model *model = calloc(1, sizeof *model);
    if (!model)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to count a model's bytes");
    model->config = *config;
    model->options = *options;
    model->placement = *placement;
    model->options.threads = placement->threads;
    model->home = (ll_home){&model->placement, topology};
    ll_status status = ll_model_select_kernels(&model->kernels, options, error);
    if (status == LL_OK)
        status = ll_matmul_create(&model->matmul, &model->kernels, &model->options, error);
    if (status == LL_OK)
        status = begin(&s, model, &full, batch, capacity, false, error);
    if (status == LL_OK) {
        const ll_weights_source source = {.config = config,
                                          .kernels = &model->kernels,
                                          .matmul = model->matmul,
                                          .options = &model->options,
                                          .home = &model->home};
        ll_weights_lay_out(&model->weights, &source);
        for (size_t i = 0; i <= placement->nodes; i++)
            out[i] = (ll_node_bytes){ll_arena_zone_bytes(&model->weights.arena, i),
                                     ll_arena_zone_bytes(&s->arena, i)};
    }
    ll_session_destroy(s);
    ll_matmul_destroy(model->matmul);
    free(model);
    return status;
}

uint64_t ll_config_session_bytes(const ll_config *config, const ll_model_options *options, size_t batch,
                                 size_t capacity) {
    const ll_mask full = {0};
    uint64_t bytes = UINT64_MAX;
    ll_session *s = NULL;
    ll_model *model = calloc(1, sizeof *model);
    if (model && ll_model_select_kernels(&model->kernels, options, NULL) == LL_OK &&
        ll_machine_probe(&model->machine, "", NULL) == LL_OK &&
        ll_topology_load(&model->topology, NULL, NULL) == LL_OK &&
        ll_placement_plan(&model->placement, model->topology, &options->placement, options->threads,
                          model->machine.quota, NULL) == LL_OK) {
        model->config = *config;
        model->options = *options;
        model->options.threads = model->placement.threads;
        if (ll_matmul_create(&model->matmul, &model->kernels, &model->options, NULL) == LL_OK &&
            begin(&s, model, &full, batch, capacity, false, NULL) == LL_OK)
            bytes = s->arena.used;
    }
    ll_session_destroy(s);
    if (model) {
        ll_matmul_destroy(model->matmul);
        ll_topology_free(model->topology);
    }
    free(model);
    return bytes;
}

/* Each node's threads their zone, all what is shared: where memory cannot be bound it is then near those who use it. */
static void touch(void *context, ll_member *m) {
    const ll_arena *arena = context;
    enum { PIECE = 2 << 20 };
    size_t begin, end;
    ll_share(ll_arena_zone_bytes(arena, m->node), m->place, m->places, PIECE, &begin, &end);
    memset(arena->base + arena->zone[m->node] + begin, 0, end - begin);
    ll_share(ll_arena_zone_bytes(arena, m->nodes), m->thread, m->threads, PIECE, &begin, &end);
    memset(arena->base + arena->zone[m->nodes] + begin, 0, end - begin);
}

static ll_status create(ll_session **out, const ll_model *model, const ll_mask *mask, size_t batch,
                        size_t capacity, bool one_cache, ll_error *error) {
    *out = NULL;
    if (capacity == 0 || capacity > model->config.context)
        return ll_fail(error, LL_BAD_INPUT, "%zu positions asked, but this model's context is %zu positions",
                       capacity, model->config.context);
    if (batch == 0 || batch > LL_MAX_BATCH)
        return ll_fail(error, LL_BAD_USAGE, "a batch of %zu sequences: expected 1 to %d", batch,
                       LL_MAX_BATCH);
    ll_session *s;
    LL_TRY(begin(&s, model, mask, batch, capacity, one_cache, error));
    ll_status status = ll_arena_map(&s->arena, "KV-cache and buffers", &model->home, error);
    if (status == LL_OK) {
        lay_out(s);
        /* Every page is made real now: a cache read before it is written must cost what a written one costs, and what the
         * next session finds available must be true. */
        ll_team_run(model->team, 0, touch, &s->arena);
        status = fill_rope(s, error);
    }
    if (status == LL_OK)
        *out = s;
    else
        ll_session_destroy(s);
    return status;
}

ll_status ll_session_create_batch(ll_session **out, const ll_model *model, const ll_mask *mask, size_t batch,
                                  size_t capacity, ll_error *error) {
    return create(out, model, mask, batch, capacity, false, error);
}

ll_status ll_session_create(ll_session **out, const ll_model *model, const ll_mask *mask, size_t capacity,
                            ll_error *error) {
    return create(out, model, mask, 1, capacity, false, error);
}

ll_status ll_session_create_stream(ll_session **out, const ll_model *model, size_t capacity,
                                   ll_error *error) {
    const ll_mask full = {0};
    return create(out, model, &full, 1, capacity, true, error);
}

void ll_session_destroy(ll_session *s) {
    if (!s)
        return;
    ll_arena_unmap(&s->arena);
    free(s->runs);
    free(s->steps);
    free(s->depth);
    free(s->kv);
    free(s->logits);
    free(s->scratch);
    free(s);
}

void ll_session_select(ll_session *session, size_t sequence) {
    session->sequence = sequence < session->batch ? sequence : 0;
}

void ll_session_reset(ll_session *session) {
    session->depth[session->sequence] = 0;
}

void ll_session_skip_to(ll_session *session, size_t positions) {
    session->depth[session->sequence] = positions < session->capacity ? positions : session->capacity;
}

ll_status ll_session_rewind(ll_session *session, size_t positions, ll_error *error) {
    size_t *const depth = &session->depth[session->sequence];
    if (positions > *depth)
        return ll_fail(error, LL_BAD_USAGE, "sequence %zu cannot be rewound to position %zu: it is at %zu",
                       session->sequence, positions, *depth);
    *depth = positions;
    return LL_OK;
}

size_t ll_session_depth(const ll_session *session) {
    return session->depth[session->sequence];
}

uint64_t ll_session_kv_bytes(const ll_session *session) {
    return session->kv_bytes;
}

ll_status ll_session_set_mask(ll_session *session, const ll_mask *mask, ll_error *error) {
    ll_mask all = *mask;
    ll_mask_add(&all, &session->model->config.dropped);
    for (size_t layer = 0; layer < session->model->config.layers; layer++)
        if (!all.attn[layer] && !session->kv[layer * session->batch * session->model->placement.nodes].k)
            return ll_fail(error, LL_BAD_USAGE, "the session has no KV-cache for layer %zu", layer);
    session->mask = all;
    return LL_OK;
}

/* ---- matmuls ---- */

size_t ll_session_columns(const ll_session *session, size_t n) {
    const ll_model *model = session->model;
    return model->options.weights == LL_WEIGHTS_F32 ? LL_PANEL : model->matmul->columns(model->matmul, n);
}

void ll_session_multiply(ll_session *session, size_t thread, float *y, size_t ldy, const ll_act *act,
                         size_t m0, size_t m1, const ll_packed *w, size_t n0, size_t n1) {
    const ll_model *model = session->model;
    if (model->options.weights == LL_WEIGHTS_F32)
        model->kernels.matmul_f32(y, ldy, session->input, session->input_ld, m0, m1, w, n0, n1);
    else if (!model->matmul->run(model->matmul, y, ldy, act, m0, m1, w, n0, n1, session->scratch[thread]))
        atomic_store(&session->matmul_failed, true);
}

ll_status ll_session_check_matmuls(ll_session *session, ll_error *error) {
    const bool failed = atomic_exchange(&session->matmul_failed, false);
    return failed ? ll_fail(error, LL_NO_RESOURCE, "%s: a matmul failed, there was no memory for it",
                            session->model->kernels.isa[LL_OP_MATMUL_I8])
                  : LL_OK;
}

ll_status ll_session_check_logits(ll_session *session, bool finite, ll_error *error) {
    LL_TRY(ll_session_check_matmuls(session, error));
    return finite ? LL_OK
                  : ll_fail(error, LL_BAD_INPUT,
                            "logits are not finite: the head's weights give numbers beyond float32");
}
