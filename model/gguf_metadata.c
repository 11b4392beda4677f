#include "gguf_reader.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The shortest entry: key length, one byte of key, kind, one byte of value. */
enum { MIN_ENTRY_BYTES = 8 + 1 + 4 + 1, SHOWN = 80 };

static const struct {
    const char *name;
    size_t bytes; /* 0: not of fixed size */
} KINDS[LL_KIND_COUNT] = {
    [LL_KIND_U8] = {"uint8", 1},    [LL_KIND_I8] = {"int8", 1},    [LL_KIND_U16] = {"uint16", 2},
    [LL_KIND_I16] = {"int16", 2},   [LL_KIND_U32] = {"uint32", 4}, [LL_KIND_I32] = {"int32", 4},
    [LL_KIND_F32] = {"float32", 4}, [LL_KIND_BOOL] = {"bool", 1},  [LL_KIND_TEXT] = {"text", 0},
    [LL_KIND_ARRAY] = {"array", 0}, [LL_KIND_U64] = {"uint64", 8}, [LL_KIND_I64] = {"int64", 8},
    [LL_KIND_F64] = {"float64", 8},
};

const char *ll_kind_name(ll_kind kind) {
    return KINDS[kind].name;
}

/* ---- reading the table ---- */

static ll_status take_kind(ll_gguf_reader *reader, ll_kind *out) {
    uint32_t kind;
    LL_TRY(ll_gguf_take_u32(reader, &kind));
    if (kind >= LL_KIND_COUNT)
        return ll_gguf_refuse(reader, "has a value of kind %" PRIu32 ", expected 0 to %d", kind,
                              LL_KIND_COUNT - 1);
    *out = (ll_kind)kind;
    return LL_OK;
}

static ll_status take_array(ll_gguf_reader *reader, ll_gguf_entry *entry) {
    LL_TRY(take_kind(reader, &entry->element));
    LL_TRY(ll_gguf_take_u64(reader, &entry->count));
    if (entry->element == LL_KIND_ARRAY)
        return ll_gguf_refuse(reader, "is an array of arrays, expected an array of numbers or texts");
    const bool texts = entry->element == LL_KIND_TEXT;
    /* A text takes at least the eight bytes of its length. */
    const size_t least = texts ? sizeof(uint64_t) : KINDS[entry->element].bytes;
    if (entry->count > ll_gguf_left(reader) / least)
        return ll_gguf_refuse(reader,
                              "is an array of %" PRIu64 " items of %s, the %" PRIu64
                              " bytes left cannot hold them: the file is cut or damaged, fetch it again",
                              entry->count, ll_kind_name(entry->element), ll_gguf_left(reader));
    if (!texts)
        return ll_gguf_take(reader, entry->count * least, &entry->data);
    LL_TRY(ll_gguf_take(reader, 0, &entry->data));
    ll_text item;
    for (uint64_t i = 0; i < entry->count; i++)
        LL_TRY(ll_gguf_take_text(reader, &item));
    return LL_OK;
}

static ll_status take_value(ll_gguf_reader *reader, ll_gguf_entry *entry) {
    LL_TRY(take_kind(reader, &entry->kind));
    if (entry->kind == LL_KIND_ARRAY)
        return take_array(reader, entry);
    if (entry->kind == LL_KIND_TEXT) {
        LL_TRY(ll_gguf_take_u64(reader, &entry->count));
        return ll_gguf_take(reader, entry->count, &entry->data);
    }
    LL_TRY(ll_gguf_take(reader, KINDS[entry->kind].bytes, &entry->data));
    if (entry->kind == LL_KIND_BOOL && entry->data[0] > 1)
        return ll_gguf_refuse(reader, "is a bool with value %d, expected 0 or 1", entry->data[0]);
    return LL_OK;
}

static void place_at_key(ll_gguf_reader *reader, ll_text key) {
    ll_gguf_place(reader, "key %.*s", (int)(key.length < SHOWN ? key.length : SHOWN), key.data);
}

static int compare_keys(const void *a, const void *b) {
    return ll_text_compare(((const ll_gguf_entry *)a)->key, ((const ll_gguf_entry *)b)->key);
}

