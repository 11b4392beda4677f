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

void ll_kv_store_ref(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                     size_t ldv) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t head = 0; head < kv->kv_heads; head++) {
            const float *const from_k = k + r * ldk + head * kv->head_dim;
            const float *const from_v = v + r * ldv + head * kv->head_dim;
            if (kv->type == LL_KV_BF16)
                store_bf16(kv, head, pos0 + r, from_k, from_v);
            else
                store_f32(kv, head, pos0 + r, from_k, from_v);
        }
    }
}
