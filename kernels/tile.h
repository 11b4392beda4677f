/* What the register-tiled kernels of the vector ISAs share. */
#ifndef LL_TILE_H
#define LL_TILE_H

#include "kernels.h"

#include <stddef.h>
#include <stdint.h>

/* The rows of a tile are a constant argument of one inlined body, and its loops over the tile's registers
 * must vanish: an index that is not a constant puts the accumulators in memory. */
#define LL_INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LL_UNROLL _Pragma("GCC unroll 16")
#endif

/* The compiler forgets what it knows of the pointer: what was loaded from it is loaded again, and what follows from it is made
 * again, where it is needed. Kept in a register, either would push a sum out. */
#define LL_FORGET(pointer) __asm__("" : "+r"(pointer))

static inline size_t ll_min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* What to prefetch. The address may lie past the buffer: a prefetch never faults, but such a sum is not one C allows on
 * pointers. */
static inline const char *ll_ahead(const void *p, size_t bytes) {
    return (const char *)((uintptr_t)p + bytes);
}

static inline size_t ll_kv_element_bytes(ll_kv_type type) {
    return type == LL_KV_F32 ? sizeof(float) : type == LL_KV_BF16 ? sizeof(uint16_t) : 1;
}

/* Rows of the next tile out of left. The last 7 .. 11 are halved: two tiles of 4 lose less than a 6 and a 2.
 */
static inline size_t ll_tile_rows(size_t left, size_t tile) {
    if (left <= tile)
        return left;
    return left < 2 * tile ? (left + 1) / 2 : tile;
}

#endif
