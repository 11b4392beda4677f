#include "count.h"
#include "packed_cache.h"

#include <stdlib.h>
#include <string.h>

size_t ll_group_of(const ll_model_options *options, size_t k) {
    return options->group && options->group < k ? options->group : k;
}

size_t ll_widest_input(const ll_config *config) {
    const size_t heads = config->heads * config->head_dim;
    const size_t wide = config->hidden > heads ? config->hidden : heads;
    return config->mlp > wide ? config->mlp : wide;
}

size_t ll_head_group(size_t k) {
    enum { HEAD_GROUP = 32 };
    return k < HEAD_GROUP ? k : HEAD_GROUP;
}

size_t ll_packed_bytes(const ll_kernels *kernels, ll_matmul *matmul, ll_weights_kind weights, size_t n,
                       size_t k, size_t group) {
    return weights == LL_WEIGHTS_F32 ? kernels->packed_f32_bytes(n, k) : matmul->bytes(matmul, n, k, group);
}

/* ---- layout ---- */

static ll_packed take_packed(const ll_weights_source *source, ll_arena *arena, size_t n, size_t k,
                             size_t group) {
    ll_packed w = {.n = n, .k = k};
    if (source->options->weights == LL_WEIGHTS_INT8) {
        w.group = group;
        w.groups = (k + group - 1) / group;
    }
    w.data = ll_arena_take(
        arena, ll_packed_bytes(source->kernels, source->matmul, source->options->weights, n, k, group));
    return w;
}

static void take_attention(const ll_weights_source *source, ll_arena *arena, ll_layer_weights *layer) {
    const ll_config *c = source->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    layer->attn_norm = ll_arena_take(arena, c->hidden * sizeof(float));
    layer->qkv = take_packed(source, arena, q + 2 * kv, c->hidden, ll_group_of(source->options, c->hidden));
    layer->o = take_packed(source, arena, c->hidden, q, ll_group_of(source->options, q));
    if (c->bias_qkv)
        layer->qkv_bias = ll_arena_take(arena, (q + 2 * kv) * sizeof(float));
    if (c->bias_o)
        layer->o_bias = ll_arena_take(arena, c->hidden * sizeof(float));
}

static void take_mlp(const ll_weights_source *source, ll_arena *arena, ll_layer_weights *layer) {
    const ll_config *c = source->config;
    layer->mlp_norm = ll_arena_take(arena, c->hidden * sizeof(float));
    layer->gate_up =
        take_packed(source, arena, 2 * c->mlp, c->hidden, ll_group_of(source->options, c->hidden));
    layer->down = take_packed(source, arena, c->hidden, c->mlp, ll_group_of(source->options, c->mlp));
    if (c->bias_mlp) {
        layer->gate_up_bias = ll_arena_take(arena, 2 * c->mlp * sizeof(float));
        layer->down_bias = ll_arena_take(arena, c->hidden * sizeof(float));
    }
}

/* Blocks that have weights of their own. */
static size_t resident_layers(const ll_weights_source *source) {
    const size_t layers = source->config->layers, asked = source->options->resident;
    return asked && asked < layers ? asked : layers;
}

/* Dropped modules have no weights, but where other blocks run on them. */
static bool keeps_attention(const ll_weights_source *source, size_t layer) {
    return !source->config->dropped.attn[layer] || resident_layers(source) < source->config->layers;
}

static bool keeps_mlp(const ll_weights_source *source, size_t layer) {
    return !source->config->dropped.mlp[layer] || resident_layers(source) < source->config->layers;
}

/* Synthetic embeddings are what a downloaded model's are. */
static void embedding_form(const ll_weights_source *source, ll_weights *w) {
    const ll_tensor *embedding =
        source->checkpoint ? ll_checkpoint_tensor(source->checkpoint, LL_ROLE_EMBEDDING, 0) : NULL;
    w->embedding_type = embedding ? embedding->type : LL_TYPE_BF16;
    w->embedding_row =
        embedding ? embedding->bytes / embedding->dims[1] : source->config->hidden * sizeof(uint16_t);
}

