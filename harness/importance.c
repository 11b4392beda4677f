#include "importance.h"

#include <stdlib.h>
#include <string.h>

/* What each token of a document adds to each module's sum: added up in the tokens' order, so that the sums have the same bits
 * at any thread count. */
typedef struct {
    size_t hidden, layers, length;
    double *changed; /* [LL_METRICS][LL_MODULE_KINDS][layers][length] */
} observed;

static size_t observed_size(const observed *o) {
    return (size_t)LL_METRICS * LL_MODULE_KINDS * o->layers * o->length;
}

static double *changed_by(const observed *o, ll_metric metric, ll_module module) {
    return o->changed +
           (((size_t)metric * LL_MODULE_KINDS + (size_t)module.kind) * o->layers + module.layer) * o->length;
}

static void note_module(void *context, ll_module module, size_t first, const float *before,
                        const float *after, size_t rows) {
    const observed *o = context;
    double found[LL_METRICS];
    for (size_t r = 0; r < rows; r++) {
        ll_metric_measure(before + r * o->hidden, after + r * o->hidden, o->hidden, found);
        for (int metric = 0; metric < LL_METRICS; metric++)
            changed_by(o, (ll_metric)metric, module)[first + r] = found[metric];
    }
}

static double sum_of(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static void add_tokens(ll_tally *tally, const observed *o, size_t tokens) {
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            for (size_t layer = 0; layer < o->layers; layer++)
                tally->sum[metric][kind][layer] +=
                    sum_of(changed_by(o, (ll_metric)metric, (ll_module){(ll_drop_kind)kind, layer}), tokens);
    tally->tokens += tokens;
    tally->documents++;
}

static ll_status run_sequence(ll_session *session, const ll_ids *ids, observed *o, ll_tally *tally,
                              ll_error *error) {
    const ll_observer observer = {note_module, o};
    memset(o->changed, 0, observed_size(o) * sizeof *o->changed);
    ll_session_reset(session);
    LL_TRY(ll_session_forward(session, ids->data, ids->count, NULL, &observer, error));
    add_tokens(tally, o, ids->count);
    return LL_OK;
}

ll_status ll_tally_run(ll_tally *tally, const ll_model *model, const ll_mask *mask,
                       const ll_sequences *sequences, const ll_tally_keeper *keeper, ll_progress *progress,
                       ll_error *error) {
    const ll_config *config = ll_model_config(model);
    ll_session *session;
    LL_TRY(ll_session_create(&session, model, mask, sequences->longest, error));
    observed o = {config->hidden, config->layers, sequences->longest, NULL};
    o.changed = calloc(observed_size(&o), sizeof *o.changed);
    ll_status status = o.changed ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for a document's sums");
    ll_progress_step(progress, (double)tally->documents);
    while (status == LL_OK && tally->documents < sequences->count) {
        status = run_sequence(session, &sequences->ids[tally->documents], &o, tally, error);
        if (status == LL_OK && keeper)
            status = keeper->save(keeper->context, tally, error);
        ll_progress_step(progress, 1);
    }
    ll_session_destroy(session);
    free(o.changed);
    return status;
}

void ll_tally_take(const ll_tally *tally, ll_metric metric, ll_plan *plan) {
    plan->metric = metric;
    plan->tokens = tally->tokens;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < plan->layers; layer++)
            plan->importance[kind][layer] = tally->sum[metric][kind][layer] / (double)tally->tokens;
}

ll_status ll_importance_run(ll_plan *plan, const ll_model *model, const ll_documents *documents,
                            size_t samples, size_t length, ll_tally *tally, const ll_tally_keeper *keeper,
                            ll_progress *progress, ll_error *error) {
    const ll_mask full = {0};
    ll_sequences sequences;
    LL_TRY(ll_sequences_make(&sequences, ll_model_tokenizer(model), documents, samples, length, error));
    plan->layers = ll_model_config(model)->layers;
    plan->samples = sequences.count;
    plan->length = length;
    memcpy(plan->data_sha256, documents->sha256, sizeof plan->data_sha256);
    const ll_status status = ll_tally_run(tally, model, &full, &sequences, keeper, progress, error);
    ll_sequences_free(&sequences);
    LL_TRY(status);
    ll_tally_take(tally, plan->metric, plan);
    return LL_OK;
}
