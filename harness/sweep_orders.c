/* The other ways of choosing what goes: their plans, written down, and their drops among those that are measured. */
#include "cmd.h"
#include "iterative.h"
#include "needs.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

#include <stdlib.h>
#include <string.h>

/* What running the model for iterative dropping takes; made when the first plan is missing. */
typedef struct {
    ll_model *model, *own; /* own: to be destroyed */
    ll_sequences sequences;
    ll_iterative *run;
} laboratory;

typedef struct {
    ll_sweep *sweep;
    laboratory laboratory;
} stage;

/* Times differ from run to run, so what follows from them is one part's alone. */
static bool is_asked(const ll_sweep *sweep, ll_order order) {
    const ll_shard *shard = &sweep->options->shard;
    return sweep->protocol->orders >> order & 1 && (order != LL_ORDER_COST || !shard->of || shard->part == 1);
}

static size_t counts_of(const ll_sweep *sweep, ll_drop_kind kind, size_t out[LL_ORDER_COUNTS]) {
    return ll_protocol_order_counts(sweep->protocol, kind, sweep->config.layers, out);
}

static size_t iterative_samples(const ll_sweep *sweep) {
    const size_t samples = sweep->plan.samples ? sweep->plan.samples : sweep->protocol->samples;
    return samples < LL_ITERATIVE_SAMPLES ? samples : LL_ITERATIVE_SAMPLES;
}

static double iterative_work(const ll_sweep *sweep, size_t drops) {
    return (double)(drops * iterative_samples(sweep)) * ll_sweep_document_work(sweep);
}

/* Tasks are asked of other orders only where the user names these: it is most of a sweep's time. */
static unsigned measured_too(const ll_sweep *sweep) {
    return sweep->options->orders ? LL_ASKED : 0;
}

static double row_work(const ll_sweep *sweep, unsigned measured) {
    return ll_sweep_quality_work(sweep) + (measured_too(sweep) ? ll_sweep_tasks_work(sweep) : 0) +
           (measured & LL_TIMED ? ll_sweep_speed_work(sweep) : 0);
}

double ll_sweep_orders_work(const ll_sweep *sweep) {
    double rows = 0, more = 0;
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        size_t counts[LL_ORDER_COUNTS];
        const size_t total = counts_of(sweep, (ll_drop_kind)kind, counts);
        for (int order = 0; total && order < LL_ORDERS; order++)
            if (order != LL_ORDER_IMPORTANCE && is_asked(sweep, (ll_order)order) &&
                (order != LL_ORDER_COST || kind == LL_JOINT))
                rows += (double)total;
        if (total && is_asked(sweep, LL_ORDER_ITERATIVE))
            more += iterative_work(sweep, counts[total - 1]);
        if (total && kind == LL_JOINT && is_asked(sweep, LL_ORDER_COST))
            more += (double)(2 + total) * ll_sweep_speed_work(sweep);
    }
    return more + rows * row_work(sweep, 0);
}

ll_status ll_sweep_check_orders(const ll_sweep *sweep) {
    for (int order = LL_ORDER_IMPORTANCE + 1; order < LL_ORDERS; order++) {
        size_t counts[LL_ORDER_COUNTS], total = 0;
        char name[LL_ORDER_NAME];
        for (int kind = 0; kind < LL_DROP_KINDS; kind++)
            if (order != LL_ORDER_COST || kind == LL_JOINT)
                total += counts_of(sweep, (ll_drop_kind)kind, counts);
        ll_order_name((ll_order)order, name);
        if (total == 0 && (sweep->options->orders & sweep->protocol->orders) >> order & 1)
            return ll_fail(
                sweep->error, LL_BAD_USAGE,
                "--orders %s: other orders than importance are measured at numbers of modules up to "
                "half of the layers, here %zu; add one to --counts",
                name, sweep->config.layers / 2);
    }
    return LL_OK;
}

/* ---- rows of plans.csv ---- */
static bool takes_text(ll_order order) {
    return order != LL_ORDER_REVERSE &&
           !(order >= LL_ORDER_RANDOM && order < LL_ORDER_RANDOM + LL_RANDOM_SEEDS);
}

static void fill_order(ll_row *row, const ll_sweep *sweep, ll_order order) {
    static const char *const mixes[LL_MIXES] = {"", "-prefill", "-decode"};
    char name[LL_ORDER_NAME + 16];
    ll_order_name(order, name);
    if (order == LL_ORDER_COST)
        strcat(name, mixes[sweep->options->mix]);
    ll_row_text(row, "order", name);
}