/* Sorts the keys; each may be there once. */
static ll_status check_keys(ll_gguf *gguf, ll_gguf_reader *reader) {
    qsort(gguf->entries, gguf->entry_count, sizeof *gguf->entries, compare_keys);
    reader->checking = true;
    for (size_t i = 1; i < gguf->entry_count; i++) {
        place_at_key(reader, gguf->entries[i].key);
        if (compare_keys(&gguf->entries[i - 1], &gguf->entries[i]) == 0)
            return ll_gguf_refuse(reader, "is there twice");
    }
    reader->checking = false;
    return LL_OK;
}

ll_status ll_gguf_read_metadata(ll_gguf *gguf, ll_gguf_reader *reader, uint64_t count) {
    ll_gguf_place(reader, "metadata");
    if (count > ll_gguf_left(reader) / MIN_ENTRY_BYTES)
        return ll_gguf_refuse(reader,
                              "the header counts %" PRIu64 " keys, the %" PRIu64
                              " bytes left cannot hold them: the file is cut or damaged, fetch it again",
                              count, ll_gguf_left(reader));
    gguf->entries = calloc((size_t)count + 1, sizeof *gguf->entries);
    if (!gguf->entries)
        return ll_fail(reader->error, LL_NO_RESOURCE, "%s: no memory for %" PRIu64 " keys", gguf->path,
                       count);
    for (; gguf->entry_count < count; gguf->entry_count++) {
        ll_gguf_entry *entry = &gguf->entries[gguf->entry_count];
        ll_gguf_place(reader, "key number %zu of %" PRIu64, gguf->entry_count, count);
        LL_TRY(ll_gguf_take_name(reader, &entry->key));
        place_at_key(reader, entry->key);
        LL_TRY(take_value(reader, entry));
    }
    return check_keys(gguf, reader);
}

/* ---- getting values ---- */

/* *out is NULL when the key is absent and the caller allows that. */
static ll_status find_entry(const ll_gguf *gguf, const char *key, bool *found, const ll_gguf_entry **out,
                            ll_error *error) {
    const ll_gguf_entry wanted = {.key = {key, strlen(key)}};
    *out = bsearch(&wanted, gguf->entries, gguf->entry_count, sizeof *gguf->entries, compare_keys);
    if (found)
        *found = *out != NULL;
    if (!*out && !found)
        return ll_fail(error, LL_BAD_INPUT, "%s: key %s is missing; convert the model again", gguf->path,
                       key);
    return LL_OK;
}

static ll_status wrong_kind(const ll_gguf *gguf, const ll_gguf_entry *entry, const char *expected,
                            ll_error *error) {
    const bool array = entry->kind == LL_KIND_ARRAY;
    return ll_fail(error, LL_BAD_INPUT, "%s: key %.*s is of kind %s%s, expected %s", gguf->path,
                   (int)entry->key.length, entry->key.data, array ? "array of " : "",
                   ll_kind_name(array ? entry->element : entry->kind), expected);
}

static bool is_integer(ll_kind kind) {
    return kind <= LL_KIND_I32 || kind == LL_KIND_U64 || kind == LL_KIND_I64;
}

/* The bits of a fixed-size item, integers sign-extended. */
static uint64_t load_item(ll_kind kind, const uint8_t *data) {
    switch (kind) {
    case LL_KIND_I8:
        return (uint64_t)(int8_t)data[0];
    case LL_KIND_U16:
        return (uint64_t)data[0] | (uint64_t)data[1] << 8;
    case LL_KIND_I16:
        return (uint64_t)(int16_t)(data[0] | data[1] << 8);
    case LL_KIND_U32:
    case LL_KIND_F32:
        return ll_load_u32(data);
    case LL_KIND_I32:
        return (uint64_t)(int32_t)ll_load_u32(data);
    case LL_KIND_U64:
    case LL_KIND_I64:
    case LL_KIND_F64:
        return ll_load_u64(data);
    case LL_KIND_U8:
    case LL_KIND_BOOL:
    case LL_KIND_TEXT:
    case LL_KIND_ARRAY:
    case LL_KIND_COUNT:
        break;
    }
    return data[0];
}

ll_status ll_gguf_get_u64(const ll_gguf *gguf, const char *key, uint64_t *out, bool *found, ll_error *error) {
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    if (!is_integer(entry->kind))
        return wrong_kind(gguf, entry, "an integer", error);
    *out = load_item(entry->kind, entry->data);
    if (entry->kind != LL_KIND_U64 && (int64_t)*out < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: key %s is %" PRId64 ", expected 0 or more", gguf->path, key,
                       (int64_t)*out);
    return LL_OK;
}

