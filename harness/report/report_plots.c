#include "plan.h"
#include "plot.h"
#include "report/published.h"
#include "report/report_private.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ll_report_plot_names[LL_REPORT_PLOTS] = {"quality", "speedup",   "importance", "accuracy",
                                                           "tasks",   "predicted", "order"};

/* ---- numbers for gnuplot: one block a kind, called by its name ---- */
typedef struct {
    FILE *stream;
    char kinds[2048]; /* the blocks that hold a point, separated by spaces */
    const char *open;
} blocks;

/* Begins the block of kind before its first point: gnuplot refuses to draw empty ones. */
static void put_kind(blocks *b, const char *kind) {
    if (b->open && strcmp(b->open, kind) == 0)
        return;
    fprintf(b->stream, "%s# %s\n", b->open ? "\n\n" : "", kind);
    snprintf(b->kinds + strlen(b->kinds), sizeof b->kinds - strlen(b->kinds), "%s%s", b->open ? " " : "",
             kind);
    b->open = kind;
}

/* The next block's name stands where the one before stood. */
static void end_block(blocks *b) {
    b->open = b->open ? "" : NULL;
}

static void put_quality(blocks *b, const char *kind, const ll_report_entry *entry) {
    const double value = ll_report_number(&entry->quality, "perplexity");
    const double error = ll_report_number(&entry->quality, "perplexity_stderr");
    if (!(value > 0)) /* the axis is logarithmic */
        return;
    put_kind(b, kind);
    fprintf(b->stream, "%zu", entry->dropped);
    ll_plot_put_bar(b->stream, value, value > error ? value - error : (double)NAN, value + error);
    putc('\n', b->stream);
}

static void put_speedup(blocks *b, const char *kind, const ll_report_entry *entry) {
    const double value = ll_report_number(&entry->speed, "speedup");
    if (!isfinite(value))
        return;
    put_kind(b, kind);
    fprintf(b->stream, "%zu", entry->dropped);
    ll_plot_put_bar(b->stream, value, ll_report_number(&entry->speed, "speedup_q1"),
                    ll_report_number(&entry->speed, "speedup_q3"));
    ll_plot_put_value(b->stream, ll_report_number(&entry->speed, "speedup_predicted"));
    putc('\n', b->stream);
}

/* Every kind's curve begins at the full model. */
static void put_entries(blocks *b, const ll_report_data *data,
                        void (*put)(blocks *b, const char *kind, const ll_report_entry *entry)) {
    const ll_report_entry *full = ll_report_full(data);
    const char *kind = NULL;
    for (size_t i = full ? 1 : 0; i < data->count; i++) {
        const ll_report_entry *entry = &data->entries[i];
        if (full && (!kind || strcmp(kind, entry->kind) != 0))
            put(b, entry->kind, full);
        kind = entry->kind;
        put(b, kind, entry);
    }
}

static void put_quality_blocks(blocks *b, const ll_report_data *data) {
    put_entries(b, data, put_quality);
}

static void put_speedup_blocks(blocks *b, const ll_report_data *data) {
    put_entries(b, data, put_speedup);
}

/* dropped, share, share less and more its paired error, in percent. */
static void put_share(blocks *b, const char *kind, const ll_report_entry *entry, double share,
                      double paired) {
    const double error = isfinite(paired) ? paired : 0;
    if (!isfinite(share))
        return;
    put_kind(b, kind);
    fprintf(b->stream, "%zu", entry->dropped);
    ll_plot_put_bar(b->stream, 100 * share, 100 * (share - error), 100 * (share + error));
    putc('\n', b->stream);
}

static void put_accuracy(blocks *b, const ll_report_data *data, const char *kind,
                         const ll_report_entry *entry) {
    const ll_report_average a = ll_report_average_of(data, entry);
    put_share(b, kind, entry, a.value, a.difference_error);
}

/* kind: a block's name, "arc_challenge/attn". */
static void put_task(blocks *b, const ll_report_data *data, const char *kind, size_t task,
                     const ll_report_entry *entry) {
    const ll_report_row row = ll_report_task_row(data, entry, task);
    put_share(b, kind, entry, ll_report_number(&row, "value"), ll_report_number(&row, "difference_stderr"));
}

