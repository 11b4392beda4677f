#include "metric.h"
#include "report/report_private.h"
#include "rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- cells ---- */
const char *ll_report_text(const ll_report_row *row, const char *column) {
    return row->csv ? ll_csv_cell(row->csv, row->row, column) : "NA";
}

double ll_report_number(const ll_report_row *row, const char *column) {
    return row->csv ? ll_csv_number(row->csv, row->row, column) : (double)NAN;
}

const ll_report_entry *ll_report_full(const ll_report_data *data) {
    return data->count && data->entries[0].dropped == 0 ? &data->entries[0] : NULL;
}

const ll_report_entry *ll_report_find_entry(const ll_report_data *data, const char *kind, size_t dropped) {
    for (size_t i = 0; i < data->count; i++)
        if (strcmp(data->entries[i].kind, kind) == 0 && data->entries[i].dropped == dropped)
            return &data->entries[i];
    return NULL;
}

/* ---- settings ---- */
/* Columns before "kind": what a row's measurement depends on besides the drop. */
static size_t setting_columns(const ll_csv_schema *schema) {
    size_t count = 0;
    while (strcmp(schema->columns[count], "kind") != 0)
        count++;
    return count;
}

/* Equal in their first columns; of two schemas only columns that have the same names there are compared. */
static bool same_setting(const ll_report_row *a, const ll_report_row *b, size_t columns) {
    for (size_t i = 0; i < columns; i++)
        if (strcmp(ll_report_text(a, a->schema->columns[i]), ll_report_text(b, b->schema->columns[i])) != 0)
            return false;
    return true;
}

bool ll_report_belongs(const ll_report_row *setting, size_t row) {
    const ll_report_row other = {setting->csv, setting->schema, row};
    return same_setting(setting, &other, setting_columns(setting->schema));
}

typedef struct {
    ll_report_row first;
    size_t rows;
} group;

typedef struct {
    group *groups;
    size_t count, capacity;
} grouping;

/* Counts the row in its group. */
static bool add_row(grouping *g, const ll_report_row *row, size_t columns) {
    /* From the end: neighbouring rows mostly are of one setting. */
    for (size_t i = g->count; i-- > 0;)
        if (same_setting(&g->groups[i].first, row, columns)) {
            g->groups[i].rows++;
            return true;
        }
    if (g->count == g->capacity) {
        const size_t capacity = g->capacity ? 2 * g->capacity : 8;
        group *groups = realloc(g->groups, capacity * sizeof *groups);
        if (!groups)
            return false;
        g->groups = groups;
        g->capacity = capacity;
    }
    g->groups[g->count++] = (group){*row, 1};
    return true;
}

/* The largest group, of several the one that began last: a fuller protocol that was run later. Or first: a sweep's own weights come before
 * other precisions. */
static ll_report_row largest(const grouping *g, bool first) {
    group best = {{NULL, NULL, 0}, 0};
    for (size_t i = 0; i < g->count; i++)
        if (g->groups[i].rows > best.rows || (!first && g->groups[i].rows == best.rows))
            best = g->groups[i];
    return best.first;
}

typedef struct {
    const ll_csv *csv;
    const ll_csv_schema *schema;
    const char *column, *wanted; /* only rows whose column holds wanted; NULL: all */
} source;

static bool is_of_source(const source *s, size_t row) {
    return !s->column || strcmp(ll_csv_cell(s->csv, row, s->column), s->wanted) == 0;
}

/* The commonest setting by the first columns, of the rows that equal within in its first within_columns. */
static ll_status choose(const source *sources, size_t count, size_t columns, const ll_report_row *within,
                        size_t within_columns, ll_report_row *out, ll_error *error) {
    grouping g = {NULL, 0, 0};
    bool good = true;
    for (size_t s = 0; s < count; s++)
        for (size_t i = 0; sources[s].csv && i < ll_csv_rows(sources[s].csv) && good; i++) {
            const ll_report_row row = {sources[s].csv, sources[s].schema, i};
            if (is_of_source(&sources[s], i) &&
                (!within || !within->csv || same_setting(within, &row, within_columns)))
                good = add_row(&g, &row, columns);
        }
    *out = largest(&g, !within);
    free(g.groups);
    return good ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "report: no memory to group rows");
}

