#include "compare_private.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the drops of a section, as places: kind by kind, dropped ascending; 0 is before the first ---- */
static size_t place_of(const ll_report_entry *entry) {
    ll_drop_kind kind;
    if (!entry->dropped || ll_drop_kind_parse(entry->kind, strlen(entry->kind), &kind) != LL_OK)
        return 0;
    return (size_t)kind * (2 * LL_MAX_LAYERS + 1) + entry->dropped;
}

static const ll_report_entry *entry_at(const ll_curve *curve, size_t place) {
    for (size_t i = 0; i < curve->data.count; i++)
        if (place_of(&curve->data.entries[i]) == place)
            return &curve->data.entries[i];
    return NULL;
}

/* The next drop that a curve has; NULL: there is no more. */
static const ll_report_entry *next_drop(const ll_section *section, size_t after) {
    const ll_report_entry *next = NULL;
    for (size_t c = 0; c < section->count; c++)
        for (size_t i = 0; i < section->curves[c].data.count; i++) {
            const ll_report_entry *entry = &section->curves[c].data.entries[i];
            if (place_of(entry) > after && (!next || place_of(entry) < place_of(next)))
                next = entry;
        }
    return next;
}

static size_t count_drops(const ll_section *section) {
    size_t count = 0;
    for (const ll_report_entry *drop = next_drop(section, 0); drop; drop = next_drop(section, place_of(drop)))
        count++;
    return count;
}

/* ---- cells ---- */
typedef struct {
    char **cells; /* lines x columns */
    size_t columns, count, capacity;
    bool good;
} grid;

__attribute__((format(printf, 2, 3))) static void add_cell(grid *g, const char *format, ...) {
    va_list values;
    va_start(values, format);
    char *cell = NULL;
    if (g->count == g->capacity || vasprintf(&cell, format, values) < 0)
        g->good = false;
    else
        g->cells[g->count++] = cell;
    va_end(values);
}

/* ---- the full model's lines ---- */
typedef struct {
    const char *name, *column;
    double factor;
    int digits; /* after the point; negative: three figures in all */
    const char *unit;
} measure;

static const measure measures[] = {{"prefill, tokens/s", "prefill_tokens_per_s", 1, -1, ""},
                                   {"decode, tokens/s", "decode_tokens_per_s", 1, -1, ""},
                                   {"share of the int8 peak, prefill", "int8_share", 100, 1, "%"},
                                   {"share of the bandwidth, decode", "bandwidth_share", 100, 1, "%"},
                                   {"int8 peak, GOPS", "peak_gops", 1, 0, ""},
                                   {"bandwidth, GB/s", "bandwidth_gbs", 1, 1, ""}};
enum { MEASURES = sizeof measures / sizeof *measures };

static void add_measure(grid *g, const measure *m, const ll_section *section) {
    add_cell(g, "%s", m->name);
    for (size_t c = 0; c < section->count; c++) {
        const ll_report_entry *full = ll_report_full(&section->curves[c].data);
        const double value = full ? m->factor * ll_report_number(&full->speed, m->column) : (double)NAN;
        const int digits = m->digits >= 0 ? m->digits : value < 10 ? 2 : value < 100 ? 1 : 0;
        if (isfinite(value))
            add_cell(g, "%.*f%s", digits, value, m->unit);
        else
            add_cell(g, "NA");
    }
}

/* ---- a drop's line ---- */
static void add_speedups(grid *g, const ll_report_entry *drop, const ll_section *section) {
    add_cell(g, "%s %zu", drop->kind, drop->dropped);
    for (size_t c = 0; c < section->count; c++) {
        const ll_report_entry *entry = entry_at(&section->curves[c], place_of(drop));
        char text[LL_REPORT_CELL] = "NA";
        if (entry)
            ll_report_put_speedup(text, &entry->speed);
        const double predicted = entry ? ll_report_number(&entry->speed, "speedup_predicted") : (double)NAN;
        if (isfinite(predicted))
            add_cell(g, "%s, predicted %.3f", text, predicted);
        else
            add_cell(g, "%s", text);
    }
}

static void fill(grid *g, const ll_section *section) {
    add_cell(g, " ");
    for (size_t c = 0; c < section->count; c++)
        add_cell(g, "%s", section->curves[c].label);
    for (size_t i = 0; i < MEASURES; i++)
        add_measure(g, &measures[i], section);
    for (const ll_report_entry *drop = next_drop(section, 0); drop; drop = next_drop(section, place_of(drop)))
        add_speedups(g, drop, section);
}

bool ll_section_print_table(FILE *stream, const ll_section *section) {
    grid g = {.columns = 1 + section->count, .good = true};
    g.capacity = (1 + MEASURES + count_drops(section)) * g.columns;
    g.cells = calloc(g.capacity, sizeof *g.cells);
    if (!g.cells)
        return false;
    fill(&g, section);
    const bool good =
        g.good && ll_markdown_put_grid(stream, (const char *const *)g.cells, g.count / g.columns, g.columns);
    for (size_t i = 0; i < g.count; i++)
        free(g.cells[i]);
    free(g.cells);
    return good;
}

/* ---- words ---- */
#define CELLS(row, format, ...)                                                                              \
    ll_report_say_row(&(ll_sheet){.stream = stream}, row, format, (const char *const[]){__VA_ARGS__})

void ll_section_print_setting(FILE *stream, const ll_section *section) {
    const ll_report_data *data = &section->curves[0].data;
    char model[LL_CSV_CELL], weights[LL_CSV_CELL];
    ll_report_model(data, model, sizeof model);
    ll_report_weights(data, weights, sizeof weights);
    ll_markdown_put(stream, model);
    fputs(": ", stream);
    ll_markdown_put(stream, weights);
    fputs(ll_report_is_synthetic(data) ? ", synthetic" : "", stream);
    CELLS(&data->speed, ", @ KV-cache, batch @, @ prompt tokens, then @ generated, @", "kv", "batch",
          "prompt", "generate", "method");
}

/* Time depends little on which modules of a kind go, but a joint drop may hold more attention on one machine. */
static bool is_same_drop(const ll_section *section, const ll_report_entry *drop) {
    for (size_t c = 0; c < section->count; c++) {
        const ll_report_entry *entry = entry_at(&section->curves[c], place_of(drop));
        if (entry && strcmp(ll_report_text(&entry->speed, "drop"), ll_report_text(&drop->speed, "drop")) != 0)
            return false;
    }
    return true;
}

void ll_section_print_notes(FILE *stream, const ll_section *section) {
    const char *before = "Not the same modules on every machine: ";
    for (const ll_report_entry *drop = next_drop(section, 0); drop; drop = next_drop(section, place_of(drop)))
        if (!is_same_drop(section, drop)) {
            fprintf(stream, "%s%s %zu", before, drop->kind, drop->dropped);
            before = ", ";
        }
    fputs(*before == ',' ? ".\n\n" : "", stream);
    for (size_t c = 0; c < section->count; c++) {
        const ll_curve *curve = &section->curves[c];
        fputs("- ", stream);
        ll_markdown_put(stream, curve->label);
        fputs(": ", stream);
        ll_markdown_put(stream, curve->folder);
        CELLS(&curve->data.speed,
              "; CPU @; ISA @; threads @; nodes @; @; blocks with weights of their own @; @ timings of both; "
              "commit @; @; from @\n",
              "cpu", "isa", "threads", "nodes", "placement", "resident", "repetitions", "commit", "compiler",
              "date");
    }
}
