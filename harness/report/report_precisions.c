#include "report/published.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A line a precision, a column a drop. */
enum { LINES = 24, COLUMNS = 10, CELL = LL_REPORT_CELL };
typedef struct {
    ll_report_row precisions[LINES]; /* the first row of each */
    const ll_report_entry *drops[COLUMNS];
    size_t lines, columns;
    char cells[(LINES + 1) * (COLUMNS + 1)][CELL];
} table;

static bool agree(const ll_report_row *a, const ll_report_row *b, const char *const *columns) {
    for (; *columns; columns++)
        if (strcmp(ll_report_text(a, *columns), ll_report_text(b, *columns)) != 0)
            return false;
    return true;
}

static const char *const text_columns[] = {"model_sha256", "data_sha256", "recipe", "window",
                                           "first_window", "windows",     NULL};
static const char *const weight_columns[] = {"weights", "group", "kv", NULL};

static void collect(table *t, const ll_report_data *data) {
    static const size_t numbers[] = {0, 4, 8}; /* of many drops those of the paper's table */
    for (size_t i = 0; i < ll_csv_rows(data->quality_csv); i++) {
        const ll_report_row row = {data->quality_csv, &ll_quality_schema, i};
        bool known = !agree(&row, &data->quality, text_columns);
        for (size_t l = 0; l < t->lines; l++)
            known = known || agree(&row, &t->precisions[l], weight_columns);
        if (!known && t->lines < LINES)
            t->precisions[t->lines++] = row;
    }
    for (size_t i = 0; i < data->count; i++)
        for (size_t n = 0; n < sizeof numbers / sizeof *numbers && t->columns < COLUMNS; n++)
            if (data->count <= COLUMNS ? n == 0 : data->entries[i].dropped == numbers[n])
                t->drops[t->columns++] = &data->entries[i];
}

/* "int8:128", "f32, int8 KV", "f32-wanda-2:4:32x512": of a calibration what comes before its hash */
static void put_name(char *out, const ll_report_row *row) {
    const char *group = ll_report_text(row, "group"), *kv = ll_report_text(row, "kv");
    const size_t before = strcspn(group, "-");
    const int shown = before < 12 ? (int)before : 12;
    int used = snprintf(out, CELL, "%.40s", ll_report_text(row, "weights"));
    if (strcmp(group, "NA") != 0)
        used += snprintf(out + used, CELL - (size_t)used, ":%.*s", shown, group);
    if (strcmp(kv, "int8") == 0)
        snprintf(out + used, CELL - (size_t)used, ", int8 KV");
}

/* The last row of that precision and drop. */
static double perplexity_of(const ll_report_data *data, const ll_report_row *precision,
                            const ll_report_entry *drop) {
    static const char *const drop_columns[] = {"kind", "dropped", "drop", NULL};
    for (size_t i = ll_csv_rows(data->quality_csv); drop->quality.csv && i-- > 0;) {
        const ll_report_row row = {data->quality_csv, &ll_quality_schema, i};
        if (agree(&row, precision, text_columns) && agree(&row, precision, weight_columns) &&
            agree(&row, &drop->quality, drop_columns))
            return ll_report_number(&row, "perplexity");
    }
    return (double)NAN;
}

static void fill(table *t, const ll_report_data *data) {
    const size_t width = t->columns + 1;
    snprintf(t->cells[0], CELL, "weights");
    for (size_t c = 0; c < t->columns; c++)
        snprintf(t->cells[c + 1], CELL, t->drops[c]->dropped ? "%s-%zu" : "full model", t->drops[c]->kind,
                 t->drops[c]->dropped);
    for (size_t l = 0; l < t->lines; l++) {
        put_name(t->cells[(l + 1) * width], &t->precisions[l]);
        for (size_t c = 0; c < t->columns; c++) {
            const double value = perplexity_of(data, &t->precisions[l], t->drops[c]);
            char *cell = t->cells[(l + 1) * width + c + 1];
            if (isfinite(value))
                snprintf(cell, CELL, value < 100 ? "%.2f" : value < 1e5 ? "%.1f" : "%.1e", value);
            else
                snprintf(cell, CELL, "NA");
        }
    }
}

static bool print(ll_sheet *sheet, const table *t) {
    static const char caption[] = "Perplexity by precision and drop";
    const size_t count = (t->lines + 1) * (t->columns + 1);
    const char **cells = malloc(count * sizeof *cells);
    for (size_t i = 0; cells && i < count; i++)
        cells[i] = t->cells[i];
    ll_sheet_put(sheet, LL_PART, caption);
    const bool good = cells && ll_sheet_table(sheet, caption, cells, t->lines + 1, t->columns + 1);
    free(cells);
    ll_sheet_put(sheet, LL_NOTE,
                 "The same text and the same modules. int8:128: weights in groups of 128 that share a scale; "
                 "channel: one scale a row; "
                 "KV-caches are of 16 bits (of float32 with f32) where nothing else is said; wanda: pruned, "
                 "which gains neither speed nor "
                 "memory here.");
    return good;
}

bool ll_report_print_precisions(ll_sheet *sheet, const ll_report_data *data) {
    table *t = calloc(1, sizeof *t);
    if (!t)
        return false;
    bool good = true;
    if (data->quality.csv)
        collect(t, data);
    if (t->lines > 1 && t->columns) {
        fill(t, data);
        good = print(sheet, t);
    }
    free(t);
    return good;
}
