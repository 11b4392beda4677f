#include "weights.h"
#include "dequant.h"
#include "finite.h"
#include "quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One packed matrix is made of up to three tensors, one below the other. */
typedef struct {
    const ll_tensor *tensor;
    size_t rows;
    size_t head_dim; /* > 0: rows are permuted per head for interleaved rotation (see source_row) */
} part;

typedef struct {
    const ll_gguf *gguf;
    const ll_config *config;
    const ll_kernels *kernels;
    const ll_model_options *options;
    ll_error *error;
    bool *used; /* per tensor of the file */
} loader;

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

size_t ll_packed_bytes(const ll_kernels *kernels, ll_weights_kind weights, size_t n, size_t k, size_t group) {
    return weights == LL_WEIGHTS_F32 ? kernels->packed_f32_bytes(n, k)
                                     : kernels->packed_i8_bytes(n, k, group);
}

static ll_status find_tensor(loader *load, const char *name, size_t k, size_t rows, const ll_tensor **out) {
    const char *file = ll_gguf_path(load->gguf);
    const ll_tensor *tensor = ll_gguf_tensor_find(load->gguf, name);
    if (!tensor)
        return ll_fail(load->error, LL_BAD_INPUT, "%s: tensor %s is missing; the model's shape needs it",
                       file, name);
    const uint64_t wide = rows ? rows : 1;
    if (tensor->dims[0] != k || tensor->dims[1] != wide || tensor->dims[2] != 1 || tensor->dims[3] != 1)
        return ll_fail(load->error, LL_BAD_INPUT,
                       "%s: tensor %s has shape %llu x %llu x %llu x %llu, expected %zu x %llu x 1 x 1 by "
                       "the file's keys",
                       file, name, (unsigned long long)tensor->dims[0], (unsigned long long)tensor->dims[1],
                       (unsigned long long)tensor->dims[2], (unsigned long long)tensor->dims[3], k,
                       (unsigned long long)wide);
    load->used[tensor - ll_gguf_tensor_at(load->gguf, 0)] = true;
    *out = tensor;
    return LL_OK;
}

static ll_status find_in_layer(loader *load, size_t layer, const char *suffix, size_t k, size_t rows,
                               const ll_tensor **out) {
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, suffix);
    return find_tensor(load, name, k, rows, out);
}

typedef struct {
    part qkv[3], o[1], gate_up[2], down[1];
    const ll_tensor *attn_norm, *mlp_norm;
} layer_tensors;

static ll_status find_layer(loader *load, size_t layer, layer_tensors *t) {
    const ll_config *c = load->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    *t = (layer_tensors){
        .qkv = {{.rows = q, .head_dim = c->head_dim}, {.rows = kv, .head_dim = c->head_dim}, {.rows = kv}},
        .o = {{.rows = c->hidden}},
        .gate_up = {{.rows = c->mlp}, {.rows = c->mlp}},
        .down = {{.rows = c->hidden}},
    };
    LL_TRY(find_in_layer(load, layer, "attn_norm", c->hidden, 0, &t->attn_norm));
    LL_TRY(find_in_layer(load, layer, "ffn_norm", c->hidden, 0, &t->mlp_norm));
    LL_TRY(find_in_layer(load, layer, "attn_q", c->hidden, q, &t->qkv[0].tensor));
    LL_TRY(find_in_layer(load, layer, "attn_k", c->hidden, kv, &t->qkv[1].tensor));
    LL_TRY(find_in_layer(load, layer, "attn_v", c->hidden, kv, &t->qkv[2].tensor));
    LL_TRY(find_in_layer(load, layer, "attn_output", q, c->hidden, &t->o[0].tensor));
    LL_TRY(find_in_layer(load, layer, "ffn_gate", c->hidden, c->mlp, &t->gate_up[0].tensor));
    LL_TRY(find_in_layer(load, layer, "ffn_up", c->hidden, c->mlp, &t->gate_up[1].tensor));
    return find_in_layer(load, layer, "ffn_down", c->mlp, c->hidden, &t->down[0].tensor);
}

typedef struct {
    layer_tensors layer[LL_MAX_LAYERS];
    const ll_tensor *embedding, *final_norm;
    part head[1];
} model_tensors;

