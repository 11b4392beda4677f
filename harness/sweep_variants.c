/* Quality of other weights than the sweep's own, and what they answer to tasks: at other precisions, and pruned. */
#include "cmd.h"
#include "sweep_private.h"

#include <stdio.h>
#include <stdlib.h>

ll_options ll_sweep_precision_options(const ll_sweep *sweep, size_t i) {
    const ll_precision *precision = &sweep->options->precisions[i];
    ll_options out = *sweep->options;
    out.weights = precision->weights;
    if (precision->weights == LL_WEIGHTS_INT8)
        out.group = precision->group;
    out.kv_i8 = precision->kv_i8;
    return out;
}

/* Pruned weights are float32 whatever the sweep's own are. */
ll_options ll_sweep_wanda_options(const ll_sweep *sweep) {
    ll_options out = *sweep->options;
    out.weights = LL_WEIGHTS_F32;
    return out;
}

static ll_status check(const ll_sweep *sweep, const ll_options *options, const char *which) {
    char bytes[LL_BYTES_TEXT], memory[LL_BYTES_TEXT];
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    const uint64_t needed = ll_config_weight_bytes(&sweep->config, &wanted);
    if (needed <= sweep->machine.memory / 10 * 9)
        return LL_OK;
    ll_cmd_bytes_text(needed, bytes);
    ll_cmd_bytes_text(sweep->machine.memory, memory);
    return ll_fail(sweep->error, LL_NO_RESOURCE,
                   "%s: %s weights of %s take %s, this machine has %s of memory; leave them out", which,
                   ll_weights_kind_name(options->weights), sweep->model_name, bytes, memory);
}

ll_status ll_sweep_check_variants(const ll_sweep *sweep) {
    for (size_t i = 0; i < sweep->options->precision_count; i++) {
        const ll_options options = ll_sweep_precision_options(sweep, i);
        LL_TRY(check(sweep, &options, "--precisions"));
    }
    const ll_options options = ll_sweep_wanda_options(sweep);
    for (size_t i = 0; i < sweep->options->wanda_count; i++) {
        ll_sparsity unused;
        LL_TRY(ll_wanda_sparsity(&sweep->options->wanda[i], &sweep->config, &unused, sweep->error));
        LL_TRY(check(sweep, &options, "--wanda"));
    }
    return LL_OK;
}

/* Pruned weights, for which there is no cutting, are part 1's. */
static bool has_wanda(const ll_sweep *sweep) {
    const ll_shard *shard = &sweep->options->shard;
    return sweep->options->wanda_count && (!shard->of || shard->part == 1);
}

double ll_sweep_variants_work(const ll_sweep *sweep, size_t own) {
    const ll_options *o = sweep->options;
    size_t rows = o->precision_count * own;
    for (size_t i = 0; has_wanda(sweep) && i < o->wanda_count; i++) /* and the drop that has as many */
        rows += o->wanda[i].count ? 2 : 1;
    return (double)(rows + has_wanda(sweep)) * (ll_sweep_quality_work(sweep) + ll_sweep_tasks_work(sweep));
}

/* Rows of some tasks with other options: with a model of their own, so that there are never two. */
static ll_status run_with(ll_sweep *sweep, const ll_options *options, ll_sweep_task *tasks, size_t count) {
    const ll_options *const own = sweep->options;
    ll_sweep_task *const own_tasks = sweep->tasks;
    const size_t own_count = sweep->task_count;
    ll_model_destroy(sweep->model);
    sweep->model = NULL;
    sweep->options = options;
    sweep->tasks = tasks;
    sweep->task_count = count;
    ll_status status = ll_sweep_quality(sweep);
    if (status == LL_OK)
        status = ll_sweep_tasks(sweep);
    ll_model_destroy(sweep->model);
    sweep->model = NULL;
    sweep->options = own;
    sweep->tasks = own_tasks;
    sweep->task_count = own_count;
    return status;
}

/* Of every amount that is a number of modules the drop of these. */
ll_status ll_sweep_beside_wanda(const ll_sweep *sweep, ll_sweep_task **tasks, size_t *count) {
    const ll_options *o = sweep->options;
    *count = 0;
    *tasks = calloc(1 + o->wanda_count, sizeof **tasks);
    if (!*tasks)
        return ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for the list of drops");
    (*tasks)[(*count)++] = sweep->full;
    for (size_t i = 0; i < o->wanda_count; i++)
        if (o->wanda[i].count)
            LL_TRY(ll_sweep_task_of(sweep, ll_drop_kind_name(o->wanda[i].kind), o->wanda[i].count,
                                    &(*tasks)[(*count)++]));
    return LL_OK;
}

