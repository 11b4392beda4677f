#include "session.h"

#include <stdio.h>
#include <stdlib.h>

const char *ll_weights_kind_name(ll_weights_kind kind) {
    return kind == LL_WEIGHTS_F32 ? "f32" : "int8";
}

static ll_status check_options(const ll_model_options *options, ll_error *error) {
    if (options->group != 0 && options->group != 32 && options->group != 128)
        return ll_fail(error, LL_BAD_USAGE, "group %zu: expected 128, 32 or channel", options->group);
    if (options->threads > 1024)
        return ll_fail(error, LL_BAD_USAGE, "%zu threads: expected 1 to 1024", options->threads);
    return LL_OK;
}

ll_status ll_model_select_kernels(ll_kernels *kernels, const char *isa, ll_error *error) {
    const ll_status status = ll_kernels_select(kernels, ll_cpu_features(), isa);
    if (status == LL_OK)
        return LL_OK;
    char names[256] = "";
    for (size_t i = 0, used = 0; ll_isa_name(i) && used < sizeof names; i++)
        if (ll_isa_supported(i, ll_cpu_features()))
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", ll_isa_name(i));
    if (status == LL_NO_RESOURCE)
        return ll_fail(error, status, "ISA %s: this CPU lacks it; it has %s", isa, names);
    return ll_fail(error, status, "ISA %s: unknown; this CPU has %s", isa ? isa : "(best)", names);
}

static ll_status load(ll_model *model, const ll_gguf *gguf, ll_error *error) {
    LL_TRY(ll_config_from_gguf(&model->config, gguf, error));
    LL_TRY(ll_tokenizer_from_gguf(&model->tokenizer, gguf, model->config.vocab, error));
    return ll_weights_load(&model->weights, gguf, &model->config, &model->kernels, &model->options, error);
}

ll_status ll_model_load(ll_model **out, const char *path, const ll_model_options *options, ll_error *error) {
    *out = NULL;
    LL_TRY(check_options(options, error));
    ll_model *model = calloc(1, sizeof *model);
    if (!model)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a model");
    model->options = *options;
    ll_gguf *gguf = NULL;
    ll_status status = ll_model_select_kernels(&model->kernels, options->isa, error);
    if (status == LL_OK)
        status = ll_machine_probe(&model->machine, "", error);
    if (status == LL_OK) {
        model->options.isa = model->kernels.name;
        if (!model->options.threads)
            model->options.threads = model->machine.threads;
        status = ll_gguf_open(&gguf, path, error);
    }
    if (status == LL_OK)
        status = load(model, gguf, error);
    ll_gguf_close(gguf);
    if (status == LL_OK)
        *out = model;
    else
        ll_model_destroy(model);
    return status;
}

void ll_model_destroy(ll_model *model) {
    if (!model)
        return;
    ll_weights_unload(&model->weights);
    ll_tokenizer_destroy(model->tokenizer);
    free(model);
}

const ll_config *ll_model_config(const ll_model *model) {
    return &model->config;
}
const ll_tokenizer *ll_model_tokenizer(const ll_model *model) {
    return model->tokenizer;
}
const ll_kernels *ll_model_kernels(const ll_model *model) {
    return &model->kernels;
}
const ll_machine *ll_model_machine(const ll_model *model) {
    return &model->machine;
}
const ll_model_options *ll_model_options_used(const ll_model *model) {
    return &model->options;
}
uint64_t ll_model_weight_bytes(const ll_model *model) {
    return model->weights.arena.mapped;
}

uint64_t ll_config_weight_bytes(const ll_config *c, const ll_model_options *options) {
    ll_kernels kernels;
    if (ll_kernels_select(&kernels, ll_cpu_features(), options->isa) != LL_OK)
        return 0;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const ll_weights_kind kind = options->weights;
    const size_t from_hidden = ll_group_of(options, c->hidden);
    const uint64_t layer = ll_packed_bytes(&kernels, kind, q + 2 * kv, c->hidden, from_hidden) +
                           ll_packed_bytes(&kernels, kind, c->hidden, q, ll_group_of(options, q)) +
                           ll_packed_bytes(&kernels, kind, 2 * c->mlp, c->hidden, from_hidden) +
                           ll_packed_bytes(&kernels, kind, c->hidden, c->mlp, ll_group_of(options, c->mlp));
    return c->layers * layer + ll_packed_bytes(&kernels, kind, c->vocab, c->hidden, ll_head_group(c->hidden));
}

static double matrix_bytes(const ll_model *model, const ll_packed *w) {
    return (double)ll_packed_bytes(&model->kernels, model->options.weights, w->n, w->k, w->group);
}

static double matrix_ops(const ll_packed *w) {
    return 2.0 * (double)w->n * (double)w->k;
}

ll_cost ll_model_cost(const ll_model *model, const ll_mask *mask) {
    const ll_config *c = &model->config;
    const ll_packed *head = &model->weights.head;
    ll_cost cost = {.head_ops = matrix_ops(head), .weight_bytes = matrix_bytes(model, head)};
    cost.linear_ops = cost.head_ops;
    const double element = model->options.weights == LL_WEIGHTS_F32 ? 4 : 2;
    for (size_t i = 0; i < c->layers; i++) {
        const ll_layer_weights *w = &model->weights.layer[i];
        if (!mask->attn[i]) {
            cost.linear_ops += matrix_ops(&w->qkv) + matrix_ops(&w->o);
            cost.weight_bytes += matrix_bytes(model, &w->qkv) + matrix_bytes(model, &w->o);
            cost.attention_ops += 4.0 * (double)(c->heads * c->head_dim); /* q.K and p.V */
            cost.kv_bytes += 2.0 * element * (double)(c->kv_heads * c->head_dim);
        }
        if (!mask->mlp[i]) {
            cost.linear_ops += matrix_ops(&w->gate_up) + matrix_ops(&w->down);
            cost.weight_bytes += matrix_bytes(model, &w->gate_up) + matrix_bytes(model, &w->down);
        }
    }
    return cost;
}
