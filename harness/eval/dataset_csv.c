#include "dataset_private.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 64 };

/* Cells are unquoted in place: they never need more room than they have. */
typedef struct {
    const char *path;
    char *text;
    size_t length, at, line; /* line: of the record's beginning, then behind it */
    char separator;
    char *cell[MAX_COLUMNS];
    size_t size[MAX_COLUMNS];
    size_t count;
    ll_error *error;
} reader;

static ll_status read_quoted(reader *r, size_t begun) {
    char *to = r->text + r->at;
    r->cell[r->count] = to;
    for (; r->at < r->length; r->at++) {
        const char c = r->text[r->at];
        if (c == '"') {
            if (r->at + 1 == r->length || r->text[r->at + 1] != '"')
                break;
            r->at++;
        }
        r->line += c == '\n';
        *to++ = c;
    }
    if (r->at == r->length)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu: a quoted cell is never closed", r->path, begun);
    r->at++;
    r->size[r->count] = (size_t)(to - r->cell[r->count]);
    r->count++;
    return LL_OK;
}

/* As the makers of these files read them, a quote inside a cell that does not begin with one stands for itself. */
static void read_plain(reader *r) {
    const size_t start = r->at;
    while (r->at < r->length && r->text[r->at] != r->separator && r->text[r->at] != '\n')
        r->at++;
    size_t end = r->at;
    if (end > start && r->text[end - 1] == '\r' && (r->at == r->length || r->text[r->at] == '\n'))
        end--;
    r->cell[r->count] = r->text + start;
    r->size[r->count++] = end - start;
}

/* Takes the cells of the next record; begun: its line. */
static ll_status read_record(reader *r, size_t begun) {
    r->count = 0;
    for (;;) {
        if (r->count == MAX_COLUMNS)
            return ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu has more than %d columns", r->path, begun,
                           MAX_COLUMNS);
        const bool quoted = r->at < r->length && r->text[r->at] == '"';
        r->at += quoted;
        if (quoted)
            LL_TRY(read_quoted(r, begun));
        else
            read_plain(r);
        if (r->at < r->length && r->text[r->at] == '\r')
            r->at++;
        if (r->at == r->length)
            return LL_OK;
        const char c = r->text[r->at++];
        if (c == '\n') {
            r->line++;
            return LL_OK;
        }
        if (c != r->separator)
            return ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu: text follows a quoted cell", r->path,
                           begun);
    }
}

static ll_status add_record(ll_dataset *out, const reader *r, const json_t *columns, size_t line) {
    const size_t expected = json_array_size(columns);
    if (r->count != expected)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu has %zu columns, expected %zu", r->path, line,
                       r->count, expected);
    json_t *record = json_object();
    for (size_t i = 0; i < expected; i++) {
        json_t *text = json_stringn(r->cell[i], r->size[i]);
        if (!text || json_object_set_new(record, json_string_value(json_array_get(columns, i)), text) != 0) {
            json_decref(record);
            return ll_fail(r->error, LL_BAD_INPUT, "%s: line %zu: column %zu is not UTF-8", r->path, line,
                           i + 1);
        }
    }
    return ll_dataset_add(out, record, line, r->path, r->error);
}

static ll_status read_header(reader *r, json_t **columns) {
    LL_TRY(read_record(r, 1));
    *columns = json_array();
    for (size_t i = 0; i < r->count; i++)
        if (json_array_append_new(*columns, json_stringn(r->cell[i], r->size[i])) != 0) {
            json_decref(*columns);
            return ll_fail(r->error, LL_BAD_INPUT, "%s: the name of column %zu is not UTF-8", r->path, i + 1);
        }
    return LL_OK;
}

/* Of two cells a record would keep the last. */
static ll_status check_names(const reader *r, const json_t *names) {
    for (size_t i = 0; i < json_array_size(names) && i < MAX_COLUMNS; i++)
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(names, i), json_array_get(names, k)))
                return ll_fail(r->error, LL_BAD_INPUT, "%s: two columns are called \"%.60s\"", r->path,
                               json_string_value(json_array_get(names, i)));
    return LL_OK;
}

ll_status ll_dataset_parse_csv(ll_dataset *out, const char *path, char *data, size_t length, char separator,
                               const json_t *columns, ll_error *error) {
    reader r = {
        .path = path, .text = data, .length = length, .line = 1, .separator = separator, .error = error};
    json_t *names = columns ? json_incref((json_t *)columns) : NULL;
    if (!columns)
        LL_TRY(read_header(&r, &names));
    ll_status status = check_names(&r, names);
    while (status == LL_OK && r.at < r.length) {
        const size_t line = r.line;
        status = read_record(&r, line);
        if (status == LL_OK && !(r.count == 1 && r.size[0] == 0)) /* an empty line */
            status = add_record(out, &r, names, line);
    }
    json_decref(names);
    return status;
}
