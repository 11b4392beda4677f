#include "safetensors_parts.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, MAX_DIMS = 4, NO_TYPE = -1 };
static const uint64_t MAX_HEADER = 512ull << 20;

typedef struct {
    const char *name;
    uint64_t bytes; /* of a value */
    int type;       /* an ll_tensor_type */
} dtype;

/* The ones that are not read are known so that an ignorable tensor's size can be checked too. */
static const dtype DTYPES[] = {
    {"F32", 4, LL_TYPE_F32}, {"F16", 2, LL_TYPE_F16}, {"BF16", 2, LL_TYPE_BF16}, {"F64", 8, NO_TYPE},
    {"I64", 8, NO_TYPE},     {"U64", 8, NO_TYPE},     {"I32", 4, NO_TYPE},       {"U32", 4, NO_TYPE},
    {"I16", 2, NO_TYPE},     {"U16", 2, NO_TYPE},     {"I8", 1, NO_TYPE},        {"U8", 1, NO_TYPE},
    {"BOOL", 1, NO_TYPE},    {"F8_E4M3", 1, NO_TYPE}, {"F8_E5M2", 1, NO_TYPE},
};

/* Buffers that older versions of transformers saved with the weights; the config says what they hold. */
static const char *const IGNORABLE[] = {".rotary_emb.inv_freq", ".rotary_emb.cos_cached",
                                        ".rotary_emb.sin_cached"};

bool ll_safetensors_ignorable(const char *name) {
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof IGNORABLE / sizeof IGNORABLE[0]; i++) {
        const size_t suffix = strlen(IGNORABLE[i]);
        if (length >= suffix && strcmp(name + length - suffix, IGNORABLE[i]) == 0)
            return true;
    }
    return false;
}

typedef struct {
    ll_tensor tensor; /* its name still belongs to the JSON */
    bool ignored;
    uint64_t begin, end; /* of its bytes, behind the header */
} entry;

typedef struct {
    const char *path;
    entry *entries;
    size_t count;
    ll_error *error;
} header;

#define REFUSE(h, tensor_name, format, ...)                                                                  \
    ll_fail((h)->error, LL_BAD_INPUT, "%s: tensor %.160s: " format, (h)->path, tensor_name, __VA_ARGS__)

static ll_status read_dtype(const header *h, entry *e, const json_t *value, uint64_t *value_bytes) {
    const char *found = json_string_value(value);
    const dtype *known = NULL;
    for (size_t i = 0; found && i < sizeof DTYPES / sizeof DTYPES[0]; i++)
        if (strcmp(found, DTYPES[i].name) == 0)
            known = &DTYPES[i];
    *value_bytes = known ? known->bytes : 0;
    if (e->ignored && found)
        return LL_OK;
    if (!known || known->type == NO_TYPE)
        return REFUSE(h, e->tensor.name,
                      "its dtype is %s; readable are F32, F16 and BF16: convert the model to one of them",
                      ll_json_show(value).text);
    e->tensor.type = (uint32_t)known->type;
    return LL_OK;
}

/* The shape's last dimension is the row. */
static ll_status read_shape(const header *h, entry *e, const json_t *shape) {
    ll_tensor *t = &e->tensor;
    const size_t dims = json_array_size(shape);
    if (!json_is_array(shape) || dims > MAX_DIMS)
        return REFUSE(h, t->name, "its shape is %s; expected a list of at most %d sizes",
                      ll_json_show(shape).text, MAX_DIMS);
    t->n_dims = dims ? (uint32_t)dims : 1;
    t->values = 1;
    for (size_t d = 0; d < MAX_DIMS; d++)
        t->dims[d] = 1;
    for (size_t d = 0; d < dims; d++) {
        const json_t *size = json_array_get(shape, dims - 1 - d);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return REFUSE(h, t->name, "a size of its shape is %s; expected a whole number, 0 or more",
                          ll_json_show(size).text);
        t->dims[d] = (uint64_t)json_integer_value(size);
        if (__builtin_mul_overflow(t->values, t->dims[d], &t->values))
            return REFUSE(h, t->name, "the product of its shape's %zu sizes passes 2^64", dims);
    }
    return LL_OK;
}

