/* The AMX kernels: Sapphire Rapids and later Xeons. They multiply many rows at a time; what is not here, and a matmul of few
 * rows, is avx512vnni's, whose packed weights they read. Every file of this folder includes this header, so a file compiled
 * with other flags than flags.mk fails here. */
#ifndef LL_AMX_H
#define LL_AMX_H

/* gcc and clang 14 name the same features differently. */
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__) ||   \
    !defined(__AVX512VNNI__) || !(defined(__AMX_TILE__) || defined(__AMXTILE__)) ||                          \
    !(defined(__AMX_INT8__) || defined(__AMXINT8__))
#error "compile this folder with the flags of kernels/amx/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

extern const ll_kernels ll_table_amx;

void ll_matmul_i8_amx(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                      size_t n0, size_t n1);
double ll_peak_i8_amx(size_t rounds);

#endif
