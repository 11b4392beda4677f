/* The scalar oracle: straight loops that follow the comments of kernels.h word by word. */
#ifndef LL_REF_H
#define LL_REF_H

#ifdef __FAST_MATH__
#error "the oracle needs exact float semantics: no fast-math"
#endif

#include "kernels.h"

extern const ll_kernels ll_table_ref;

size_t ll_packed_i8_bytes_ref(size_t n, size_t k, size_t group);
void ll_pack_i8_ref(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                    const float *scale);
void ll_matmul_i8_ref(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                      size_t n0, size_t n1);
void ll_add_scaled_i32_ref(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n);
size_t ll_packed_f32_bytes_ref(size_t n, size_t k);
void ll_pack_f32_ref(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w);
void ll_matmul_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                       const ll_packed *w, size_t n0, size_t n1);

void ll_quantize_ref(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_rmsnorm_i8_ref(ll_act *out, const float *x, size_t ldx, const float *weight, float eps, size_t r0,
                       size_t r1);
void ll_rmsnorm_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                        size_t k, size_t r0, size_t r1);
void ll_silu_mul_i8_ref(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
void ll_silu_mul_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0, size_t r1);
void ll_add_f32_ref(float *y, const float *x, size_t n);
void ll_rope_f32_ref(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                     const float *sin);

void ll_kv_store_ref(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                     size_t ldv);
size_t ll_attention_scratch_bytes_ref(const ll_kv *kv, size_t heads);
void ll_attention_ref(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                      size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                      void *scratch);
void ll_softmax_f32_ref(float *x, size_t n);
double ll_logsumexp_f32_ref(const float *x, size_t n);

double ll_peak_i8_ref(size_t rounds);
double ll_peak_f32_ref(size_t rounds);
uint64_t ll_read_stream_ref(const void *p, size_t bytes, int variant);

/* Element i of a row about to be quantized; row is whatever the operation needs to compute it. */
typedef float ll_element_ref(const void *row, size_t i);
/* The rule of ll_act in its parts: amax of the elements [start, end) of a row; 127 / amax; q of one element. */
float ll_amax_ref(ll_element_ref *element, const void *row, size_t start, size_t end);
float ll_inverse_ref(float amax);
int8_t ll_quantize_one_ref(float x, float inv);
/* An element of a row of floats. */
float ll_plain_element_ref(const void *row, size_t i);
/* Quantizes row r of out from its elements. */
void ll_quantize_row_ref(ll_act *out, size_t r, ll_element_ref *element, const void *row);

#endif
