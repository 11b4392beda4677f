#include "gguf_reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 4, OLDEST_VERSION = 2, NEWEST_VERSION = 3 };

static bool starts_with(const ll_gguf *gguf, const char *text) {
    const size_t length = strlen(text);
    return gguf->bytes >= length && memcmp(gguf->data, text, length) == 0;
}

/* Says what a file without the magic probably is, so that the user knows what to do. */
static ll_status refuse_format(const ll_gguf *gguf, ll_error *error) {
    const char *file = gguf->path;
    if (gguf->bytes < MAGIC_BYTES)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: has %" PRIu64 " bytes, too few for a GGUF file; it is cut, fetch it again", file,
                       gguf->bytes);
    if (gguf->bytes > 9 && gguf->data[8] == '{')
        return ll_fail(error, LL_BAD_INPUT, "%s: is a safetensors file, not GGUF; give a .gguf file", file);
    if (starts_with(gguf, "PK\x03\x04"))
        return ll_fail(error, LL_BAD_INPUT, "%s: is a zip or PyTorch file, not GGUF; give a .gguf file",
                       file);
    if (starts_with(gguf, "<!DOCTYPE") || starts_with(gguf, "<html"))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: is a web page, not GGUF; the download went wrong, fetch it again", file);
    return ll_fail(error, LL_BAD_INPUT,
                   "%s: is not a GGUF file: it starts with bytes %02x %02x %02x %02x, expected \"GGUF\"",
                   file, gguf->data[0], gguf->data[1], gguf->data[2], gguf->data[3]);
}

static ll_status check_version(const ll_gguf_reader *reader, uint32_t version) {
    if (version >= OLDEST_VERSION && version <= NEWEST_VERSION)
        return LL_OK;
    const uint32_t swapped = __builtin_bswap32(version);
    if (swapped >= 1 && swapped <= NEWEST_VERSION)
        return ll_gguf_refuse(
            reader, "a big-endian file (version %" PRIu32 "); this program reads little-endian files",
            swapped);
    return ll_gguf_refuse(reader, "GGUF version %" PRIu32 ", expected %d or %d; convert the model again",
                          version, OLDEST_VERSION, NEWEST_VERSION);
}

static ll_status read_header(ll_gguf *gguf, ll_error *error) {
    if (!starts_with(gguf, "GGUF"))
        return refuse_format(gguf, error);
    ll_gguf_reader reader = {.gguf = gguf, .at = MAGIC_BYTES, .error = error};
    ll_gguf_place(&reader, "header");
    uint32_t version;
    uint64_t tensors, entries;
    LL_TRY(ll_gguf_take_u32(&reader, &version));
    LL_TRY(check_version(&reader, version));
    LL_TRY(ll_gguf_take_u64(&reader, &tensors));
    LL_TRY(ll_gguf_take_u64(&reader, &entries));
    LL_TRY(ll_gguf_read_metadata(gguf, &reader, entries));
    return ll_gguf_read_tensors(gguf, &reader, tensors);
}

/* NULL: no memory. */
static ll_gguf *make(const char *path) {
    ll_gguf *gguf = calloc(1, sizeof *gguf);
    if (gguf && !(gguf->path = strdup(path))) {
        free(gguf);
        return NULL;
    }
    return gguf;
}

static ll_status finish(ll_gguf **out, ll_gguf *gguf, ll_error *error) {
    const ll_status status = read_header(gguf, error);
    if (status == LL_OK)
        *out = gguf;
    else
        ll_gguf_close(gguf);
    return status;
}

ll_status ll_gguf_open(ll_gguf **out, const char *path, ll_error *error) {
    *out = NULL;
    ll_gguf *gguf = make(path);
    if (!gguf)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", path);
    const ll_status status = ll_mapping_open(&gguf->map, path, error);
    if (status != LL_OK) {
        ll_gguf_close(gguf);
        return status;
    }
    gguf->data = gguf->map.data;
    gguf->bytes = gguf->map.bytes;
    return finish(out, gguf, error);
}

ll_status ll_gguf_from_memory(ll_gguf **out, const void *data, size_t length, const char *name,
                              ll_error *error) {
    *out = NULL;
    ll_gguf *gguf = make(name);
    if (!gguf)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", name);
    gguf->data = data;
    gguf->bytes = length;
    return finish(out, gguf, error);
}

void ll_gguf_close(ll_gguf *gguf) {
    if (!gguf)
        return;
    for (size_t i = 0; i < gguf->tensor_count; i++)
        free((char *)(uintptr_t)gguf->tensors[i].name);
    free(gguf->tensors);
    free(gguf->by_name);
    free(gguf->entries);
    ll_mapping_close(&gguf->map);
    free(gguf->path);
    free(gguf);
}

const char *ll_gguf_path(const ll_gguf *gguf) {
    return gguf->path;
}

uint64_t ll_gguf_file_bytes(const ll_gguf *gguf) {
    return gguf->bytes;
}
