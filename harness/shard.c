#include "shard.h"
#include "cmd.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- which part ---- */
/* Modules in the order in which a pass meets them; a mask that drops the first difference comes later, so the full model is first. */
static int compare_masks(const ll_mask *a, const ll_mask *b, size_t layers) {
    for (size_t layer = 0; layer < layers; layer++) {
        if (a->attn[layer] != b->attn[layer])
            return a->attn[layer] ? 1 : -1;
        if (a->mlp[layer] != b->mlp[layer])
            return a->mlp[layer] ? 1 : -1;
    }
    return 0;
}

typedef struct {
    const ll_mask *const *masks;
    size_t layers;
} order;

static int compare_indices(const void *a, const void *b, void *context) {
    const order *o = context;
    return compare_masks(o->masks[*(const size_t *)a], o->masks[*(const size_t *)b], o->layers);
}

ll_status ll_shard_parts(const ll_mask *const *masks, size_t count, size_t layers, size_t parts, size_t *part,
                         ll_error *error) {
    order o = {masks, layers};
    size_t *sorted = calloc(count + 1, sizeof *sorted), different = count > 0;
    if (!sorted)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to cut %zu rows into parts", count);
    for (size_t i = 0; i < count; i++)
        sorted[i] = i;
    qsort_r(sorted, count, sizeof *sorted, compare_indices, &o);
    for (size_t i = 1; i < count; i++)
        different += compare_indices(&sorted[i - 1], &sorted[i], &o) != 0;
    for (size_t i = 0, at = 0; i < count; i++) {
        at += i && compare_indices(&sorted[i - 1], &sorted[i], &o) != 0;
        part[sorted[i]] = at * parts / different + 1;
    }
    free(sorted);
    return LL_OK;
}

/* ---- the file beside the rows ---- */
static void put_number(json_t *settings, const char *name, size_t value) {
    json_object_set_new(settings, name, json_sprintf("%zu", value));
}

/* What rows of these weights have in the columns weights, group and kv. */
static void name_weights(char out[LL_PARTS_WEIGHTS], ll_sweep *sweep, const ll_options *options,
                         const ll_wanda_amount *wanda) {
    const ll_options *const own = sweep->options;
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    ll_row row;
    ll_row_begin(&row, &ll_quality_schema);
    sweep->options = options;
    sweep->wanda = wanda;
    ll_sweep_weights(&row, sweep);
    sweep->options = own;
    sweep->wanda = NULL;
    snprintf(out, LL_PARTS_WEIGHTS, "%.40s %.40s %.8s", row.cell[1], row.cell[2],
             ll_kv_name(ll_kv_type_of(&wanted)));
}

static void put_weights(json_t *settings, ll_sweep *sweep) {
    char name[LL_PARTS_WEIGHTS];
    name_weights(name, sweep, sweep->options, NULL);
    json_object_set_new(settings, "model_sha256", json_string(sweep->model_sha256));
    json_object_set_new(settings, "weights", json_string(name));
}

static void put_texts(json_t *settings, const ll_sweep *sweep) {
    const ll_protocol *p = sweep->protocol;
    put_number(settings, "orders", p->orders);
    put_number(settings, "cost-mix", sweep->options->mix);
    json_object_set_new(settings, "calib", json_string(sweep->calib.sha256));
    put_number(settings, "samples", p->samples);
    put_number(settings, "length", p->length);
    json_object_set_new(settings, "text", json_string(sweep->text.sha256));
    put_number(settings, "window", p->window);
    put_number(settings, "first-window", p->first_window);
    put_number(settings, "windows", sweep->passages.count);
    json_object_set_new(settings, "recipe", json_string(ll_recipe_name(sweep->passages.recipe)));
}

/* Name, definition and data of every task, and which questions of it. */
static void put_tasks(json_t *settings, const ll_sweep *sweep) {
    char limit[LL_LIMIT_TEXT];
    for (size_t i = 0; i < sweep->exam.count; i++) {
        const ll_question_set *set = &sweep->exam.sets[i];
        char key[LL_CSV_CELL];
        snprintf(key, sizeof key, LL_PARTS_TASK "%s", set->task->name);
        json_object_set_new(settings, key,
                            json_sprintf("%s %s %zu shots", set->task->sha256, set->data_sha256, set->shots));
    }
    if (!sweep->exam.count)
        return;
    ll_exam_limit_text(sweep->options, limit);
    json_object_set_new(settings, "limit", json_string(limit));
    json_object_set_new(settings, "too-long", json_string(sweep->options->cut_long ? "cut" : "refuse"));
}

