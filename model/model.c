#include "session.h"

#include <math.h>
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
    if (options->weights == LL_WEIGHTS_F32 && options->matmul != LL_MATMUL_OWN)
        return ll_fail(error, LL_BAD_USAGE, "matmul %s: is for int8 weights, these are f32",
                       ll_matmul_kind_name(options->matmul));
    return LL_OK;
}

ll_status ll_model_select_kernels(ll_kernels *kernels, const ll_model_options *options, ll_error *error) {
    const char *isa = options->isa;
    const ll_status status = ll_kernels_select(kernels, ll_cpu_features(), isa);
    if (status == LL_OK && options->matmul == LL_MATMUL_ONEDNN)
        kernels->isa[LL_OP_MATMUL_I8] = ll_matmul_onednn_name();
    if (status == LL_OK)
        return LL_OK;
    char names[256] = "";
    for (size_t i = 0, used = 0; ll_isa_name(i) && used < sizeof names; i++)
        if (ll_isa_supported(i, ll_cpu_features()))
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", ll_isa_name(i));
    if (status == LL_NO_RESOURCE)
        return ll_fail(error, status,
                       "ISA %s: this CPU lacks it (`layerlab info --kernels` says what); it has %s", isa,
                       names);
    const char *const architecture = ll_isa_architecture(isa);
    if (architecture)
        return ll_fail(error, status, "ISA %s: of %s, which this was not built for; this CPU has %s", isa,
                       architecture, names);
    return ll_fail(error, status, "ISA %s: unknown; this CPU has %s", isa, names);
}

void ll_model_describe_onednn(char *out, size_t capacity) {
    ll_kernels kernels;
    (void)ll_kernels_select(&kernels, ll_cpu_features(), NULL); /* the best there is does exist */
    ll_matmul_describe_onednn(&kernels, out, capacity);
}

/* Threads, and where they and the memory are to be. */
static ll_status place(ll_model *model, ll_error *error) {
    ll_model_options *o = &model->options;
    LL_TRY(ll_topology_load(&model->topology, NULL, error));
    LL_TRY(ll_placement_plan(&model->placement, model->topology, &o->placement, o->threads,
                             model->machine.quota, error));
    o->threads = model->placement.threads;
    model->home = (ll_home){&model->placement, model->topology};
    return ll_team_create(&model->team, &model->placement, model->topology, error);
}

/* What the options and the machine say, before anything is read. */
static ll_status begin(ll_model **out, const ll_model_options *options, ll_error *error) {
    LL_TRY(check_options(options, error));
    ll_model *model = calloc(1, sizeof *model);
    if (!model)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a model");
    model->options = *options;
    ll_status status = ll_model_select_kernels(&model->kernels, options, error);
    if (status == LL_OK)
        status = ll_machine_probe(&model->machine, "", error);
    model->options.isa = model->kernels.name;
    if (status == LL_OK)
        status = place(model, error);
    if (status == LL_OK)
        status = ll_matmul_create(&model->matmul, &model->kernels, &model->options, error);
    if (status == LL_OK)
        *out = model;
    else
        ll_model_destroy(model);
    return status;
}

static ll_status load_weights(ll_model *model, const ll_checkpoint *checkpoint, ll_error *error) {
    ll_mask_add(&model->config.dropped, model->options.drop);
    const ll_weights_source source = {checkpoint,      &model->config, &model->kernels, model->matmul,
                                      &model->options, &model->home,   model->team,     error};
    const ll_status status = ll_weights_load(&model->weights, &source);
    /* They are the caller's, for this call; the config keeps what drop says. */
    model->options.drop = NULL;
    model->options.progress = NULL;
    return status;
}

static ll_status load(ll_model *model, const char *path, ll_error *error) {
    ll_checkpoint *checkpoint;
    LL_TRY(ll_checkpoint_open(&checkpoint, path, error));
    model->config = *ll_checkpoint_config(checkpoint);
    ll_status status = ll_checkpoint_tokenizer(&model->tokenizer, checkpoint, error);
    if (status == LL_OK)
        status = load_weights(model, checkpoint, error);
    ll_checkpoint_close(checkpoint);
    return status;
}

ll_status ll_model_load(ll_model **out, const char *path, const ll_model_options *options, ll_error *error) {
    *out = NULL;
    if (options->resident)
        return ll_fail(error, LL_BAD_USAGE, "only synthetic weights can be resident in part");
    ll_model *model;
    LL_TRY(begin(&model, options, error));
    const ll_status status = load(model, path, error);
    if (status == LL_OK)
        *out = model;
    else
        ll_model_destroy(model);
    return status;
}

ll_status ll_model_synthesize(ll_model **out, const ll_config *shape, const ll_model_options *options,
                              ll_error *error) {
    *out = NULL;
    if (options->resident > shape->layers)
        return ll_fail(error, LL_BAD_USAGE, "%zu resident blocks: the model has %zu", options->resident,
                       shape->layers);
    ll_model *model;
    LL_TRY(begin(&model, options, error));
    model->config = *shape;
    const ll_status status = load_weights(model, NULL, error);
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
    ll_matmul_destroy(model->matmul);
    ll_tokenizer_destroy(model->tokenizer);
    ll_team_destroy(model->team);
    ll_topology_free(model->topology);
    free(model);
}

