#include "importance.h"

#include <math.h>
#include <string.h>

typedef struct {
    ll_tally *tally;
    size_t hidden;
} observed;

static double one_minus_cosine(const float *x, const float *y, size_t n) {
    double xy = 0, xx = 0, yy = 0;
#pragma omp simd reduction(+ : xy, xx, yy)
    for (size_t i = 0; i < n; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    /* A zero vector has no direction: it counts as changed, unless both are zero. */
    if (xx == 0 || yy == 0)
        return xx == yy ? 0 : 1;
    return 1 - xy / (sqrt(xx) * sqrt(yy));
}

static void add_module(void *context, ll_module module, const float *before, const float *after,
                       size_t rows) {
    const observed *o = context;
    double sum = 0;
    for (size_t r = 0; r < rows; r++)
        sum += one_minus_cosine(before + r * o->hidden, after + r * o->hidden, o->hidden);
    o->tally->sum[module.kind][module.layer] += sum;
}

static ll_status run_document(ll_session *session, const ll_tokenizer *tokenizer, ll_text text, size_t length,
                              observed *o, ll_error *error) {
    const ll_observer observer = {add_module, o};
    ll_ids ids = {0};
    ll_status status = ll_tokens_of_text(tokenizer, text, length, &ids, error);
    if (status == LL_OK) {
        ll_session_reset(session);
        status = ll_session_forward(session, ids.data, ids.count, NULL, &observer, error);
        o->tally->tokens += ids.count;
        o->tally->documents++;
    }
    ll_ids_free(&ids);
    return status;
}

static ll_status run_documents(const ll_plan *plan, const ll_model *model, const ll_documents *documents,
                               ll_tally *tally, const ll_tally_keeper *keeper, ll_progress *progress,
                               ll_error *error) {
    const ll_mask full = {0};
    ll_session *session;
    LL_TRY(ll_session_create(&session, model, &full, plan->length, error));
    observed o = {tally, ll_model_config(model)->hidden};
    ll_status status = LL_OK;
    ll_progress_step(progress, (double)tally->documents);
    while (status == LL_OK && tally->documents < plan->samples) {
        status = run_document(session, ll_model_tokenizer(model), documents->texts[tally->documents],
                              plan->length, &o, error);
        if (status == LL_OK && keeper)
            status = keeper->save(keeper->context, tally, error);
        ll_progress_step(progress, 1);
    }
    ll_session_destroy(session);
    if (status == LL_OK && tally->tokens == 0)
        return ll_fail(error, LL_BAD_INPUT, "the calibration documents hold no tokens");
    return status;
}

ll_status ll_importance_run(ll_plan *plan, const ll_model *model, const ll_documents *documents,
                            size_t samples, size_t length, ll_tally *tally, const ll_tally_keeper *keeper,
                            ll_progress *progress, ll_error *error) {
    plan->layers = ll_model_config(model)->layers;
    plan->samples = samples && samples < documents->count ? samples : documents->count;
    plan->length = length;
    memcpy(plan->data_sha256, documents->sha256, sizeof plan->data_sha256);
    LL_TRY(run_documents(plan, model, documents, tally, keeper, progress, error));
    plan->tokens = tally->tokens;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < plan->layers; layer++)
            plan->importance[kind][layer] = tally->sum[kind][layer] / (double)plan->tokens;
    return LL_OK;
}
