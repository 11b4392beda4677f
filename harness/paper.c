#include "paper.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifndef LL_PAPER_DIR
#define LL_PAPER_DIR "results/paper"
#endif

#define TABLE(variable, name, ...)                                                                           \
    static const char *const variable##_columns[] = {__VA_ARGS__};                                           \
    static const ll_csv_schema variable = {name, variable##_columns,                                         \
                                           sizeof variable##_columns / sizeof *variable##_columns, 2}

TABLE(table1, "table1_drop_modules", "model", "method", "arc_c", "boolq", "hellaswag", "mmlu", "obqa", "piqa",
      "rte", "winogrande", "avg", "speedup", "gamma");
TABLE(table2, "table2_llama3", "model", "method", "hellaswag", "mmlu", "obqa", "winogrande", "avg", "speedup",
      "gamma");
TABLE(table3, "table3_llama2_70b", "model", "method", "arc_c", "boolq", "hellaswag", "mmlu", "obqa", "piqa",
      "rte", "winogrande", "avg", "speedup", "gamma");

/* "attn-8" */
static bool parse_method(const char *text, ll_paper_row *row) {
    const char *dash = strrchr(text, '-');
    char *end;
    if (!dash || ll_drop_kind_parse(text, (size_t)(dash - text), &row->kind) != LL_OK)
        return false;
    row->dropped = strtoul(dash + 1, &end, 10);
    return !*end && row->dropped > 0;
}

static ll_status load_table(ll_paper *out, const char *folder, const ll_csv_schema *schema, ll_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", folder, schema->name);
    ll_csv *csv;
    LL_TRY(ll_csv_read(&csv, path, schema, error));
    ll_status status = LL_OK;
    for (size_t i = 0; i < ll_csv_rows(csv) && status == LL_OK && out->count < LL_PAPER_ROWS; i++) {
        ll_paper_row row;
        const char *method = ll_csv_cell(csv, i, "method");
        if (strcmp(method, "baseline") == 0)
            continue;
        row.speedup = ll_csv_number(csv, i, "speedup");
        snprintf(row.model, sizeof row.model, "%s", ll_csv_cell(csv, i, "model"));
        if (parse_method(method, &row) && isfinite(row.speedup))
            out->rows[out->count++] = row;
        else
            status =
                ll_fail(error, LL_BAD_INPUT,
                        "%s: line %zu: method %s with speedup %s; expected baseline, or a kind of drop with "
                        "a number (attn-8) and a number; restore the file",
                        path, i + 2, method, ll_csv_cell(csv, i, "speedup"));
    }
    ll_csv_close(csv);
    return status;
}

ll_status ll_paper_load(ll_paper *out, const char *folder, ll_error *error) {
    static const ll_csv_schema *const TABLES[] = {&table1, &table2, &table3};
    out->count = 0;
    for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
        LL_TRY(load_table(out, folder ? folder : LL_PAPER_DIR, TABLES[i], error));
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

ll_status ll_paper_open_tasks(ll_csv **out, ll_error *error) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.csv", LL_PAPER_DIR, table1.name);
    return ll_csv_read(out, path, &table1, error);
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