static void put_accuracy_blocks(blocks *b, const ll_report_data *data) {
    const ll_report_entry *full = ll_report_full(data);
    const char *kind = NULL;
    for (size_t i = full ? 1 : 0; i < data->count; i++) {
        const ll_report_entry *entry = &data->entries[i];
        if (full && isfinite(ll_report_average_of(data, entry).value) &&
            (!kind || strcmp(kind, entry->kind) != 0)) {
            kind = entry->kind;
            put_accuracy(b, data, kind, full);
        }
        put_accuracy(b, data, entry->kind, entry);
    }
}

static void put_task_blocks(blocks *b, const ll_report_data *data) {
    const ll_report_entry *full = ll_report_full(data);
    for (size_t t = 0; t < data->task_count; t++) {
        char name[64] = "";
        const char *kind = NULL;
        for (size_t i = full ? 1 : 0; i < data->count; i++) {
            const ll_report_entry *entry = &data->entries[i];
            if (!ll_report_task_row(data, entry, t).csv)
                continue;
            const bool first = !kind || strcmp(kind, entry->kind) != 0;
            kind = entry->kind;
            if (first) {
                snprintf(name, sizeof name, "%.40s/%s", data->tasks[t].name, kind);
                end_block(b);
            }
            if (first && full)
                put_task(b, data, name, t, full);
            put_task(b, data, name, t, entry);
        }
    }
}

/* Rows may stand in any order: layers are sorted here. What has no row is 0. */
static void find_importance(const ll_report_data *data, const char *kind, double values[LL_MAX_LAYERS]) {
    const ll_report_row *setting = &data->importance;
    memset(values, 0, LL_MAX_LAYERS * sizeof *values);
    for (size_t i = 0; setting->csv && i < ll_csv_rows(setting->csv); i++) {
        const double layer = ll_csv_number(setting->csv, i, "layer");
        if (ll_report_belongs(setting, i) && strcmp(ll_csv_cell(setting->csv, i, "kind"), kind) == 0 &&
            layer >= 0 && layer < LL_MAX_LAYERS)
            values[(size_t)layer] = ll_csv_number(setting->csv, i, "importance");
    }
}

static void put_importance_blocks(blocks *b, const ll_report_data *data) {
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        const char *name = ll_drop_kind_name((ll_drop_kind)kind);
        double values[LL_MAX_LAYERS];
        find_importance(data, name, values);
        for (size_t layer = 0; layer < LL_MAX_LAYERS; layer++) {
            if (!(values[layer] > 0))
                continue;
            put_kind(b, name);
            fprintf(b->stream, "%zu %.9g\n", layer, values[layer]);
        }
    }
}

static void put_predicted_blocks(blocks *b, const ll_report_data *data) {
    for (size_t i = 0; i < data->count; i++) {
        const ll_report_entry *entry = &data->entries[i];
        const double predicted = ll_report_number(&entry->speed, "speedup_predicted"),
                     value = ll_report_number(&entry->speed, "speedup");
        if (!entry->dropped || !isfinite(predicted) || !isfinite(value))
            continue;
        put_kind(b, entry->kind);
        ll_plot_put_value(b->stream, predicted);
        ll_plot_put_bar(b->stream, value, ll_report_number(&entry->speed, "speedup_q1"),
                        ll_report_number(&entry->speed, "speedup_q3"));
        fprintf(b->stream, " %zu\n", entry->dropped);
    }
}

/* ---- which module goes at which step ---- */
static void put_step(blocks *b, const char *name, size_t step, ll_drop_kind kind, size_t layer) {
    put_kind(b, name);
    fprintf(b->stream, "%zu %zu %d\n", step, layer, 1 + (int)kind);
}

/* By importance, as its rows have it; nothing when a module's is missing. */
static void put_own_orders(blocks *b, const ll_report_data *data) {
    ll_plan plan = {.layers = ll_report_blocks(data)};
    if (plan.layers == 0 || plan.layers > LL_MAX_LAYERS)
        return;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        find_importance(data, ll_drop_kind_name((ll_drop_kind)kind), plan.importance[kind]);
        for (size_t layer = 0; layer < plan.layers; layer++)
            if (!(plan.importance[kind][layer] > 0))
                return;
    }
    if (ll_plan_order(&plan, NULL) != LL_OK)
        return;
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        const ll_drop_order *order = &plan.orders.order[kind];
        char name[64];
        snprintf(name, sizeof name, "%s/importance", ll_drop_kind_name((ll_drop_kind)kind));
        for (size_t i = 0; i < order->count; i++)
            put_step(b, name, i + 1, order->modules[i].kind, order->modules[i].layer);
        end_block(b);
    }
    ll_plan_free(&plan);
}

