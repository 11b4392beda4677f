#include "cmd.h"
#include "documents.h"
#include "quality.h"
#include "rows.h"
#include "run_info.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    ll_model *model;
    ll_mask mask;
    char drop[LL_MASK_TEXT];
    ll_documents text;
    ll_passages passages;
    ll_cmd_pruned pruned;
    ll_baseline baseline; /* of the model before it is pruned */
    ll_quality quality;
} job;

/* Another model to compare with is the one that was not pruned yet. */
static ll_status prune(job *j, const ll_options *options, const char *path, ll_error *error) {
    ll_progress progress;
    ll_status status = LL_OK;
    ll_progress_begin(&progress, "the full model", (double)j->passages.count, options->quiet);
    if (options->kl && options->wanda_count)
        status = ll_baseline_make(&j->baseline, j->model, &j->passages, &progress, error);
    ll_progress_end(&progress);
    return status == LL_OK ? ll_cmd_prune(&j->pruned, options, j->model, path, &j->mask, error) : status;
}

static ll_status measure(job *j, const ll_options *options, ll_error *error) {
    ll_progress progress;
    const ll_quality_job one = {.model = j->model,
                                .passages = &j->passages,
                                .masks = &j->mask,
                                .count = 1,
                                .compare = options->kl && !j->baseline.residual,
                                .baseline = j->baseline.residual ? &j->baseline : NULL,
                                .work = 1};
    ll_progress_begin(&progress, "quality", one.work, options->quiet);
    const ll_status status = ll_quality_run(&j->quality, &one, NULL, NULL, &progress, error);
    ll_progress_end(&progress);
    return status;
}

/* What the checkpoint itself leaves out; the loaded model also lacks what --drop names. */
static void left_out_by_file(const job *j, char out[LL_MASK_TEXT]) {
    const ll_config *c = ll_model_config(j->model);
    ll_mask mask = c->dropped;
    for (size_t i = 0; i < c->layers; i++) {
        mask.attn[i] &= !j->mask.attn[i];
        mask.mlp[i] &= !j->mask.mlp[i];
    }
    ll_mask_format(&mask, c->layers, out);
}

static ll_status print_json(const job *j, const ll_options *options, ll_error *error) {
    const ll_quality *q = &j->quality;
    const ll_model_options *used = ll_model_options_used(j->model);
    char left_out[LL_MASK_TEXT], isa[LL_CSV_CELL];
    left_out_by_file(j, left_out);
    ll_isa_text(ll_model_kernels(j->model), isa, sizeof isa);
    json_t *root =
        json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:s}", "tokens", (json_int_t)q->tokens, "windows",
                  (json_int_t)q->passages, "window", (json_int_t)options->window, "first_window",
                  (json_int_t)options->first_window, "recipe", ll_recipe_name(options->recipe), "weights",
                  j->pruned.weights, "drop", j->drop, "text_sha256", j->text.sha256);
    json_object_set_new(root, "model", json_string(options->model));
    json_object_set_new(root, "kv", json_string(ll_kv_name(ll_kv_type_of(used))));
    json_object_set_new(root, "isa", json_string(isa));
    json_object_set_new(root, "threads", json_integer((json_int_t)used->threads));
    json_object_set_new(root, "left_out", json_string(left_out));
    ll_cmd_put_real(root, "perplexity", q->perplexity);
    ll_cmd_put_real(root, "stderr", q->perplexity_stderr);
    ll_cmd_put_real(root, "kl", q->kl);
    ll_cmd_put_real(root, "kl_stderr", q->kl_stderr);
    ll_cmd_put_real(root, "top1", q->top1);
    ll_cmd_put_real(root, "top1_stderr", q->top1_stderr);
    ll_cmd_put_real(root, "loss_difference", q->difference);
    ll_cmd_put_real(root, "loss_difference_stderr", q->difference_stderr);
    ll_cmd_put_pruned(root, &j->pruned, options);
    if (options->recipe != LL_RECIPE_ROLLING)
        return ll_cmd_print_json(root, error);
    json_object_set_new(root, "words", json_integer((json_int_t)j->passages.words));
    json_object_set_new(root, "bytes", json_integer((json_int_t)j->passages.bytes));
    ll_cmd_put_real(root, "word_perplexity", q->word_perplexity);
    ll_cmd_put_real(root, "byte_perplexity", q->byte_perplexity);
    return ll_cmd_print_json(root, error);
}

static void print_text(const job *j, const ll_options *options) {
    const ll_quality *q = &j->quality;
    char left_out[LL_MASK_TEXT];
    left_out_by_file(j, left_out);
    printf("dropped     %s\n", j->drop);
    if (strcmp(left_out, "none") != 0)
        printf("left out    %s, by the checkpoint itself\n", left_out);
    printf("perplexity  %.4f +- %.4f (%s: %zu tokens in %zu windows of %zu, from %s %zu on; %s weights)\n",
           q->perplexity, q->perplexity_stderr, ll_recipe_name(options->recipe), q->tokens, q->passages,
           options->window, options->recipe == LL_RECIPE_ROLLING ? "document" : "window",
           options->first_window, j->pruned.weights);
    ll_cmd_print_pruned(&j->pruned, options);
    if (options->recipe == LL_RECIPE_ROLLING)
        printf("by words    %.4f (%zu words), by bytes %.5f (%zu bytes)\n", q->word_perplexity,
               j->passages.words, q->byte_perplexity, j->passages.bytes);
    if (!options->kl)
        return;
    printf("loss        %+.5f +- %.5f nats a token from the full model, on the same tokens\n", q->difference,
           q->difference_stderr);
    printf("KL          %.5f +- %.5f nats a token from the full model\n", q->kl, q->kl_stderr);
    printf("top-1       %.2f +- %.2f %% of tokens as the full model\n", 100 * q->top1, 100 * q->top1_stderr);
}

/* As tokens of --window: a passage's last token goes through no model, but a BOS may. */
static ll_status check_window(const job *j, const ll_options *options, ll_error *error) {
    const size_t context = ll_model_config(j->model)->context;
    if (j->passages.longest - 1 <= context)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "--window %zu is more than the model's context of %zu tokens",
                   options->window, context);
}

static ll_status run(job *j, const ll_options *options, ll_error *error) {
    char path[LL_CMD_PATH];
    LL_TRY(ll_documents_load(&j->text, options->text, error));
    LL_TRY(ll_cmd_load(options, options->weights, &j->model, path, error));
    LL_TRY(ll_cmd_mask(options, ll_model_config(j->model), &j->mask, error));
    ll_mask_format(&j->mask, ll_model_config(j->model)->layers, j->drop);
    const ll_status status =
        ll_passages_cut(&j->passages, options->recipe, ll_model_tokenizer(j->model), &j->text,
                        options->window, options->first_window, options->max_windows, error);
    if (status != LL_OK)
        return ll_fail_in(error, status, "%s", options->text);
    LL_TRY(check_window(j, options, error));
    LL_TRY(prune(j, options, path, error));
    LL_TRY(measure(j, options, error));
    if (options->json)
        return print_json(j, options, error);
    print_text(j, options);
    return LL_OK;
}

ll_status ll_cmd_quality(const ll_options *options, ll_error *error) {
    job j = {0};
    const ll_status status = run(&j, options, error);
    ll_baseline_free(&j.baseline);
    ll_passages_free(&j.passages);
    ll_model_destroy(j.model);
    ll_documents_free(&j.text);
    return status;
}
