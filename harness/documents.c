#include "documents.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The documents taken so far. storage has room for the whole file: JSON text never shrinks when it is
 * escaped. */
typedef struct {
    ll_documents *out;
    size_t used, capacity;
    const char *path;
    ll_error *error;
} collector;

static ll_status add_text(collector *c, const char *text, size_t length) {
    if (c->out->count == c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 16;
        ll_text *texts = realloc(c->out->texts, capacity * sizeof *texts);
        if (!texts)
            return ll_fail(c->error, LL_NO_RESOURCE, "%s: no memory for %zu documents", c->path, capacity);
        c->out->texts = texts;
        c->capacity = capacity;
    }
    memcpy(c->out->storage + c->used, text, length);
    c->out->texts[c->out->count++] = (ll_text){c->out->storage + c->used, length};
    c->used += length;
    return LL_OK;
}

/* Where the object being read stands in the file. */
typedef struct {
    const char *where; /* "line" */
    size_t number;
} place;

static ll_status add_string(collector *c, const json_t *value, const char *key, const place *at) {
    if (!json_is_string(value))
        return ll_fail(c->error, LL_BAD_INPUT, "%s: %s %zu: \"%s\" is not a string", c->path, at->where,
                       at->number, key);
    return add_text(c, json_string_value(value), json_string_length(value));
}

/* The document just added and the one before it become one, a line each. */
static void join_last(collector *c) {
    ll_text *first = &c->out->texts[c->out->count - 2], *second = first + 1;
    if (first->length && second->length) {
        char *const joined = c->out->storage + (second->data - c->out->storage);
        memmove(joined + 1, joined, second->length);
        *joined = '\n';
        c->used++;
        first->length++;
    }
    first->length += second->length;
    c->out->count--;
}

static ll_status add_part(collector *c, const json_t *value, const char *key, const place *at, bool *begun) {
    LL_TRY(add_string(c, value, key, at));
    if (*begun)
        join_last(c);
    *begun = true;
    return LL_OK;
}

/* The usual forms of instructions and their answers: a document is what they say, a line each. */
static ll_status add_fields(collector *c, const json_t *object, const place *at) {
    static const char *const fields[] = {"instruction", "input", "output", "response", "question", "answer"};
    const json_t *turns = json_object_get(object, "conversations");
    bool begun = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (json_object_get(object, fields[i]))
            LL_TRY(add_part(c, json_object_get(object, fields[i]), fields[i], at, &begun));
    for (size_t i = 0; i < json_array_size(turns); i++)
        LL_TRY(add_part(c, json_array_get(turns, i), "conversations", at, &begun));
    if (begun)
        return LL_OK;
    return ll_fail(c->error, LL_BAD_INPUT,
                   "%s: %s %zu: the object has no \"text\" (nor an instruction, question or conversations)",
                   c->path, at->where, at->number);
}

/* One object with "text"; where names it: "line 7" or "document 7". */
static ll_status add_object(collector *c, const json_t *value, const char *where, size_t number) {
    const place at = {where, number};
    if (!json_is_object(value))
        return ll_fail(c->error, LL_BAD_INPUT,
                       "%s: %s %zu: expected an object with \"text\", found another value", c->path, where,
                       number);
    const json_t *text = json_object_get(value, "text");
    return text ? add_string(c, text, "text", &at) : add_fields(c, value, &at);
}

enum { PARSE_FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };

static ll_status load_array(collector *c, const char *data, size_t length) {
    json_error_t reason;
    json_t *root = json_loadb(data, length, PARSE_FLAGS, &reason);
    if (!root)
        return ll_fail(c->error, LL_BAD_INPUT, "%s: line %d, column %d: broken JSON: %s", c->path,
                       reason.line, reason.column, reason.text);
    ll_status status = LL_OK;
    if (!json_is_array(root))
        status = ll_fail(c->error, LL_BAD_INPUT,
                         "%s: expected an array of objects with \"text\" (one object a line is "
                         "called .jsonl)",
                         c->path);
    for (size_t i = 0; status == LL_OK && i < json_array_size(root); i++)
        status = add_object(c, json_array_get(root, i), "document (counted from 0)", i);
    json_decref(root);
    return status;
}

static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r", text[i]) || !text[i])
            return false;
    return true;
}

static ll_status load_lines(collector *c, const char *data, size_t length) {
    size_t line = 1;
    for (size_t start = 0; start < length; line++) {
        const char *newline = memchr(data + start, '\n', length - start);
        const size_t size = newline ? (size_t)(newline - data) - start : length - start;
        if (!is_blank(data + start, size)) {
            json_error_t reason;
            json_t *value = json_loadb(data + start, size, PARSE_FLAGS, &reason);
            if (!value)
                return ll_fail(c->error, LL_BAD_INPUT, "%s: line %zu, column %d: broken JSON: %s", c->path,
                               line, reason.column, reason.text);
            const ll_status status = add_object(c, value, "line", line);
            json_decref(value);
            LL_TRY(status);
        }
        start += size + 1;
    }
    return LL_OK;
}

static ll_status load_text(collector *c, const char *data, size_t length) {
    return add_text(c, data, length);
}

typedef ll_status loader(collector *c, const char *data, size_t length);

static loader *find_loader(const char *path) {
    const char *name = strrchr(path, '/');
    const char *ending = strrchr(name ? name : path, '.');
    if (ending && strcmp(ending, ".json") == 0)
        return load_array;
    return ending && strcmp(ending, ".jsonl") == 0 ? load_lines : load_text;
}

static ll_status collect(ll_documents *out, const char *path, loader *load, const char *data, size_t length,
                         ll_error *error) {
    if (length == 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: the file is empty; expected text", path);
    out->storage = malloc(length);
    if (!out->storage)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its %zu bytes of text", path, length);
    collector c = {.out = out, .path = path, .error = error};
    LL_TRY(load(&c, data, length));
    if (out->count == 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: holds no documents; expected at least one", path);
    if (c.used == 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: all of its documents are empty; expected text", path);
    ll_sha256_bytes(data, length, out->sha256);
    return LL_OK;
}

ll_status ll_documents_load(ll_documents *out, const char *path, ll_error *error) {
    memset(out, 0, sizeof *out);
    char *data;
    size_t length;
    LL_TRY(ll_file_read(path, &data, &length, error));
    const ll_status status = collect(out, path, find_loader(path), data, length, error);
    free(data);
    if (status != LL_OK)
        ll_documents_free(out);
    return status;
}

void ll_documents_free(ll_documents *documents) {
    free(documents->texts);
    free(documents->storage);
    memset(documents, 0, sizeof *documents);
}
