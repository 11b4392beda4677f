#include "dataset_private.h"
#include "documents.h"

#include <stdlib.h>
#include <string.h>

ll_status ll_dataset_add(ll_dataset *d, json_t *record, size_t line, const char *path, ll_error *error) {
    if (record && d->count == d->capacity) {
        const size_t capacity = 2 * d->capacity + 64;
        json_t **records = realloc(d->records, capacity * sizeof *records);
        size_t *lines = realloc(d->lines, capacity * sizeof *lines);
        d->records = records ? records : d->records;
        d->lines = lines ? lines : d->lines;
        if (!records || !lines) {
            json_decref(record);
            record = NULL;
        } else {
            d->capacity = capacity;
        }
    }
    if (!record)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for record %zu", path, d->count + 1);
    d->records[d->count] = record;
    d->lines[d->count++] = line;
    return LL_OK;
}

static bool is_blank(const char *text, size_t length) {
    return strspn(text, " \t\r") >= length;
}

/* What follows the line that begins at data + start; its length without the line end. */
static size_t next_line(const char *data, size_t length, size_t start, size_t *size) {
    const char *end = memchr(data + start, '\n', length - start);
    *size = end ? (size_t)(end - data) - start : length - start;
    return start + *size + 1;
}

static ll_status parse_lines(ll_dataset *out, const char *path, const char *data, size_t length,
                             ll_error *error) {
    size_t line = 1, size;
    for (size_t at = 0, next; at < length; at = next, line++) {
        next = next_line(data, length, at, &size);
        if (is_blank(data + at, size))
            continue;
        json_error_t reason;
        json_t *record = json_loadb(data + at, size, JSON_REJECT_DUPLICATES, &reason);
        if (!record)
            return ll_fail(error, LL_BAD_INPUT, "%s: line %zu, column %d: broken JSON: %s", path, line,
                           reason.column, reason.text);
        if (!json_is_object(record)) {
            json_decref(record);
            return ll_fail(error, LL_BAD_INPUT, "%s: line %zu: expected an object, found another value", path,
                           line);
        }
        LL_TRY(ll_dataset_add(out, record, line, path, error));
    }
    return LL_OK;
}

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static ll_status parse(ll_dataset *out, const char *path, char *data, size_t length,
                       const ll_dataset_form *form, ll_error *error) {
    if (ends_with(path, ".jsonl"))
        LL_TRY(parse_lines(out, path, data, length, error));
    else if (ends_with(path, ".csv") || ends_with(path, ".tsv"))
        LL_TRY(ll_dataset_parse_csv(out, path, data, length, ends_with(path, ".csv") ? ',' : '\t',
                                    form->columns, error));
    else
        return ll_fail(error, LL_BAD_INPUT, "%s: expected a file .jsonl, .csv or .tsv", path);
    return out->count ? LL_OK
                      : ll_fail(error, LL_BAD_INPUT, "%s: holds no record; expected at least one", path);
}

static ll_status add_labels(ll_dataset *out, const char *path, const char *data, size_t length,
                            ll_error *error) {
    size_t record = 0, line = 1, size;
    for (size_t at = 0, next; at < length; at = next, line++) {
        next = next_line(data, length, at, &size);
        while (size && strchr(" \t\r", data[at + size - 1]))
            size--;
        if (!size)
            continue;
        json_t *label = json_stringn(data + at, size);
        if (record < out->count && (!label || json_object_set_new(out->records[record], "label", label) != 0))
            return ll_fail(error, LL_BAD_INPUT, "%s: line %zu is not UTF-8", path, line);
        if (record >= out->count)
            json_decref(label);
        record++;
    }
    if (record != out->count)
        return ll_fail(error, LL_BAD_INPUT, "%s: has %zu labels, expected one for each of %zu records", path,
                       record, out->count);
    return LL_OK;
}

/* A number and a text of the same digits are the same id. Empty: there is none. */
static const char *id_text(const json_t *record, const char *field, char digits[24]) {
    const json_t *id = json_object_get(record, field);
    if (json_is_string(id))
        return json_string_value(id);
    snprintf(digits, 24, "%lld", (long long)json_integer_value(id));
    return json_is_integer(id) ? digits : "";
}

static ll_status check_ids(const ll_dataset *d, const char *path, const char *field, ll_error *error) {
    json_t *seen = json_object();
    ll_status status = LL_OK;
    for (size_t i = 0; i < d->count && status == LL_OK; i++) {
        char digits[24];
        const char *id = id_text(d->records[i], field, digits);
        if (!*id)
            continue;
        const json_t *before = json_object_get(seen, id);
        if (before)
            status = ll_fail(error, LL_BAD_INPUT, "%s: line %zu: %s \"%.60s\" was in line %lld already", path,
                             d->lines[i], field, id, (long long)json_integer_value(before));
        else
            json_object_set_new(seen, id, json_integer((json_int_t)d->lines[i]));
    }
    json_decref(seen);
    return status;
}

/* The hash of both files, so that changed labels are changed data. */
static ll_status read_labels(ll_dataset *out, const char *path, ll_error *error) {
    char *data, both[2 * LL_SHA256_TEXT];
    size_t length;
    LL_TRY(ll_file_read(path, &data, &length, error));
    const ll_status status = add_labels(out, path, data, length, error);
    snprintf(both, LL_SHA256_TEXT, "%s", out->sha256);
    ll_sha256_bytes(data, length, both + LL_SHA256_TEXT - 1);
    ll_sha256_bytes(both, strlen(both), out->sha256);
    free(data);
    return status;
}

/* Bytes of the mark that some editors write before UTF-8. */
static size_t mark_length(const char *data, size_t length) {
    return length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

ll_status ll_dataset_read(ll_dataset *out, const char *path, const ll_dataset_form *form, ll_error *error) {
    *out = (ll_dataset){0};
    char *data;
    size_t length;
    LL_TRY(ll_file_read(path, &data, &length, error));
    ll_sha256_bytes(data, length, out->sha256);
    const size_t mark = mark_length(data, length);
    ll_status status = parse(out, path, data + mark, length - mark, form, error);
    free(data);
    if (status == LL_OK && form->labels)
        status = read_labels(out, form->labels, error);
    if (status == LL_OK && form->id)
        status = check_ids(out, path, form->id, error);
    if (status != LL_OK)
        ll_dataset_free(out);
    return status;
}

void ll_dataset_free(ll_dataset *d) {
    for (size_t i = 0; i < d->count; i++)
        json_decref(d->records[i]);
    free(d->records);
    free(d->lines);
    *d = (ll_dataset){0};
}

const char *ll_dataset_beside(const char *path, const char *name, char out[LL_DATASET_PATH]) {
    const char *slash = strrchr(path, '/');
    if (!name)
        return NULL;
    snprintf(out, LL_DATASET_PATH, "%.*s%s", slash ? (int)(slash - path + 1) : 0, path, name);
    return out;
}
