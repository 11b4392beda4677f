/* --wanda, as quality and eval have it. */
#include "cmd.h"

#include <stdio.h>

enum { SAMPLES = 128 }; /* the authors' */

static ll_status read_calibration(ll_wanda_calibration *out, ll_cmd_pruned *pruned, const ll_options *options,
                                  const ll_model *model, ll_error *error) {
    const size_t context = ll_model_config(model)->context,
                 standard = context < LL_DEFAULT_LENGTH ? context : LL_DEFAULT_LENGTH,
                 length = options->length ? options->length : standard,
                 samples = options->samples ? options->samples : SAMPLES;
    ll_documents documents;
    if (length > context)
        return ll_fail(error, LL_BAD_USAGE, "--length %zu is more than the model's context of %zu tokens",
                       length, context);
    LL_TRY(ll_documents_load(&documents, options->calib, error));
    snprintf(pruned->sha256, sizeof pruned->sha256, "%s", documents.sha256);
    ll_cmd_say_fewer(options, options->calib, documents.count, samples);
    const ll_status status =
        ll_wanda_read(out, ll_model_tokenizer(model), &documents, samples, length, error);
    ll_documents_free(&documents);
    return status;
}

ll_status ll_cmd_prune(ll_cmd_pruned *out, const ll_options *options, ll_model *model, const char *path,
                       const ll_mask *drop, ll_error *error) {
    snprintf(out->weights, sizeof out->weights, "%s", ll_weights_kind_name(options->weights));
    if (!options->wanda_count)
        return LL_OK;
    ll_wanda_weights_name(options->wanda, out->weights);
    ll_wanda_calibration calibration;
    LL_TRY(read_calibration(&calibration, out, options, model, error));
    out->samples = calibration.samples;
    out->tokens = calibration.ids.count;
    ll_progress progress;
    ll_progress_begin(&progress, "pruning", 1, options->quiet);
    const ll_status status =
        ll_wanda_prune(&out->result, model, path, drop, options->wanda, &calibration, &progress, error);
    ll_progress_end(&progress);
    ll_wanda_free(&calibration);
    return status;
}

static double zero_share(const ll_wanda_result *r) {
    return r->pruned.weights ? (double)r->pruned.zeros / (double)r->pruned.weights : 0;
}

void ll_cmd_print_pruned(const ll_cmd_pruned *pruned, const ll_options *options) {
    const ll_wanda_result *r = &pruned->result;
    if (options->wanda_count)
        printf("pruned           %.4f %% of %ju weights of the blocks are 0, by norms of %zu tokens of %zu "
               "documents "
               "of %s\n",
               100 * zero_share(r), (uintmax_t)r->pruned.weights, pruned->tokens, pruned->samples,
               ll_file_name(options->calib));
}

void ll_cmd_put_pruned(json_t *root, const ll_cmd_pruned *pruned, const ll_options *options) {
    const ll_wanda_result *r = &pruned->result;
    if (!options->wanda_count)
        return;
    json_t *wanda = json_pack("{s:I, s:I, s:I, s:I, s:s, s:s}", "weights", (json_int_t)r->pruned.weights,
                              "zeros", (json_int_t)r->pruned.zeros, "samples", (json_int_t)pruned->samples,
                              "tokens", (json_int_t)pruned->tokens, "calib", ll_file_name(options->calib),
                              "calib_sha256", pruned->sha256);
    ll_cmd_put_real(wanda, "zero_share", zero_share(r));
    json_object_set_new(root, "wanda", wanda);
}
