/* The AVX-VNNI kernels: client cores from Alder Lake on, Sierra Forest, Zen 5. They multiply int8 matrices in 256 bits, in the VEX
 * encoding, which needs no AVX-512; what is not here is avx2's. Every file of this folder includes this header, so a file compiled with
 * other flags than flags.mk fails here. */
#ifndef LL_AVXVNNI_H
#define LL_AVXVNNI_H

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__AVXVNNI__)
#error "compile this folder with the flags of kernels/avxvnni/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

extern const ll_kernels ll_table_avxvnni;

size_t ll_packed_i8_bytes_avxvnni(size_t n, size_t k, size_t group);
void ll_pack_i8_avxvnni(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                        const float *scale);
void ll_matmul_i8_avxvnni(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                          size_t n0, size_t n1);
double ll_peak_i8_avxvnni(size_t rounds);

#endif
