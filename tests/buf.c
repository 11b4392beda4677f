#include "buf.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    const char *name;
    unsigned char *map, *inside, *data; /* map: with both guard pages; inside: between them */
    size_t map_bytes, inside_bytes, bytes;
} buffer;

enum { MOST = 64 };
static buffer buffers[MOST];
static size_t count;
static char sentence[256];

unsigned char ll_buf_pattern(size_t offset) {
    return offset % 2 ? 0xFF : 0xC5;
}

static void fill(unsigned char *from, const unsigned char *to, const unsigned char *origin) {
    for (; from < to; from++)
        *from = ll_buf_pattern((uintptr_t)(from - origin));
}

void *ll_buf_make(const char *name, size_t bytes, size_t align, ll_buf_side side, bool untouched) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    buffer b = {.name = name, .bytes = bytes, .inside_bytes = (bytes + align + page) / page * page};
    b.map_bytes = b.inside_bytes + 2 * page;
    b.map = mmap(NULL, b.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (count == MOST || b.map == MAP_FAILED ||
        mprotect(b.map + page, b.inside_bytes, PROT_READ | PROT_WRITE) != 0) {
        fprintf(stderr, "%s: no room for a buffer of %zu bytes (%zu buffers live, at most %d)\n", name, bytes,
                count, MOST);
        exit(3);
    }
    b.inside = b.map + page;
    b.data = b.inside;
    if (side == LL_BUF_AT_END)
        b.data += (b.inside_bytes - bytes) / align * align;
    fill(untouched ? b.data + bytes : b.inside, b.inside + b.inside_bytes, b.data);
    fill(b.inside, b.data, b.inside);
    buffers[count++] = b;
    return b.data;
}

void ll_buf_release_all(void) {
    while (count > 0) {
        count--;
        munmap(buffers[count].map, buffers[count].map_bytes);
    }
}

static bool damaged(const buffer *b) {
    for (const unsigned char *p = b->inside; p < b->data; p++)
        if (*p != ll_buf_pattern((uintptr_t)(p - b->inside)))
            return true;
    for (const unsigned char *p = b->data + b->bytes; p < b->inside + b->inside_bytes; p++)
        if (*p != ll_buf_pattern((uintptr_t)(p - b->data)))
            return true;
    return false;
}

const char *ll_buf_damage(void) {
    for (size_t i = 0; i < count; i++) {
        if (damaged(&buffers[i])) {
            snprintf(sentence, sizeof sentence, "a byte outside %s was written", buffers[i].name);
            return sentence;
        }
    }
    return NULL;
}

const char *ll_buf_explain(const void *address) {
    const uintptr_t at = (uintptr_t)address;
    for (size_t i = 0; i < count; i++) {
        const buffer *b = &buffers[i];
        const uintptr_t map = (uintptr_t)b->map, data = (uintptr_t)b->data;
        if (at < map || at >= map + b->map_bytes)
            continue;
        if (at >= data + b->bytes)
            snprintf(sentence, sizeof sentence, "byte %zu past the end of %s",
                     (size_t)(at - data - b->bytes) + 1, b->name);
        else if (at < data)
            snprintf(sentence, sizeof sentence, "%zu bytes before the start of %s", (size_t)(data - at),
                     b->name);
        else
            snprintf(sentence, sizeof sentence, "inside %s", b->name);
        return sentence;
    }
    snprintf(sentence, sizeof sentence, "address %p, far from every buffer", address);
    return sentence;
}
