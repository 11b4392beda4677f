#include "csv_private.h"

#include <stdlib.h>
#include <string.h>

/* One row of the text. Cells are unquoted in place, so a cell never needs more room than it has. */
typedef struct {
    const ll_csv *csv;
    char *text;
    size_t length, at, line;
    const char *cells[LL_CSV_MAX_COLUMNS];
    size_t lengths[LL_CSV_MAX_COLUMNS];
    size_t count;
    ll_error *error;
} reader;

typedef enum { ROW_WHOLE, ROW_CUT, ROW_BAD } row_end;

static row_end bad(const reader *r, const char *what) {
    ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu is damaged: %s; repair or delete that line", r->csv->path,
            r->line, what);
    return ROW_BAD;
}

/* A row can only be cut at the end of the file. Where more lines follow, calling it cut would throw those
 * away. */
static row_end cut(const reader *r, size_t start) {
    return memchr(r->text + start, '\n', r->length - start) ? bad(r, "a quoted cell is never closed")
                                                            : ROW_CUT;
}

/* A quoted cell; at stands behind the opening quote. lines counts the line ends inside. */
static row_end read_quoted(reader *r, size_t row_start, size_t *lines) {
    char *to = r->text + r->at;
    r->cells[r->count] = to;
    for (;; r->at++) {
        if (r->at == r->length)
            return cut(r, row_start);
        const char c = r->text[r->at];
        if (c == '"' && ++r->at < r->length && r->text[r->at] != '"')
            break;
        if (c == '"' && r->at == r->length)
            return cut(r, row_start);
        *lines += c == '\n';
        *to++ = c;
    }
    r->lengths[r->count] = (size_t)(to - r->cells[r->count]);
    return ROW_WHOLE;
}

static row_end read_plain(reader *r) {
    const size_t start = r->at;
    for (; r->at < r->length && !strchr(",\n", r->text[r->at]); r->at++) {
        if (r->text[r->at] == '"')
            return bad(r, "a quote inside a cell that is not quoted");
        if (r->text[r->at] == '\r')
            return bad(r, "a carriage return; lines end with LF alone");
    }
    r->cells[r->count] = r->text + start;
    r->lengths[r->count] = r->at - start;
    return ROW_WHOLE;
}

static row_end read_row(reader *r, size_t *lines) {
    const size_t row_start = r->at;
    r->count = 0;
    for (;;) {
        if (r->count == r->csv->schema->count)
            return bad(r, "it has more cells than the header");
        const bool quoted = r->at < r->length && r->text[r->at] == '"';
        r->at += quoted;
        const row_end end = quoted ? read_quoted(r, row_start, lines) : read_plain(r);
        if (end != ROW_WHOLE)
            return end;
        r->count++;
        if (r->at == r->length)
            return ROW_CUT;
        const char c = r->text[r->at++];
        if (c == '\n')
            return ROW_WHOLE;
        if (c != ',')
            return bad(r, "text follows a closing quote");
    }
}

static bool cell_is(const reader *r, size_t column, const char *text) {
    return strlen(text) == r->lengths[column] && memcmp(text, r->cells[column], r->lengths[column]) == 0;
}

static ll_status other_version(const reader *r, const char *what, size_t column, int shown,
                               const char *found) {
    const ll_csv_schema *schema = r->csv->schema;
    return ll_fail(r->error, LL_BAD_INPUT,
                   "%s: %s: column %zu is \"%.*s\", this version's %s.csv has \"%s\" there; choose another "
                   "folder, or move "
                   "the file away",
                   r->csv->path, what, column + 1, shown, found, schema->name,
                   column < schema->count ? schema->columns[column] : "nothing");
}

/* The header must be the schema's, name by name. One that was cut is a row like any other: nothing stands
 * behind it. */
static ll_status read_header(reader *r, bool *whole) {
    const ll_csv_schema *schema = r->csv->schema;
    size_t lines = 0;
    const row_end end = read_row(r, &lines);
    *whole = end == ROW_WHOLE;
    /* More cells than columns is another version too; say which column, not that the line is damaged. */
    const size_t full = end == ROW_CUT ? r->count - (r->count > 0) : r->count;
    for (size_t i = 0; i < full; i++)
        if (!cell_is(r, i, schema->columns[i]))
            return other_version(r, "the header is of another version", i,
                                 (int)(r->lengths[i] < 64 ? r->lengths[i] : 64), r->cells[i]);
    if (end == ROW_BAD)
        return r->count < schema->count
                   ? LL_BAD_INPUT
                   : other_version(r, "the header is of another version", r->count, 7, "another");
    if (end == ROW_CUT) {
        const size_t last = full;
        const bool prefix = r->count > 0 && last < schema->count &&
                            strncmp(schema->columns[last], r->cells[last], r->lengths[last]) == 0;
        return prefix ? LL_OK : other_version(r, "no CSV of this program", last, 7, "another");
    }
    return full == schema->count ? LL_OK
                                 : other_version(r, "the header is of another version", full, 7, "nothing");
}