static ll_status find_all(loader *load, model_tensors *t) {
    const ll_config *c = load->config;
    for (size_t layer = 0; layer < c->layers; layer++)
        LL_TRY(find_layer(load, layer, &t->layer[layer]));
    LL_TRY(find_tensor(load, "token_embd.weight", c->hidden, c->vocab, &t->embedding));
    LL_TRY(find_tensor(load, "output_norm.weight", c->hidden, 0, &t->final_norm));
    t->head[0] = (part){.tensor = t->embedding, .rows = c->vocab};
    if (!c->tied)
        LL_TRY(find_tensor(load, "output.weight", c->hidden, c->vocab, &t->head[0].tensor));
    for (size_t i = 0; i < ll_gguf_tensor_count(load->gguf); i++)
        if (!load->used[i])
            return ll_fail(load->error, LL_BAD_INPUT,
                           "%s: tensor %s is part of no Llama layer that this program knows, so the model "
                           "would be wrong without it",
                           ll_gguf_path(load->gguf), ll_gguf_tensor_at(load->gguf, i)->name);
    return LL_OK;
}

/* The file's row that holds output row `row` of the part. Converters to GGUF permute Q and K per head so that
 * rotation pairs lie side by side: their row 2 i + s of a head is the model's row s * head_dim / 2 + i. */
static size_t source_row(const part *p, size_t row) {
    if (!p->head_dim)
        return row;
    const size_t head = row / p->head_dim, in_head = row % p->head_dim, half = p->head_dim / 2;
    return head * p->head_dim + 2 * (in_head % half) + in_head / half;
}

/* Row `row` of the stacked parts as float32. */
static const ll_tensor *read_row(const part *parts, size_t row, size_t k, float *out) {
    while (row >= parts->rows)
        row -= (parts++)->rows;
    const ll_tensor *tensor = parts->tensor;
    const uint64_t row_bytes = tensor->bytes / tensor->dims[1];
    ll_dequant(tensor->type, (const uint8_t *)tensor->data + source_row(parts, row) * row_bytes, k, out);
    return tensor;
}

typedef struct {
    float *row, *scale;
    int8_t *q;
} pack_buffers;

static bool buffers_take(pack_buffers *b, size_t k, size_t groups, bool f32) {
    b->row = malloc((f32 ? LL_PANEL : 1) * k * sizeof(float));
    b->scale = malloc(LL_PANEL * (groups + 1) * sizeof(float));
    b->q = malloc(LL_PANEL * k);
    return b->row && b->scale && b->q;
}

static void buffers_free(pack_buffers *b) {
    free(b->row);
    free(b->scale);
    free(b->q);
}

/* Packs the columns of one panel; returns the tensor that holds a weight that is not finite, else NULL. */
static const ll_tensor *pack_panel(const loader *load, const ll_packed *w, const part *parts, size_t n0,
                                   pack_buffers *b) {
    const size_t n1 = n0 + LL_PANEL < w->n ? n0 + LL_PANEL : w->n;
    const bool f32 = load->options->weights == LL_WEIGHTS_F32;
    for (size_t i = 0; i < n1 - n0; i++) {
        float *row = f32 ? b->row + i * w->k : b->row;
        const ll_tensor *tensor = read_row(parts, n0 + i, w->k, row);
        const bool good =
            f32 ? ll_all_finite(row, w->k)
                : ll_quantize_row(row, w->k, w->group, b->q + i * w->k, b->scale + i * w->groups);
        if (!good)
            return tensor;
    }
    void *data = (void *)(uintptr_t)w->data;
    if (f32)
        load->kernels->pack_f32(data, w->n, w->k, n0, n1, b->row);
    else
        load->kernels->pack_i8(data, w->n, w->k, w->group, n0, n1, b->q, b->scale);
    return NULL;
}

static ll_status pack_matrix(const loader *load, const ll_packed *w, const part *parts) {
    const ll_tensor *bad = NULL;
    bool memory = true;
    const bool f32 = load->options->weights == LL_WEIGHTS_F32;
#pragma omp parallel num_threads((int)load->options->threads)
    {
        pack_buffers b;
        if (!buffers_take(&b, w->k, w->groups, f32)) {
#pragma omp atomic write
            memory = false;
        }
#pragma omp barrier
        if (memory) {
#pragma omp for schedule(static)
            for (size_t n0 = 0; n0 < w->n; n0 += LL_PANEL) {
                const ll_tensor *found = pack_panel(load, w, parts, n0, &b);
                if (found) {
#pragma omp critical
                    bad = found;
                }
            }
        }
        buffers_free(&b);
    }
    if (!memory)
        return ll_fail(load->error, LL_NO_RESOURCE, "no memory to pack a row of %zu weights", w->k);
    if (bad)
        return ll_fail(load->error, LL_BAD_INPUT, "%s: tensor %s holds a weight that is not finite",
                       ll_gguf_path(load->gguf), bad->name);
    return LL_OK;
}

