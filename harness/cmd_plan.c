/* Importance over a calibration set, and from it the order in which modules go. */
#include "cmd.h"
#include "importance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ll_status find_importance(ll_plan *plan, const ll_options *options, const ll_model *model,
                                 const ll_documents *documents, ll_error *error) {
    const size_t context = ll_model_config(model)->context;
    const size_t length = options->length ? options->length : LL_DEFAULT_LENGTH;
    if (options->length > context)
        return ll_fail(error, LL_BAD_USAGE, "--length %zu is more than the model's context of %zu tokens",
                       options->length, context);
    const bool all = options->samples == 0 || options->samples > documents->count;
    ll_progress progress;
    ll_progress_begin(&progress, "importance", (double)(all ? documents->count : options->samples),
                      options->quiet);
    const ll_status status = ll_importance_run(plan, model, documents, options->samples,
                                               length < context ? length : context, &progress, error);
    ll_progress_end(&progress);
    return status;
}

ll_status ll_cmd_importance_plan(const ll_options *options, ll_plan *plan, ll_error *error) {
    ll_documents documents = {0};
    LL_TRY(ll_documents_load(&documents, options->calib, error));
    ll_model *model = NULL;
    char path[LL_CMD_PATH];
    ll_status status = ll_cmd_load(options, options->weights, &model, path, error);
    if (status == LL_OK)
        status = ll_sha256_file(path, plan->model_sha256, error);
    if (status == LL_OK)
        status = find_importance(plan, options, model, &documents, error);
    const char *folder = strrchr(options->calib, '/');
    snprintf(plan->data_file, sizeof plan->data_file, "%s", folder ? folder + 1 : options->calib);
    ll_model_destroy(model);
    ll_documents_free(&documents);
    return status;
}

static ll_status write_plan(const ll_plan *plan, const char *path, ll_error *error) {
    if (path)
        return ll_plan_write(plan, path, error);
    char *text = ll_plan_text(plan);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the plan's text");
    fputs(text, stdout);
    free(text);
    return LL_OK;
}

ll_status ll_cmd_plan(const ll_options *options, ll_error *error) {
    ll_plan plan = {0};
    ll_status status = ll_cmd_importance_plan(options, &plan, error);
    if (status == LL_OK)
        status = ll_plan_order(&plan, error);
    if (status == LL_OK)
        status = write_plan(&plan, options->out, error);
    ll_plan_free(&plan);
    return status;
}
