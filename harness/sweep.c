#include "sweep.h"
#include "checkpoint.h"
#include "cmd.h"
#include "documents.h"
#include "model_list.h"
#include "rows.h"
#include "run_info.h"
#include "shard.h"
#include "sweep_private.h"

#include <stdlib.h>
#include <string.h>

/* Opens folder/schema.csv, saying so on stderr when a cut last row was taken away. */
static ll_status open_rows(ll_sweep *sweep, const ll_csv_schema *schema, ll_csv **out) {
    char path[LL_SWEEP_PATH];
    bool recovered;
    snprintf(path, sizeof path, "%s/%s.csv", sweep->folder, schema->name);
    LL_TRY(ll_csv_open(out, path, schema, &recovered, sweep->error));
    if (recovered && !sweep->options->quiet)
        fprintf(stderr, "%s: the last row was cut; it is measured again\n", path);
    return LL_OK;
}

ll_status ll_sweep_load(ll_sweep *sweep, ll_weights_kind weights, ll_model **out) {
    char path[LL_CMD_PATH];
    const double began = ll_seconds();
    LL_TRY(ll_cmd_load(sweep->options, weights, out, path, sweep->error));
    sweep->progress.began += ll_seconds() - began; /* of no measure for the work that is left */
    return LL_OK;
}

ll_status ll_sweep_need_model(ll_sweep *sweep) {
    if (sweep->model)
        return LL_OK;
    return sweep->wanda ? ll_sweep_prune(sweep, NULL)
                        : ll_sweep_load(sweep, sweep->options->weights, &sweep->model);
}

ll_status ll_sweep_importance_model(ll_sweep *sweep, ll_model **own, ll_model **model) {
    const ll_options *const asked = sweep->options;
    ll_options standard = *asked;
    *own = NULL;
    standard.kv_i8 = false;
    if (sweep->importance_weights == asked->weights && !asked->kv_i8) {
        LL_TRY(ll_sweep_need_model(sweep));
        *model = sweep->model;
        return LL_OK;
    }
    sweep->options = &standard;
    const ll_status status = ll_sweep_load(sweep, sweep->importance_weights, own);
    sweep->options = asked;
    *model = *own;
    return status;
}

void ll_sweep_skip(ll_sweep *sweep, double work) {
    sweep->progress.total -= work;
}

static bool copy_same(const ll_csv *csv, ll_row *row) {
    const ll_csv_schema *schema = row->schema;
    for (size_t r = 0; r < ll_csv_rows(csv); r++) {
        bool same = true;
        for (size_t i = 0; same && i < schema->keys; i++) {
            const char *column = schema->columns[i];
            same = strcmp(column, "kind") == 0 || strcmp(column, "dropped") == 0 ||
                   strcmp(ll_csv_cell(csv, r, column), row->cell[i]) == 0;
        }
        if (!same)
            continue;
        for (size_t i = schema->keys; i < schema->count; i++)
            ll_row_text(row, schema->columns[i], ll_csv_cell(csv, r, schema->columns[i]));
        return true;
    }
    return false;
}

ll_row_state ll_sweep_look_up(ll_sweep *sweep, const ll_csv *csv, ll_row *row, const ll_sweep_task *task,
                              const char *stage, double work) {
    const ll_row_state state = ll_csv_find(csv, row) != SIZE_MAX ? LL_ROW_THERE
                               : copy_same(csv, row)             ? LL_ROW_COPIED
                                                                 : LL_ROW_MISSING;
    if (state == LL_ROW_MISSING) {
        char label[64];
        snprintf(label, sizeof label, "%s, %s %zu", stage, task->kind, task->dropped);
        ll_progress_label(&sweep->progress, label);
    } else {
        ll_sweep_skip(sweep, work);
    }
    return state;
}

void ll_sweep_shorten_drop(char drop[LL_MASK_TEXT]) {
    enum { HASH = 16, KEPT = LL_CSV_CELL - HASH - 8 };
    char hash[LL_SHA256_TEXT];
    const size_t length = strlen(drop);
    if (length < LL_CSV_CELL)
        return;
    ll_sha256_bytes(drop, length, hash);
    snprintf(drop + KEPT, LL_MASK_TEXT - KEPT, "...#%.*s", HASH, hash);
}

