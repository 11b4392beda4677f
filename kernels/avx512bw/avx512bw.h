/* The AVX-512 kernels that need no VNNI: all there are for Skylake servers, and most of those of later ones. Every file of this folder includes this
 * header, so a file compiled with other flags than flags.mk fails here. */
#ifndef LL_AVX512BW_H
#define LL_AVX512BW_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512VL__) || !defined(__AVX512DQ__) ||   \
    !defined(__FMA__)
#error "compile this folder with the flags of kernels/avx512bw/flags.mk"
#endif

#include "kernels.h"
#include <immintrin.h>

enum { LL_LANES = 16 }; /* floats of a zmm register */

/* The lanes that hold the next elements when left of them remain. Masked-out lanes are never touched in
 * memory. */
static inline __mmask16 ll_tail_mask(size_t left) {
    return left >= LL_LANES ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
}

extern const ll_kernels ll_table_avx512bw;

void ll_matmul_i8_avx512bw(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                           size_t n0, size_t n1);
void ll_add_scaled_i32_avx512bw(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n);
size_t ll_packed_f32_bytes_avx512bw(size_t n, size_t k);
void ll_pack_f32_avx512bw(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w);
void ll_matmul_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                            const ll_packed *w, size_t n0, size_t n1);

void ll_quantize_avx512bw(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_rmsnorm_i8_avx512bw(ll_act *out, const float *x, size_t ldx, const float *weight, float eps,
                            size_t r0, size_t r1);
void ll_rmsnorm_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                             size_t k, size_t r0, size_t r1);
void ll_silu_mul_i8_avx512bw(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_silu_mul_f32_avx512bw(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0,
                              size_t r1);
void ll_add_f32_avx512bw(float *y, const float *x, size_t n);
void ll_rope_f32_avx512bw(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                          const float *sin);

void ll_kv_store_avx512bw(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk,
                          const float *v, size_t ldv);
size_t ll_attention_scratch_bytes_avx512bw(const ll_kv *kv, size_t heads);
void ll_attention_avx512bw(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                           size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                           void *scratch);
void ll_softmax_f32_avx512bw(float *x, size_t n);
double ll_logsumexp_f32_avx512bw(const float *x, size_t n);

double ll_peak_i8_avx512bw(size_t rounds);
double ll_peak_f32_avx512bw(size_t rounds);
uint64_t ll_read_stream_avx512bw(const void *p, size_t bytes, int variant);

#endif
