/* What the register-tiled kernels of the vector ISAs share. */
#ifndef LL_TILE_H
#define LL_TILE_H

#include <stddef.h>

/* The rows of a tile are a constant argument of one inlined body, and its loops over the tile's registers
 * must vanish: an index that is not a constant puts the accumulators in memory. */
#define LL_INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define LL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LL_UNROLL _Pragma("GCC unroll 16")
#endif

static inline size_t ll_min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Rows of the next tile out of left. The last 7 .. 11 are halved: two tiles of 4 lose less than a 6 and a 2.
 */
static inline size_t ll_tile_rows(size_t left, size_t tile) {
    if (left <= tile)
        return left;
    return left < 2 * tile ? (left + 1) / 2 : tile;
}

#endif
