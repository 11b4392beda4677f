#include "wanda.h"
#include "sequences.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how much ---- */

ll_status ll_wanda_amount_parse(ll_wanda_amount *out, const char *text, size_t length, ll_error *error) {
    const char *at = memchr(text, '@', length);
    *out = (ll_wanda_amount){.count = 0};
    if (!at)
        return ll_sparsity_parse(&out->sparsity, text, length, error);
    const char *digit = at + 1;
    for (; digit < text + length && *digit >= '0' && *digit <= '9' && out->count <= 2 * LL_MAX_LAYERS;
         digit++)
        out->count = 10 * out->count + (size_t)(*digit - '0');
    if (digit == text + length && out->count > 0 && at[1] != '0' &&
        ll_drop_kind_parse(text, (size_t)(at - text), &out->kind) == LL_OK && out->kind != LL_JOINT)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE,
                   "\"%.*s\" is no number of modules: expected attn@N, mlp@N or block@N, N from 1",
                   (int)(length < 64 ? length : 64), text);
}

void ll_wanda_weights_name(const ll_wanda_amount *amount, char out[LL_WANDA_TEXT]) {
    char text[LL_SPARSITY_TEXT];
    if (amount->count)
        snprintf(text, sizeof text, "%s@%zu", ll_drop_kind_name(amount->kind), amount->count);
    else
        ll_sparsity_format(&amount->sparsity, text);
    snprintf(out, LL_WANDA_TEXT, "%s-wanda-%s", ll_weights_kind_name(LL_WEIGHTS_F32), text);
}

ll_status ll_wanda_sparsity(const ll_wanda_amount *amount, const ll_config *c, ll_sparsity *out,
                            ll_error *error) {
    const double attn = (double)(2 * (c->heads + c->kv_heads) * c->head_dim) * (double)c->hidden,
                 mlp = 3 * (double)c->mlp * (double)c->hidden, block = attn + mlp;
    const double one = amount->kind == LL_ATTN ? attn : amount->kind == LL_MLP ? mlp : block;
    *out = amount->sparsity;
    if (!amount->count)
        return LL_OK;
    out->share = (double)amount->count * one / ((double)c->layers * block);
    const bool all = amount->kind == LL_BLOCK && amount->count == c->layers;
    if (amount->count <= c->layers && !all)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE,
                   "as many weights as %s@%zu cannot be pruned: the model has %zu blocks",
                   ll_drop_kind_name(amount->kind), amount->count, c->layers);
}

/* ---- the calibration set ---- */

static ll_status join(ll_wanda_calibration *out, const ll_sequences *sequences, ll_error *error) {
    out->end = calloc(sequences->count, sizeof *out->end);
    if (!out->end)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a list of %zu documents", sequences->count);
    for (; out->samples < sequences->count; out->samples++) {
        const ll_ids *ids = &sequences->ids[out->samples];
        for (size_t i = 0; i < ids->count; i++)
            LL_TRY(ll_ids_append(&out->ids, ids->data[i], error));
        out->end[out->samples] = out->ids.count;
    }
    return LL_OK;
}

ll_status ll_wanda_read(ll_wanda_calibration *out, const ll_tokenizer *tokenizer,
                        const ll_documents *documents, size_t samples, size_t length, ll_error *error) {
    ll_sequences sequences;
    *out = (ll_wanda_calibration){.end = NULL};
    LL_TRY(ll_sequences_make(&sequences, tokenizer, documents, samples, length, error));
    const ll_status status = join(out, &sequences, error);
    ll_sequences_free(&sequences);
    if (status != LL_OK)
        ll_wanda_free(out);
    return status;
}

void ll_wanda_free(ll_wanda_calibration *calibration) {
    ll_ids_free(&calibration->ids);
    free(calibration->end);
    *calibration = (ll_wanda_calibration){.end = NULL};
}

/* ---- as it goes through the blocks ---- */

typedef struct {
    ll_session *session;
    const ll_config *config;
    const ll_wanda_calibration *c;
    ll_wanda_result *result;
    float *stream;  /* [tokens][hidden] */
    float *scratch; /* [longest][hidden], of a document on its way through the whole block */
    float *seen;    /* of each of LL_INPUTS [longest][width] */
    double *sum;    /* [LL_INPUTS][widest] of squares */
    float *norm;    /* [LL_INPUTS][widest] */
    size_t width[LL_INPUTS], widest, longest; /* longest: document */
    ll_progress *progress;
    double step; /* of the progress: a document through a block */
} run;

static size_t begin_of(const run *r, size_t document) {
    return document ? r->c->end[document - 1] : 0;
}

