#include "model_list.h"
#include "report/report_private.h"

#include <stdlib.h>
#include <string.h>

static const ll_model_entry *find_model(const char *sha256) {
    const ll_model_entry *entry;
    for (size_t i = 0; (entry = ll_model_list_at(i)); i++)
        if (*entry->sha256 && strcmp(entry->sha256, sha256) == 0)
            return entry;
    return NULL;
}

const ll_report_row *ll_report_main(const ll_report_data *data) {
    return data->quality.csv ? &data->quality : data->speed.csv ? &data->speed : &data->importance;
}

void ll_report_weights(const ll_report_data *data, char *out, size_t capacity) {
    const ll_report_row *row = ll_report_main(data);
    if (row == &data->importance) {
        snprintf(out, capacity, "f32");
        return;
    }
    const char *weights = ll_report_text(row, "weights"), *group = ll_report_text(row, "group");
    if (strcmp(group, "NA") == 0)
        snprintf(out, capacity, "%s", weights);
    else if (strcmp(group, "channel") == 0)
        snprintf(out, capacity, "%s, one scale a row", weights);
    else
        snprintf(out, capacity, "%s in groups of %s", weights, group);
}

bool ll_report_is_synthetic(const ll_report_data *data) {
    return strcmp(ll_report_text(&data->speed, "source"), "synthetic") == 0;
}

void ll_report_model(const ll_report_data *data, char *out, size_t capacity) {
    const char *sha256 = ll_report_text(ll_report_main(data), "model_sha256");
    const char *name = ll_report_text(ll_report_main(data), "model");
    const ll_model_entry *model = find_model(sha256);
    if (strcmp(name, "NA") != 0)
        snprintf(out, capacity, "%s", name);
    else if (model)
        snprintf(out, capacity, "%s", model->file);
    else
        snprintf(out, capacity, "model %.12s", sha256);
}

void ll_report_listed_model(const ll_report_data *data, char *out, size_t capacity) {
    const ll_model_entry *listed = find_model(ll_report_text(ll_report_main(data), "model_sha256"));
    if (listed)
        snprintf(out, capacity, "%s", listed->name);
    else
        ll_report_model(data, out, capacity);
}

/* ---- what the rows have in common ---- */
typedef struct {
    const char *seen[16];
    size_t count, more;
} distinct;

static void add_distinct(distinct *d, const char *text) {
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->seen[i], text) == 0)
            return;
    if (d->count < sizeof d->seen / sizeof *d->seen)
        d->seen[d->count++] = text;
    else
        d->more++;
}

typedef void visitor(void *context, const char *text);

/* Every cell of column in the rows that the report shows. */
static void visit(const ll_report_data *data, const char *column, visitor *see, void *context) {
    const ll_report_row *settings[] = {&data->importance, &data->quality, &data->speed};
    for (size_t s = 0; s < sizeof settings / sizeof *settings; s++)
        for (size_t i = 0; settings[s]->csv && i < ll_csv_rows(settings[s]->csv); i++)
            if (ll_report_belongs(settings[s], i))
                see(context, ll_csv_cell(settings[s]->csv, i, column));
}

static void see_distinct(void *context, const char *text) {
    add_distinct(context, text);
}

static void print_distinct(ll_sheet *sheet, const ll_report_data *data, const char *what,
                           const char *column) {
    distinct d = {{NULL}, 0, 0};
    visit(data, column, see_distinct, &d);
    ll_sheet_begin_fact(sheet, what);
    for (size_t i = 0; i < d.count; i++) {
        ll_sheet_say(sheet, i ? "; " : "");
        ll_sheet_quote(sheet, d.seen[i]);
    }
    ll_sheet_say(sheet, d.more ? "; and more" : "");
    ll_sheet_end_fact(sheet);
}

typedef struct {
    const char *first, *last;
} span;

/* Dates are ISO 8601 in UTC: their order is that of the text. */
static void see_date(void *context, const char *text) {
    span *s = context;
    if (strcmp(text, "NA") == 0)
        return;
    if (!s->first || strcmp(text, s->first) < 0)
        s->first = text;
    if (!s->last || strcmp(text, s->last) > 0)
        s->last = text;
}