static void fill_task(const ll_sweep *sweep, ll_sweep_task *task, const char *kind, size_t dropped,
                      unsigned measured) {
    task->kind = kind;
    task->dropped = dropped;
    task->measured = measured;
    ll_mask_format(&task->mask, sweep->config.layers, task->drop);
    ll_sweep_shorten_drop(task->drop);
}

ll_status ll_sweep_task_of(const ll_sweep *sweep, const char *kind, size_t dropped, ll_sweep_task *task) {
    char spec[64] = "none";
    if (dropped)
        snprintf(spec, sizeof spec, "%s@%zu", kind, dropped);
    LL_TRY(ll_drop_parse(&task->mask, spec, sweep->config.layers, &sweep->plan.orders, sweep->error));
    fill_task(sweep, task, kind, dropped, LL_ASKED | LL_TIMED);
    return LL_OK;
}

static bool is_listed(const ll_sweep *sweep, const ll_sweep_task *task) {
    for (size_t i = 0; i < sweep->task_count; i++) {
        const ll_sweep_task *other = &sweep->tasks[i];
        if (other->dropped == task->dropped && strcmp(other->kind, task->kind) == 0 &&
            strcmp(other->drop, task->drop) == 0)
            return true;
    }
    return false;
}

static ll_status make_room(ll_sweep *sweep) {
    if (sweep->task_count < sweep->task_capacity)
        return LL_OK;
    const size_t capacity = sweep->task_capacity ? 2 * sweep->task_capacity : 64;
    ll_sweep_task *tasks = realloc(sweep->tasks, capacity * sizeof *tasks);
    if (!tasks)
        return ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for the list of %zu drops", capacity);
    sweep->tasks = tasks;
    sweep->task_capacity = capacity;
    return LL_OK;
}

ll_status ll_sweep_add_task(ll_sweep *sweep, const char *kind, size_t dropped, const ll_mask *mask,
                            unsigned measured) {
    LL_TRY(make_room(sweep));
    ll_sweep_task *task = &sweep->tasks[sweep->task_count];
    task->mask = *mask;
    fill_task(sweep, task, kind, dropped, measured);
    sweep->task_count += !is_listed(sweep, task);
    return LL_OK;
}

static ll_status add_planned(ll_sweep *sweep, const char *kind, size_t dropped) {
    ll_sweep_task task;
    LL_TRY(ll_sweep_task_of(sweep, kind, dropped, &task));
    return ll_sweep_add_task(sweep, kind, dropped, &task.mask, task.measured);
}

/* The full model, then every kind at every count that it reaches. */
static ll_status make_tasks(ll_sweep *sweep) {
    LL_TRY(add_planned(sweep, "none", 0));
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        const ll_counts *counts = &sweep->protocol->counts[kind];
        for (size_t i = 0; i < counts->total; i++)
            if (counts->count[i] && counts->count[i] <= sweep->plan.orders.order[kind].count)
                LL_TRY(add_planned(sweep, ll_drop_kind_name((ll_drop_kind)kind), counts->count[i]));
            else if (counts->count[i] && !sweep->options->quiet)
                fprintf(stderr, "%s %zu is not run: the model has %zu of that kind\n",
                        ll_drop_kind_name((ll_drop_kind)kind), counts->count[i],
                        sweep->plan.orders.order[kind].count);
    }
    return LL_OK;
}

/* Random weights have no importance, and timings do not depend on which modules go: the deepest do, but for the last block,
 * as in the paper's plans. */
static ll_status plan_by_depth(ll_sweep *sweep) {
    const size_t layers = sweep->config.layers;
    sweep->plan.layers = layers;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < layers; layer++)
            sweep->plan.importance[kind][layer] = (double)(layer + 1 == layers ? layers : layers - 1 - layer);
    return ll_plan_order(&sweep->plan, sweep->error);
}