ll_status ll_gguf_get_f64(const ll_gguf *gguf, const char *key, double *out, bool *found, ll_error *error) {
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    const uint64_t bits =
        entry->kind < LL_KIND_TEXT || entry->kind > LL_KIND_ARRAY ? load_item(entry->kind, entry->data) : 0;
    if (entry->kind == LL_KIND_F32) {
        const uint32_t low = (uint32_t)bits;
        float value;
        memcpy(&value, &low, sizeof value);
        *out = (double)value;
    } else if (entry->kind == LL_KIND_F64) {
        memcpy(out, &bits, sizeof *out);
    } else if (is_integer(entry->kind)) {
        *out = entry->kind == LL_KIND_U64 ? (double)bits : (double)(int64_t)bits;
    } else {
        return wrong_kind(gguf, entry, "a number", error);
    }
    if (!isfinite(*out))
        return ll_fail(error, LL_BAD_INPUT, "%s: key %s is %g, expected a finite number", gguf->path, key,
                       *out);
    return LL_OK;
}

ll_status ll_gguf_get_bool(const ll_gguf *gguf, const char *key, bool *out, bool *found, ll_error *error) {
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    if (entry->kind != LL_KIND_BOOL)
        return wrong_kind(gguf, entry, "a bool", error);
    *out = entry->data[0] == 1;
    return LL_OK;
}

ll_status ll_gguf_get_text(const ll_gguf *gguf, const char *key, ll_text *out, bool *found, ll_error *error) {
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    if (entry->kind != LL_KIND_TEXT)
        return wrong_kind(gguf, entry, "a text", error);
    *out = (ll_text){(const char *)entry->data, (size_t)entry->count};
    return LL_OK;
}

/* Room for an array's items: count is at most the file's bytes, so the product cannot wrap. */
static ll_status new_items(const ll_gguf *gguf, const ll_gguf_entry *entry, size_t item_bytes, void **out,
                           ll_error *error) {
    *out = calloc((size_t)entry->count + 1, item_bytes);
    if (!*out)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the %" PRIu64 " items of key %.*s",
                       gguf->path, entry->count, (int)entry->key.length, entry->key.data);
    return LL_OK;
}

ll_status ll_gguf_get_text_array(const ll_gguf *gguf, const char *key, ll_text **out, size_t *count,
                                 bool *found, ll_error *error) {
    *out = NULL;
    *count = 0;
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    if (entry->kind != LL_KIND_ARRAY || entry->element != LL_KIND_TEXT)
        return wrong_kind(gguf, entry, "an array of texts", error);
    void *items;
    LL_TRY(new_items(gguf, entry, sizeof **out, &items, error));
    *out = items;
    *count = (size_t)entry->count;
    const uint8_t *at = entry->data;
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = (ll_text){(const char *)at + sizeof(uint64_t), (size_t)ll_load_u64(at)};
        at += sizeof(uint64_t) + (*out)[i].length;
    }
    return LL_OK;
}

ll_status ll_gguf_get_i64_array(const ll_gguf *gguf, const char *key, int64_t **out, size_t *count,
                                bool *found, ll_error *error) {
    *out = NULL;
    *count = 0;
    const ll_gguf_entry *entry;
    LL_TRY(find_entry(gguf, key, found, &entry, error));
    if (!entry)
        return LL_OK;
    if (entry->kind != LL_KIND_ARRAY || !is_integer(entry->element))
        return wrong_kind(gguf, entry, "an array of integers", error);
    void *items;
    LL_TRY(new_items(gguf, entry, sizeof **out, &items, error));
    int64_t *values = items;
    const size_t item_bytes = KINDS[entry->element].bytes;
    for (size_t i = 0; i < entry->count; i++) {
        const uint64_t bits = load_item(entry->element, entry->data + i * item_bytes);
        if (entry->element == LL_KIND_U64 && bits > INT64_MAX) {
            free(values);
            return ll_fail(error, LL_BAD_INPUT,
                           "%s: key %s: item %zu is %" PRIu64 ", expected at most 2^63 - 1", gguf->path, key,
                           i, bits);
        }
        values[i] = (int64_t)bits;
    }
    *out = values;
    *count = (size_t)entry->count;
    return LL_OK;
}