/* Lays everything out in the arena: called once to count, once to place. */
static void lay_out(const ll_weights_source *source, ll_weights *w) {
    const ll_config *c = source->config;
    const size_t resident = resident_layers(source);
    for (size_t i = 0; i < c->layers; i++) {
        w->layer[i] = i < resident ? (ll_layer_weights){0} : w->layer[i % resident];
        if (i < resident && keeps_attention(source, i))
            take_attention(source, &w->arena, &w->layer[i]);
        if (i < resident && keeps_mlp(source, i))
            take_mlp(source, &w->arena, &w->layer[i]);
    }
    w->final_norm = ll_arena_take(&w->arena, c->hidden * sizeof(float));
    if (source->checkpoint && ll_checkpoint_tensor(source->checkpoint, LL_ROLE_ROPE_FACTORS, 0))
        w->rope_factors = ll_arena_take(&w->arena, c->head_dim / 2 * sizeof(float));
    w->head = take_packed(source, &w->arena, c->vocab, c->hidden, ll_head_group(c->hidden));
    embedding_form(source, w);
    w->embedding = ll_arena_take(&w->arena, ll_product_or_max(c->vocab, w->embedding_row));
}

uint64_t ll_weights_bytes(const ll_weights_source *source) {
    ll_weights *counted = calloc(1, sizeof *counted);
    if (!counted)
        return UINT64_MAX;
    lay_out(source, counted);
    const uint64_t bytes = counted->arena.used;
    free(counted);
    return bytes;
}

/* ---- packing ---- */

static bool panel_take(ll_panel *p, const ll_packed *w, size_t columns, bool f32) {
    p->row = malloc((f32 ? LL_PANEL : 1) * w->k * sizeof *p->row);
    p->scale = malloc(columns * (w->groups + 1) * sizeof *p->scale);
    p->q = malloc(columns * w->k);
    return p->row && p->scale && p->q;
}

static void panel_free(ll_panel *p) {
    free(p->row);
    free(p->scale);
    free(p->q);
}

/* A matrix on its way from the source to its packed form. */
typedef struct {
    const ll_weights_source *source;
    ll_matrix matrix;
    size_t layer;
    const ll_packed *w;
    size_t columns;       /* that are packed together */
    const ll_tensor *bad; /* holds a weight that is not finite; NULL: none */
    bool memory;
} packing;

/* Fills columns [n0, n1), a panel at most, from the panel's row first on; returns a tensor that holds a weight that is not
 * finite, else NULL. */
static const ll_tensor *fill_panel(const packing *p, size_t n0, size_t n1, const ll_panel *panel,
                                   size_t first) {
    const ll_tensor *bad = NULL;
    ll_panel at = {panel->row, panel->scale + first * p->w->groups, panel->q + first * p->w->k};
    if (!p->source->checkpoint)
        ll_synthetic_panel(p->source, p->matrix, p->layer, p->w, n0, n1, &at);
    else if (!ll_weights_read_panel(p->source, p->matrix, p->layer, p->w, n0, n1, &at, &bad))
        return bad;
    return NULL;
}

static void pack_columns(packing *p, size_t n0, ll_panel *panel) {
    const ll_packed *w = p->w;
    const size_t n1 = n0 + p->columns < w->n ? n0 + p->columns : w->n;
    const ll_tensor *bad = NULL;
    bool memory = true;
    for (size_t n = n0; n < n1 && !bad; n += LL_PANEL)
        bad = fill_panel(p, n, n + LL_PANEL < n1 ? n + LL_PANEL : n1, panel, n - n0);
    if (!bad && p->source->options->weights == LL_WEIGHTS_F32)
        p->source->kernels->pack_f32((void *)(uintptr_t)w->data, w->n, w->k, n0, n1, panel->row);
    else if (!bad)
        memory = p->source->matmul->pack(p->source->matmul, w, n0, n1, panel->q, panel->scale);
    if (bad || !memory) {
#pragma omp critical
        {
            p->bad = bad ? bad : p->bad;
            p->memory &= memory;
        }
    }
}

static void pack_shared(packing *p) {
    const bool f32 = p->source->options->weights == LL_WEIGHTS_F32;
#pragma omp parallel num_threads((int)p->source->options->threads)
    {
        ll_panel panel;
        if (!panel_take(&panel, p->w, p->columns, f32)) {
#pragma omp atomic write
            p->memory = false;
        }
#pragma omp barrier
        const bool memory =
            p->memory; /* the same for every thread: nobody writes it before all are in the loop */
#pragma omp barrier
        if (memory) {
#pragma omp for schedule(static)
            for (size_t n0 = 0; n0 < p->w->n; n0 += p->columns)
                pack_columns(p, n0, &panel);
        }
        panel_free(&panel);
    }
}