/* What the files' headers tell, and the text in windows: all that can be known without reading weights. */
static ll_status read_header(ll_sweep *sweep, const ll_checkpoint *checkpoint) {
    const ll_protocol *p = sweep->protocol;
    sweep->config = *ll_checkpoint_config(checkpoint);
    ll_tokenizer *tokenizer;
    LL_TRY(ll_checkpoint_tokenizer(&tokenizer, checkpoint, sweep->error));
    ll_status status = ll_passages_cut(&sweep->passages, sweep->options->recipe, tokenizer, &sweep->text,
                                       p->window, p->first_window, p->max_windows, sweep->error);
    if (status != LL_OK)
        status = ll_fail_in(sweep->error, status, "%s", sweep->options->text);
    if (status == LL_OK && sweep->options->tasks)
        status = ll_exam_make(&sweep->exam, sweep->options, tokenizer, sweep->config.context, sweep->error);
    ll_tokenizer_destroy(tokenizer);
    return status;
}

static ll_status look_at_files(ll_sweep *sweep) {
    LL_TRY(ll_documents_load(&sweep->calib, sweep->options->calib, sweep->error));
    ll_cmd_say_fewer(sweep->options, sweep->options->calib, sweep->calib.count, sweep->protocol->samples);
    LL_TRY(ll_documents_load(&sweep->text, sweep->options->text, sweep->error));
    LL_TRY(ll_cmd_locate(sweep->options, sweep->model_path, sweep->error));
    ll_checkpoint *checkpoint;
    LL_TRY(ll_checkpoint_open(&checkpoint, sweep->model_path, sweep->error));
    const ll_status status = read_header(sweep, checkpoint);
    ll_checkpoint_close(checkpoint);
    return status;
}

/* Random weights are told apart by what they are the shape of; a cut name would stand for other models too. */
static ll_status look_at_shape(ll_sweep *sweep) {
    const ll_config *c = &sweep->config;
    char shape[512], hash[LL_SHA256_TEXT];
    enum { HASH = 8 };
    LL_TRY(ll_cmd_shape(sweep->options, &sweep->config, sweep->error));
    snprintf(sweep->model_path, sizeof sweep->model_path, "%s", sweep->options->model);
    snprintf(shape, sizeof shape, "%zu %zu %zu %zu %zu %zu %zu %zu %d %d %d %d", c->layers, c->hidden,
             c->heads, c->kv_heads, c->head_dim, c->mlp, c->vocab, c->window, c->tied, c->bias_qkv, c->bias_o,
             c->bias_mlp);
    ll_sha256_bytes(shape, strlen(shape), hash);
    if ((size_t)snprintf(sweep->model_sha256, sizeof sweep->model_sha256, "synthetic-%s-%.*s",
                         sweep->model_name, HASH, hash) >= sizeof sweep->model_sha256)
        return ll_fail(sweep->error, LL_BAD_USAGE,
                       "%s: the name is longer than %d bytes; give the path another one", sweep->model_name,
                       LL_SHA256_TEXT - 21);
    return LL_OK;
}

static ll_status look(ll_sweep *sweep) {
    ll_model_label(sweep->options->model, sweep->model_name);
    LL_TRY(sweep->options->synthetic ? look_at_shape(sweep) : look_at_files(sweep));
    LL_TRY(ll_machine_probe(&sweep->machine, "", sweep->error));
    LL_TRY(ll_placement_threads(&sweep->threads, &sweep->options->placement, sweep->options->threads,
                                sweep->machine.quota, sweep->error));
    const ll_model_options wanted = ll_cmd_model_options(sweep->options, sweep->options->weights);
    return ll_model_select_kernels(&sweep->kernels, &wanted, sweep->error);
}

/* Which weights the rows are of: read whole, so after all that can be refused without. */
static ll_status hash_weights(ll_sweep *sweep) {
    return ll_cmd_sha256(sweep->model_path, sweep->options->quiet, sweep->model_sha256, sweep->error);
}