/* Times are of the sweep's weights, importance of its own. */
static void fill_key(ll_row *row, const ll_sweep *sweep, ll_order order, ll_drop_kind kind, size_t dropped) {
    ll_row_begin(row, &ll_plans_schema);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_row_weights(row, order == LL_ORDER_COST ? sweep->options->weights : sweep->importance_weights,
                   sweep->options->group);
    fill_order(row, sweep, order);
    if (takes_text(order)) {
        ll_row_text(row, "data_sha256", sweep->plan.data_sha256);
        ll_row_int(row, "samples",
                   order == LL_ORDER_ITERATIVE ? iterative_samples(sweep) : sweep->plan.samples);
        ll_row_int(row, "length", sweep->plan.length);
        ll_row_text(row, "data_file", sweep->plan.data_file);
    }
    ll_row_text(row, "kind", ll_drop_kind_name(kind));
    ll_row_int(row, "dropped", dropped);
}

/* The mask that a row of an earlier run says; *there false: there is none, or its text was too long for the cell. Refused: a row that
 * contradicts itself. */
static ll_status read_plan(const ll_sweep *sweep, const ll_row *key, ll_drop_kind kind, size_t dropped,
                           ll_mask *out, bool *there) {
    const size_t at = ll_csv_find(sweep->plans, key), layers = sweep->config.layers;
    const char *drop = at == SIZE_MAX ? NULL : ll_csv_cell(sweep->plans, at, "drop");
    *there = drop && !strstr(drop, "...#");
    if (!*there)
        return LL_OK;
    const bool good = ll_drop_parse(out, drop, layers, NULL, NULL) == LL_OK &&
                      ll_iterative_count(out, kind, layers) == dropped;
    return good ? LL_OK
                : ll_fail(
                      sweep->error, LL_BAD_INPUT,
                      "%s: row %zu: \"%.64s\" does not drop %zu of kind %s; take the row out and run again",
                      ll_csv_path(sweep->plans), at + 1, drop, dropped, ll_drop_kind_name(kind));
}

static ll_status write_plan(ll_sweep *sweep, ll_row *row, const ll_mask *mask, const ll_model *model) {
    char drop[LL_MASK_TEXT];
    if (ll_csv_find(sweep->plans, row) != SIZE_MAX)
        return LL_OK;
    ll_mask_format(mask, sweep->config.layers, drop);
    ll_sweep_shorten_drop(drop);
    ll_row_text(row, "drop", drop);
    ll_run_info_fill(row, model, sweep->model_name, sweep->options->seed);
    sweep->computed++;
    return ll_csv_append(sweep->plans, row, sweep->error);
}

/* The plans behind the tasks so far. */
static ll_status note_importance(ll_sweep *sweep) {
    for (size_t i = 1; i < sweep->task_count; i++) {
        const ll_sweep_task *task = &sweep->tasks[i];
        ll_drop_kind kind = LL_JOINT;
        ll_row row;
        LL_TRY(ll_drop_kind_parse(task->kind, strlen(task->kind), &kind));
        fill_key(&row, sweep, LL_ORDER_IMPORTANCE, kind, task->dropped);
        if (ll_csv_find(sweep->plans, &row) != SIZE_MAX)
            continue;
        LL_TRY(ll_sweep_need_model(sweep));
        LL_TRY(write_plan(sweep, &row, &task->mask, sweep->model));
    }
    return LL_OK;
}

static ll_status add_task(ll_sweep *sweep, ll_drop_kind kind, size_t dropped, const ll_mask *mask,
                          unsigned measured) {
    const size_t before = sweep->task_count;
    LL_TRY(ll_sweep_add_task(sweep, ll_drop_kind_name(kind), dropped, mask, measured | measured_too(sweep)));
    if (before == sweep->task_count)
        ll_sweep_skip(sweep, row_work(sweep, measured));
    return LL_OK;
}

/* ---- orders that are functions ---- */
static ll_metric metric_of(ll_order order) {
    return order == LL_ORDER_NO_RESIDUAL ? LL_NO_RESIDUAL
           : order == LL_ORDER_MAGNITUDE ? LL_MAGNITUDE
                                         : LL_COSINE;
}

static void drop_first(ll_mask *mask, const ll_drop_order *order, size_t count) {
    *mask = (ll_mask){0};
    for (size_t i = 0; i < count && i < order->count; i++)
        ll_mask_drop(mask, order->modules[i]);
}