static ll_status pack_matrix(const ll_weights_source *source, ll_matrix matrix, size_t layer,
                             const ll_packed *w) {
    const bool f32 = source->options->weights == LL_WEIGHTS_F32;
    packing p = {.source = source, .matrix = matrix, .layer = layer, .w = w, .memory = true};
    p.columns = f32 ? LL_PANEL : source->matmul->columns(source->matmul, w->n);
    pack_shared(&p);
    if (!p.memory)
        return ll_fail(source->error, LL_NO_RESOURCE, "no memory to pack a row of %zu weights", w->k);
    if (p.bad)
        return ll_fail(source->error, LL_BAD_INPUT, "%s: tensor %s holds a weight that is not finite",
                       ll_checkpoint_file_of(source->checkpoint, p.bad), p.bad->name);
    if (source->checkpoint)
        ll_weights_release_permuted(source, matrix, layer);
    return LL_OK;
}

/* The share of the arena that is filled: it is filled from its beginning on. */
static void tell_progress(const ll_weights_source *source, const ll_weights *w, const void *next) {
    if (source->options->progress)
        source->options->progress(source->options->progress_context,
                                  (double)((const uint8_t *)next - w->arena.base) / (double)w->arena.used);
}

static ll_status pack_all(const ll_weights_source *source, const ll_weights *w) {
    const size_t resident = resident_layers(source);
    for (size_t i = 0; i < resident; i++) {
        const ll_layer_weights *layer = &w->layer[i];
        if (keeps_attention(source, i)) {
            LL_TRY(pack_matrix(source, LL_MATRIX_QKV, i, &layer->qkv));
            LL_TRY(pack_matrix(source, LL_MATRIX_O, i, &layer->o));
        }
        if (keeps_mlp(source, i)) {
            LL_TRY(pack_matrix(source, LL_MATRIX_GATE_UP, i, &layer->gate_up));
            LL_TRY(pack_matrix(source, LL_MATRIX_DOWN, i, &layer->down));
            tell_progress(source, w, layer->down.data);
        }
    }
    tell_progress(source, w, w->head.data);
    return pack_matrix(source, LL_MATRIX_HEAD, 0, &w->head);
}

/* ---- loading ---- */

/* int32 sums hold a group of 65,536 at most (kernels.h). */
static ll_status check_groups(const ll_weights_source *source) {
    enum { GROUP_MAX = 65536 };
    const size_t widest = ll_widest_input(source->config);
    if (source->options->weights == LL_WEIGHTS_F32 || ll_group_of(source->options, widest) <= GROUP_MAX)
        return LL_OK;
    return ll_fail(source->error, LL_BAD_USAGE,
                   "one scale a row does not work for rows of %zu weights, at most %d; use --group 128",
                   widest, GROUP_MAX);
}

static ll_status fill(const ll_weights_source *source, ll_weights *w) {
    const bool kept = source->options->cache && source->options->weights == LL_WEIGHTS_INT8;
    ll_packed_name name;
    if (kept)
        LL_TRY(ll_packed_cache_load(source, w, &name, &w->from_cache));
    if (w->from_cache)
        return LL_OK;
    if (source->checkpoint)
        LL_TRY(ll_weights_read_vectors(source, w));
    else
        ll_synthetic_vectors(source, w);
    LL_TRY(pack_all(source, w));
    ll_weights_source saved = *source;
    saved.error = &w->cache_note; /* the weights are good, kept or not */
    if (kept)
        (void)ll_packed_cache_save(&saved, w, &name);
    return LL_OK;
}

static ll_status prepare(const ll_weights_source *source, size_t n, size_t k, size_t group) {
    return source->matmul->prepare(source->matmul, n, k, group, source->error);
}

static ll_status prepare_matmuls(const ll_weights_source *source) {
    const ll_config *c = source->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    if (source->options->weights == LL_WEIGHTS_F32)
        return LL_OK;
    LL_TRY(prepare(source, q + 2 * kv, c->hidden, ll_group_of(source->options, c->hidden)));
    LL_TRY(prepare(source, c->hidden, q, ll_group_of(source->options, q)));
    LL_TRY(prepare(source, 2 * c->mlp, c->hidden, ll_group_of(source->options, c->hidden)));
    LL_TRY(prepare(source, c->hidden, c->mlp, ll_group_of(source->options, c->mlp)));
    return prepare(source, c->vocab, c->hidden, ll_head_group(c->hidden));
}

ll_status ll_weights_load(ll_weights *out, const ll_weights_source *source) {
    memset(out, 0, sizeof *out);
    LL_TRY(check_groups(source));
    LL_TRY(prepare_matmuls(source));
    lay_out(source, out);
    LL_TRY(ll_arena_map(&out->arena, "weights", source->error));
    lay_out(source, out);
    const ll_status status = fill(source, out);
    if (status != LL_OK)
        ll_weights_unload(out);
    return status;
}

void ll_weights_unload(ll_weights *weights) {
    ll_arena_unmap(&weights->arena);
}
