/* Figures 2, 3 and 10 of the paper: how far the plans depend on the calibration set and on its size (calibration.csv). */
#include "report/published.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_KIND = 3, COLUMNS = FIRST_KIND + LL_DROP_KINDS, CELL = LL_REPORT_CELL };
typedef char line[COLUMNS][CELL];

/* Whether two rows compare the same maps, for other kinds of module. */
static bool same_pair(const ll_csv *csv, size_t a, size_t b) {
    for (size_t i = 0; i < ll_calibration_schema.keys; i++) {
        const char *column = ll_calibration_schema.columns[i];
        if (strcmp(column, "kind") != 0 &&
            strcmp(ll_csv_cell(csv, a, column), ll_csv_cell(csv, b, column)) != 0)
            return false;
    }
    return true;
}

static void begin_line(line out, const ll_csv *csv, size_t row) {
    const bool models = strcmp(ll_csv_cell(csv, row, "compared"), "model") == 0;
    snprintf(out[0], CELL, "%.16s", ll_csv_cell(csv, row, "compared"));
    snprintf(out[1], CELL, "%.32s, %.8s", ll_csv_cell(csv, row, models ? "model" : "data_file"),
             ll_csv_cell(csv, row, "samples"));
    snprintf(out[2], CELL, "%.32s, %.8s", ll_csv_cell(csv, row, models ? "other_model" : "other_data_file"),
             ll_csv_cell(csv, row, "other_samples"));
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        snprintf(out[FIRST_KIND + kind], CELL, "NA");
}

static void fill_kind(line out, const ll_csv *csv, size_t row) {
    const char *kind = ll_csv_cell(csv, row, "kind");
    const double correlation = ll_csv_number(csv, row, "rank_correlation");
    for (int k = 0; k < LL_DROP_KINDS; k++)
        if (strcmp(kind, ll_drop_kind_name((ll_drop_kind)k)) == 0 && isfinite(correlation))
            snprintf(out[FIRST_KIND + k], CELL, "%.3f, %.8s of %.8s", correlation,
                     ll_csv_cell(csv, row, "overlap"), ll_csv_cell(csv, row, "lowest"));
}

/* Lines of the report's model; as many as rows at most. */
static size_t fill_lines(line *lines, const ll_report_data *data) {
    const ll_csv *csv = data->calibration_csv;
    const char *model = ll_report_text(ll_report_main(data), "model_sha256");
    size_t count = 0, before = SIZE_MAX;
    for (size_t i = 0; i < ll_csv_rows(csv); i++) {
        if (strcmp(ll_csv_cell(csv, i, "other_model_sha256"), model) != 0)
            continue;
        if (before == SIZE_MAX || !same_pair(csv, before, i))
            begin_line(lines[count++], csv, i);
        fill_kind(lines[count - 1], csv, i);
        before = i;
    }
    return count;
}

static bool print_lines(ll_sheet *sheet, const line *lines, size_t count) {
    static const char *const heads[COLUMNS] = {"compared", "documents of", "with", "attn",
                                               "mlp",      "block",        "joint"};
    const char **cells = malloc((count + 1) * COLUMNS * sizeof *cells);
    if (!cells)
        return false;
    memcpy(cells, heads, sizeof heads);
    for (size_t i = 0; i < count * COLUMNS; i++)
        cells[COLUMNS + i] = lines[i / COLUMNS][i % COLUMNS];
    const bool good = ll_sheet_table(
        sheet, "Rank correlation of importance, and modules that both plans drop", cells, count + 1, COLUMNS);
    free(cells);
    return good;
}

bool ll_report_print_calibration(ll_sheet *sheet, const ll_report_data *data) {
    if (!data->calibration_csv)
        return true;
    line *lines = calloc(ll_csv_rows(data->calibration_csv) + 1, sizeof *lines);
    if (!lines)
        return false;
    const size_t count = fill_lines(lines, data);
    ll_sheet_section(sheet, "calibration", "How far the plans depend on the calibration");
    const bool good = print_lines(sheet, (const line *)lines, count);
    ll_sheet_put(sheet, LL_NOTE,
                 "Spearman's rank correlation of importance over all modules of the kind, and how many of "
                 "the lowest both have. "
                 "**samples**: fewer documents of a set with the most; **set**: two sets; **model**: a "
                 "checkpoint with the last.");
    free(lines);
    return good;
}