/* What pruned weights stand beside. */
static ll_status run_beside(ll_sweep *sweep, const ll_options *options) {
    ll_sweep_task *tasks;
    size_t count;
    ll_status status = ll_sweep_beside_wanda(sweep, &tasks, &count);
    if (status == LL_OK)
        status = run_with(sweep, options, tasks, count);
    free(tasks);
    return status;
}

static ll_status run_wanda(ll_sweep *sweep) {
    const ll_options options = ll_sweep_wanda_options(sweep);
    ll_sweep_task full = sweep->full;
    LL_TRY(run_beside(sweep, &options));
    ll_status status = LL_OK;
    for (size_t i = 0; status == LL_OK && i < options.wanda_count; i++) {
        sweep->wanda = &options.wanda[i];
        status = run_with(sweep, &options, &full, 1);
    }
    sweep->wanda = NULL;
    return status;
}

ll_status ll_sweep_variants(ll_sweep *sweep) {
    for (size_t i = 0; i < sweep->options->precision_count; i++) {
        const ll_options options = ll_sweep_precision_options(sweep, i);
        LL_TRY(run_with(sweep, &options, sweep->tasks, sweep->planned));
    }
    return has_wanda(sweep) ? run_wanda(sweep) : LL_OK;
}

void ll_sweep_pruned_names(const ll_sweep *sweep, char weights[LL_CSV_CELL], char group[LL_CSV_CELL]) {
    enum { HASH = 8 };
    const size_t asked = sweep->protocol->samples,
                 used = asked < sweep->calib.count ? asked : sweep->calib.count;
    char name[LL_WANDA_TEXT];
    ll_wanda_weights_name(sweep->wanda, name);
    snprintf(weights, LL_CSV_CELL, "%s", name);
    snprintf(group, LL_CSV_CELL, "%zux%zu-%.*s", used, sweep->protocol->length, HASH, sweep->calib.sha256);
}

void ll_sweep_weights(ll_row *row, const ll_sweep *sweep) {
    char weights[LL_CSV_CELL], group[LL_CSV_CELL];
    if (!sweep->wanda) {
        ll_row_weights(row, sweep->options->weights, sweep->options->group);
        return;
    }
    ll_sweep_pruned_names(sweep, weights, group);
    ll_row_text(row, "weights", weights);
    ll_row_text(row, "group", group);
}

static void say_pruned(const char *name, const ll_wanda_calibration *calibration, const ll_pruned *pruned) {
    fprintf(stderr,
            "%s: %.4f %% of %ju weights of the blocks are 0, by norms of %zu tokens of %zu documents\n", name,
            100 * (double)pruned->zeros / (double)pruned->weights, (uintmax_t)pruned->weights,
            calibration->ids.count, calibration->samples);
}

static ll_status prune(ll_sweep *sweep, const ll_wanda_calibration *calibration, ll_baseline *baseline) {
    const ll_mask none = {{false}, {false}};
    ll_wanda_result result;
    char name[LL_WANDA_TEXT];
    ll_wanda_weights_name(sweep->wanda, name);
    ll_progress_label(&sweep->progress, name);
    if (baseline)
        LL_TRY(ll_baseline_make(baseline, sweep->model, &sweep->passages, &sweep->progress, sweep->error));
    LL_TRY(ll_wanda_prune(&result, sweep->model, sweep->model_path, &none, sweep->wanda, calibration,
                          &sweep->progress, sweep->error));
    if (!sweep->options->quiet)
        say_pruned(name, calibration, &result.pruned);
    return LL_OK;
}

ll_status ll_sweep_prune(ll_sweep *sweep, ll_baseline *baseline) {
    const double unit = sweep->progress.unit;
    ll_wanda_calibration calibration;
    LL_TRY(ll_sweep_load(sweep, LL_WEIGHTS_F32, &sweep->model));
    LL_TRY(ll_wanda_read(&calibration, ll_model_tokenizer(sweep->model), &sweep->calib,
                         sweep->protocol->samples, sweep->protocol->length, sweep->error));
    sweep->progress.unit = 0; /* beside the rows, which are what the total counts */
    const ll_status status = prune(sweep, &calibration, baseline);
    sweep->progress.unit = unit;
    ll_wanda_free(&calibration);
    return status;
}
