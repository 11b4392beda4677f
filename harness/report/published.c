#include "report/published.h"
#include "model_list.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a number of the paper is of ---- */

typedef struct {
    const char *column, *title;
    ll_quantity quantity;
    const char *kind, *order, *task, *shots; /* NULL: the row says */
} meaning;

static const meaning meanings[] = {
    {"avg", "average", LL_AVERAGE, NULL, NULL, NULL, NULL},
    {"speedup", "speedup", LL_SPEEDUP, NULL, NULL, NULL, NULL},
    {"gamma", "gamma", LL_GAMMA, NULL, NULL, NULL, NULL},
    {"perplexity", "perplexity", LL_PERPLEXITY, NULL, NULL, NULL, NULL},
    {"kv_full_gb", "full model, GiB", LL_KV_FULL, "none", NULL, NULL, NULL},
    {"kv_dropped_gb", "dropped, GiB", LL_KV_DROPPED, "attn", NULL, NULL, NULL},
    {"attn_without_residual", "attention, without", LL_AVERAGE, "attn", "no-residual", NULL, NULL},
    {"attn_with_residual", "attention, with", LL_AVERAGE, "attn", "importance", NULL, NULL},
    {"mlp_without_residual", "MLP, without", LL_AVERAGE, "mlp", "no-residual", NULL, NULL},
    {"mlp_with_residual", "MLP, with", LL_AVERAGE, "mlp", "importance", NULL, NULL},
    {"ctx_2k", "2k tokens", LL_TASK_ACCURACY, NULL, NULL, "banking77", "77"},
    {"ctx_4k", "4k", LL_TASK_ACCURACY, NULL, NULL, "banking77", "154"},
    {"ctx_7k", "7k", LL_TASK_ACCURACY, NULL, NULL, "banking77", "231"},
    {"ctx_9k", "9k", LL_TASK_ACCURACY, NULL, NULL, "banking77", "308"},
    {"ctx_14k", "14k", LL_TASK_ACCURACY, NULL, NULL, "banking77", "385"},
};

static const char *const words[][2] = {
    {"iterative", "iterative"},
    {"one_shot", "importance"},
    {"random", "random"},
    {"reverse_order", "reverse"},
    {"relative_magnitude", "magnitude"},
    {"cosine_similarity", "importance"},
    {"fp16", "f32"},
    {"awq4", "int8"},
};

/* Ours for a word of the paper's. */
static const char *ours_for(const char *word) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], word) == 0)
            return words[i][1];
    return NULL;
}

/* NULL: the table has no such column. */
static const char *cell_of(const ll_published *p, size_t row, const char *column) {
    for (size_t i = 0; i < p->table->schema.count; i++)
        if (strcmp(p->table->schema.columns[i], column) == 0)
            return ll_csv_cell(p->csv, row, column);
    return NULL;
}

/* "baseline", "attn-8", "wanda(=attn-4 params)"; others are nothing of ours. */
static void take_method(const char *method, ll_condition *c) {
    ll_drop_kind kind;
    size_t count;
    char name[16];
    if (sscanf(method, "wanda(=%15[a-z]-%zu params)", name, &count) == 2) {
        c->kind = "none";
        snprintf(c->weights, sizeof c->weights, "f32-wanda-%s@%zu", name, count);
    } else if (strcmp(method, "baseline") == 0) {
        c->kind = "none";
    } else if (strcmp(method, "joint_layer_drop") == 0) {
        c->kind = "joint";
    } else if (ll_paper_parse_method(method, &kind, &c->dropped)) {
        c->kind = ll_drop_kind_name(kind);
    }
}

/* Of a kind whose number the paper does not say: as many of ours as come nearest to its speedup. */
static void take_as_fast(const ll_published *p, size_t row, ll_condition *c) {
    double nearest = INFINITY;
    for (size_t i = 0; i < p->data->count; i++) {
        const ll_report_entry *entry = &p->data->entries[i];
        const double away =
            fabs(ll_report_number(&entry->speed, "speedup") - ll_csv_number(p->csv, row, "speedup"));
        if (strcmp(entry->kind, c->kind) == 0 && away < nearest) {
            nearest = away;
            c->dropped = entry->dropped;
        }
    }
}

