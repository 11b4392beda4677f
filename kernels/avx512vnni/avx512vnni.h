/* The AVX-512 VNNI kernels: Ice Lake, Sapphire Rapids, Zen 4 and later. They multiply int8 matrices; what is not here is
 * avx512bw's. Every file of this folder includes this header, so a file compiled with other flags than flags.mk fails here. */
#ifndef LL_AVX512VNNI_H
#define LL_AVX512VNNI_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__) ||   \
    !defined(__AVX512VNNI__)
#error "compile this folder with the flags of kernels/avx512vnni/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

extern const ll_kernels ll_table_avx512vnni;

enum { LL_VNNI_SUB_PANEL = 32 }; /* columns of the packed weights that lie together (panel.h) */

size_t ll_packed_i8_bytes_avx512vnni(size_t n, size_t k, size_t group);
void ll_pack_i8_avx512vnni(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1,
                           const int8_t *w, const float *scale);
void ll_matmul_i8_avx512vnni(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                             size_t n0, size_t n1);
double ll_peak_i8_avx512vnni(size_t rounds);

#endif
