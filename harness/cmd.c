#include "cmd.h"
#include "checkpoint.h"
#include "decode_probe.h"
#include "fit.h"
#include "model_list.h"
#include "progress.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ll_status ll_cmd_flush(ll_error *error) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return LL_OK;
    return ll_fail(error, LL_NO_RESOURCE, "standard output cannot be written: %s; its end is lost",
                   errno ? strerror(errno) : "an earlier write failed");
}

ll_status ll_cmd_check_output(const char *path, ll_error *error) {
    struct stat info;
    char folder[LL_CMD_PATH];
    const char *end = strrchr(path, '/');
    const size_t length = end ? (size_t)(end - path) + 1 : 0;
    if (length >= sizeof folder)
        return ll_fail(error, LL_BAD_USAGE, "%.64s...: the path is longer than %d bytes", path,
                       LL_CMD_PATH - 1);
    snprintf(folder, sizeof folder, "%.*s", length ? (int)length : 1, length ? path : ".");
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return ll_fail(error, LL_BAD_INPUT, "%s: is a folder; expected the name of a file to write", path);
    if (access(folder, W_OK | X_OK) != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be written: folder %s: %s", path, folder,
                       strerror(errno));
    return LL_OK;
}

void ll_cmd_bytes_text(uint64_t bytes, char text[LL_BYTES_TEXT]) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(text, LL_BYTES_TEXT, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void ll_cmd_put_real(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null());
}

ll_status ll_cmd_print_json(json_t *root, ll_error *error) {
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(root);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the JSON text");
    printf("%s\n", text);
    free(text);
    return LL_OK;
}

const char *ll_cmd_threads_reason(const ll_options *options, const ll_machine *machine) {
    if (options->threads)
        return "as --threads says";
    return machine->quota && machine->quota < machine->cores ? "as the CPU quota allows"
                                                             : "one a physical core";
}

ll_status ll_cmd_locate(const ll_options *options, char *path, ll_error *error) {
    const ll_model_entry *entry;
    return ll_model_locate(options->model, NULL, path, LL_CMD_PATH, &entry, error);
}

void ll_cmd_say_fewer(const ll_options *options, const char *path, size_t there, size_t asked) {
    if (asked > there && !options->quiet)
        fprintf(stderr, "%s holds %zu documents: these are used where %zu were asked for\n", path, there,
                asked);
}

void ll_cmd_say_peak(void) {
    char peak[LL_BYTES_TEXT];
    ll_cmd_bytes_text(ll_peak_memory(), peak);
    fprintf(stderr, "peak memory of this process (VmHWM): %s\n", peak);
}

static void say_unused(const ll_checkpoint *checkpoint) {
    for (size_t i = 0; ll_checkpoint_unused(checkpoint, i); i++)
        fprintf(stderr, "%s: tensor %s is used by nothing\n", ll_checkpoint_path(checkpoint),
                ll_checkpoint_unused(checkpoint, i));
}

static ll_status find_decode_threads(ll_model *model, ll_error *error) {
    const ll_status status = ll_decode_probe(model, error);
    if (status != LL_OK)
        ll_model_destroy(model);
    return status;
}

/* What was wished of threads and memory and is not so, and what was found out. */
static void say_placement(const ll_model *model) {
    static const char *const names[] = {LL_FOREIGN_BINDINGS};
    const ll_placement *p = ll_model_placement(model);
    const ll_placed placed = ll_model_read_placement(model, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", names[i]);
        name[0] = LL_SET_ASIDE;
        if (getenv(name))
            fprintf(stderr, "%s is not followed: --threads, --bind and --nodes place the threads\n",
                    names[i]);
    }
    if (ll_model_decode_threads(model) < p->threads)
        fprintf(stderr, "%zu of %zu threads decode\n", ll_model_decode_threads(model), p->threads);
    if (ll_model_topology(model)->slow_left_out)
        fprintf(stderr, "cores of slower kinds are left out\n");
    if (p->crowded)
        fprintf(stderr, "%zu threads are more than the cores here: they take turns, which is slower\n",
                p->threads);
    if (placed.thread_error)
        fprintf(stderr, "%zu of %zu threads could not be bound to a core (%s); the run goes on\n",
                p->threads - placed.bound, p->threads, strerror(placed.thread_error));
    if (placed.memory_error)
        fprintf(stderr, "memory could not be bound to its node (%s); the run goes on\n",
                strerror(placed.memory_error));
}