static void print_dates(ll_sheet *sheet, const ll_report_data *data) {
    ll_sheet_begin_fact(sheet, "measured");
    ll_report_say_dates(sheet, data);
    ll_sheet_end_fact(sheet);
}

void ll_report_say_dates(ll_sheet *sheet, const ll_report_data *data) {
    span s = {NULL, NULL};
    visit(data, "date", see_date, &s);
    ll_sheet_quote(sheet, s.first ? s.first : "NA");
    if (s.first && strcmp(s.first, s.last) != 0) {
        ll_sheet_say(sheet, " to ");
        ll_sheet_quote(sheet, s.last);
    }
}

/* ---- the table ---- */
void ll_report_say_row(ll_sheet *sheet, const ll_report_row *row, const char *format,
                       const char *const *columns) {
    const char *cells[LL_CSV_MAX_COLUMNS];
    size_t count = 0;
    for (const char *at = format; (at = strchr(at, '@')); at++, count++)
        cells[count] = ll_report_text(row, columns[count]);
    ll_sheet_say_cells(sheet, format, cells);
}
#define CELLS(row, format, ...) ll_report_say_row(sheet, row, format, (const char *const[]){__VA_ARGS__})

static void print_quality(ll_sheet *sheet, const ll_report_row *row) {
    ll_sheet_begin_fact(sheet, "quality");
    CELLS(row, "@ (SHA-256 @): @ of @ tokens, ", "data_file", "data_sha256", "recipe", "window");
    if (strcmp(ll_report_text(row, "windows"), "0") == 0)
        CELLS(row, "all from window @", "first_window");
    else
        CELLS(row, "@ from window @", "windows", "first_window");
    CELLS(row, "; @ tokens scored", "tokens");
    ll_sheet_end_fact(sheet);
}

static void print_measured(ll_sheet *sheet, const ll_report_data *data) {
    if (data->quality.csv)
        print_quality(sheet, &data->quality);
    if (data->speed.csv) {
        ll_sheet_begin_fact(sheet, "speed");
        CELLS(&data->speed,
              "prompt of @ tokens, then @ generated; batch @; @ KV-cache; @; @ timings of both; blocks with "
              "weights of their own: @",
              "prompt", "generate", "batch", "kv", "method", "repetitions", "resident");
        ll_sheet_end_fact(sheet);
    }
    if (data->importance.csv) {
        ll_sheet_begin_fact(sheet, "calibration");
        CELLS(&data->importance, "@ (SHA-256 @): @ documents of up to @ tokens; @ tokens", "data_file",
              "data_sha256", "samples", "length", "tokens");
        ll_sheet_end_fact(sheet);
    }
}

static void print_model(ll_sheet *sheet, const ll_report_data *data) {
    char model[LL_CSV_CELL], weights[LL_CSV_CELL];
    const bool synthetic = ll_report_is_synthetic(data);
    ll_report_model(data, model, sizeof model);
    ll_report_weights(data, weights, sizeof weights);
    ll_sheet_begin_fact(sheet, "model");
    ll_sheet_quote(sheet, model);
    CELLS(ll_report_main(data), synthetic ? " (@)" : " (SHA-256 @)", "model_sha256");
    ll_sheet_end_fact(sheet);
    ll_sheet_begin_fact(sheet, "weights");
    ll_sheet_quote(sheet, weights);
    ll_sheet_say(sheet, synthetic ? "; synthetic: random numbers of the true shape" : "");
    ll_sheet_end_fact(sheet);
}

void ll_report_print_run(ll_sheet *sheet, const ll_report_data *data) {
    ll_sheet_begin_facts(sheet, "What was run");
    print_model(sheet, data);
    print_measured(sheet, data);
    print_distinct(sheet, data, "CPU", "cpu");
    print_distinct(sheet, data, "ISA", "isa");
    print_distinct(sheet, data, "threads", "threads");
    print_distinct(sheet, data, "placement", "placement");
    print_distinct(sheet, data, "commit", "commit");
    print_distinct(sheet, data, "compiler", "compiler");
    print_dates(sheet, data);
    if (data->other_rows) {
        ll_sheet_begin_fact(sheet, "not shown");
        ll_sheet_sayf(sheet, "%zu rows of other settings or plans", data->other_rows);
        ll_sheet_end_fact(sheet);
    }
    ll_sheet_end_facts(sheet);
}