static ll_status open_all(ll_sweep *sweep) {
    LL_TRY(ll_folder_make(sweep->folder, sweep->error));
    if (!sweep->options->synthetic) {
        LL_TRY(open_rows(sweep, &ll_importance_schema, &sweep->importance));
        LL_TRY(open_rows(sweep, &ll_quality_schema, &sweep->quality));
        LL_TRY(open_rows(sweep, &ll_plans_schema, &sweep->plans));
        if (sweep->protocol->orders >> LL_ORDER_COST & 1)
            LL_TRY(open_rows(sweep, &ll_costs_schema, &sweep->costs));
    }
    if (sweep->exam.count)
        LL_TRY(open_rows(sweep, &ll_tasks_schema, &sweep->scores));
    if (sweep->options->no_speed)
        return LL_OK;
    LL_TRY(open_rows(sweep, &ll_speed_schema, &sweep->speed));
    LL_TRY(open_rows(sweep, &ll_samples_schema, &sweep->samples));
    return ll_sweep_forget_interrupted(sweep);
}

/* Refuses before any work what could only fail after it. */
static ll_status check_protocol(const ll_sweep *sweep) {
    const ll_protocol *p = sweep->protocol;
    const size_t context = sweep->config.context, generation = p->speed.prompt + p->speed.generate;
    const size_t text = p->length > p->window ? p->length : p->window,
                 longest = sweep->options->synthetic ? 0 : text;
    if (longest > context || generation > context)
        return ll_fail(sweep->error, LL_BAD_INPUT,
                       "%s: its context is %zu positions; asked are documents of %zu, windows of %zu and %zu "
                       "prompt + %zu generated tokens",
                       sweep->model_path, context, p->length, p->window, p->speed.prompt, p->speed.generate);
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        for (size_t i = 0; i < p->counts[kind].total; i++)
            if (p->counts[kind].count[i] > 2 * sweep->config.layers)
                return ll_fail(sweep->error, LL_BAD_INPUT, "%zu modules cannot be dropped: %s has %zu blocks",
                               p->counts[kind].count[i], sweep->model_path, sweep->config.layers);
    char dropped[LL_MASK_TEXT];
    ll_mask_format(&sweep->config.dropped, sweep->config.layers, dropped);
    if (strcmp(dropped, "none") != 0)
        return ll_fail(
            sweep->error, LL_BAD_INPUT,
            "%s: leaves out %.64s already, and a sweep starts from the full model; measure this one with "
            "quality and speed",
            sweep->model_path, dropped);
    return LL_OK;
}

static ll_status find_pace(ll_sweep *sweep) {
    ll_limits limits;
    ll_model_options options = ll_cmd_model_options(sweep->options, sweep->options->weights);
    LL_TRY(ll_machine_measure_limits(&options, &limits, sweep->error));
    LL_TRY(ll_pace_find(&sweep->pace, &sweep->config, &options, &limits, sweep->error));
    options.weights = sweep->importance_weights;
    options.kv_i8 = false;
    return ll_pace_find(&sweep->importance_pace, &sweep->config, &options, &limits, sweep->error);
}

static double row_work(const ll_sweep *sweep) {
    const double speed = sweep->options->no_speed ? 0 : ll_sweep_speed_work(sweep);
    return sweep->options->synthetic ? speed
                                     : speed + ll_sweep_quality_work(sweep) + ll_sweep_tasks_work(sweep);
}

/* Before the plan says which rows there are: what the protocol asks, of a part its share. */
static size_t expected_rows(const ll_sweep *sweep) {
    const size_t of = sweep->options->shard.of ? sweep->options->shard.of : 1;
    return (ll_protocol_rows(sweep->protocol) + of - 1) / of;
}

static double work_of(const ll_sweep *sweep, size_t rows) {
    const double importance = sweep->options->synthetic ? 0 : ll_sweep_importance_work(sweep);
    return importance + (double)rows * row_work(sweep) + ll_sweep_variants_work(sweep, rows);
}

static double total_work(const ll_sweep *sweep) {
    const double orders = sweep->options->synthetic ? 0 : ll_sweep_orders_work(sweep);
    return work_of(sweep, expected_rows(sweep)) + orders;
}

