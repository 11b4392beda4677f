/* The NEON kernels for cores with SDOT: Neoverse N1 (Graviton 2, Ampere Altra) and later. Every file of this folder includes this
 * header, so a file compiled with other flags than flags.mk fails here. */
#ifndef LL_NEON_DOTPROD_H
#define LL_NEON_DOTPROD_H

#if !defined(__aarch64__) || !defined(__ARM_NEON) || !defined(__ARM_FEATURE_DOTPROD)
#error "compile this folder with the flags of kernels/neon_dotprod/flags.mk"
#endif

#include "kernels.h"
#include <arm_neon.h>

void ll_init_neon_dotprod(ll_kernels *table);

#endif
