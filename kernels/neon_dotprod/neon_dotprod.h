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

void ll_add_scaled_i32_neon_dotprod(float *y, const int32_t *sum, float x_scale, const float *w_scale,
                                    size_t n);

void ll_quantize_neon_dotprod(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_rmsnorm_i8_neon_dotprod(ll_act *out, const float *x, size_t ldx, const float *weight, float eps,
                                size_t r0, size_t r1);
void ll_rmsnorm_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, const float *weight,
                                 float eps, size_t k, size_t r0, size_t r1);
void ll_silu_mul_i8_neon_dotprod(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_silu_mul_f32_neon_dotprod(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0,
                                  size_t r1);
void ll_add_f32_neon_dotprod(float *y, const float *x, size_t n);
void ll_rope_f32_neon_dotprod(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim,
                              const float *cos, const float *sin);

void ll_kv_store_neon_dotprod(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk,
                              const float *v, size_t ldv);
void ll_softmax_f32_neon_dotprod(float *x, size_t n);
double ll_logsumexp_f32_neon_dotprod(const float *x, size_t n);

double ll_peak_i8_neon_dotprod(size_t rounds);
double ll_peak_f32_neon_dotprod(size_t rounds);
uint64_t ll_read_stream_neon_dotprod(const void *p, size_t bytes, int variant);

size_t ll_attention_scratch_bytes_neon_dotprod(const ll_kv *kv, size_t heads);
void ll_attention_neon_dotprod(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv,
                               size_t pos0, size_t rows, size_t heads, size_t h0, size_t h1, float scale,
                               size_t window, void *scratch);

#endif
