#include "gguf_reader.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ll_gguf_place(ll_gguf_reader *reader, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->place, sizeof reader->place, format, arguments);
    va_end(arguments);
}

ll_status ll_gguf_refuse(const ll_gguf_reader *reader, const char *format, ...) {
    char sentence[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (reader->checking)
        return ll_fail(reader->error, LL_BAD_INPUT, "%s: %s: %s", reader->gguf->path, reader->place,
                       sentence);
    return ll_fail(reader->error, LL_BAD_INPUT, "%s: %s, before offset %" PRIu64 ": %s", reader->gguf->path,
                   reader->place, reader->at, sentence);
}

uint64_t ll_gguf_left(const ll_gguf_reader *reader) {
    return reader->gguf->bytes - reader->at;
}

ll_status ll_gguf_take(ll_gguf_reader *reader, uint64_t bytes, const uint8_t **out) {
    if (bytes > ll_gguf_left(reader))
        return ll_gguf_refuse(reader,
                              "needs %" PRIu64 " more bytes, the file has %" PRIu64 " left of %" PRIu64
                              ": it is cut or damaged, fetch it again",
                              bytes, ll_gguf_left(reader), reader->gguf->bytes);
    *out = reader->gguf->data + reader->at;
    reader->at += bytes;
    return LL_OK;
}

ll_status ll_gguf_take_u32(ll_gguf_reader *reader, uint32_t *out) {
    const uint8_t *bytes = NULL;
    LL_TRY(ll_gguf_take(reader, sizeof *out, &bytes));
    *out = ll_load_u32(bytes);
    return LL_OK;
}

ll_status ll_gguf_take_u64(ll_gguf_reader *reader, uint64_t *out) {
    const uint8_t *bytes = NULL;
    LL_TRY(ll_gguf_take(reader, sizeof *out, &bytes));
    *out = ll_load_u64(bytes);
    return LL_OK;
}

ll_status ll_gguf_take_text(ll_gguf_reader *reader, ll_text *out) {
    uint64_t length;
    const uint8_t *bytes = NULL;
    LL_TRY(ll_gguf_take_u64(reader, &length));
    LL_TRY(ll_gguf_take(reader, length, &bytes));
    *out = (ll_text){(const char *)bytes, (size_t)length};
    return LL_OK;
}

ll_status ll_gguf_take_name(ll_gguf_reader *reader, ll_text *out) {
    LL_TRY(ll_gguf_take_text(reader, out));
    if (out->length == 0 || memchr(out->data, 0, out->length))
        return ll_gguf_refuse(reader, "its name is %s",
                              out->length ? "not a text: it holds a zero byte" : "empty");
    return LL_OK;
}

uint32_t ll_load_u32(const uint8_t *bytes) {
    uint32_t value = 0;
    for (unsigned i = 0; i < sizeof value; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

uint64_t ll_load_u64(const uint8_t *bytes) {
    return ll_load_u32(bytes) | (uint64_t)ll_load_u32(bytes + 4) << 32;
}

int ll_text_compare(ll_text a, ll_text b) {
    const int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    return order ? order : (a.length > b.length) - (a.length < b.length);
}
