#include "parts.h"
#include "documents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 1, PATH = 4096 };
#define FORM "layerlab parts"

static ll_status path_of(char path[PATH], const char *folder, ll_error *error) {
    if (snprintf(path, PATH, "%s/%s", folder, LL_PARTS_FILE) < PATH)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", folder);
}

/* ---- reading: every number and text is another program's until it was looked at ---- */
static bool read_settings(json_t *object, ll_parts_sweep *out) {
    const char *key;
    json_t *value;
    out->settings = object;
    json_object_foreach(object, key, value) {
        if (!json_is_string(value))
            return false;
    }
    return json_is_object(object);
}

static bool in_range(json_int_t value, size_t from, size_t to) {
    return value >= (json_int_t)from && value <= (json_int_t)to;
}

static bool read_finished(const json_t *array, ll_parts_sweep *out) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_int_t part = json_integer_value(json_array_get(array, i));
        if (!in_range(part, 1, out->of))
            return false;
        out->finished[part - 1] = true;
    }
    return json_is_array(array);
}

static bool read_rows(json_t *array, ll_parts_sweep *out) {
    const size_t count = json_array_size(array);
    out->rows = calloc(count + 1, sizeof *out->rows);
    if (!out->rows || !json_is_array(array))
        return false;
    for (size_t i = 0; i < count; i++) {
        json_int_t dropped, part;
        const char *weights, *files;
        ll_parts_row *row = &out->rows[i];
        if (json_unpack(json_array_get(array, i), "[s, s, I, s, I, s!]", &weights, &row->kind, &dropped,
                        &row->drop, &part, &files) != 0 ||
            dropped < 0 || !in_range(part, 1, out->of) || strlen(files) >= sizeof row->files ||
            strlen(weights) >= sizeof row->weights)
            return false;
        strcpy(row->files, files);
        strcpy(row->weights, weights);
        row->dropped = (size_t)dropped;
        row->part = (size_t)part;
    }
    out->row_count = count;
    return true;
}

static bool read_sweep(json_t *object, ll_parts_sweep *out) {
    json_int_t of, asked;
    json_t *settings, *finished, *rows;
    if (json_unpack(object, "{s:I, s:I, s:o, s:o, s:o!}", "of", &of, "part", &asked, "finished", &finished,
                    "settings", &settings, "rows", &rows) != 0)
        return false;
    if (!in_range(of, 1, LL_MAX_PARTS) || !in_range(asked, 0, (size_t)of))
        return false;
    out->of = (size_t)of;
    out->asked = (size_t)asked;
    out->finished = calloc(out->of, sizeof *out->finished);
    return out->finished && read_settings(settings, out) && read_finished(finished, out) &&
           read_rows(rows, out);
}

static bool read_root(json_t *root, ll_parts *out) {
    json_int_t version;
    json_t *sweeps;
    if (json_unpack(root, "{s:I, s:o!}", FORM, &version, "sweeps", &sweeps) != 0 || version != VERSION)
        return false;
    const size_t count = json_array_size(sweeps);
    out->sweeps = calloc(count + 1, sizeof *out->sweeps);
    if (!out->sweeps || !json_is_array(sweeps))
        return false;
    for (out->count = 0; out->count < count; out->count++)
        if (!read_sweep(json_array_get(sweeps, out->count), &out->sweeps[out->count])) {
            out->count++; /* what it holds already is freed with the others */
            return false;
        }
    return true;
}

ll_status ll_parts_parse(ll_parts *out, const char *text, size_t length, const char *path, ll_error *error) {
    json_error_t where;
    *out = (ll_parts){.root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where)};
    if (!out->root)
        return ll_fail(error, LL_BAD_INPUT, "%s: line %d: %s; run that part of the sweep again", path,
                       where.line, where.text);
    if (read_root(out->root, out))
        return LL_OK;
    ll_parts_free(out);
    return ll_fail(error, LL_BAD_INPUT,
                   "%s: is no list of a sweep's parts as this version writes it; remove it and run that part "
                   "of the sweep again",
                   path);
}

ll_status ll_parts_read(ll_parts *out, const char *folder, ll_error *error) {
    char path[PATH], *text;
    size_t length;
    *out = (ll_parts){0};
    LL_TRY(path_of(path, folder, error));
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return LL_OK;
    LL_TRY(ll_file_read(path, &text, &length, error));
    const ll_status status = ll_parts_parse(out, text, length, path, error);
    free(text);
    return status;
}

void ll_parts_free(ll_parts *parts) {
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->sweeps[i].finished);
        free(parts->sweeps[i].rows);
    }
    free(parts->sweeps);
    json_decref(parts->root);
    *parts = (ll_parts){0};
}

/* ---- writing ---- */
static json_t *sweep_object(const ll_parts_sweep *sweep) {
    json_t *finished = json_array(), *rows = json_array();
    for (size_t i = 0; i < sweep->of; i++)
        if (sweep->finished[i])
            json_array_append_new(finished, json_integer((json_int_t)i + 1));
    for (size_t i = 0; i < sweep->row_count; i++) {
        const ll_parts_row *row = &sweep->rows[i];
        json_array_append_new(rows, json_pack("[s, s, I, s, I, s]", row->weights, row->kind,
                                              (json_int_t)row->dropped, row->drop, (json_int_t)row->part,
                                              row->files));
    }
    return json_pack("{s:I, s:I, s:o, s:O, s:o}", "of", (json_int_t)sweep->of, "part",
                     (json_int_t)sweep->asked, "finished", finished, "settings", sweep->settings, "rows",
                     rows);
}

ll_status ll_parts_write(const ll_parts_sweep *sweeps, size_t count, const char *folder, ll_error *error) {
    char path[PATH];
    LL_TRY(path_of(path, folder, error));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, sweep_object(&sweeps[i]));
    json_t *root = json_pack("{s:i, s:o}", FORM, VERSION, "sweeps", list);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its text", path);
    const ll_status status = ll_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}

ll_status ll_parts_remove(const char *folder, ll_error *error) {
    char path[PATH];
    LL_TRY(path_of(path, folder, error));
    if (unlink(path) == 0 || errno == ENOENT)
        return LL_OK;
    return ll_fail(error, LL_BAD_INPUT, "%s: cannot be removed: %s", path, strerror(errno));
}

/* ---- comparing ---- */
static const char *value_of(const json_t *settings, const char *key) {
    const char *value = json_string_value(json_object_get(settings, key));
    return value ? value : "-";
}

const char *ll_parts_difference(const ll_parts_sweep *a, const ll_parts_sweep *b, const char **a_value,
                                const char **b_value) {
    json_t *const both[] = {a->settings, b->settings};
    for (size_t i = 0; i < 2; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(both[i], key, value) {
            *a_value = value_of(a->settings, key);
            *b_value = value_of(b->settings, key);
            if (strcmp(*a_value, *b_value) != 0)
                return key;
        }
    }
    return NULL;
}

bool ll_parts_lists(const ll_parts_row *row, const char *csv) {
    const size_t length = strlen(csv);
    for (const char *at = row->files; (at = strstr(at, csv)); at += length)
        if ((at == row->files || at[-1] == ' ') && (!at[length] || at[length] == ' '))
            return true;
    return false;
}

bool ll_parts_same(const ll_parts_row *a, const ll_parts_row *b) {
    return a->dropped == b->dropped && strcmp(a->weights, b->weights) == 0 && strcmp(a->kind, b->kind) == 0 &&
           strcmp(a->drop, b->drop) == 0;
}
