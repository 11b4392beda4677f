#include "cmd.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"
#include "tally.h"

#include <math.h>
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

/* What the keys of all rows have in common. */
static void fill_key(ll_row *row, const ll_sweep *sweep) {
    ll_row_begin(row, &ll_importance_schema);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_row_weights(row, sweep->importance_weights, sweep->options->group);
    ll_row_text(row, "data_sha256", sweep->plan.data_sha256);
    ll_row_int(row, "samples", sweep->plan.samples);
    ll_row_int(row, "length", sweep->plan.length);
}

static void fill_module(ll_row *row, int metric, int kind, size_t layer) {
    ll_row_text(row, "metric", ll_metric_name((ll_metric)metric));
    ll_row_text(row, "kind", ll_drop_kind_name((ll_drop_kind)kind));
    ll_row_int(row, "layer", layer);
}

static bool read_module(ll_sweep *sweep, const ll_csv *csv, ll_row *row, int metric, int kind, size_t layer) {
    fill_module(row, metric, kind, layer);
    const size_t at = ll_csv_find(csv, row);
    const double found = at == SIZE_MAX ? NAN : ll_csv_number(csv, at, "importance");
    if (!isfinite(found))
        return false;
    sweep->importance_by[metric][kind][layer] = found;
    sweep->plan.tokens = (size_t)ll_csv_number(csv, at, "tokens");
    return true;
}

/* Takes importance from the rows; false when one is missing. */
static bool read_rows(ll_sweep *sweep, const ll_csv *csv) {
    ll_row row;
    bool good = true;
    fill_key(&row, sweep);
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            for (size_t layer = 0; good && layer < sweep->config.layers; layer++)
                good = read_module(sweep, csv, &row, metric, kind, layer);
    memcpy(sweep->plan.importance, sweep->importance_by[LL_COSINE], sizeof sweep->plan.importance);
    return good;
}

static ll_status append_module(ll_sweep *sweep, ll_csv *csv, ll_row *row, double importance) {
    if (ll_csv_find(csv, row) != SIZE_MAX)
        return LL_OK;
    ll_row_real(row, "importance", importance, 10);
    sweep->computed++;
    return ll_csv_append(csv, row, sweep->error);
}

static ll_status append_rows(ll_sweep *sweep, ll_csv *csv, const ll_model *model, const ll_tally *tally) {
    ll_row row;
    fill_key(&row, sweep);
    ll_row_int(&row, "tokens", tally->tokens);
    ll_row_text(&row, "data_file", ll_file_name(sweep->options->calib));
    ll_run_info_fill(&row, model, sweep->model_name,
                     sweep->options->seed); /* once: the system is asked for every page */
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            for (size_t layer = 0; layer < sweep->config.layers; layer++) {
                fill_module(&row, metric, kind, layer);
                LL_TRY(
                    append_module(sweep, csv, &row, tally->sum[metric][kind][layer] / (double)tally->tokens));
            }
    return LL_OK;
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
    keeper k = {.key = {plan->model_sha256, plan->data_sha256, plan->length, plan->layers, plan->samples}};
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

/* In float32, whatever the sweep's weights are: the paper's importance. Where memory never holds that, with the model that the
 * sweep has anyway. */
static ll_status measure(ll_sweep *sweep) {
    ll_model *model;
    if (sweep->importance_weights == sweep->options->weights) {
        LL_TRY(ll_sweep_need_model(sweep));
        return measure_with(sweep, sweep->model);
    }
    LL_TRY(ll_sweep_load(sweep, sweep->importance_weights, &model));
    const ll_status status = measure_with(sweep, model);
    ll_model_destroy(model);
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
