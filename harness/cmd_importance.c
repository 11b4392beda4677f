#include "cmd.h"
#include "importance.h"
#include "rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void print_rows(FILE *stream, const ll_plan *plan) {
    ll_csv_print_header(stream, &ll_modules_schema);
    ll_row row;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < plan->layers; layer++) {
            ll_row_begin(&row, &ll_modules_schema);
            ll_row_text(&row, "kind", ll_drop_kind_name((ll_drop_kind)kind));
            ll_row_int(&row, "layer", layer);
            ll_row_real(&row, "importance", plan->importance[kind][layer], 10);
            ll_csv_print_row(stream, &row);
        }
}

/* Whole or not at all: a stream in memory, then written beside and renamed. */
static ll_status write_rows(const char *path, const ll_plan *plan, ll_error *error) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the rows of %s", path);
    print_rows(stream, plan);
    const bool good = fclose(stream) == 0;
    const ll_status status = good ? ll_file_write(path, text, length, error)
                                  : ll_fail(error, LL_NO_RESOURCE, "no memory for the rows of %s", path);
    free(text);
    return status;
}

static ll_status print_json(const ll_plan *plan, ll_error *error) {
    json_t *root = json_pack("{s:s, s:I, s:I, s:I, s:s}", "metric", ll_metric_name(plan->metric), "samples",
                             (json_int_t)plan->samples, "length", (json_int_t)plan->length, "tokens",
                             (json_int_t)plan->tokens, "data_sha256", plan->data_sha256);
    for (int kind = 0; root && kind < LL_MODULE_KINDS; kind++) {
        json_t *values = json_array();
        for (size_t layer = 0; layer < plan->layers; layer++)
            json_array_append_new(values, json_real(plan->importance[kind][layer]));
        json_object_set_new(root, ll_drop_kind_name((ll_drop_kind)kind), values);
    }
    return ll_cmd_print_json(root, error);
}

static ll_status run(const ll_options *options, const ll_model *model, const ll_documents *documents,
                     ll_plan *plan, ll_error *error) {
    const size_t context = ll_model_config(model)->context;
    if (options->length > context)
        return ll_fail(error, LL_BAD_USAGE, "--length %zu is more than the model's context of %zu tokens",
                       options->length, context);
    const size_t length = options->length               ? options->length
                          : context < LL_DEFAULT_LENGTH ? context
                                                        : LL_DEFAULT_LENGTH;
    const bool all = options->samples == 0 || options->samples > documents->count;
    ll_tally tally = {0};
    ll_cmd_say_fewer(options, options->calib, documents->count, options->samples);
    ll_progress progress;
    plan->metric = options->metric;
    ll_progress_begin(&progress, "importance", (double)(all ? documents->count : options->samples),
                      options->quiet);
    const ll_status status =
        ll_importance_run(plan, model, documents, options->samples, length, &tally, NULL, &progress, error);
    ll_progress_end(&progress);
    LL_TRY(status);
    snprintf(plan->data_file, sizeof plan->data_file, "%s", ll_file_name(options->calib));
    return ll_plan_order(plan, error);
}

ll_status ll_cmd_calibrate(const ll_options *options, ll_plan *plan, ll_error *error) {
    ll_documents documents = {0};
    LL_TRY(ll_documents_load(&documents, options->calib, error));
    ll_model *model = NULL;
    char path[LL_CMD_PATH];
    ll_status status = ll_cmd_load(options, options->weights, &model, path, error);
    if (status == LL_OK)
        status = ll_cmd_sha256(path, options->quiet, plan->model_sha256, error);
    if (status == LL_OK)
        status = run(options, model, &documents, plan, error);
    ll_model_destroy(model);
    ll_documents_free(&documents);
    return status;
}

static ll_status print_plan(const ll_options *options, const ll_plan *plan, ll_error *error) {
    if (options->csv && strcmp(options->csv, "-") != 0)
        LL_TRY(write_rows(options->csv, plan, error));
    else if (options->csv || !options->json)
        print_rows(stdout, plan);
    return options->json ? print_json(plan, error) : LL_OK;
}

ll_status ll_cmd_importance(const ll_options *options, ll_error *error) {
    ll_plan plan = {0};
    ll_status status = ll_cmd_calibrate(options, &plan, error);
    if (status == LL_OK)
        status = print_plan(options, &plan, error);
    ll_plan_free(&plan);
    return status;
}