enum {
    MODEL_COLUMNS = 1,
    KV_COLUMNS = 4
}; /* model_sha256; and weights, group, kv: they come first in quality and speed */

static ll_status choose_settings(ll_report_data *data, ll_error *error) {
    const source sources[] = {
        {data->quality_csv, &ll_quality_schema, NULL, NULL},
        {data->speed_csv, &ll_speed_schema, NULL, NULL},
        {data->importance_csv, &ll_importance_schema, "metric", ll_metric_name(LL_COSINE)}};
    ll_report_row weights;
    LL_TRY(choose(sources, 2, KV_COLUMNS, NULL, 0, &weights, error));
    LL_TRY(
        choose(sources, 1, setting_columns(&ll_quality_schema), &weights, KV_COLUMNS, &data->quality, error));
    LL_TRY(
        choose(sources + 1, 1, setting_columns(&ll_speed_schema), &weights, KV_COLUMNS, &data->speed, error));
    return choose(sources + 2, 1, setting_columns(&ll_importance_schema), &weights, MODEL_COLUMNS,
                  &data->importance, error);
}

/* ---- entries ---- */
enum { KINDS = 1 + LL_DROP_KINDS, MOST_DROPPED = 2 * LL_MAX_LAYERS };

typedef ll_report_entry grid[KINDS][MOST_DROPPED + 1];

static const char *kind_name(size_t index) {
    return index == 0 ? "none" : ll_drop_kind_name((ll_drop_kind)(index - 1));
}

/* The entry that a row of quality or speed belongs to; NULL with the error set. */
static ll_report_entry *find_entry(grid *entries, const ll_report_row *row, ll_error *error) {
    const char *kind = ll_report_text(row, "kind");
    const double dropped = ll_report_number(row, "dropped");
    for (size_t k = 0; k < KINDS; k++)
        if (strcmp(kind, kind_name(k)) == 0 && dropped >= 0 && dropped <= MOST_DROPPED &&
            floor(dropped) == dropped && (k == 0) == (dropped == 0)) {
            ll_report_entry *entry = &(*entries)[k][(size_t)dropped];
            entry->kind = kind_name(k);
            entry->dropped = (size_t)dropped;
            return entry;
        }
    ll_fail(error, LL_BAD_INPUT,
            "%s: row %zu drops \"%s\" of kind \"%s\"; expected none and 0, or attn, mlp, block or joint "
            "and 1 to %d",
            ll_csv_path(row->csv), row->row + 1, ll_report_text(row, "dropped"), kind, MOST_DROPPED);
    return NULL;
}

static bool drops_the_same(const ll_report_row *a, const ll_report_row *b) {
    static const char *const columns[] = {"model_sha256", "kind", "dropped", "drop"};
    bool same = true;
    for (size_t i = 0; same && i < sizeof columns / sizeof *columns; i++)
        same = strcmp(ll_report_text(a, columns[i]), ll_report_text(b, columns[i])) == 0;
    return same;
}

/* Whether its modules were chosen in another way than by importance, as plans.csv says; rows of no plan there are the paper's. */
static bool is_of_another_order(const ll_report_data *data, const ll_report_row *row) {
    bool other = false;
    for (size_t i = 0; data->plans_csv && i < ll_csv_rows(data->plans_csv); i++) {
        const ll_report_row plan = {data->plans_csv, &ll_plans_schema, i};
        if (!drops_the_same(&plan, row))
            continue;
        if (strcmp(ll_report_text(&plan, "order"), "importance") == 0)
            return false;
        other = true;
    }
    return other;
}

/* Of several plans that drop the same number, the last one measured counts; speed only of the modules that
 * quality was measured without. */
