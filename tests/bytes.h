/* The bytes of files that tests make, as they grow. */
#ifndef LL_BYTES_H
#define LL_BYTES_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data; /* malloc'd; free(bytes.data) */
    size_t length, capacity;
} ll_bytes;

void ll_put(ll_bytes *bytes, const void *data, size_t length);
/* At most 1023 bytes, without the NUL; a longer text fails the running test. */
void ll_put_format(ll_bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Little-endian. */
void ll_put_u16(ll_bytes *bytes, uint16_t value);
void ll_put_u32(ll_bytes *bytes, uint32_t value);
void ll_put_u64(ll_bytes *bytes, uint64_t value);
void ll_put_text(ll_bytes *bytes, const char *text); /* length and bytes */
#endif