static ll_status take_memory(run *r, ll_error *error) {
    const ll_config *c = r->config;
    const size_t widths[LL_INPUTS] = {[LL_INPUT_QKV] = c->hidden,
                                      [LL_INPUT_O] = c->heads * c->head_dim,
                                      [LL_INPUT_GATE_UP] = c->hidden,
                                      [LL_INPUT_DOWN] = c->mlp};
    char what[128];
    for (size_t i = 0; i < LL_INPUTS; i++) {
        r->width[i] = widths[i];
        r->widest = widths[i] > r->widest ? widths[i] : r->widest;
    }
    for (size_t i = 0; i < r->c->samples; i++)
        r->longest = r->c->end[i] - begin_of(r, i) > r->longest ? r->c->end[i] - begin_of(r, i) : r->longest;
    const uint64_t row = (uint64_t)c->hidden * sizeof(float),
                   seen = (uint64_t)LL_INPUTS * r->longest * r->widest * sizeof(float);
    snprintf(what, sizeof what,
             "Wanda's calibration (%zu tokens of %zu documents: fewer --samples, a shorter --length)",
             r->c->ids.count, r->c->samples);
    LL_TRY(ll_memory_require((r->c->ids.count + r->longest) * row + seen, what, error));
    r->stream = malloc(r->c->ids.count * row);
    r->scratch = malloc(r->longest * row);
    r->seen = malloc(seen);
    r->sum = malloc(LL_INPUTS * r->widest * sizeof *r->sum);
    r->norm = malloc(LL_INPUTS * r->widest * sizeof *r->norm);
    return r->stream && r->scratch && r->seen && r->sum && r->norm
               ? LL_OK
               : ll_fail(error, LL_NO_RESOURCE, "no memory for %s", what);
}

/* ---- norms ---- */

static float *seen_of(const run *r, size_t input) {
    return r->seen + input * r->longest * r->widest;
}

/* Kept as they come, from all threads, and added up in the tokens' order, so that the sums have the same bits at any thread count. */
static void keep_input(void *context, ll_input input, size_t layer, size_t first, const float *x, size_t ldx,
                       size_t rows) {
    const run *r = context;
    const size_t width = r->width[input];
    (void)layer;
    for (size_t i = 0; i < rows; i++)
        memcpy(seen_of(r, input) + (first + i) * width, x + i * ldx, width * sizeof *x);
}

static void add_squares(run *r, size_t rows, const bool wanted[LL_INPUTS]) {
    for (size_t input = 0; input < LL_INPUTS; input++) {
        double *const sum = r->sum + input * r->widest;
        for (size_t i = 0; wanted[input] && i < rows; i++) {
            const float *x = seen_of(r, input) + i * r->width[input];
            for (size_t k = 0; k < r->width[input]; k++)
                sum[k] += (double)x[k] * (double)x[k];
        }
    }
}

/* A block of which wanted says what is there. */
static ll_status run_block(run *r, size_t layer, const bool wanted[LL_INPUTS], float *stream, size_t count,
                           ll_error *error) {
    if (wanted[LL_INPUT_QKV])
        LL_TRY(ll_session_run_module(r->session, (ll_module){LL_ATTN, layer}, stream, count, NULL, error));
    if (wanted[LL_INPUT_GATE_UP])
        LL_TRY(ll_session_run_module(r->session, (ll_module){LL_MLP, layer}, stream, count, NULL, error));
    ll_progress_step(r->progress, r->step);
    return LL_OK;
}

/* All documents through a block that is whole still, and back. */
static ll_status add_documents(run *r, size_t layer, const bool wanted[LL_INPUTS], ll_error *error) {
    const ll_input_observer observer = {keep_input, r};
    const size_t hidden = r->config->hidden;
    memset(r->sum, 0, LL_INPUTS * r->widest * sizeof *r->sum);
    LL_TRY(ll_session_watch_inputs(r->session, &observer, error));
    for (size_t i = 0; i < r->c->samples; i++) {
        const size_t begin = begin_of(r, i), rows = r->c->end[i] - begin;
        memcpy(r->scratch, r->stream + begin * hidden, rows * hidden * sizeof *r->scratch);
        LL_TRY(run_block(r, layer, wanted, r->scratch, rows, error));
        add_squares(r, rows, wanted);
    }
    return ll_session_watch_inputs(r->session, NULL, error);
}

/* All documents through the pruned block. */
static ll_status pass_documents(run *r, size_t layer, const bool wanted[LL_INPUTS], ll_error *error) {
    for (size_t i = 0; i < r->c->samples; i++) {
        const size_t begin = begin_of(r, i);
        LL_TRY(
            run_block(r, layer, wanted, r->stream + begin * r->config->hidden, r->c->end[i] - begin, error));
    }
    return LL_OK;
}

