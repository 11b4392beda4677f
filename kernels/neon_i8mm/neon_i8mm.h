/* The NEON kernels for cores with SMMLA: Neoverse V1 (Graviton 3), N2, V2 (Grace, Graviton 4) and later. They multiply int8 matrices;
 * what is not here is neon_dotprod's. Every file of this folder includes this header, so a file compiled with other flags than flags.mk
 * fails here. */
#ifndef LL_NEON_I8MM_H
#define LL_NEON_I8MM_H

#if !defined(__aarch64__) || !defined(__ARM_FEATURE_DOTPROD) || !defined(__ARM_FEATURE_MATMUL_INT8)
#error "compile this folder with the flags of kernels/neon_i8mm/flags.mk"
#endif

#include "kernels.h"
#include <arm_neon.h>

extern const ll_kernels ll_table_neon_i8mm;

size_t ll_packed_i8_bytes_neon_i8mm(size_t n, size_t k, size_t group);
void ll_pack_i8_neon_i8mm(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                          const float *scale);
void ll_matmul_i8_neon_i8mm(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                            size_t n0, size_t n1);
double ll_peak_i8_neon_i8mm(size_t rounds);

#endif
