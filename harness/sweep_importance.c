#include "cmd.h"
#include "importance.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

#include <math.h>
#include <string.h>

enum { F32_COST = 4, TYPICAL_TOKENS = 400 };

static double document_work(const ll_sweep *sweep) {
    const size_t length = sweep->protocol->length;
    return F32_COST * (double)(length < TYPICAL_TOKENS ? length : TYPICAL_TOKENS);
}

double ll_sweep_importance_work(const ll_sweep *sweep) {
    return (double)sweep->protocol->samples * document_work(sweep);
}

static void fill_key(ll_row *row, const ll_sweep *sweep, int kind, size_t layer) {
    ll_row_begin(row, &ll_importance_schema);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_row_text(row, "data_sha256", sweep->plan.data_sha256);
    ll_row_int(row, "samples", sweep->plan.samples);
    ll_row_int(row, "length", sweep->plan.length);
    ll_row_text(row, "kind", ll_drop_kind_name((ll_drop_kind)kind));
    ll_row_int(row, "layer", layer);
}

/* Takes importance from the rows; false when one is missing. */
static bool read_rows(ll_sweep *sweep, const ll_csv *csv) {
    ll_row row;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < sweep->config.layers; layer++) {
            fill_key(&row, sweep, kind, layer);
            const size_t at = ll_csv_find(csv, &row);
            if (at == SIZE_MAX || !isfinite(ll_csv_number(csv, at, "importance")))
                return false;
            sweep->plan.importance[kind][layer] = ll_csv_number(csv, at, "importance");
            sweep->plan.tokens = (size_t)ll_csv_number(csv, at, "tokens");
        }
    return true;
}

static ll_status append_rows(ll_sweep *sweep, ll_csv *csv, const ll_model *model) {
    ll_row row;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < sweep->config.layers; layer++) {
            fill_key(&row, sweep, kind, layer);
            if (ll_csv_find(csv, &row) != SIZE_MAX)
                continue;
            ll_row_real(&row, "importance", sweep->plan.importance[kind][layer], 10);
            ll_row_int(&row, "tokens", sweep->plan.tokens);
            ll_row_text(&row, "data_file", ll_file_name(sweep->options->calib));
            ll_run_info_fill(&row, model, sweep->options->seed);
            LL_TRY(ll_csv_append(csv, &row, sweep->error));
            sweep->computed++;
        }
    return LL_OK;
}

/* In float32, whatever the sweep's weights are: the paper's importance. */
static ll_status measure(ll_sweep *sweep, const ll_documents *documents, ll_csv *csv) {
    ll_model *model;
    char path[LL_CMD_PATH];
    LL_TRY(ll_cmd_load(sweep->options, LL_WEIGHTS_F32, &model, path, sweep->error));
    ll_progress_label(&sweep->progress, "importance");
    sweep->progress.unit = document_work(sweep);
    ll_status status = ll_importance_run(&sweep->plan, model, documents, sweep->protocol->samples,
                                         sweep->protocol->length, &sweep->progress, sweep->error);
    if (status == LL_OK)
        status = append_rows(sweep, csv, model);
    ll_model_destroy(model);
    return status;
}

static ll_status with_documents(ll_sweep *sweep, const ll_documents *documents) {
    ll_plan *plan = &sweep->plan;
    plan->layers = sweep->config.layers;
    plan->samples = sweep->protocol->samples < documents->count ? sweep->protocol->samples : documents->count;
    plan->length = sweep->protocol->length;
    memcpy(plan->data_sha256, documents->sha256, sizeof plan->data_sha256);
    memcpy(plan->model_sha256, sweep->model_sha256, sizeof plan->model_sha256);
    snprintf(plan->data_file, sizeof plan->data_file, "%s", ll_file_name(sweep->options->calib));
    ll_csv *csv;
    LL_TRY(ll_sweep_open(sweep, &ll_importance_schema, &csv));
    ll_status status = LL_OK;
    if (read_rows(sweep, csv))
        ll_sweep_skip(sweep, ll_sweep_importance_work(sweep));
    else
        status = measure(sweep, documents, csv);
    /* The plan is made of the rows, so that a later run makes the very same one. */
    if (status == LL_OK && !read_rows(sweep, csv))
        status = ll_fail(sweep->error, LL_BAD_INPUT, "%s/%s.csv: rows just written are not there",
                         sweep->folder, ll_importance_schema.name);
    ll_csv_close(csv);
    return status;
}

ll_status ll_sweep_importance(ll_sweep *sweep) {
    ll_documents documents;
    LL_TRY(ll_documents_load(&documents, sweep->options->calib, sweep->error));
    const ll_status status = with_documents(sweep, &documents);
    ll_documents_free(&documents);
    LL_TRY(status);
    char path[LL_SWEEP_PATH];
    snprintf(path, sizeof path, "%s/plan.json", sweep->folder);
    LL_TRY(ll_plan_order(&sweep->plan, sweep->error));
    return ll_plan_write(&sweep->plan, path, sweep->error);
}
