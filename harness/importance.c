#include "importance.h"
#include "observed.h"

#include <string.h>

static ll_status run_sequence(ll_session *session, const ll_ids *ids, ll_observed *observed, ll_tally *tally,
                              ll_error *error) {
    const ll_observer observer = {ll_observed_note, observed};
    ll_observed_clear(observed);
    ll_session_reset(session);
    LL_TRY(ll_session_forward(session, ids->data, ids->count, NULL, &observer, error));
    ll_observed_add(observed, ids->count, 0, tally);
    tally->tokens += ids->count;
    tally->documents++;
    return LL_OK;
}

ll_status ll_tally_run(ll_tally *tally, const ll_model *model, const ll_sequences *sequences,
                       const ll_tally_keeper *keeper, ll_progress *progress, ll_error *error) {
    const ll_mask full = {0};
    ll_session *session;
    ll_observed observed = {0};
    LL_TRY(ll_session_create(&session, model, &full, sequences->longest, error));
    ll_status status = ll_observed_create(&observed, ll_model_config(model), sequences->longest, error);
    ll_progress_step(progress, (double)tally->documents);
    while (status == LL_OK && tally->documents < sequences->count) {
        status = run_sequence(session, &sequences->ids[tally->documents], &observed, tally, error);
        if (status == LL_OK && keeper)
            status = keeper->save(keeper->context, tally, error);
        ll_progress_step(progress, 1);
    }
    ll_observed_free(&observed);
    ll_session_destroy(session);
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
    ll_sequences sequences;
    LL_TRY(ll_sequences_make(&sequences, ll_model_tokenizer(model), documents, samples, length, error));
    plan->layers = ll_model_config(model)->layers;
    plan->samples = sequences.count;
    plan->length = length;
    memcpy(plan->data_sha256, documents->sha256, sizeof plan->data_sha256);
    const ll_status status = ll_tally_run(tally, model, &sequences, keeper, progress, error);
    ll_sequences_free(&sequences);
    LL_TRY(status);
    ll_tally_take(tally, plan->metric, plan);
    return LL_OK;
}