ll_status ll_csv_keep(ll_csv *csv, const char *const *cells, const size_t *lengths, size_t line, uint64_t at,
                      ll_error *error) {
    if (csv->count == csv->capacity) {
        const size_t capacity = csv->capacity ? 2 * csv->capacity : 64;
        ll_csv_record **records = realloc(csv->records, capacity * sizeof(ll_csv_record *));
        if (!records)
            return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for %zu rows", csv->path, capacity);
        csv->records = records;
        csv->capacity = capacity;
    }
    const size_t count = csv->schema->count;
    size_t bytes = sizeof(ll_csv_record) + count * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        bytes += lengths[i] + 1;
    ll_csv_record *record = malloc(bytes);
    if (!record)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for line %zu", csv->path, line);
    record->line = line;
    record->at = at;
    char *to = (char *)&record->cell[count];
    for (size_t i = 0; i < count; i++) {
        record->cell[i] = to;
        memcpy(to, cells[i], lengths[i]);
        to[lengths[i]] = 0;
        to += lengths[i] + 1;
    }
    csv->records[csv->count++] = record;
    return LL_OK;
}

static int compare_keys(const void *a, const void *b, void *keys) {
    const ll_csv_record *x = *(ll_csv_record *const *)a, *y = *(ll_csv_record *const *)b;
    for (size_t i = 0; i < *(const size_t *)keys; i++) {
        const int order = strcmp(x->cell[i], y->cell[i]);
        if (order)
            return order;
    }
    return 0;
}

static ll_status check_unique(const ll_csv *csv, ll_error *error) {
    size_t keys = csv->schema->keys;
    if (!keys || csv->count < 2)
        return LL_OK;
    ll_csv_record **sorted = malloc(csv->count * sizeof(ll_csv_record *));
    if (!sorted)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to compare %zu rows", csv->path, csv->count);
    memcpy(sorted, csv->records, csv->count * sizeof(ll_csv_record *));
    qsort_r(sorted, csv->count, sizeof(ll_csv_record *), compare_keys, &keys);
    ll_status status = LL_OK;
    for (size_t i = 1; i < csv->count && status == LL_OK; i++)
        if (compare_keys(&sorted[i - 1], &sorted[i], &keys) == 0)
            status =
                ll_fail(error, LL_BAD_INPUT,
                        "%s: lines %zu and %zu measure the same thing (first %zu columns equal); delete one",
                        csv->path, sorted[i - 1]->line, sorted[i]->line, keys);
    free(sorted);
    return status;
}

ll_status ll_csv_parse(ll_csv *csv, char *text, size_t length, size_t *whole, ll_error *error) {
    *whole = 0;
    const char *nul = memchr(text, 0, length);
    if (nul)
        return ll_fail(error, LL_BAD_INPUT, "%s: byte %zu is NUL; a CSV has none, so the file is damaged",
                       csv->path, (size_t)(nul - text));
    reader r = {.csv = csv, .text = text, .length = length, .line = 1, .error = error};
    if (length == 0)
        return LL_OK;
    bool header_whole;
    LL_TRY(read_header(&r, &header_whole));
    if (!header_whole)
        return LL_OK;
    *whole = r.at;
    while (r.at < length) {
        size_t lines = 1;
        r.line++;
        const row_end end = read_row(&r, &lines);
        if (end == ROW_BAD)
            return LL_BAD_INPUT;
        if (end == ROW_CUT)
            break;
        if (r.count != csv->schema->count)
            return ll_fail(
                error, LL_BAD_INPUT,
                "%s: line %zu is damaged: it has %zu cells, the header has %zu; repair or delete that line",
                csv->path, r.line, r.count, csv->schema->count);
        LL_TRY(ll_csv_keep(csv, r.cells, r.lengths, r.line, *whole, error));
        r.line += lines - 1;
        *whole = r.at;
    }
    csv->lines = r.line;
    return check_unique(csv, error);
}