const ll_config *ll_model_config(const ll_model *model) {
    return &model->config;
}
const ll_tokenizer *ll_model_tokenizer(const ll_model *model) {
    return model->tokenizer;
}
const char *ll_model_matmul_note(const ll_model *model) {
    return model->matmul->note;
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
bool ll_model_is_synthetic(const ll_model *model) {
    return !model->tokenizer;
}
bool ll_model_from_cache(const ll_model *model) {
    return model->weights.from_cache;
}
const char *ll_model_cache_note(const ll_model *model) {
    return *model->weights.cache_note.text ? model->weights.cache_note.text : NULL;
}
uint64_t ll_model_weight_bytes(const ll_model *model) {
    return model->weights.arena.mapped;
}

uint64_t ll_config_weight_bytes(const ll_config *c, const ll_model_options *options) {
    ll_kernels kernels;
    ll_matmul *matmul;
    if (ll_model_select_kernels(&kernels, options, NULL) != LL_OK ||
        ll_matmul_create(&matmul, &kernels, options, NULL) != LL_OK)
        return UINT64_MAX;
    const ll_weights_source source = {.config = c, .kernels = &kernels, .matmul = matmul, .options = options};
    const uint64_t bytes = ll_weights_bytes(&source);
    ll_matmul_destroy(matmul);
    return bytes;
}

ll_kv_type ll_kv_type_of(const ll_model_options *options) {
    return options->kv_i8 ? LL_KV_I8 : options->weights == LL_WEIGHTS_F32 ? LL_KV_F32 : LL_KV_BF16;
}

uint64_t ll_config_kv_bytes(const ll_config *c, ll_kv_type type, const ll_mask *mask, size_t capacity) {
    const size_t positions = (capacity + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK;
    const uint64_t layer = 2 * ((uint64_t)ll_kv_bytes(type, positions, c->kv_heads, c->head_dim) +
                                ll_kv_scale_bytes(type, positions, c->kv_heads));
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->layers; i++)
        if (!c->dropped.attn[i] && !(mask && mask->attn[i]))
            bytes += layer;
    return bytes;
}

/* ---- what a pass costs ---- */

typedef struct {
    const ll_model_options *options;
    const ll_kernels *kernels;
    ll_matmul *matmul;
    ll_cost *cost;
} counting;

static void count_matrix(const counting *c, size_t n, size_t k, size_t group) {
    c->cost->linear_ops += 2.0 * (double)n * (double)k;
    c->cost->weight_bytes += (double)ll_packed_bytes(c->kernels, c->matmul, c->options->weights, n, k, group);
}

static ll_cost count_cost(const ll_config *c, const ll_model_options *options, const ll_kernels *kernels,
                          ll_matmul *matmul, const ll_mask *mask) {
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    ll_cost cost = {.kv_bytes = (double)ll_config_kv_bytes(c, ll_kv_type_of(options), mask, LL_KV_BLOCK) /
                                LL_KV_BLOCK,
                    .window = c->window ? (double)c->window : HUGE_VAL};
    const counting count = {options, kernels, matmul, &cost};
    count_matrix(&count, c->vocab, c->hidden, ll_head_group(c->hidden));
    cost.head_ops = cost.linear_ops;
    for (size_t i = 0; i < c->layers; i++) {
        if (!mask->attn[i] && !c->dropped.attn[i]) {
            count_matrix(&count, q + 2 * kv, c->hidden, ll_group_of(options, c->hidden));
            count_matrix(&count, c->hidden, q, ll_group_of(options, q));
            cost.attention_ops += 4.0 * (double)q; /* q.K and p.V */
        }
        if (!mask->mlp[i] && !c->dropped.mlp[i]) {
            count_matrix(&count, 2 * c->mlp, c->hidden, ll_group_of(options, c->hidden));
            count_matrix(&count, c->hidden, c->mlp, ll_group_of(options, c->mlp));
        }
    }
    return cost;
}

double ll_cost_seen_by_all(const ll_cost *cost, double tokens) {
    const double growing = fmin(tokens, cost->window);
    return growing * (growing + 1) / 2 + (tokens > growing ? (tokens - growing) * cost->window : 0);
}

ll_cost ll_model_cost(const ll_model *model, const ll_mask *mask) {
    return count_cost(&model->config, &model->options, &model->kernels, model->matmul, mask);
}

ll_status ll_config_cost(ll_cost *out, const ll_config *config, const ll_model_options *options,
                         const ll_kernels *kernels, const ll_mask *mask, ll_error *error) {
    ll_matmul *matmul;
    LL_TRY(ll_matmul_create(&matmul, kernels, options, error));
    *out = count_cost(config, options, kernels, matmul, mask);
    ll_matmul_destroy(matmul);
    return LL_OK;
}
