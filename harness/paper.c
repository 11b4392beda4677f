#include "paper.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef LL_PAPER_DIR
#define LL_PAPER_DIR "results/paper"
#endif

/* Columns of a table, of which so many first ones tell its rows apart. */
#define TABLE(file, keys, name, on, ...)                                                                     \
    {                                                                                                        \
        .title = name, .measured = on, .schema = {                                                           \
            file,                                                                                            \
            (const char *const[]){__VA_ARGS__},                                                              \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                                     \
            keys                                                                                             \
        }                                                                                                    \
    }

static const char ON_GPU[] = "one GPU, 16-bit weights (4-bit for 70B), the largest batch that fits";
static const ll_paper_table tables[] = {
    TABLE("table1_drop_modules", 2, "Table 1: Attention, MLP and Block Drop", ON_GPU, "model", "method",
          "arc_c", "boolq", "hellaswag", "mmlu", "obqa", "piqa", "rte", "winogrande", "avg", "speedup",
          "gamma"),
    TABLE("table2_llama3", 2, "Table 2: Attention Drop on Llama 3", ON_GPU, "model", "method", "hellaswag",
          "mmlu", "obqa", "winogrande", "avg", "speedup", "gamma"),
    TABLE("table3_llama2_70b", 2, "Table 3: the three kinds on Llama-2-70B", ON_GPU, "model", "method",
          "arc_c", "boolq", "hellaswag", "mmlu", "obqa", "piqa", "rte", "winogrande", "avg", "speedup",
          "gamma"),
    TABLE("table4_kv_cache", 1, "Table 4: the KV-cache before and after Attention Drop",
          "16-bit elements, 2,048 positions, batches of 32 and 64", "model", "batch", "seq_len",
          "bytes_per_element", "layers_full", "kv_full_gb", "layers_dropped_model", "kv_dropped_gb"),
    TABLE("table6_residual_ablation", 2, "Table 6: importance with and without the residual",
          "average accuracy", "model", "dropped", "attn_without_residual", "attn_with_residual",
          "mlp_without_residual", "mlp_with_residual"),
    TABLE("table7_metric_ablation", 2, "Table 7: other measures of importance", "average accuracy", "model",
          "metric", "attn-4", "attn-8", "attn-12"),
    TABLE("table8_shortened_llama", 2, "Table 8: Joint Layer Drop and Shortened LLaMA", ON_GPU, "model",
          "method", "hellaswag", "mmlu", "obqa", "winogrande", "avg", "speedup"),
    TABLE("table9_wanda", 2, "Table 9: Attention Drop and Wanda at as many weights",
          "unstructured pruning has no speedup there, nor here", "model", "method", "hellaswag", "mmlu",
          "obqa", "winogrande", "avg", "speedup"),
    TABLE("fig9_oneshot_vs_iterative", 3, "Figure 9: one-shot and iterative Attention Drop", "accuracy alone",
          "model", "method", "strategy", "hellaswag", "mmlu", "obqa", "winogrande", "avg"),
    TABLE("table11_quantization", 3, "Table 11: dropping and quantization",
          "16-bit and AWQ's 4-bit weights; ours: "
          "float32 beside the former, int8 beside the latter",
          "model", "method", "weights", "arc_c", "hellaswag", "obqa", "winogrande", "avg"),
    TABLE("table12_long_context", 2, "Table 12: BANKING77 by examples in context",
          "rounds of 77 examples, some 2,000 tokens each", "model", "method", "ctx_2k", "ctx_4k", "ctx_7k",
          "ctx_9k", "ctx_14k", "avg"),
};

const ll_paper_table *ll_paper_table_at(size_t index) {
    return index < sizeof tables / sizeof *tables ? &tables[index] : NULL;
}

const ll_paper_table *ll_paper_table_find(const char *name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (strcmp(tables[i].schema.name, name) == 0)
            return &tables[i];
    return NULL;
}

static ll_status open_table(ll_csv **out, const char *folder, const ll_paper_table *table, ll_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", folder, table->schema.name);
    return ll_csv_read(out, path, &table->schema, error);
}

ll_status ll_paper_open(ll_csv **out, const ll_paper_table *table, ll_error *error) {
    return open_table(out, LL_PAPER_DIR, table, error);
}

/* ---- speedups ---- */

bool ll_paper_parse_method(const char *text, ll_drop_kind *kind, size_t *dropped) {
    const char *dash = strrchr(text, '-');
    char *end;
    if (!dash || ll_drop_kind_parse(text, (size_t)(dash - text), kind) != LL_OK)
        return false;
    *dropped = strtoul(dash + 1, &end, 10);
    return !*end && *dropped > 0;
}

