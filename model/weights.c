#include "count.h"
#include "packed_cache.h"

#include <stdatomic.h>
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

/* What a node holds of a matrix; as large as it likes to be where there is one node. */
static size_t unit_of(const ll_weights_source *source, size_t n, size_t unit) {
    const size_t columns =
        source->options->weights == LL_WEIGHTS_F32 ? LL_PANEL : source->matmul->columns(source->matmul, n);
    return columns > unit ? columns : unit;
}

static size_t nodes_of(const ll_weights_source *source) {
    return source->home ? source->home->placement->nodes : 1;
}

/* Memory for node's part of a matrix of n x k, whose parts are of whole units of columns. */
static void take_part(const ll_weights_source *source, ll_arena *arena, ll_split *split, size_t node,
                      size_t n, size_t k, size_t group, size_t unit) {
    ll_packed *w = &split->part[node];
    size_t begin = 0, end = n;
    if (nodes_of(source) > 1)
        ll_placement_share(source->home->placement, node, n, unit_of(source, n, unit), &begin, &end);
    split->n = n;
    split->k = k;
    split->begin[node] = begin;
    split->begin[node + 1] = end;
    *w = (ll_packed){.n = end - begin, .k = k};
    if (source->options->weights == LL_WEIGHTS_INT8) {
        w->group = group;
        w->groups = (k + group - 1) / group;
    }
    w->data = ll_arena_take(arena, w->n ? ll_packed_bytes(source->kernels, source->matmul,
                                                          source->options->weights, w->n, k, group)
                                        : 0);
}

static void take_attention(const ll_weights_source *source, ll_arena *arena, ll_layer_weights *layer,
                           size_t node) {
    const ll_config *c = source->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    take_part(source, arena, &layer->qkv, node, q + 2 * kv, c->hidden,
              ll_group_of(source->options, c->hidden), 1);
    take_part(source, arena, &layer->o, node, c->hidden, q, ll_group_of(source->options, q), 1);
}

static void take_mlp(const ll_weights_source *source, ll_arena *arena, ll_layer_weights *layer, size_t node) {
    const ll_config *c = source->config;
    take_part(source, arena, &layer->gate_up, node, 2 * c->mlp, c->hidden,
              ll_group_of(source->options, c->hidden), 1);
    take_part(source, arena, &layer->down, node, c->hidden, c->mlp, ll_group_of(source->options, c->mlp), 1);
}

static void take_attention_vectors(const ll_config *c, ll_arena *arena, ll_layer_weights *layer) {
    layer->attn_norm = ll_arena_take(arena, c->hidden * sizeof(float));
    if (c->bias_qkv)
        layer->qkv_bias = ll_arena_take(arena, (c->heads + 2 * c->kv_heads) * c->head_dim * sizeof(float));
    if (c->bias_o)
        layer->o_bias = ll_arena_take(arena, c->hidden * sizeof(float));
}