static ll_status make_plan(ll_sweep *sweep, ll_order order, ll_drop_kind kind, size_t count, ll_mask *out) {
    const ll_order_input input = {.layers = sweep->config.layers,
                                  .importance = sweep->importance_by[metric_of(order)]};
    ll_drop_order found = {0};
    LL_TRY(ll_order_make(&found, order, &input, kind, count, sweep->error));
    drop_first(out, &found, count);
    free(found.modules);
    return LL_OK;
}

static ll_status add_plan(ll_sweep *sweep, ll_order order, ll_drop_kind kind, size_t count) {
    ll_row row;
    ll_mask mask;
    bool there;
    fill_key(&row, sweep, order, kind, count);
    LL_TRY(read_plan(sweep, &row, kind, count, &mask, &there));
    if (!there) {
        LL_TRY(make_plan(sweep, order, kind, count, &mask));
        LL_TRY(ll_sweep_need_model(sweep)); /* the row says where it lies */
        LL_TRY(write_plan(sweep, &row, &mask, sweep->model));
    }
    return add_task(sweep, kind, count, &mask, 0);
}

static ll_status add_plans(ll_sweep *sweep, ll_order order) {
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        size_t counts[LL_ORDER_COUNTS];
        const size_t total = counts_of(sweep, (ll_drop_kind)kind, counts);
        for (size_t i = 0; i < total; i++)
            LL_TRY(add_plan(sweep, order, (ll_drop_kind)kind, counts[i]));
    }
    return LL_OK;
}

/* ---- iterative ---- */
static uint64_t stream_memory(const ll_sweep *sweep) {
    const uint64_t asked = (uint64_t)sweep->options->sweep_memory << 20;
    return asked ? asked : ll_needs_room();
}

static ll_status set_up(stage *s) {
    ll_sweep *sweep = s->sweep;
    laboratory *l = &s->laboratory;
    if (l->run)
        return LL_OK;
    LL_TRY(ll_sweep_importance_model(sweep, &l->own, &l->model));
    LL_TRY(ll_sequences_make(&l->sequences, ll_model_tokenizer(l->model), &sweep->calib,
                             iterative_samples(sweep), sweep->plan.length, sweep->error));
    return ll_iterative_create(&l->run, l->model, &l->sequences, stream_memory(sweep), sweep->error);
}

static void clear_up(laboratory *l) {
    ll_iterative_destroy(l->run);
    ll_sequences_free(&l->sequences);
    ll_model_destroy(l->own);
}

/* A kind's plans while they are found. */
typedef struct {
    ll_sweep *sweep;
    const ll_model *model;
    ll_drop_kind kind;
    size_t counts[LL_ORDER_COUNTS], total;
} search;

static ll_status add_found(const search *f, size_t dropped, const ll_mask *mask) {
    for (size_t i = 0; i < f->total; i++)
        if (f->counts[i] == dropped)
            return add_task(f->sweep, f->kind, dropped, mask, 0);
    return LL_OK;
}

static ll_status note_drop(void *context, const ll_mask *mask, ll_module module, ll_error *error) {
    const search *f = context;
    ll_row row;
    (void)module;
    (void)error;
    const size_t dropped = ll_iterative_count(mask, f->kind, f->sweep->config.layers);
    fill_key(&row, f->sweep, LL_ORDER_ITERATIVE, f->kind, dropped);
    LL_TRY(write_plan(f->sweep, &row, mask, f->model));
    return add_found(f, dropped, mask);
}

/* What an earlier run found: *dropped modules, after which it ended; plans that are wanted are listed. */
static ll_status take_found(const search *f, ll_mask *mask, size_t *dropped) {
    *dropped = 0;
    while (*dropped < f->counts[f->total - 1]) {
        bool there;
        ll_row row;
        ll_mask next;
        fill_key(&row, f->sweep, LL_ORDER_ITERATIVE, f->kind, *dropped + 1);
        LL_TRY(read_plan(f->sweep, &row, f->kind, *dropped + 1, &next, &there));
        if (!there)
            return LL_OK;
        *mask = next;
        LL_TRY(add_found(f, ++*dropped, mask));
    }
    return LL_OK;
}

