/* A checkpoint without what a drop leaves out. */
#include "cmd.h"
#include "export.h"
#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *format_name(ll_format format) {
    return format == LL_FORMAT_GGUF ? "gguf" : "hf";
}

static ll_status check_format(const ll_options *options, const ll_checkpoint *source, bool *lists_only,
                              ll_error *error) {
    const char *asked = options->format, *own = format_name(ll_checkpoint_format(source));
    *lists_only = asked && strcmp(asked, "config") == 0;
    if (!asked || *lists_only || strcmp(asked, own) == 0)
        return LL_OK;
    if (strcmp(asked, "gguf") != 0 && strcmp(asked, "hf") != 0)
        return ll_fail(error, LL_BAD_USAGE, "--format \"%s\": expected gguf, hf or config", asked);
    return ll_fail(
        error, LL_BAD_USAGE,
        "--format %s: %s is in form %s, and tensors stay its own bytes; leave --format out, or convert "
        "the model with another tool first",
        asked, ll_checkpoint_path(source), own);
}

/* GGUF files are opened by name, here and elsewhere. */
static ll_status check_name(const ll_options *options, const ll_checkpoint *source, bool lists_only,
                            ll_error *error) {
    const size_t length = strlen(options->out);
    if (lists_only || ll_checkpoint_format(source) != LL_FORMAT_GGUF ||
        (length > 5 && strcmp(options->out + length - 5, ".gguf") == 0))
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "--out %s: expected a name that ends in .gguf", options->out);
}

/* Ctrl-C: what is written in part is removed before the program ends. */
static volatile sig_atomic_t stopped;

static void note_signal(int number) {
    stopped = number;
}

/* Once: whoever asks twice does not want to wait. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool show_progress(void *context, uint64_t bytes, uint64_t total) {
    ll_progress *progress = context;
    progress->total = (double)total;
    ll_progress_step(progress, (double)bytes - progress->done);
    return !stopped;
}

static ll_status write_export(const ll_options *options, const ll_checkpoint *source, bool lists_only,
                              ll_export_result *result, ll_error *error) {
    ll_mask mask;
    ll_progress progress;
    LL_TRY(ll_cmd_mask(options, ll_checkpoint_config(source), &mask, error));
    ll_progress_begin(&progress, "export", 0, options->quiet);
    const ll_export_options wanted = {.drop = &mask,
                                      .lists_only = lists_only,
                                      .replace = options->force,
                                      .progress = show_progress,
                                      .context = &progress};
    catch_signals();
    const ll_status status = ll_export(result, source, options->out, &wanted, error);
    ll_progress_end(&progress);
    if (stopped)
        raise(stopped);
    return status;
}

/* Who cannot read the export as it is. */
static void warn(const ll_checkpoint *source, const ll_export_result *result) {
    if (!result->listed)
        return;
    if (ll_checkpoint_format(source) == LL_FORMAT_GGUF)
        fprintf(stderr,
                "note: layers that lose only attention or only their MLP are listed under keys of this "
                "program: llama.cpp cannot load the file (with whole blocks dropped it can)\n");
    else
        fprintf(stderr,
                "note: transformers alone would fill the dropped layers with random numbers: it needs the "
                "model code of the paper's checkpoints, which reads the drop lists\n");
}

static ll_status print_result(const ll_options *options, const ll_checkpoint *source, bool lists_only,
                              const ll_export_result *r, ll_error *error) {
    const size_t layers = ll_checkpoint_config(source)->layers;
    const char *format = lists_only ? "config" : format_name(ll_checkpoint_format(source));
    char drop[LL_MASK_TEXT], before[LL_BYTES_TEXT], after[LL_BYTES_TEXT];
    ll_mask_format(&r->dropped, layers, drop);
    if (options->json) {
        json_t *root = json_pack("{s:s, s:s, s:s, s:s}", "source", ll_checkpoint_path(source), "out",
                                 options->out, "format", format, "drop", drop);
        if (root && !lists_only)
            json_object_update_new(
                root, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "source_blocks", (json_int_t)layers,
                                "blocks", (json_int_t)r->layers, "source_tensors",
                                (json_int_t)r->source_tensors, "tensors", (json_int_t)r->tensors,
                                "source_bytes", (json_int_t)r->source_bytes, "bytes", (json_int_t)r->bytes));
        return ll_cmd_print_json(root, error);
    }
    printf("%-12s%s (%s)\n%-12s%s\n", "written", options->out, format, "dropped", drop);
    if (lists_only)
        return LL_OK;
    ll_cmd_bytes_text(r->source_bytes, before);
    ll_cmd_bytes_text(r->bytes, after);
    if (r->layers < layers)
        printf("%-12s%zu of %zu, numbered anew\n", "blocks", r->layers, layers);
    printf("%-12s%zu of %zu\n", "tensors", r->tensors, r->source_tensors);
    printf("%-12s%s of %s\n", "weights", after, before);
    return LL_OK;
}

static ll_status export_open(const ll_options *options, const ll_checkpoint *source, ll_error *error) {
    bool lists_only = false;
    ll_export_result result;
    LL_TRY(check_format(options, source, &lists_only, error));
    LL_TRY(check_name(options, source, lists_only, error));
    LL_TRY(write_export(options, source, lists_only, &result, error));
    if (!options->quiet && !lists_only)
        warn(source, &result);
    return print_result(options, source, lists_only, &result, error);
}

ll_status ll_cmd_export(const ll_options *options, ll_error *error) {
    char path[LL_CMD_PATH];
    ll_checkpoint *source;
    if (!options->out)
        return ll_fail(error, LL_BAD_USAGE, "export needs --out PATH, where the new checkpoint goes");
    LL_TRY(ll_cmd_locate(options, path, error));
    LL_TRY(ll_checkpoint_open(&source, path, error));
    const ll_status status = export_open(options, source, error);
    ll_checkpoint_close(source);
    return status;
}
