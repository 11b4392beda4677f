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

size_t ll_attention_scratch_bytes_neon_dotprod(const ll_kv *kv, size_t heads);
void ll_attention_neon_dotprod(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv,
                               size_t pos0, size_t rows, size_t heads, size_t h0, size_t h1, float scale,
                               size_t window, void *scratch);

#endif