static ll_status read_offsets(const header *h, entry *e, const json_t *offsets) {
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return REFUSE(h, e->tensor.name, "its data_offsets are %s; expected two whole numbers",
                      ll_json_show(offsets).text);
    const json_int_t from = json_integer_value(begin), to = json_integer_value(end);
    if (from < 0 || to < from)
        return REFUSE(h, e->tensor.name,
                      "its data_offsets are %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                      "; expected 0 <= begin <= end",
                      from, to);
    e->begin = (uint64_t)from;
    e->end = (uint64_t)to;
    e->tensor.bytes = e->end - e->begin;
    return LL_OK;
}

static ll_status read_entry(const header *h, entry *e, const char *name, const json_t *value) {
    *e = (entry){.tensor = {.name = name}, .ignored = ll_safetensors_ignorable(name)};
    if (!*name)
        return ll_fail(h->error, LL_BAD_INPUT, "%s: a tensor's name is empty", h->path);
    if (!json_is_object(value))
        return REFUSE(h, name, "is %s; expected an object with dtype, shape and data_offsets",
                      ll_json_show(value).text);
    uint64_t value_bytes, bytes;
    LL_TRY(read_dtype(h, e, json_object_get(value, "dtype"), &value_bytes));
    LL_TRY(read_shape(h, e, json_object_get(value, "shape")));
    LL_TRY(read_offsets(h, e, json_object_get(value, "data_offsets")));
    if (value_bytes == 0)
        return LL_OK;
    if (__builtin_mul_overflow(e->tensor.values, value_bytes, &bytes))
        return REFUSE(h, name, "its %" PRIu64 " values of %" PRIu64 " bytes pass 2^64 bytes",
                      e->tensor.values, value_bytes);
    if (bytes != e->tensor.bytes)
        return REFUSE(h, name,
                      "its data_offsets give it %" PRIu64 " bytes; its shape and dtype need %" PRIu64,
                      e->tensor.bytes, bytes);
    return LL_OK;
}

static ll_status check_metadata(const header *h, json_t *metadata) {
    const char *key;
    json_t *value;
    bool sound = json_is_object(metadata) || json_is_null(metadata);
    json_object_foreach(metadata, key, value) sound = sound && json_is_string(value);
    if (!sound)
        return ll_fail(h->error, LL_BAD_INPUT, "%s: __metadata__ is not an object of texts", h->path);
    return LL_OK;
}

static int compare_places(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The format wants the tensors to fill the file behind the header, each byte once. */
static ll_status check_places(header *h, uint64_t file_bytes, uint64_t start) {
    uint64_t last = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->entries[i].end > last)
            last = h->entries[i].end;
    if (last > file_bytes - start)
        return ll_fail(h->error, LL_BAD_INPUT,
                       "%s: has %" PRIu64 " bytes, its header needs %" PRIu64 ": it is cut, fetch it again",
                       h->path, file_bytes, start + last);
    qsort(h->entries, h->count, sizeof *h->entries, compare_places);
    uint64_t at = 0;
    for (size_t i = 0; i < h->count; at = h->entries[i++].end) {
        const entry *e = &h->entries[i];
        if (e->begin != at)
            return REFUSE(h, e->tensor.name,
                          "its bytes start at %" PRIu64 " of the data; expected %" PRIu64
                          ", where those before it end (%s)",
                          e->begin, at, e->begin < at ? "they overlap" : "there is a hole");
    }
    if (last < file_bytes - start)
        return ll_fail(h->error, LL_BAD_INPUT,
                       "%s: has %" PRIu64 " bytes behind its last tensor; expected none: it is damaged",
                       h->path, file_bytes - start - last);
    return LL_OK;
}

