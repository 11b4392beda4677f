/* The NEON kernels for cores with SDOT: Neoverse N1 (Graviton 2, Ampere Altra) and later. Every file of this folder includes this
 * header, so a file compiled with other flags than flags.mk fails here. */
#ifndef LL_NEON_DOTPROD_H
#define LL_NEON_DOTPROD_H

#if !defined(__aarch64__) || !defined(__ARM_NEON) || !defined(__ARM_FEATURE_DOTPROD)
#error "compile this folder with the flags of kernels/neon_dotprod/flags.mk"
#endif

#include "kernels.h"
#include <arm_neon.h>

extern const ll_kernels ll_table_neon_dotprod;

size_t ll_packed_i8_bytes_neon_dotprod(size_t n, size_t k, size_t group);
void ll_pack_i8_neon_dotprod(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                             const int8_t *w, const float *scale);
void ll_matmul_i8_neon_dotprod(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1,
                               const ll_packed *w, size_t n0, size_t n1);

size_t ll_packed_f32_bytes_neon_dotprod(size_t n, size_t k);
void ll_pack_f32_neon_dotprod(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w);
void ll_matmul_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                                const ll_packed *w, size_t n0, size_t n1);

#endif