static void say_time(const ll_sweep *sweep) {
    char time[LL_TIME_TEXT];
    ll_time_text(total_work(sweep), time);
    fprintf(stderr, "%s, protocol %s", sweep->model_name, sweep->protocol->name);
    if (sweep->options->shard.of)
        fprintf(stderr, ", part %zu of %zu", sweep->options->shard.part, sweep->options->shard.of);
    fprintf(stderr, ": about %s from the start; rows that are there are not measured again\n", time);
}

/* The plans tell how many rows there are, and of a part which. */
static ll_status cut(ll_sweep *sweep) {
    const size_t others = sweep->task_count - sweep->planned;
    LL_TRY(ll_shard_cut(sweep));
    const size_t elsewhere = others - (sweep->task_count - sweep->planned);
    ll_sweep_skip(sweep, work_of(sweep, expected_rows(sweep)) - work_of(sweep, sweep->planned));
    if (elsewhere)
        ll_sweep_skip(sweep, (double)elsewhere * ll_sweep_quality_work(sweep));
    return LL_OK;
}

static ll_status run_stages(ll_sweep *sweep, ll_options *options, ll_protocol *protocol) {
    LL_TRY(look(sweep));
    LL_TRY(check_protocol(sweep));
    LL_TRY(ll_sweep_check_orders(sweep));
    LL_TRY(ll_sweep_check_variants(sweep));
    LL_TRY(open_all(sweep));
    LL_TRY(ll_sweep_fit(sweep, options, protocol));
    if (!options->synthetic)
        LL_TRY(hash_weights(sweep));
    LL_TRY(ll_sweep_fit_as_before(sweep, options, protocol));
    LL_TRY(ll_shard_begin(sweep));
    LL_TRY(find_pace(sweep));
    if (!options->quiet)
        say_time(sweep);
    const bool real = !options->synthetic;
    ll_progress_begin(&sweep->progress, real ? "importance" : "speed", total_work(sweep), options->quiet);
    LL_TRY(real ? ll_sweep_importance(sweep) : plan_by_depth(sweep));
    LL_TRY(make_tasks(sweep));
    sweep->planned = sweep->shared = sweep->task_count;
    if (real)
        LL_TRY(ll_sweep_orders(sweep));
    LL_TRY(cut(sweep));
    if (real)
        LL_TRY(ll_sweep_quality(sweep));
    LL_TRY(ll_sweep_tasks(sweep));
    if (!sweep->options->no_speed)
        LL_TRY(ll_sweep_speed(sweep));
    LL_TRY(ll_sweep_variants(sweep));
    return ll_shard_end(sweep);
}

ll_status ll_sweep_run(const ll_options *options, const ll_protocol *protocol, const char *folder,
                       size_t *computed, ll_error *error) {
    ll_sweep *sweep = calloc(1, sizeof *sweep);
    if (!sweep)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a sweep");
    ll_options fitted = *options;
    ll_protocol fitting = *protocol;
    if (!fitted.limit && fitting.limit) {
        fitted.limit = fitting.limit;
        fitted.subset = true;
    }
    sweep->options = &fitted;
    sweep->protocol = &fitting;
    sweep->folder = folder;
    sweep->importance_weights = LL_WEIGHTS_F32;
    sweep->error = error;
    const ll_status status = run_stages(sweep, &fitted, &fitting);
    ll_progress_end(&sweep->progress);
    *computed = sweep->computed;
    ll_model_destroy(sweep->model);
    ll_plan_free(&sweep->plan);
    ll_csv_close(sweep->importance);
    ll_csv_close(sweep->quality);
    ll_csv_close(sweep->plans);
    ll_csv_close(sweep->costs);
    ll_csv_close(sweep->scores);
    ll_csv_close(sweep->speed);
    ll_csv_close(sweep->samples);
    ll_passages_free(&sweep->passages);
    ll_exam_free(&sweep->exam);
    ll_documents_free(&sweep->calib);
    ll_documents_free(&sweep->text);
    free(sweep->tasks);
    ll_shard_free(sweep);
    free(sweep);
    return status;
}