static void take_mlp_vectors(const ll_config *c, ll_arena *arena, ll_layer_weights *layer) {
    layer->mlp_norm = ll_arena_take(arena, c->hidden * sizeof(float));
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

/* What a node holds. */
static void lay_out_node(const ll_weights_source *source, ll_weights *w, size_t node) {
    const ll_config *c = source->config;
    ll_arena_next_zone(&w->arena, nodes_of(source) > 1);
    for (size_t i = 0; i < resident_layers(source); i++) {
        if (keeps_attention(source, i))
            take_attention(source, &w->arena, &w->layer[i], node);
        if (keeps_mlp(source, i))
            take_mlp(source, &w->arena, &w->layer[i], node);
    }
    take_part(source, &w->arena, &w->head, node, c->vocab, c->hidden, ll_head_group(c->hidden),
              LL_LOGITS_IDS);
}

/* What all nodes read. */
static void lay_out_shared(const ll_weights_source *source, ll_weights *w) {
    const ll_config *c = source->config;
    ll_arena_next_zone(&w->arena, nodes_of(source) > 1);
    for (size_t i = 0; i < resident_layers(source); i++) {
        if (keeps_attention(source, i))
            take_attention_vectors(c, &w->arena, &w->layer[i]);
        if (keeps_mlp(source, i))
            take_mlp_vectors(c, &w->arena, &w->layer[i]);
    }
    w->final_norm = ll_arena_take(&w->arena, c->hidden * sizeof(float));
    if (source->checkpoint && ll_checkpoint_tensor(source->checkpoint, LL_ROLE_ROPE_FACTORS, 0))
        w->rope_factors = ll_arena_take(&w->arena, c->head_dim / 2 * sizeof(float));
    embedding_form(source, w);
    w->embedding = ll_arena_take(&w->arena, ll_product_or_max(c->vocab, w->embedding_row));
}

void ll_weights_lay_out(ll_weights *w, const ll_weights_source *source) {
    const size_t resident = resident_layers(source);
    memset(w->layer, 0, sizeof w->layer);
    for (size_t i = 0; i < nodes_of(source); i++)
        lay_out_node(source, w, i);
    lay_out_shared(source, w);
    for (size_t i = resident; i < source->config->layers; i++)
        w->layer[i] = w->layer[i % resident];
}

uint64_t ll_weights_bytes(const ll_weights_source *source) {
    ll_weights *counted = calloc(1, sizeof *counted);
    if (!counted)
        return UINT64_MAX;
    ll_weights_lay_out(counted, source);
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
    const ll_split *split;
    const ll_row_edit *edit;        /* NULL: none */
    _Atomic(const ll_tensor *) bad; /* holds a weight that is not finite; NULL: none */
    atomic_bool no_memory;
} packing;

/* Columns [n0, n1) of a node's part, a panel at most, into the panel's rows from first on; returns a tensor that holds a weight
 * that is not finite, else NULL. */
static const ll_tensor *fill_panel(const packing *p, const ll_packed *w, size_t n0, size_t n1,
                                   const ll_panel *panel, size_t first) {
    const ll_tensor *bad = NULL;
    ll_panel at = {panel->row, panel->scale + first * w->groups, panel->q + first * w->k};
    if (!p->source->checkpoint)
        ll_synthetic_panel(p->source, p->matrix, p->layer, w, n0, n1, &at);
    else if (!ll_weights_read_panel(p->source, p->matrix, p->layer, w, n0, n1, &at, &bad))
        return bad;
    return NULL;
}

/* Columns [n0, n1) of a node's part, which begins with the matrix's column begin. */
static void pack_columns(packing *p, const ll_packed *w, size_t begin, size_t n0, size_t n1,
                         ll_panel *panel) {
    const ll_tensor *bad = NULL;
    for (size_t n = n0; n < n1 && !bad; n += LL_PANEL)
        bad = fill_panel(p, w, begin + n, begin + (n + LL_PANEL < n1 ? n + LL_PANEL : n1), panel, n - n0);
    for (size_t row = 0; p->edit && !bad && row < n1 - n0; row++)
        p->edit->row(p->edit->context, panel->row + row * w->k, w->k);
    if (bad)
        atomic_store(&p->bad, bad);
    else if (p->source->options->weights == LL_WEIGHTS_F32)
        p->source->kernels->pack_f32((void *)(uintptr_t)w->data, w->n, w->k, n0, n1, panel->row);
    else if (!p->source->matmul->pack(p->source->matmul, w, n0, n1, panel->q, panel->scale))
        atomic_store(&p->no_memory, true);
}

/* A thread's columns of what its node holds. */
static void pack_share(void *context, ll_member *m) {
    packing *p = context;
    const bool f32 = p->source->options->weights == LL_WEIGHTS_F32;
    const ll_packed *w = &p->split->part[m->node];
    const size_t columns = f32 ? LL_PANEL : p->source->matmul->columns(p->source->matmul, w->n);
    size_t n, end;
    ll_panel panel;
    ll_share(w->n, m->place, m->places, columns, &n, &end);
    if (n == end)
        return;
    if (panel_take(&panel, w, columns, f32))
        for (; n < end; n += columns)
            pack_columns(p, w, p->split->begin[m->node], n, n + columns < end ? n + columns : end, &panel);
    else
        atomic_store(&p->no_memory, true);
    panel_free(&panel);
}

static ll_status pack_matrix(const ll_weights_source *source, ll_matrix matrix, size_t layer,
                             const ll_split *split, const ll_row_edit *edit) {
    packing p = {.source = source, .matrix = matrix, .layer = layer, .split = split, .edit = edit};
    ll_team_run(source->team, 0, pack_share, &p);
    const ll_tensor *bad = p.bad;
    if (p.no_memory)
        return ll_fail(source->error, LL_NO_RESOURCE, "no memory to pack a row of %zu weights", split->k);
    if (bad)
        return ll_fail(source->error, LL_BAD_INPUT, "%s: tensor %s holds a weight that is not finite",
                       ll_checkpoint_file_of(source->checkpoint, bad), bad->name);
    if (source->checkpoint)
        ll_weights_release_permuted(source, matrix, layer);
    return LL_OK;
}

static void tell_progress(const ll_weights_source *source, double done, double all) {
    if (source->options->progress)
        source->options->progress(source->options->progress_context, done / all);
}

static ll_status pack_all(const ll_weights_source *source, const ll_weights *w) {
    const size_t resident = resident_layers(source);
    const ll_config *c = source->config;
    /* Weights: of a block, and of the head. */
    const double block =
                     (double)(2 * (c->heads + c->kv_heads) * c->head_dim + 3 * c->mlp) * (double)c->hidden,
                 all = block * (double)resident + (double)c->vocab * (double)c->hidden;
    for (size_t i = 0; i < resident; i++) {
        const ll_layer_weights *layer = &w->layer[i];
        if (keeps_attention(source, i)) {
            LL_TRY(pack_matrix(source, LL_MATRIX_QKV, i, &layer->qkv, NULL));
            LL_TRY(pack_matrix(source, LL_MATRIX_O, i, &layer->o, NULL));
        }
        if (keeps_mlp(source, i)) {
            LL_TRY(pack_matrix(source, LL_MATRIX_GATE_UP, i, &layer->gate_up, NULL));
            LL_TRY(pack_matrix(source, LL_MATRIX_DOWN, i, &layer->down, NULL));
        }
        tell_progress(source, block * (double)(i + 1), all);
    }
    return pack_matrix(source, LL_MATRIX_HEAD, 0, &w->head, NULL);
}

ll_status ll_weights_repack(const ll_weights_source *source, const ll_weights *weights, ll_matrix matrix,
                            size_t layer, const ll_row_edit *edit) {
    const ll_layer_weights *w = &weights->layer[layer];
    const ll_split *const split[] = {[LL_MATRIX_QKV] = &w->qkv,
                                     [LL_MATRIX_O] = &w->o,
                                     [LL_MATRIX_GATE_UP] = &w->gate_up,
                                     [LL_MATRIX_DOWN] = &w->down,
                                     [LL_MATRIX_HEAD] = &weights->head};
    return pack_matrix(source, matrix, layer, split[matrix], edit);
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

static ll_status prepare(const ll_weights_source *source, const ll_split *split) {
    for (size_t i = 0; i < nodes_of(source); i++) {
        const ll_packed *w = &split->part[i];
        if (w->n)
            LL_TRY(source->matmul->prepare(source->matmul, w->n, w->k, w->group, source->error));
    }
    return LL_OK;
}

static ll_status prepare_matmuls(const ll_weights_source *source, const ll_weights *w) {
    if (source->options->weights == LL_WEIGHTS_F32)
        return LL_OK;
    for (size_t i = 0; i < resident_layers(source); i++) {
        LL_TRY(prepare(source, &w->layer[i].qkv));
        LL_TRY(prepare(source, &w->layer[i].o));
        LL_TRY(prepare(source, &w->layer[i].gate_up));
        LL_TRY(prepare(source, &w->layer[i].down));
    }
    return prepare(source, &w->head);
}

ll_status ll_weights_load(ll_weights *out, const ll_weights_source *source) {
    memset(out, 0, sizeof *out);
    LL_TRY(check_groups(source));
    ll_weights_lay_out(out, source);
    LL_TRY(prepare_matmuls(source, out));
    LL_TRY(ll_arena_map(&out->arena, "weights", source->home, source->error));
    ll_weights_lay_out(out, source);
    const ll_status status = fill(source, out);
    if (status != LL_OK)
        ll_weights_unload(out);
    return status;
}

void ll_weights_unload(ll_weights *weights) {
    ll_arena_unmap(&weights->arena);
}
