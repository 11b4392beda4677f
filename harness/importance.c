#include "importance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What each token of a document adds to each module's sum: added up in the tokens' order, so that the sums have the same bits
 * at any thread count. */
typedef struct {
    size_t hidden, layers, length;
    double *changed; /* [LL_MODULE_KINDS][layers][length] */
} observed;

static double *changed_by(const observed *o, ll_module module) {
    return o->changed + ((size_t)module.kind * o->layers + module.layer) * o->length;
}

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

static void note_module(void *context, ll_module module, size_t first, const float *before,
                        const float *after, size_t rows) {
    const observed *o = context;
    double *const changed = changed_by(o, module) + first;
    for (size_t r = 0; r < rows; r++)
        changed[r] = one_minus_cosine(before + r * o->hidden, after + r * o->hidden, o->hidden);
}

static void add_tokens(ll_tally *tally, const observed *o, size_t tokens) {
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < o->layers; layer++) {
            const double *changed = changed_by(o, (ll_module){(ll_drop_kind)kind, layer});
            double sum = 0;
            for (size_t token = 0; token < tokens; token++)
                sum += changed[token];
            tally->sum[kind][layer] += sum;
        }
    tally->tokens += tokens;
    tally->documents++;
}

static ll_status run_document(ll_session *session, const ll_tokenizer *tokenizer, ll_text text, observed *o,
                              ll_tally *tally, ll_error *error) {
    const ll_observer observer = {note_module, o};
    ll_ids ids = {0};
    memset(o->changed, 0, LL_MODULE_KINDS * o->layers * o->length * sizeof *o->changed);
    ll_status status = ll_tokens_of_text(tokenizer, text, o->length, &ids, error);
    if (status == LL_OK) {
        ll_session_reset(session);
        status = ll_session_forward(session, ids.data, ids.count, NULL, &observer, error);
    }
    if (status == LL_OK)
        add_tokens(tally, o, ids.count);
    ll_ids_free(&ids);
    return status;
}

static ll_status run_documents(const ll_plan *plan, const ll_model *model, const ll_documents *documents,
                               ll_tally *tally, const ll_tally_keeper *keeper, ll_progress *progress,
                               ll_error *error) {
    const ll_mask full = {0};
    ll_session *session;
    LL_TRY(ll_session_create(&session, model, &full, plan->length, error));
    observed o = {ll_model_config(model)->hidden, plan->layers, plan->length, NULL};
    o.changed = calloc(LL_MODULE_KINDS * o.layers * o.length, sizeof *o.changed);
    ll_status status = o.changed ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for a document's sums");
    ll_progress_step(progress, (double)tally->documents);
    while (status == LL_OK && tally->documents < plan->samples) {
        status = run_document(session, ll_model_tokenizer(model), documents->texts[tally->documents], &o,
                              tally, error);
        if (status == LL_OK && keeper)
            status = keeper->save(keeper->context, tally, error);
        ll_progress_step(progress, 1);
    }
    ll_session_destroy(session);
    free(o.changed);
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