static void take_row(const ll_published *p, size_t row, ll_condition *c) {
    const char *method = cell_of(p, row, "method"), *dropped = cell_of(p, row, "dropped"),
               *metric = cell_of(p, row, "metric"), *strategy = cell_of(p, row, "strategy"),
               *weights = cell_of(p, row, "weights"), *kept = cell_of(p, row, "layers_dropped_model");
    if (method)
        take_method(method, c);
    if (c->kind && strcmp(c->kind, "none") != 0 && !c->dropped && cell_of(p, row, "speedup"))
        take_as_fast(p, row, c);
    if (dropped)
        c->dropped = strtoul(dropped, NULL, 10);
    if (kept)
        c->dropped = strtoul(cell_of(p, row, "layers_full"), NULL, 10) - strtoul(kept, NULL, 10);
    if (metric || strategy)
        c->order = ours_for(metric ? metric : strategy);
    if (weights && ours_for(weights))
        snprintf(c->weights, sizeof c->weights, "%s", ours_for(weights));
}

/* The task whose accuracies the column holds. */
static const char *task_of(const ll_report_data *data, const char *column) {
    for (size_t i = 0; i < data->task_count; i++)
        if (strcmp(data->tasks[i].paper_column, column) == 0)
            return data->tasks[i].name;
    return NULL;
}

static void take_meaning(const meaning *m, ll_condition *c) {
    c->quantity = m->quantity;
    c->kind = m->kind ? m->kind : c->kind;
    c->order = m->order ? m->order : c->order;
    c->task = m->task;
    c->shots = m->shots;
    if (m->quantity == LL_KV_FULL)
        c->dropped = 0;
}

static void take_column(const ll_published *p, const char *column, ll_condition *c) {
    ll_drop_kind kind;
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].column, column) == 0) {
            take_meaning(&meanings[i], c);
            return;
        }
    if (ll_paper_parse_method(column, &kind, &c->dropped)) {
        c->kind = ll_drop_kind_name(kind);
        c->quantity = LL_AVERAGE;
    } else if (ll_paper_is_accuracy(column)) {
        c->task = task_of(p->data, column);
        c->quantity = LL_TASK_ACCURACY;
    }
}

/* The listed model whose name the paper's begins with: "vicuna-13b-v1.3" is our vicuna-13b. */
static const ll_model_entry *listed(const char *name) {
    const ll_model_entry *entry, *best = NULL;
    for (size_t i = 0; (entry = ll_model_list_at(i)); i++)
        if (strncmp(entry->name, name, strlen(entry->name)) == 0 &&
            (!best || strlen(best->name) < strlen(entry->name)))
            best = entry;
    return best;
}

size_t ll_published_blocks(const ll_published *p, size_t row) {
    const ll_model_entry *entry = listed(ll_csv_cell(p->csv, row, "model"));
    return entry ? entry->shape.layers : 0;
}

size_t ll_report_blocks(const ll_report_data *data) {
    char name[LL_CSV_CELL];
    ll_report_listed_model(data, name, sizeof name);
    const ll_model_entry *entry = ll_model_list_find(name);
    if (entry)
        return entry->shape.layers;
    size_t blocks = 0;
    for (size_t i = 0; data->importance.csv && i < ll_csv_rows(data->importance.csv); i++) {
        const double layer = ll_csv_number(data->importance.csv, i, "layer");
        if (layer >= 0 && layer < LL_MAX_LAYERS && (size_t)layer >= blocks &&
            ll_report_belongs(&data->importance, i))
            blocks = (size_t)layer + 1;
    }
    return blocks;
}

const char *ll_published_title(const ll_published *p, const char *column) {
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].column, column) == 0)
            return meanings[i].title;
    for (size_t i = 0; i < p->data->task_count; i++)
        if (strcmp(p->data->tasks[i].paper_column, column) == 0)
            return p->data->tasks[i].title;
    return column;
}

ll_condition ll_published_condition(const ll_published *p, size_t row, const char *column, bool scaled) {
    ll_condition c = {.quantity = LL_NOT_OURS, .order = "importance"};
    take_row(p, row, &c);
    take_column(p, column, &c);
    const size_t theirs = ll_published_blocks(p, row);
    if (scaled && theirs && p->blocks && !(c.kind && strcmp(c.kind, "joint") == 0))
        c.dropped = (2 * c.dropped * p->blocks + theirs) / (2 * theirs);
    return c;
}