static ll_status search_kind(stage *s, search *f) {
    ll_sweep *sweep = s->sweep;
    ll_mask mask = {0};
    const size_t wanted = f->counts[f->total - 1];
    size_t there;
    LL_TRY(take_found(f, &mask, &there));
    ll_sweep_skip(sweep, iterative_work(sweep, there));
    if (there == wanted)
        return LL_OK;
    LL_TRY(set_up(s));
    f->model = s->laboratory.model;
    char label[64];
    snprintf(label, sizeof label, "iterative dropping, %s", ll_drop_kind_name(f->kind));
    ll_progress_label(&sweep->progress, label);
    sweep->progress.unit = ll_sweep_document_work(sweep) / (double)sweep->config.layers;
    const double done = sweep->progress.done;
    LL_TRY(ll_iterative_run(s->laboratory.run, &mask, f->kind, wanted, &(ll_iterative_keeper){note_drop, f},
                            &sweep->progress, sweep->error));
    ll_sweep_skip(sweep, iterative_work(sweep, wanted - there) - (sweep->progress.done - done));
    return LL_OK;
}

/* What keeping streams has saved. */
static void say_work(const stage *s) {
    if (!s->laboratory.run || s->sweep->options->quiet)
        return;
    const ll_iterative_work work = ll_iterative_done(s->laboratory.run);
    fprintf(stderr,
            "iterative dropping: %.0f %% of the layers were run that a whole pass for each drop would\n",
            100.0 * (double)work.computed / (double)work.asked);
}

static ll_status add_iterative(stage *s) {
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        search f = {.sweep = s->sweep, .kind = (ll_drop_kind)kind};
        f.total = counts_of(s->sweep, f.kind, f.counts);
        if (f.total)
            LL_TRY(search_kind(s, &f));
    }
    say_work(s);
    return LL_OK;
}

/* ---- cost ---- */
static double saved_by(const ll_drop_order *order, size_t count, const double microseconds[LL_MLP + 1]) {
    double sum = 0;
    for (size_t i = 0; i < count && i < order->count; i++)
        sum += microseconds[order->modules[i].kind];
    return sum;
}

/* Of an order by cost the first modules that save as much as the first count of joint: at equal speed the two can be compared. */
static ll_status add_as_fast(ll_sweep *sweep, const ll_drop_order *order, size_t count,
                             const double microseconds[LL_MLP + 1]) {
    const double wanted = saved_by(&sweep->plan.orders.order[LL_JOINT], count, microseconds);
    size_t dropped = 1;
    ll_row row;
    ll_mask mask;
    bool there;
    while (dropped < order->count && saved_by(order, dropped, microseconds) < wanted)
        dropped++;
    fill_key(&row, sweep, LL_ORDER_COST, LL_JOINT, dropped);
    LL_TRY(read_plan(sweep, &row, LL_JOINT, dropped, &mask, &there));
    if (!there) {
        drop_first(&mask, order, dropped);
        LL_TRY(ll_sweep_need_model(sweep));
        LL_TRY(write_plan(sweep, &row, &mask, sweep->model));
    }
    return add_task(sweep, LL_JOINT, dropped, &mask, LL_TIMED);
}

static ll_status add_cost(ll_sweep *sweep) {
    size_t counts[LL_ORDER_COUNTS];
    const size_t total = counts_of(sweep, LL_JOINT, counts);
    ll_order_input input = {.layers = sweep->config.layers, .importance = sweep->importance_by[LL_COSINE]};
    ll_drop_order order = {0};
    if (!total)
        return LL_OK;
    LL_TRY(ll_sweep_costs(sweep, input.microseconds));
    LL_TRY(ll_order_make(&order, LL_ORDER_COST, &input, LL_JOINT, 0, sweep->error));
    ll_status status = LL_OK;
    for (size_t i = 0; i < total && status == LL_OK; i++)
        status = add_as_fast(sweep, &order, counts[i], input.microseconds);
    free(order.modules);
    return status;
}

ll_status ll_sweep_orders(ll_sweep *sweep) {
    stage s = {.sweep = sweep};
    ll_status status = note_importance(sweep);
    for (int order = LL_ORDER_IMPORTANCE + 1; status == LL_OK && order < LL_ORDERS; order++)
        if (is_asked(sweep, (ll_order)order)) {
            sweep->shared = sweep->task_count;
            status = order == LL_ORDER_ITERATIVE ? add_iterative(&s)
                     : order == LL_ORDER_COST    ? add_cost(sweep)
                                                 : add_plans(sweep, (ll_order)order);
        }
    if (!is_asked(sweep, LL_ORDER_COST)) /* which is the last one */
        sweep->shared = sweep->task_count;
    clear_up(&s.laboratory);
    return status;
}
