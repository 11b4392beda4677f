/* What the register-tiled kernels share. */
#ifndef LL_TILE_NEON_DOTPROD_H
#define LL_TILE_NEON_DOTPROD_H

#include "neon_dotprod.h"
#include "tile.h"

/* Four bytes for a multiplication by element, in lane 0. By LDR, a load and nothing else: compilers see that the element goes to all
 * lanes and take LD1R, which on Neoverse needs a vector pipe as well. */
static LL_INLINE float32x2_t ll_load_element(const void *p) {
    float32x2_t element;
    __asm__("ldr %s0, %1" : "=w"(element) : "m"(*(const char(*)[4])p));
    return element;
}

#endif