static ll_status append_tensors(ll_safetensors *files, const header *h, const uint8_t *data) {
    ll_tensor *more = realloc(files->tensors, (files->count + h->count) * sizeof *more);
    if (!more)
        return ll_fail(h->error, LL_NO_RESOURCE, "%s: no memory for %zu tensors", h->path, h->count);
    files->tensors = more;
    for (size_t i = 0; i < h->count; i++) {
        if (h->entries[i].ignored)
            continue;
        ll_tensor tensor = h->entries[i].tensor;
        tensor.data = data + h->entries[i].begin;
        if (!(tensor.name = strdup(tensor.name)))
            return ll_fail(h->error, LL_NO_RESOURCE, "%s: no memory for the tensors' names", h->path);
        files->tensors[files->count++] = tensor;
    }
    return LL_OK;
}

static ll_status read_entries(ll_safetensors *files, const ll_safetensors_file *file, uint64_t start,
                              json_t *root, ll_error *error) {
    header h = {.path = file->path, .error = error};
    if (!(h.entries = malloc((json_object_size(root) + 1) * sizeof *h.entries)))
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its header", h.path);
    ll_status status = LL_OK;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value) {
        if (status == LL_OK && strcmp(key, "__metadata__") == 0)
            status = check_metadata(&h, value);
        else if (status == LL_OK)
            status = read_entry(&h, &h.entries[h.count++], key, value);
    }
    if (status == LL_OK && h.count == 0)
        status = ll_fail(error, LL_BAD_INPUT, "%s: holds no tensors, expected a model", h.path);
    if (status == LL_OK)
        status = check_places(&h, file->map.bytes, start);
    if (status == LL_OK)
        status = append_tensors(files, &h, file->map.data + start);
    free(h.entries);
    return status;
}

/* The header's length, checked before anything is allocated for it. */
static ll_status check_length(const ll_safetensors_file *file, uint64_t *length, ll_error *error) {
    const ll_mapping *map = &file->map;
    static const struct {
        const char *start, *what;
    } OTHERS[] = {{"GGUF", "a GGUF file"},
                  {"PK\x03\x04", "a zip or PyTorch file"},
                  {"<!DOCTYPE", "a web page: the download went wrong, fetch it again"},
                  {"<html", "a web page: the download went wrong, fetch it again"}};
    for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
        if (ll_mapping_starts_with(map, OTHERS[i].start))
            return ll_fail(error, LL_BAD_INPUT, "%s: is not a safetensors file but %s", file->path,
                           OTHERS[i].what);
    if (map->bytes < LENGTH_BYTES)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: has %" PRIu64 " bytes, too few for a safetensors file; it is cut, fetch it again",
                       file->path, map->bytes);
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        *length |= (uint64_t)map->data[i] << 8 * i;
    if (*length > map->bytes - LENGTH_BYTES)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: has %" PRIu64 " bytes, its first 8 say that a header of %" PRIu64
                       " follows: it is cut, fetch it again, or no safetensors file",
                       file->path, map->bytes, *length);
    if (*length > MAX_HEADER)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: its header has %" PRIu64 " bytes; at most %" PRIu64 " (512 MB) are read",
                       file->path, *length, MAX_HEADER);
    return LL_OK;
}

ll_status ll_safetensors_read_header(ll_safetensors *files, ll_safetensors_file *file, ll_error *error) {
    uint64_t length = 0;
    LL_TRY(check_length(file, &length, error));
    const char *text = (const char *)file->map.data + LENGTH_BYTES;
    if (length == 0 || *text != '{')
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: its header does not start with {: it is damaged or no safetensors file",
                       file->path);
    json_t *root;
    const ll_status parsed = ll_json_parse(&root, text, (size_t)length, file->path, error);
    if (parsed != LL_OK)
        return parsed;
    file->first = files->count;
    const ll_status status = read_entries(files, file, LENGTH_BYTES + length, root, error);
    json_decref(root);
    return status;
}