static void say_loaded(const ll_options *options, const ll_model *model, const char *path, double seconds) {
    const ll_model_options *used = ll_model_options_used(model);
    char bytes[LL_BYTES_TEXT], group[40] = "";
    ll_cmd_bytes_text(ll_model_weight_bytes(model), bytes);
    if (used->weights == LL_WEIGHTS_INT8 && used->group)
        snprintf(group, sizeof group, ", groups of %zu", used->group);
    else if (used->weights == LL_WEIGHTS_INT8)
        snprintf(group, sizeof group, ", a scale a row");
    fprintf(stderr, "%s: %s weights%s, %s; %zu thread%s (%s); ISA %s\n", path,
            ll_weights_kind_name(used->weights), group, bytes, used->threads, used->threads == 1 ? "" : "s",
            ll_cmd_threads_reason(options, ll_model_machine(model)), ll_model_kernels(model)->name);
    if (used->matmul != LL_MATMUL_OWN)
        fprintf(stderr, "%s: matrices are multiplied by %s%s%s\n", path,
                ll_model_kernels(model)->isa[LL_OP_MATMUL_I8], ll_model_matmul_note(model) ? ": " : "",
                ll_model_matmul_note(model) ? ll_model_matmul_note(model) : "");
    char peak[LL_BYTES_TEXT], drop[LL_MASK_TEXT];
    ll_cmd_bytes_text(ll_peak_memory(), peak);
    if (seconds >= 2 || options->cache)
        fprintf(stderr, "%s %s in %.1f s (%.1f GB/s); peak memory %s\n", path,
                ll_model_from_cache(model) ? "came from the packed cache" : "was made", seconds,
                (double)ll_model_weight_bytes(model) / 1e9 / seconds, peak);
    ll_mask_format(&ll_model_config(model)->dropped, ll_model_config(model)->layers, drop);
    if (strcmp(drop, "none") != 0)
        fprintf(stderr, "%s: left out, neither read nor kept: %s\n", path, drop);
    if (ll_model_cache_note(model))
        fprintf(stderr, "%s: %s\n", path, ll_model_cache_note(model));
}

/* What a checkpoint leaves out already cannot be dropped once more: nothing would be compared with nothing. */
ll_status ll_cmd_check_overlap(const ll_mask *mask, const ll_config *config, ll_error *error) {
    for (size_t i = 0; i < config->layers; i++)
        if ((mask->attn[i] && config->dropped.attn[i]) || (mask->mlp[i] && config->dropped.mlp[i]))
            return ll_fail(error, LL_BAD_USAGE,
                           "--drop: the checkpoint itself leaves the %s layer %zu out already",
                           mask->attn[i] && config->dropped.attn[i] ? "attention" : "MLP", i);
    return LL_OK;
}

ll_status ll_cmd_mask(const ll_options *options, const ll_config *config, ll_mask *mask, ll_error *error) {
    const char *drop = options->drop ? options->drop : "none";
    ll_plan plan = {0};
    ll_status status = options->plan ? ll_plan_read(&plan, options->plan, error) : LL_OK;
    if (status == LL_OK && options->plan && plan.layers != config->layers)
        status = ll_fail(error, LL_BAD_INPUT, "%s: the plan is for %zu blocks, the model has %zu",
                         options->plan, plan.layers, config->layers);
    if (status == LL_OK)
        status = ll_drop_parse(mask, drop, config->layers, options->plan ? &plan.orders : NULL, error);
    ll_plan_free(&plan);
    return status;
}

const char *ll_cmd_cache_folder(const ll_options *options) {
    const char *folder = getenv("LAYERLAB_CACHE");
    return !options->cache ? NULL : folder && *folder ? folder : "cache";
}

ll_model_options ll_cmd_model_options(const ll_options *options, ll_weights_kind weights) {
    ll_placement_options placement = options->placement;
    if (placement.decode_threads == LL_DECODE_PROBE)
        placement.decode_threads = 0; /* until it is found */
    return (ll_model_options){.weights = weights,
                              .group = options->group,
                              .threads = options->threads,
                              .placement = placement,
                              .isa = options->isa,
                              .matmul = weights == LL_WEIGHTS_INT8 ? options->matmul : LL_MATMUL_OWN,
                              .kv_i8 = options->kv_i8,
                              .cache = ll_cmd_cache_folder(options),
                              .resident = options->resident,
                              .seed = options->seed};
}

/* What can be known from the headers alone, before minutes of loading: a wrong drop is refused, tensors that nothing uses are
 * told. */
static ll_status look_ahead(const ll_options *options, const char *path, ll_mask *mask, ll_error *error) {
    ll_checkpoint *checkpoint;
    LL_TRY(ll_checkpoint_open(&checkpoint, path, error));
    ll_status status = ll_cmd_mask(options, ll_checkpoint_config(checkpoint), mask, error);
    if (status == LL_OK)
        status = ll_cmd_check_overlap(mask, ll_checkpoint_config(checkpoint), error);
    if (status == LL_OK && !options->quiet)
        say_unused(checkpoint);
    ll_checkpoint_close(checkpoint);
    return status;
}

