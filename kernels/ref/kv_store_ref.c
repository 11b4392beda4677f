#include "bf16.h"
#include "ref.h"

static void store_bf16(const ll_kv *kv, size_t head, size_t pos, const float *k, const float *v) {
    const size_t block = pos / LL_KV_BLOCK, lane = pos % LL_KV_BLOCK, dim = kv->head_dim;
    uint16_t *const to_k =
        (uint16_t *)kv->k + (head * (kv->capacity / LL_KV_BLOCK) + block) * dim * LL_KV_BLOCK;
    uint16_t *const to_v = (uint16_t *)kv->v + (head * kv->capacity + pos) * dim;
    for (size_t d = 0; d < dim; d++) {
        to_k[(d / 2 * LL_KV_BLOCK + lane) * 2 + d % 2] = ll_bf16_from_f32(k[d]);
        to_v[d] = ll_bf16_from_f32(v[d]);
    }
}

static void store_f32(const ll_kv *kv, size_t head, size_t pos, const float *k, const float *v) {
    const size_t block = pos / LL_KV_BLOCK, lane = pos % LL_KV_BLOCK, dim = kv->head_dim;
    float *const to_k = (float *)kv->k + (head * (kv->capacity / LL_KV_BLOCK) + block) * dim * LL_KV_BLOCK;
    float *const to_v = (float *)kv->v + (head * kv->capacity + pos) * dim;
    for (size_t d = 0; d < dim; d++) {
        to_k[d * LL_KV_BLOCK + lane] = k[d];
        to_v[d] = v[d];
    }
}

static int8_t quantized(const float *x, size_t d, size_t count, float inv) {
    return d < count ? ll_quantize_one_ref(x[d], inv) : 0;
}

static void store_i8(const ll_kv *kv, size_t head, size_t pos, const float *k, const float *v) {
    const size_t row = head * kv->capacity + pos, lane = pos % LL_KV_BLOCK; /* capacity is whole blocks */
    const size_t dim = kv->head_dim, width = ll_kv_bytes(LL_KV_I8, 1, 1, dim);
    int8_t *const to_k = (int8_t *)kv->k + (row - lane) * width, *const to_v = (int8_t *)kv->v + row * width;
    const float k_amax = ll_amax_ref(ll_plain_element_ref, k, 0, dim);
    const float v_amax = ll_amax_ref(ll_plain_element_ref, v, 0, dim);
    kv->k_scale[row] = k_amax / 127.0f;
    kv->v_scale[row] = v_amax / 127.0f;
    for (size_t d = 0; d < width; d++) {
        to_k[(d / 4 * LL_KV_BLOCK + lane) * 4 + d % 4] = quantized(k, d, dim, ll_inverse_ref(k_amax));
        to_v[d] = quantized(v, d, dim, ll_inverse_ref(v_amax));
    }
}

void ll_kv_store_ref(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                     size_t ldv) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t head = 0; head < kv->kv_heads; head++) {
            const float *const from_k = k + r * ldk + head * kv->head_dim;
            const float *const from_v = v + r * ldv + head * kv->head_dim;
            if (kv->type == LL_KV_BF16)
                store_bf16(kv, head, pos0 + r, from_k, from_v);
            else if (kv->type == LL_KV_I8)
                store_i8(kv, head, pos0 + r, from_k, from_v);
            else
                store_f32(kv, head, pos0 + r, from_k, from_v);
        }
    }
}
