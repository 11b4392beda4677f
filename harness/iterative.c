#include "iterative.h"
#include "observed.h"

#include <stdlib.h>
#include <string.h>

struct ll_iterative {
    const ll_model *model;
    const ll_sequences *sequences;
    ll_session *session;
    ll_observed observed;
    ll_tally tally;
    ll_mask mask;  /* that the tally and the kept streams are of */
    bool begun;    /* they are of any */
    size_t stride; /* streams before the layers 0, stride, 2 stride, ... are kept */
    float *kept;   /* [kept layers][tokens][hidden] */
    float *stream; /* [longest][hidden] */
    float *entry;  /* [longest][hidden]: before the present block */
    ll_iterative_work work;
};

/* ---- masks ---- */
static bool is_of_kind(ll_module module, ll_drop_kind kind) {
    return kind == LL_JOINT ? module.kind != LL_BLOCK : module.kind == kind;
}

size_t ll_iterative_count(const ll_mask *mask, ll_drop_kind kind, size_t layers) {
    size_t count = 0;
    for (size_t layer = 0; layer < layers; layer++)
        for (int own = 0; own < LL_MODULE_KINDS; own++) {
            const ll_module module = {(ll_drop_kind)own, layer};
            count += is_of_kind(module, kind) && ll_mask_drops(mask, module);
        }
    return count;
}

/* ---- streams ---- */
static ll_status allocate(ll_iterative *it, uint64_t memory, ll_error *error) {
    const ll_config *config = ll_model_config(it->model);
    const uint64_t row = config->hidden * sizeof(float), layer = it->sequences->tokens * row,
                   most = memory / layer ? memory / layer : 1;
    it->stride = (size_t)((config->layers + most - 1) / most);
    const size_t layers = (config->layers + it->stride - 1) / it->stride;
    LL_TRY(ll_memory_require(layers * layer + 2 * it->sequences->longest * row,
                             "residual streams of iterative dropping (fewer --samples, a shorter --length)",
                             error));
    it->kept = malloc(layers * (size_t)layer);
    it->stream = malloc(it->sequences->longest * (size_t)row);
    it->entry = malloc(it->sequences->longest * (size_t)row);
    if (!it->kept || !it->stream || !it->entry)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the residual streams of %zu calibration tokens",
                       it->sequences->tokens);
    LL_TRY(ll_observed_create(&it->observed, config, it->sequences->longest, error));
    return ll_session_create_stream(&it->session, it->model, it->sequences->longest, error);
}

ll_status ll_iterative_create(ll_iterative **out, const ll_model *model, const ll_sequences *sequences,
                              uint64_t memory, ll_error *error) {
    ll_iterative *it = calloc(1, sizeof *it);
    if (!it)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for iterative dropping");
    it->model = model;
    it->sequences = sequences;
    const ll_status status = allocate(it, memory, error);
    if (status == LL_OK)
        *out = it;
    else
        ll_iterative_destroy(it);
    return status;
}

void ll_iterative_destroy(ll_iterative *iterative) {
    if (!iterative)
        return;
    ll_session_destroy(iterative->session);
    ll_observed_free(&iterative->observed);
    free(iterative->kept);
    free(iterative->stream);
    free(iterative->entry);
    free(iterative);
}

ll_iterative_work ll_iterative_done(const ll_iterative *iterative) {
    return iterative->work;
}

/* Where the stream of the sequence that begins at token is kept before layer. */
static float *kept_at(const ll_iterative *it, size_t layer, size_t token) {
    return it->kept + (layer / it->stride * it->sequences->tokens + token) * it->observed.hidden;
}

static ll_status run_block(ll_iterative *it, size_t layer, size_t count, ll_error *error) {
    const ll_observer observer = {ll_observed_note, &it->observed};
    const size_t bytes = count * it->observed.hidden * sizeof(float);
    memcpy(it->entry, it->stream, bytes);
    for (int kind = LL_ATTN; kind <= LL_MLP; kind++) {
        const ll_module module = {(ll_drop_kind)kind, layer};
        if (!ll_mask_drops(&it->mask, module))
            LL_TRY(ll_session_run_module(it->session, module, it->stream, count, &observer, error));
    }
    ll_observed_note(&it->observed, (ll_module){LL_BLOCK, layer}, 0, it->entry, it->stream, count);
    return LL_OK;
}