/* Whether the command may run on random weights: what it tells must not depend on what they say. */
ll_status ll_cmd_check_synthetic(const ll_options *options, ll_error *error) {
    const bool timing = options->which == LL_COMMAND_SPEED || options->which == LL_COMMAND_SWEEP;
    if (!options->synthetic && options->resident)
        return ll_fail(error, LL_BAD_USAGE,
                       "--resident is for synthetic weights: add --synthetic, or leave it out");
    if (!options->synthetic || options->which == LL_COMMAND_INFO)
        return LL_OK;
    if (!timing)
        return ll_fail(
            error, LL_BAD_USAGE,
            "%s: random weights say nothing, so --synthetic is for speed, sweep and info; give the path of "
            "real weights",
            options->command);
    if (!options->quiet)
        fprintf(
            stderr,
            "%s: SYNTHETIC weights, random numbers of the true shape: speed and memory are real, quality is "
            "not measured\n",
            options->model);
    return LL_OK;
}

ll_status ll_cmd_shape(const ll_options *options, ll_config *shape, ll_error *error) {
    const ll_model_entry *entry = ll_model_list_find(options->model);
    if (!entry)
        return ll_cmd_config(options, shape, error);
    *shape = entry->shape;
    return LL_OK;
}

ll_status ll_cmd_config(const ll_options *options, ll_config *shape, ll_error *error) {
    ll_checkpoint *checkpoint;
    char path[LL_CMD_PATH];
    LL_TRY(ll_cmd_locate(options, path, error));
    LL_TRY(ll_checkpoint_open(&checkpoint, path, error));
    *shape = *ll_checkpoint_config(checkpoint);
    ll_checkpoint_close(checkpoint);
    return LL_OK;
}

static void show_hashing(void *context, size_t bytes) {
    ll_progress_step(context, (double)bytes);
}

ll_status ll_cmd_sha256(const char *path, bool quiet, char hex[LL_SHA256_TEXT], ll_error *error) {
    ll_checkpoint *checkpoint;
    ll_progress progress;
    LL_TRY(ll_checkpoint_open(&checkpoint, path, error));
    ll_progress_begin(&progress, "hashing, so that rows say which weights they are of",
                      (double)ll_checkpoint_bytes(checkpoint), quiet);
    const ll_status status =
        ll_checkpoint_sha256(checkpoint, &(ll_hash_watch){show_hashing, &progress}, hex, error);
    ll_progress_end(&progress);
    ll_checkpoint_close(checkpoint);
    return status;
}

/* A minute of silence would look like a hang. */
static void show_packing(void *context, double share) {
    ll_progress *progress = context;
    ll_progress_step(progress, share - progress->done);
}

static ll_status synthesize(const ll_options *options, const ll_model_options *wanted, ll_model **model,
                            ll_error *error) {
    ll_config shape;
    LL_TRY(ll_cmd_shape(options, &shape, error));
    return ll_model_synthesize(model, &shape, wanted, error);
}

/* Modules that no pass of this command runs need not be there: without a full model to compare with, those that are
 * dropped. */
static bool runs_full_model(const ll_options *options) {
    return !(options->which == LL_COMMAND_GENERATE ||
             (options->which == LL_COMMAND_QUALITY && !options->kl) ||
             (options->which == LL_COMMAND_EVAL && !options->paired));
}

static ll_status read_weights(const ll_options *options, ll_model_options *wanted, ll_model **model,
                              char *path, ll_error *error) {
    ll_mask mask = {0};
    LL_TRY(ll_cmd_locate(options, path, error));
    LL_TRY(look_ahead(options, path, &mask, error));
    wanted->drop = runs_full_model(options) ? NULL : &mask;
    return ll_model_load(model, path, wanted, error);
}

ll_status ll_cmd_load(const ll_options *options, ll_weights_kind weights, ll_model **model, char *path,
                      ll_error *error) {
    const double began = ll_seconds();
    ll_progress progress;
    ll_model_options wanted = ll_cmd_model_options(options, weights);
    ll_progress_begin(&progress, options->synthetic ? "making weights" : "packing weights", 1,
                      options->quiet);
    wanted.progress = show_packing;
    wanted.progress_context = &progress;
    snprintf(path, LL_CMD_PATH, "%s", options->model);
    ll_status status = options->synthetic ? synthesize(options, &wanted, model, error)
                                          : read_weights(options, &wanted, model, path, error);
    ll_progress_end(&progress);
    if (status == LL_OK && !options->quiet)
        say_loaded(options, *model, path, ll_seconds() - began);
    if (status == LL_OK && options->placement.decode_threads == LL_DECODE_PROBE)
        status = find_decode_threads(*model, error);
    if (status == LL_OK && !options->quiet)
        say_placement(*model);
    return status;
}