static ll_status prune_block(run *r, ll_model *model, const ll_checkpoint *checkpoint, size_t layer,
                             const bool wanted[LL_INPUTS], ll_error *error) {
    const float *norms[LL_INPUTS] = {NULL};
    for (size_t input = 0; input < LL_INPUTS; input++) {
        float *const norm = r->norm + input * r->widest;
        for (size_t k = 0; wanted[input] && k < r->width[input]; k++) /* finite, as the scores want it */
            norm[k] = (float)fmin(sqrt(r->sum[input * r->widest + k] / (double)r->c->samples), FLT_MAX);
        if (!wanted[input])
            continue;
        norms[input] = norm;
        if (r->c->norms)
            r->c->norms(r->c->context, layer, (ll_input)input, norm, r->width[input]);
    }
    return ll_model_prune_block(model, checkpoint, layer, norms, &r->result->sparsity, &r->result->pruned,
                                error);
}

static bool is_kept(const run *r, const ll_mask *drop, ll_drop_kind kind, size_t layer) {
    const ll_module module = {kind, layer};
    return !ll_mask_drops(drop, module) && !ll_mask_drops(&r->config->dropped, module);
}

/* Two passes of all documents for every block that is there, one for the last. */
static double step_of(const run *r, const ll_mask *drop) {
    size_t passes = 0;
    for (size_t layer = 0; layer < r->config->layers; layer++)
        if (is_kept(r, drop, LL_ATTN, layer) || is_kept(r, drop, LL_MLP, layer))
            passes += layer + 1 < r->config->layers ? 2 : 1;
    return passes ? 1 / ((double)passes * (double)r->c->samples) : 0;
}

static ll_status prune_blocks(run *r, ll_model *model, const ll_checkpoint *checkpoint, const ll_mask *drop,
                              ll_error *error) {
    const ll_config *c = r->config;
    r->step = step_of(r, drop);
    for (size_t layer = 0; layer < c->layers; layer++) {
        const bool attn = is_kept(r, drop, LL_ATTN, layer), mlp = is_kept(r, drop, LL_MLP, layer);
        const bool wanted[LL_INPUTS] = {
            [LL_INPUT_QKV] = attn, [LL_INPUT_O] = attn, [LL_INPUT_GATE_UP] = mlp, [LL_INPUT_DOWN] = mlp};
        if (!attn && !mlp)
            continue;
        LL_TRY(add_documents(r, layer, wanted, error));
        LL_TRY(prune_block(r, model, checkpoint, layer, wanted, error));
        if (layer + 1 < c->layers)
            LL_TRY(pass_documents(r, layer, wanted, error));
    }
    return LL_OK;
}

/* What the matrices' sizes follow from. */
static bool same_shape(const ll_config *a, const ll_config *b) {
    return a->layers == b->layers && a->hidden == b->hidden && a->heads == b->heads &&
           a->kv_heads == b->kv_heads && a->head_dim == b->head_dim && a->mlp == b->mlp;
}

static ll_status prune_from(run *r, ll_model *model, const char *path, const ll_mask *drop, ll_error *error) {
    ll_checkpoint *checkpoint;
    LL_TRY(take_memory(r, error));
    LL_TRY(ll_session_create_stream(&r->session, model, r->longest, error));
    LL_TRY(ll_session_embed(r->session, r->c->ids.data, r->c->ids.count, r->stream, error));
    LL_TRY(ll_checkpoint_open(&checkpoint, path, error));
    const ll_status status =
        same_shape(ll_checkpoint_config(checkpoint), r->config)
            ? prune_blocks(r, model, checkpoint, drop, error)
            : ll_fail(error, LL_BAD_INPUT,
                      "%s: is of another shape than the model that was loaded from it; put "
                      "the file back",
                      path);
    ll_checkpoint_close(checkpoint);
    return status;
}

ll_status ll_wanda_prune(ll_wanda_result *out, ll_model *model, const char *path, const ll_mask *drop,
                         const ll_wanda_amount *amount, const ll_wanda_calibration *calibration,
                         ll_progress *progress, ll_error *error) {
    *out = (ll_wanda_result){0};
    run r = {.config = ll_model_config(model), .c = calibration, .result = out, .progress = progress};
    if (ll_model_options_used(model)->weights != LL_WEIGHTS_F32)
        return ll_fail(
            error, LL_BAD_USAGE,
            "int8 weights are not pruned: the scores are of weights as they were before they were rounded");
    if (ll_model_is_synthetic(model))
        return ll_fail(error, LL_BAD_USAGE, "random weights say nothing: none of them can be pruned");
    LL_TRY(ll_wanda_sparsity(amount, r.config, &out->sparsity, error));
    const ll_status status = prune_from(&r, model, path, drop, error);
    ll_session_destroy(r.session);
    free(r.stream);
    free(r.scratch);
    free(r.seen);
    free(r.sum);
    free(r.norm);
    return status;
}
