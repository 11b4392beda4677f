#include "bytes.h"
#include "test.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ll_put(ll_bytes *bytes, const void *data, size_t length) {
    if (length == 0)
        return;
    if (bytes->length + length > bytes->capacity) {
        bytes->capacity = 2 * (bytes->length + length);
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (!bytes->data) {
            perror("bytes");
            exit(1);
        }
    }
    memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

static void put_little_endian(ll_bytes *bytes, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; i++)
        ll_put(bytes, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

void ll_put_format(ll_bytes *bytes, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof text)
        ll_test_fail(__FILE__, __LINE__, "a text is too long for the writer");
    else
        ll_put(bytes, text, (size_t)length);
}

void ll_put_u16(ll_bytes *bytes, uint16_t value) {
    put_little_endian(bytes, value, sizeof value);
}

void ll_put_u32(ll_bytes *bytes, uint32_t value) {
    put_little_endian(bytes, value, sizeof value);
}

void ll_put_u64(ll_bytes *bytes, uint64_t value) {
    put_little_endian(bytes, value, sizeof value);
}

void ll_put_text(ll_bytes *bytes, const char *text) {
    ll_put_u64(bytes, strlen(text));
    ll_put(bytes, text, strlen(text));
}