/* A sequence whose stream is kept before first_layer, token tokens after the first sequence's. */
static ll_status run_sequence(ll_iterative *it, const ll_ids *ids, size_t token, size_t first_layer,
                              ll_progress *progress, ll_error *error) {
    const size_t bytes = ids->count * it->observed.hidden * sizeof(float);
    ll_observed_clear(&it->observed);
    memcpy(it->stream, kept_at(it, first_layer, token), bytes);
    for (size_t layer = first_layer; layer < it->observed.layers; layer++) {
        if (layer % it->stride == 0)
            memcpy(kept_at(it, layer, token), it->stream, bytes);
        LL_TRY(run_block(it, layer, ids->count, error));
        ll_progress_step(progress, 1);
    }
    ll_observed_add(&it->observed, ids->count, first_layer, &it->tally);
    return LL_OK;
}

/* Tally and streams of it->mask; those before layer are so already. */
static ll_status compute_from(ll_iterative *it, size_t layer, ll_progress *progress, ll_error *error) {
    const size_t first = layer - layer % it->stride, left = it->observed.layers - first;
    size_t token = 0;
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            memset(&it->tally.sum[metric][kind][first], 0, left * sizeof(double));
    for (size_t i = 0; i < it->sequences->count; i++) {
        const ll_ids *ids = &it->sequences->ids[i];
        LL_TRY(run_sequence(it, ids, token, first, progress, error));
        token += ids->count;
    }
    it->work.computed += it->sequences->tokens * left;
    return LL_OK;
}

static ll_status embed_all(ll_iterative *it, ll_error *error) {
    size_t token = 0;
    for (size_t i = 0; i < it->sequences->count; i++) {
        const ll_ids *ids = &it->sequences->ids[i];
        LL_TRY(ll_session_embed(it->session, ids->data, ids->count, kept_at(it, 0, token), error));
        token += ids->count;
    }
    return LL_OK;
}

/* The first layer where the two masks differ; layers: none. */
static size_t first_difference(const ll_mask *a, const ll_mask *b, size_t layers) {
    size_t layer = 0;
    while (layer < layers && a->attn[layer] == b->attn[layer] && a->mlp[layer] == b->mlp[layer])
        layer++;
    return layer;
}

static ll_status compute(ll_iterative *it, const ll_mask *mask, ll_progress *progress, ll_error *error) {
    const size_t layers = it->observed.layers,
                 layer = it->begun ? first_difference(&it->mask, mask, layers) : 0;
    if (!it->begun)
        LL_TRY(embed_all(it, error));
    it->mask = *mask;
    it->work.asked += it->sequences->tokens * layers;
    if (layer == layers)
        return LL_OK;  /* all is there */
    it->begun = false; /* should it fail half way */
    LL_TRY(compute_from(it, layer, progress, error));
    it->begun = true;
    return LL_OK;
}

/* ---- the choice ---- */
/* The least important module of kind that is left; false: none is. */
static bool find_least(const ll_iterative *it, ll_drop_kind kind, ll_module *out) {
    const double(*sum)[LL_MAX_LAYERS] = it->tally.sum[LL_COSINE];
    bool found = false;
    for (size_t layer = 0; layer < it->observed.layers; layer++)
        for (int own = 0; own < LL_MODULE_KINDS; own++) {
            const ll_module module = {(ll_drop_kind)own, layer};
            if (is_of_kind(module, kind) && !ll_mask_drops(&it->mask, module) &&
                (!found || sum[own][layer] < sum[out->kind][out->layer])) {
                *out = module;
                found = true;
            }
        }
    return found;
}

ll_status ll_iterative_run(ll_iterative *iterative, ll_mask *mask, ll_drop_kind kind, size_t count,
                           const ll_iterative_keeper *keeper, ll_progress *progress, ll_error *error) {
    ll_module least = {LL_ATTN, 0};
    size_t dropped = ll_iterative_count(mask, kind, iterative->observed.layers);
    for (; dropped < count; dropped++) {
        LL_TRY(compute(iterative, mask, progress, error));
        if (!find_least(iterative, kind, &least))
            return LL_OK;
        ll_mask_drop(mask, least);
        if (keeper)
            LL_TRY(keeper->save(keeper->context, mask, least, error));
    }
    return LL_OK;
}