/* What was found by a machine's memory may differ from part to part, and the rows say it. */
static void put_speed(json_t *settings, const ll_sweep *sweep) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    put_number(settings, "prompt", spec->prompt);
    put_number(settings, "generate", spec->generate);
    put_number(settings, "repetitions", spec->repetitions);
    if (sweep->asked_batch != LL_BATCH_MAX)
        put_number(settings, "batch", spec->batch);
    json_object_set_new(settings, "exact", json_string(spec->exact ? "yes" : "no"));
}

static ll_status make_settings(ll_sweep *sweep) {
    const ll_options *o = sweep->options;
    json_t *settings = json_object();
    sweep->parts.settings = settings;
    sweep->parts.finished = calloc(o->shard.of, sizeof *sweep->parts.finished);
    put_weights(settings, sweep);
    if (!o->synthetic)
        put_texts(settings, sweep);
    put_tasks(settings, sweep);
    if (!o->no_speed)
        put_speed(settings, sweep);
    return settings && sweep->parts.finished
               ? LL_OK
               : ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for what a part is of");
}

static ll_status check_before(const ll_sweep *sweep, const ll_parts *before) {
    const ll_parts_sweep *now = &sweep->parts;
    const char *there, *here;
    if (!before->root)
        return LL_OK;
    const ll_parts_sweep *old = &before->sweeps[0];
    if (before->count != 1 || !old->asked)
        return ll_fail(sweep->error, LL_BAD_INPUT, "%s: merge made it; choose another --out", sweep->folder);
    if (old->of != now->of || old->asked != now->asked)
        return ll_fail(sweep->error, LL_BAD_INPUT,
                       "%s: holds part %zu of %zu, not %zu of %zu; choose another --out", sweep->folder,
                       old->asked, old->of, now->asked, now->of);
    const char *const differs = ll_parts_difference(old, now, &there, &here);
    if (differs)
        return ll_fail(sweep->error, LL_BAD_INPUT,
                       "%s: holds a part of another sweep: its %s is %s, this one's %s; choose another --out",
                       sweep->folder, differs, there, here);
    return LL_OK;
}

/* What merge made a whole sweep may go on with: then it is a sweep's folder, which merge --force leaves alone. */
static ll_status take_over(const ll_sweep *sweep, const ll_parts *before) {
    for (size_t i = 0; i < before->count; i++)
        if (before->sweeps[i].asked)
            return ll_fail(sweep->error, LL_BAD_INPUT,
                           "%s: holds part %zu of %zu of a sweep; add --shard, or choose another --out",
                           sweep->folder, before->sweeps[i].asked, before->sweeps[i].of);
    return before->root ? ll_parts_remove(sweep->folder, sweep->error) : LL_OK;
}

ll_status ll_shard_begin(ll_sweep *sweep) {
    const ll_shard *shard = &sweep->options->shard;
    ll_parts before;
    LL_TRY(ll_parts_read(&before, sweep->folder, sweep->error));
    ll_status status = LL_OK;
    if (shard->of) {
        sweep->parts.of = shard->of;
        sweep->parts.asked = shard->part;
        status = make_settings(sweep);
    }
    if (status == LL_OK)
        status = shard->of ? check_before(sweep, &before) : take_over(sweep, &before);
    ll_parts_free(&before);
    return status;
}

/* ---- the list ---- */
/* A row of the list, unless it is there: a precision may be the sweep's own. */
static void list_row(ll_sweep *sweep, const char *weights, const ll_sweep_task *task, size_t part,
                     bool timed) {
    ll_parts_sweep *parts = &sweep->parts;
    const ll_options *o = sweep->options;
    ll_parts_row row = {"", task->kind, task->drop, task->dropped, part, ""};
    snprintf(row.weights, sizeof row.weights, "%s", weights);
    snprintf(row.files, sizeof row.files, "%s%s%s", o->synthetic ? "" : "quality",
             sweep->exam.count && task->measured & LL_ASKED ? " tasks" : "",
             timed && !o->no_speed && task->measured & LL_TIMED ? " speed" : "");
    for (size_t i = 0; i < parts->row_count; i++)
        if (ll_parts_same(&parts->rows[i], &row))
            return;
    parts->rows[parts->row_count++] = row;
}

