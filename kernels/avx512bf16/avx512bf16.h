/* The AVX-512 BF16 kernels: Zen 4 and later, Cooper Lake, Sapphire Rapids and later. Attention reads bf16 caches with them; what
 * is not here is avx512bw's. Every file of this folder includes this header, so a file compiled with other flags than flags.mk
 * fails here. */
#ifndef LL_AVX512BF16_H
#define LL_AVX512BF16_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__) ||   \
    !defined(__AVX512BF16__)
#error "compile this folder with the flags of kernels/avx512bf16/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

extern const ll_kernels ll_table_avx512bf16;

size_t ll_attention_scratch_bytes_avx512bf16(const ll_kv *kv, size_t heads);
void ll_attention_avx512bf16(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                             size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                             void *scratch);

#endif