static ll_packed take_packed(const loader *load, ll_arena *arena, size_t n, size_t k, size_t group) {
    ll_packed w = {.n = n, .k = k};
    if (load->options->weights == LL_WEIGHTS_INT8) {
        w.group = group;
        w.groups = (k + group - 1) / group;
    }
    w.data = ll_arena_take(arena, ll_packed_bytes(load->kernels, load->options->weights, n, k, group));
    return w;
}

/* Lays everything out in the arena: called once to count, once to place. */
static void lay_out(const loader *load, ll_weights *w, const ll_tensor *embedding) {
    const ll_config *c = load->config;
    const size_t norm = c->hidden * sizeof(float), q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const size_t from_hidden = ll_group_of(load->options, c->hidden);
    for (size_t i = 0; i < c->layers; i++) {
        ll_layer_weights *layer = &w->layer[i];
        layer->attn_norm = ll_arena_take(&w->arena, norm);
        layer->qkv = take_packed(load, &w->arena, q + 2 * kv, c->hidden, from_hidden);
        layer->o = take_packed(load, &w->arena, c->hidden, q, ll_group_of(load->options, q));
        layer->mlp_norm = ll_arena_take(&w->arena, norm);
        layer->gate_up = take_packed(load, &w->arena, 2 * c->mlp, c->hidden, from_hidden);
        layer->down = take_packed(load, &w->arena, c->hidden, c->mlp, ll_group_of(load->options, c->mlp));
    }
    w->final_norm = ll_arena_take(&w->arena, norm);
    w->head = take_packed(load, &w->arena, c->vocab, c->hidden, ll_head_group(c->hidden));
    w->embedding = ll_arena_take(&w->arena, embedding->bytes);
}

static ll_status fill(const loader *load, ll_weights *w, const model_tensors *t) {
    const size_t hidden = load->config->hidden;
    for (size_t i = 0; i < load->config->layers; i++) {
        const layer_tensors *from = &t->layer[i];
        ll_layer_weights *to = &w->layer[i];
        ll_dequant(from->attn_norm->type, from->attn_norm->data, hidden, to->attn_norm);
        ll_dequant(from->mlp_norm->type, from->mlp_norm->data, hidden, to->mlp_norm);
        LL_TRY(pack_matrix(load, &to->qkv, from->qkv));
        LL_TRY(pack_matrix(load, &to->o, from->o));
        LL_TRY(pack_matrix(load, &to->gate_up, from->gate_up));
        LL_TRY(pack_matrix(load, &to->down, from->down));
    }
    ll_dequant(t->final_norm->type, t->final_norm->data, hidden, w->final_norm);
    LL_TRY(pack_matrix(load, &w->head, t->head));
    memcpy(w->embedding, t->embedding->data, t->embedding->bytes);
    w->embedding_type = t->embedding->type;
    w->embedding_row = t->embedding->bytes / t->embedding->dims[1];
    return LL_OK;
}

/* int32 sums hold a group of 65,536 at most (kernels.h). */
static ll_status check_groups(const loader *load) {
    enum { GROUP_MAX = 65536 };
    const size_t widest = ll_widest_input(load->config);
    if (load->options->weights == LL_WEIGHTS_F32 || ll_group_of(load->options, widest) <= GROUP_MAX)
        return LL_OK;
    return ll_fail(load->error, LL_BAD_USAGE,
                   "%s: one scale a row does not work for rows of %zu weights, at most %d; use --group 128",
                   ll_gguf_path(load->gguf), widest, GROUP_MAX);
}

static ll_status load_tensors(loader *load, ll_weights *out, model_tensors *tensors) {
    LL_TRY(check_groups(load));
    LL_TRY(find_all(load, tensors));
    lay_out(load, out, tensors->embedding);
    LL_TRY(ll_arena_map(&out->arena, "weights", load->error));
    lay_out(load, out, tensors->embedding);
    return fill(load, out, tensors);
}

ll_status ll_weights_load(ll_weights *out, const ll_gguf *gguf, const ll_config *config,
                          const ll_kernels *kernels, const ll_model_options *options, ll_error *error) {
    memset(out, 0, sizeof *out);
    loader load = {gguf,    config, kernels,
                   options, error,  calloc(ll_gguf_tensor_count(gguf) + 1, sizeof(bool))};
    model_tensors *tensors = calloc(1, sizeof *tensors);
    ll_status status = load.used && tensors
                           ? load_tensors(&load, out, tensors)
                           : ll_fail(error, LL_NO_RESOURCE, "no memory for the list of tensors");
    free(tensors);
    free(load.used);
    if (status != LL_OK)
        ll_weights_unload(out);
    return status;
}

void ll_weights_unload(ll_weights *weights) {
    ll_arena_unmap(&weights->arena);
}
