/* The NEON kernels for cores with BFDOT: Neoverse V1 and N2 (Graviton 3, Yitian 710) and later. Attention reads bf16 caches with
 * them; what is not here is neon_dotprod's. Every file of this folder includes this header, so a file compiled with other flags
 * than flags.mk fails here. */
#ifndef LL_NEON_BF16_H
#define LL_NEON_BF16_H

#if !defined(__aarch64__) || !defined(__ARM_NEON) || !defined(__ARM_FEATURE_DOTPROD) ||                      \
    !defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
#error "compile this folder with the flags of kernels/neon_bf16/flags.mk"
#endif

#include "kernels.h"
#include <arm_neon.h>

extern const ll_kernels ll_table_neon_bf16;

size_t ll_attention_scratch_bytes_neon_bf16(const ll_kv *kv, size_t heads);
void ll_attention_neon_bf16(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                            size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                            void *scratch);

#endif
