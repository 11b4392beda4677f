/* The AVX-512 kernels for CPUs without VNNI: Skylake servers. What is not here is avx2's. Every file of this folder includes this
 * header, so a file compiled with other flags than flags.mk fails here. */
#ifndef LL_AVX512BW_H
#define LL_AVX512BW_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__)
#error "compile this folder with the flags of kernels/avx512bw/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

extern const ll_kernels ll_table_avx512bw;

void ll_matmul_i8_avx512bw(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                           size_t n0, size_t n1);
double ll_peak_i8_avx512bw(size_t rounds);

#endif