static ll_status load_table(ll_paper *out, const char *folder, const ll_paper_table *table, ll_error *error) {
    ll_csv *csv;
    LL_TRY(open_table(&csv, folder, table, error));
    ll_status status = LL_OK;
    for (size_t i = 0; i < ll_csv_rows(csv) && status == LL_OK && out->count < LL_PAPER_ROWS; i++) {
        ll_paper_row row;
        const char *method = ll_csv_cell(csv, i, "method");
        if (strcmp(method, "baseline") == 0)
            continue;
        row.speedup = ll_csv_number(csv, i, "speedup");
        snprintf(row.model, sizeof row.model, "%s", ll_csv_cell(csv, i, "model"));
        if (ll_paper_parse_method(method, &row.kind, &row.dropped) && isfinite(row.speedup))
            out->rows[out->count++] = row;
        else
            status =
                ll_fail(error, LL_BAD_INPUT,
                        "%s: line %zu: method %s with speedup %s; expected baseline, or a kind of drop with "
                        "a number (attn-8) and a number; restore the file",
                        ll_csv_path(csv), i + 2, method, ll_csv_cell(csv, i, "speedup"));
    }
    ll_csv_close(csv);
    return status;
}

ll_status ll_paper_load(ll_paper *out, const char *folder, ll_error *error) {
    enum { WITH_SPEEDUPS = 3 }; /* the first ones */
    out->count = 0;
    for (size_t i = 0; i < WITH_SPEEDUPS; i++)
        LL_TRY(load_table(out, folder ? folder : LL_PAPER_DIR, &tables[i], error));
    return LL_OK;
}

double ll_paper_speedup(const ll_paper *paper, const char *model, const char *kind, size_t dropped) {
    for (size_t i = 0; i < paper->count; i++) {
        const ll_paper_row *row = &paper->rows[i];
        if (strcmp(row->model, model) == 0 && strcmp(ll_drop_kind_name(row->kind), kind) == 0 &&
            row->dropped == dropped)
            return row->speedup;
    }
    return (double)NAN;
}

size_t ll_paper_counts(const ll_paper *paper, const char *model, ll_drop_kind kind, size_t *counts,
                       size_t max) {
    size_t found = 0;
    for (size_t i = 0; i < paper->count && found < max; i++)
        if (paper->rows[i].kind == kind && strcmp(paper->rows[i].model, model) == 0)
            counts[found++] = paper->rows[i].dropped;
    qsort(counts, found, sizeof *counts, ll_order_sizes);
    return found;
}

/* ---- rows of any table ---- */

bool ll_paper_is_accuracy(const char *column) {
    static const char *const others[] = {
        "model",         "method",  "strategy",          "metric",      "weights",    "dropped",
        "batch",         "seq_len", "bytes_per_element", "layers_full", "kv_full_gb", "layers_dropped_model",
        "kv_dropped_gb", "avg",     "speedup",           "gamma"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(column, others[i]) == 0)
            return false;
    return true;
}

static bool has_column(const ll_paper_table *table, const char *name) {
    for (size_t i = 0; i < table->schema.count; i++)
        if (strcmp(table->schema.columns[i], name) == 0)
            return true;
    return false;
}

double ll_paper_average(const ll_paper_table *table, const ll_csv *csv, size_t row) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; has_column(table, "avg") && i < table->schema.count; i++)
        if (ll_paper_is_accuracy(table->schema.columns[i])) {
            sum += ll_csv_number(csv, row, table->schema.columns[i]);
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

size_t ll_paper_baseline(const ll_paper_table *table, const ll_csv *csv, size_t row) {
    static const char *const same[] = {"model", "weights"};
    for (size_t i = 0; has_column(table, "method") && i < ll_csv_rows(csv); i++) {
        bool fits = strcmp(ll_csv_cell(csv, i, "method"), "baseline") == 0;
        for (size_t c = 0; c < 2; c++)
            fits = fits && (!has_column(table, same[c]) ||
                            strcmp(ll_csv_cell(csv, i, same[c]), ll_csv_cell(csv, row, same[c])) == 0);
        if (fits)
            return i;
    }
    return SIZE_MAX;
}

double ll_paper_gamma(const ll_paper_table *table, const ll_csv *csv, size_t row) {
    const size_t full = ll_paper_baseline(table, csv, row);
    if (!has_column(table, "gamma") || full == SIZE_MAX)
        return (double)NAN;
    const double gain = 100 * (ll_csv_number(csv, row, "speedup") - 1);
    const double lost = ll_csv_number(csv, full, "avg") - ll_csv_number(csv, row, "avg");
    return gain > 0 ? lost / gain : (double)NAN;
}

/* Averages are printed with one digit, speedups with two. */
bool ll_paper_agrees(const ll_paper_table *table, const ll_csv *csv, size_t row, const char *column,
                     double *recomputed) {
    const double half_point = 0.05, half_percent = 0.5, half_gamma = 0.005, tiny = 1e-9;
    const bool average = strcmp(column, "avg") == 0;
    *recomputed = average                        ? ll_paper_average(table, csv, row)
                  : strcmp(column, "gamma") == 0 ? ll_paper_gamma(table, csv, row)
                                                 : (double)NAN;
    const double printed = isfinite(*recomputed) ? ll_csv_number(csv, row, column) : (double)NAN;
    if (!isfinite(printed))
        return true;
    /* The columns' own rounding averages out, at most half of their last digit; of gamma that of both averages and of the gain counts. */
    double slack = 2 * half_point;
    if (!average) {
        const double gain = 100 * (ll_csv_number(csv, row, "speedup") - 1);
        slack = half_gamma + (2 * half_point + fabs(*recomputed) * half_percent) / gain;
    }
    return fabs(printed - *recomputed) <= slack + tiny;
}