/* Of the rows of a plan in plans.csv the smallest number with which each layer goes. */
static void put_planned(blocks *b, const ll_report_data *data, size_t first, const char *name,
                        size_t layers) {
    size_t step[LL_MAX_LAYERS] = {0};
    for (size_t i = first; i < ll_csv_rows(data->plans_csv); i++) {
        const ll_report_row row = {data->plans_csv, &ll_plans_schema, i},
                            other = {data->plans_csv, &ll_plans_schema, first};
        const double dropped = ll_report_number(&row, "dropped");
        ll_mask mask;
        if (strcmp(ll_report_text(&row, "order"), ll_report_text(&other, "order")) != 0 ||
            strcmp(ll_report_text(&row, "kind"), "attn") != 0 ||
            !(dropped >= 1 && dropped <= LL_MAX_LAYERS) ||
            ll_drop_parse(&mask, ll_report_text(&row, "drop"), layers, NULL, NULL) != LL_OK)
            continue;
        for (size_t layer = 0; layer < layers; layer++)
            if (mask.attn[layer] && (!step[layer] || dropped < (double)step[layer]))
                step[layer] = (size_t)dropped;
    }
    for (size_t layer = 0; layer < layers; layer++)
        if (step[layer])
            put_step(b, name, step[layer], LL_ATTN, layer);
}

/* Orders that a map shows something of: random ones are scattered, the deepest first need no map, and neighbours are another set at every
 * number. */
