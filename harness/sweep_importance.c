#include "cmd.h"
#include "importance_rows.h"
#include "run_info.h"
#include "sweep_private.h"
#include "tally.h"

#include <string.h>

enum { TYPICAL_TOKENS = 400 };

double ll_sweep_document_work(const ll_sweep *sweep) {
    const size_t length = sweep->protocol->length;
    return ll_pace_prefill(&sweep->importance_pace,
                           (double)(length < TYPICAL_TOKENS ? length : TYPICAL_TOKENS), false);
}

double ll_sweep_importance_work(const ll_sweep *sweep) {
    return (double)sweep->protocol->samples * ll_sweep_document_work(sweep);
}

static ll_importance_key key_of(const ll_sweep *sweep) {
    const ll_plan *plan = &sweep->plan;
    return (ll_importance_key){sweep->model_sha256,   sweep->importance_weights,
                               sweep->options->group, plan->data_sha256,
                               plan->samples,         plan->length,
                               sweep->config.layers};
}

/* Takes importance from the rows; false when one is missing. */
static bool read_rows(ll_sweep *sweep, const ll_csv *csv) {
    const ll_importance_key key = key_of(sweep);
    bool good = true;
    for (int metric = 0; good && metric < LL_METRICS; metric++)
        good = ll_importance_rows_read(csv, &key, (ll_metric)metric, sweep->importance_by[metric],
                                       &sweep->plan.tokens);
    memcpy(sweep->plan.importance, sweep->importance_by[LL_COSINE], sizeof sweep->plan.importance);
    return good;
}

static ll_status append_rows(ll_sweep *sweep, ll_csv *csv, const ll_model *model, const ll_tally *tally) {
    const ll_importance_key key = key_of(sweep);
    const ll_importance_source source = {ll_file_name(sweep->options->calib), sweep->model_name, model,
                                         sweep->options->seed};
    return ll_importance_rows_append(csv, &key, tally, &source, &sweep->computed, sweep->error);
}

typedef struct {
    char path[LL_SWEEP_PATH];
    ll_tally_key key;
    double saved; /* when */
} keeper;

/* A document takes seconds on a large model and milliseconds on a small one: a file every two seconds is enough. */
static ll_status save(void *context, const ll_tally *tally, ll_error *error) {
    keeper *k = context;
    if (ll_seconds() - k->saved < 2)
        return LL_OK;
    k->saved = ll_seconds();
    return ll_tally_write(tally, &k->key, k->path, error);
}

static ll_status measure_with(ll_sweep *sweep, const ll_model *model) {
    const ll_plan *plan = &sweep->plan;
    char setting[2 * LL_CSV_CELL], isa[LL_CSV_CELL];
    ll_isa_text(&sweep->kernels, isa, sizeof isa);
    snprintf(setting, sizeof setting, "%s %zu %s", ll_weights_kind_name(sweep->importance_weights),
             sweep->options->group, isa);
    keeper k = {
        .key = {plan->model_sha256, plan->data_sha256, setting, plan->length, plan->layers, plan->samples}};
    snprintf(k.path, sizeof k.path, "%s/importance.part.json", sweep->folder);
    ll_tally tally = ll_tally_read(k.path, &k.key);
    k.saved = ll_seconds();
    const ll_tally_keeper kept = {save, &k};
    sweep->progress.unit = ll_sweep_document_work(sweep);
    LL_TRY(ll_importance_run(&sweep->plan, model, &sweep->calib, sweep->protocol->samples,
                             sweep->protocol->length, &tally, &kept, &sweep->progress, sweep->error));
    LL_TRY(append_rows(sweep, sweep->importance, model, &tally));
    (void)remove(k.path); /* left over, it is worth nothing and does no harm */
    return LL_OK;
}

/* In float32, whatever the sweep's weights are: the paper's importance. Where memory never holds that, with the sweep's own. */
static ll_status measure(ll_sweep *sweep) {
    ll_model *own, *model;
    LL_TRY(ll_sweep_importance_model(sweep, &own, &model));
    const ll_status status = measure_with(sweep, model);
    ll_model_destroy(own);
    return status;
}

static void begin_plan(ll_sweep *sweep) {
    ll_plan *plan = &sweep->plan;
    const size_t asked = sweep->protocol->samples;
    plan->layers = sweep->config.layers;
    plan->samples = asked < sweep->calib.count ? asked : sweep->calib.count;
    plan->length = sweep->protocol->length;
    memcpy(plan->data_sha256, sweep->calib.sha256, sizeof plan->data_sha256);
    memcpy(plan->model_sha256, sweep->model_sha256, sizeof plan->model_sha256);
    snprintf(plan->data_file, sizeof plan->data_file, "%s", ll_file_name(sweep->options->calib));
}

ll_status ll_sweep_importance(ll_sweep *sweep) {
    begin_plan(sweep);
    if (read_rows(sweep, sweep->importance)) {
        ll_sweep_skip(sweep, ll_sweep_importance_work(sweep));
    } else {
        LL_TRY(measure(sweep));
        /* The plan is made of the rows, so that a later run makes the very same one. */
        if (!read_rows(sweep, sweep->importance))
            return ll_fail(sweep->error, LL_BAD_INPUT, "%s/%s.csv: rows just written are not there",
                           sweep->folder, ll_importance_schema.name);
    }
    char path[LL_SWEEP_PATH];
    snprintf(path, sizeof path, "%s/plan.json", sweep->folder);
    LL_TRY(ll_plan_order(&sweep->plan, sweep->error));
    return ll_plan_write(&sweep->plan, path, sweep->error);
}