static ll_status place_rows(ll_report_data *data, grid *entries, const ll_report_row *setting, bool speed,
                            ll_error *error) {
    for (size_t i = 0; setting->csv && i < ll_csv_rows(setting->csv); i++) {
        const ll_report_row row = {setting->csv, setting->schema, i};
        if (!ll_report_belongs(setting, i) || is_of_another_order(data, &row)) {
            data->other_rows++;
            continue;
        }
        ll_report_entry *entry = find_entry(entries, &row, error);
        if (!entry)
            return LL_BAD_INPUT;
        if (!speed)
            entry->quality = row;
        else if (!entry->quality.csv ||
                 strcmp(ll_report_text(&entry->quality, "drop"), ll_report_text(&row, "drop")) == 0)
            entry->speed = row;
        else
            data->other_rows++;
    }
    return LL_OK;
}

ll_status ll_report_make_entries(ll_report_data *data, ll_error *error) {
    grid *entries = calloc(1, sizeof *entries);
    data->entries = calloc(KINDS * (MOST_DROPPED + 1), sizeof *data->entries);
    ll_status status = LL_OK;
    if (!entries || !data->entries)
        status = ll_fail(error, LL_NO_RESOURCE, "report: no memory for the table");
    if (status == LL_OK)
        status = place_rows(data, entries, &data->quality, false, error);
    if (status == LL_OK)
        status = place_rows(data, entries, &data->speed, true, error);
    for (size_t k = 0; status == LL_OK && k < KINDS; k++)
        for (size_t n = 0; n <= MOST_DROPPED; n++)
            if ((*entries)[k][n].kind)
                data->entries[data->count++] = (*entries)[k][n];
    free(entries);
    ll_report_entry *fitting = realloc(data->entries, (data->count + 1) * sizeof *fitting);
    if (fitting)
        data->entries = fitting;
    return status;
}

/* ---- files ---- */
static ll_status read_csv(const char *folder, const ll_csv_schema *schema, ll_csv **out, ll_error *error) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s.csv", folder, schema->name);
    if (length < 0 || (size_t)length >= sizeof path)
        return ll_fail(error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", folder);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return LL_OK;
    LL_TRY(ll_csv_read(out, path, schema, error));
    if (ll_csv_rows(*out) == 0) {
        ll_csv_close(*out);
        *out = NULL;
    }
    return LL_OK;
}

static ll_status read_calibration(const char *folder, ll_csv **out, ll_error *error) {
    char inner[4096];
    if ((size_t)snprintf(inner, sizeof inner, "%s/calibration", folder) >= sizeof inner)
        return LL_OK; /* the other files' paths are too long as well, and say so */
    return read_csv(inner, &ll_calibration_schema, out, error);
}

static ll_status load(ll_report_data *data, const char *folder, ll_error *error) {
    LL_TRY(read_csv(folder, &ll_importance_schema, &data->importance_csv, error));
    LL_TRY(read_csv(folder, &ll_quality_schema, &data->quality_csv, error));
    LL_TRY(read_csv(folder, &ll_speed_schema, &data->speed_csv, error));
    if (!data->importance_csv && !data->quality_csv && !data->speed_csv)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: no row in importance.csv, quality.csv or speed.csv there; expected the folder of a sweep",
            folder);
    LL_TRY(read_csv(folder, &ll_tasks_schema, &data->tasks_csv, error));
    LL_TRY(read_csv(folder, &ll_plans_schema, &data->plans_csv, error));
    LL_TRY(read_calibration(folder, &data->calibration_csv, error));
    LL_TRY(choose_settings(data, error));
    LL_TRY(ll_report_find_tasks(data, error));
    return ll_report_make_entries(data, error);
}

ll_status ll_report_load(ll_report_data *out, const char *folder, ll_error *error) {
    memset(out, 0, sizeof *out);
    out->folder = folder;
    (void)ll_paper_load(&out->paper, NULL, NULL); /* without it a column is missing, nothing more */
    const ll_status status = load(out, folder, error);
    if (status != LL_OK)
        ll_report_free(out);
    return status;
}

void ll_report_free(ll_report_data *data) {
    ll_csv_close(data->importance_csv);
    ll_csv_close(data->quality_csv);
    ll_csv_close(data->speed_csv);
    ll_csv_close(data->tasks_csv);
    ll_csv_close(data->plans_csv);
    ll_csv_close(data->calibration_csv);
    free(data->entries);
    memset(data, 0, sizeof *data);
}