static bool is_mapped(const char *order) {
    static const char *const shown[] = {"no-residual", "magnitude",    "iterative",
                                        "cost",        "cost-prefill", "cost-decode"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        if (strcmp(order, shown[i]) == 0)
            return true;
    return false;
}

/* Attention layers by other orders of plans.csv. */
static void put_order_blocks(blocks *b, const ll_report_data *data) {
    enum { MOST = 12 };
    const size_t layers = ll_report_blocks(data);
    char names[MOST][64];
    size_t count = 0;
    put_own_orders(b, data);
    for (size_t i = 0;
         data->plans_csv && layers && layers <= LL_MAX_LAYERS && i < ll_csv_rows(data->plans_csv); i++) {
        const char *order = ll_csv_cell(data->plans_csv, i, "order");
        bool known = !is_mapped(order) || strcmp(ll_csv_cell(data->plans_csv, i, "kind"), "attn") != 0;
        char name[64];
        snprintf(name, sizeof name, "attn/%.40s", order);
        for (size_t n = 0; n < count; n++)
            known = known || strcmp(names[n], name) == 0;
        if (known || count == MOST)
            continue;
        strcpy(names[count++], name);
        put_planned(b, data, i, name, layers);
        end_block(b);
    }
}

/* ---- what a plot says below its title ---- */
enum { SUBTITLE = 1024 };

static void describe_quality(const ll_report_data *data, char *out, size_t capacity) {
    snprintf(out, capacity, "%s, %s tokens scored", ll_report_text(&data->quality, "data_file"),
             ll_report_text(&data->quality, "tokens"));
    ll_plot_make_plain(out);
}

/* Names of CPUs are long: the machine has a line of its own. */
static void describe_speedup(const ll_report_data *data, char *out, size_t capacity) {
    const ll_report_row *row = &data->speed;
    snprintf(out, capacity, "%s%s prompt + %s generated tokens (%s), batch %s",
             ll_report_is_synthetic(data) ? "SYNTHETIC weights, " : "", ll_report_text(row, "prompt"),
             ll_report_text(row, "generate"), ll_report_text(row, "method"), ll_report_text(row, "batch"));
    ll_plot_make_plain(out);
    const size_t used = strlen(out);
    if (used + 1 >= capacity)
        return;
    out[used] = '\n';
    snprintf(out + used + 1, capacity - used - 1, "%s threads, %s", ll_report_text(row, "threads"),
             ll_report_text(row, "cpu"));
    ll_plot_make_plain(out + used + 1);
}

static void describe_importance(const ll_report_data *data, char *out, size_t capacity) {
    const ll_report_row *row = &data->importance;
    snprintf(out, capacity, "%s, %s documents of up to %s tokens", ll_report_text(row, "data_file"),
             ll_report_text(row, "samples"), ll_report_text(row, "length"));
    ll_plot_make_plain(out);
}

static void describe_tasks(const ll_report_data *data, char *out, size_t capacity) {
    snprintf(out, capacity, "questions of a task: %s; bars: paired standard error",
             ll_report_text(&data->answered, "limit"));
    ll_plot_make_plain(out);
}

typedef struct {
    void (*put)(blocks *b, const ll_report_data *data);
    void (*describe)(const ll_report_data *data, char *out, size_t capacity);
    bool weights; /* the subtitle names how weights are held */
} plot_parts;

static const plot_parts plots[LL_REPORT_PLOTS] = {{put_quality_blocks, describe_quality, true},
                                                  {put_speedup_blocks, describe_speedup, true},
                                                  {put_importance_blocks, describe_importance, false},
                                                  {put_accuracy_blocks, describe_tasks, true},
                                                  {put_task_blocks, describe_tasks, true},
                                                  {put_predicted_blocks, describe_speedup, true},
                                                  {put_order_blocks, describe_importance, false}};

static void make_subtitle(const ll_report_data *data, const plot_parts *parts, char out[SUBTITLE]) {
    char model[LL_CSV_CELL], weights[LL_CSV_CELL] = "", rest[SUBTITLE / 2];
    ll_report_model(data, model, sizeof model);
    if (parts->weights)
        ll_report_weights(data, weights, sizeof weights);
    parts->describe(data, rest, sizeof rest);
    ll_plot_make_plain(model);
    ll_plot_make_plain(weights);
    snprintf(out, SUBTITLE, "%.200s%s%.200s\n%s", model, weights[0] ? ", " : "", weights, rest);
}

/* "26.4 average" and of every task its chance in percent, name and title: "25 arc_challenge ARC-C 50 boolq BoolQ"; no title has a
 * space. */
static void put_chances(const ll_report_data *data, char *out, size_t capacity) {
    double average = 0;
    ll_report_averaged(data, &average);
    int used = snprintf(out, capacity, "%.4g average average", 100 * average);
    for (size_t i = 0; i < data->task_count && used > 0 && (size_t)used < capacity; i++) {
        char title[sizeof data->tasks[i].title];
        snprintf(title, sizeof title, "%s", data->tasks[i].title);
        for (char *c = title; *c; c++)
            *c = *c == ' ' ? '-' : *c;
        used += snprintf(out + used, capacity - (size_t)used, " %.4g %.40s %s", 100 * data->tasks[i].chance,
                         data->tasks[i].name, title);
    }
}

/* Nothing is drawn, and that is no failure, when there is not one point. */
static ll_status draw(const ll_report_data *data, int plot, const char *out, bool *drawn, ll_error *error) {
    char *text = NULL, subtitle[SUBTITLE];
    size_t length = 0;
    blocks b = {open_memstream(&text, &length), "", NULL};
    if (b.stream)
        plots[plot].put(&b, data);
    ll_status status = LL_OK;
    if (!b.stream || fclose(b.stream) != 0)
        status = ll_fail(error, LL_NO_RESOURCE, "report: no memory for a plot's numbers");
    else if (b.open) {
        make_subtitle(data, &plots[plot], subtitle);
        const char *name = ll_report_plot_names[plot];
        char chance[1024];
        put_chances(data, chance, sizeof chance);
        status = ll_plot_draw(&(ll_plot){name, name, {subtitle, b.kinds, chance}, text, length}, out, error);
        *drawn = status == LL_OK;
    }
    free(text);
    return status;
}

ll_status ll_report_plot(const ll_report_data *data, const char *out, bool drawn[LL_REPORT_PLOTS],
                         ll_error *error) {
    for (int plot = 0; plot < LL_REPORT_PLOTS; plot++)
        LL_TRY(draw(data, plot, out, &drawn[plot], error));
    return LL_OK;
}