/* Other precisions are of the plan's drops alone, and not timed. */
static void list_tasks(ll_sweep *sweep, const ll_options *options, const size_t *part, bool own) {
    char weights[LL_PARTS_WEIGHTS];
    name_weights(weights, sweep, options, NULL);
    for (size_t i = 0; i < (own ? sweep->listed_count : sweep->listed_planned); i++)
        list_row(sweep, weights, &sweep->listed[i], part[i], own);
}

/* Pruned weights and what stands beside them, of which part 1 measures what it has not. */
static ll_status list_wanda(ll_sweep *sweep) {
    const ll_options options = ll_sweep_wanda_options(sweep);
    char weights[LL_PARTS_WEIGHTS];
    size_t count;
    if (!options.wanda_count)
        return LL_OK;
    LL_TRY(ll_sweep_beside_wanda(sweep, &sweep->beside, &count));
    name_weights(weights, sweep, &options, NULL);
    for (size_t i = 0; i < count; i++)
        list_row(sweep, weights, &sweep->beside[i], 1, false);
    for (size_t i = 0; i < options.wanda_count; i++) {
        name_weights(weights, sweep, &options, &options.wanda[i]);
        list_row(sweep, weights, &sweep->full, 1, false);
    }
    return LL_OK;
}

/* The whole list in the order of the sweep, of which each part notes the same. */
static ll_status list_rows(ll_sweep *sweep, const size_t *part) {
    const ll_options *o = sweep->options;
    const size_t most = (1 + o->precision_count) * sweep->listed_count + 2 * o->wanda_count + 1;
    sweep->parts.rows = calloc(most, sizeof *sweep->parts.rows);
    if (!sweep->parts.rows)
        return ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for the list of drops");
    list_tasks(sweep, o, part, true);
    for (size_t i = 0; i < o->precision_count; i++) {
        const ll_options options = ll_sweep_precision_options(sweep, i);
        list_tasks(sweep, &options, part, false);
    }
    LL_TRY(list_wanda(sweep));
    return ll_parts_write(&sweep->parts, 1, sweep->folder, sweep->error);
}

static ll_status cut(ll_sweep *sweep, const ll_mask **masks, size_t *part) {
    const ll_shard *shard = &sweep->options->shard;
    for (size_t i = 0; i < sweep->listed_count; i++)
        masks[i] = &sweep->listed[i].mask;
    LL_TRY(ll_shard_parts(masks, sweep->shared, sweep->config.layers, shard->of, part, sweep->error));
    for (size_t i = sweep->shared; i < sweep->listed_count; i++)
        part[i] = 1;
    sweep->planned = 0;
    for (size_t i = 0; i < sweep->listed_count; i++)
        if (part[i] == shard->part) {
            sweep->tasks[sweep->task_count++] = sweep->listed[i];
            sweep->planned += i < sweep->listed_planned;
        }
    return list_rows(sweep, part);
}

ll_status ll_shard_cut(ll_sweep *sweep) {
    sweep->full = sweep->tasks[0];
    if (!sweep->options->shard.of)
        return LL_OK;
    sweep->listed = sweep->tasks;
    sweep->listed_count = sweep->task_count;
    sweep->listed_planned = sweep->planned;
    sweep->tasks = calloc(sweep->listed_count, sizeof *sweep->tasks);
    sweep->task_count = 0;
    const ll_mask **masks = calloc(sweep->listed_count, sizeof *masks);
    size_t *part = calloc(sweep->listed_count, sizeof *part);
    const ll_status status = sweep->tasks && masks && part
                                 ? cut(sweep, masks, part)
                                 : ll_fail(sweep->error, LL_NO_RESOURCE, "no memory to cut the sweep");
    free(masks);
    free(part);
    return status;
}

ll_status ll_shard_end(ll_sweep *sweep) {
    if (!sweep->options->shard.of)
        return LL_OK;
    sweep->parts.finished[sweep->parts.asked - 1] = true;
    return ll_parts_write(&sweep->parts, 1, sweep->folder, sweep->error);
}

void ll_shard_free(ll_sweep *sweep) {
    json_decref(sweep->parts.settings);
    free(sweep->parts.finished);
    free(sweep->parts.rows);
    free(sweep->listed);
    free(sweep->beside);
}
