/* Two passes over the scores of one query head, everything in double: scratch holds one score a position seen,
 * then one sum a dimension. */
#include "bf16.h"
#include "ref.h"
#include <math.h>

static double read_k(const ll_kv *kv, size_t head, size_t pos, size_t d) {
    const size_t block = head * (kv->capacity / LL_KV_BLOCK) + pos / LL_KV_BLOCK;
    const size_t base = block * kv->head_dim * LL_KV_BLOCK, lane = pos % LL_KV_BLOCK;
    if (kv->type == LL_KV_BF16)
        return (double)ll_bf16_to_f32(
            ((const uint16_t *)kv->k)[base + (d / 2 * LL_KV_BLOCK + lane) * 2 + d % 2]);
    if (kv->type == LL_KV_I8) {
        const size_t width = ll_kv_bytes(LL_KV_I8, 1, 1, kv->head_dim);
        const int8_t q =
            ((const int8_t *)kv->k)[block * width * LL_KV_BLOCK + (d / 4 * LL_KV_BLOCK + lane) * 4 + d % 4];
        return (double)q * (double)kv->k_scale[head * kv->capacity + pos];
    }
    return (double)((const float *)kv->k)[base + d * LL_KV_BLOCK + lane];
}

static double read_v(const ll_kv *kv, size_t head, size_t pos, size_t d) {
    const size_t index = (head * kv->capacity + pos) * kv->head_dim + d;
    if (kv->type == LL_KV_BF16)
        return (double)ll_bf16_to_f32(((const uint16_t *)kv->v)[index]);
    if (kv->type == LL_KV_I8) {
        const size_t row = head * kv->capacity + pos, width = ll_kv_bytes(LL_KV_I8, 1, 1, kv->head_dim);
        return (double)((const int8_t *)kv->v)[row * width + d] * (double)kv->v_scale[row];
    }
    return (double)((const float *)kv->v)[index];
}

/* Scores of count positions from first on; returns the largest. */
static double score_positions(double *score, size_t first, size_t count, const float *q, const ll_kv *kv,
                              size_t head, float scale) {
    double max = -INFINITY;
    for (size_t j = 0; j < count; j++) {
        double dot = 0;
        for (size_t d = 0; d < kv->head_dim; d++)
            dot += (double)q[d] * read_k(kv, head, first + j, d);
        score[j] = (double)scale * dot;
        max = fmax(max, score[j]);
    }
    return max;
}

static void attend(float *out, size_t first, size_t count, const float *q, const ll_kv *kv, size_t head,
                   float scale, double *scratch) {
    double *const score = scratch, *const sum = scratch + kv->capacity;
    const double max = score_positions(score, first, count, q, kv, head, scale);
    double total = 0;
    for (size_t d = 0; d < kv->head_dim; d++)
        sum[d] = 0;
    for (size_t j = 0; j < count; j++) {
        const double weight = exp(score[j] - max);
        total += weight;
        for (size_t d = 0; d < kv->head_dim; d++)
            sum[d] += weight * read_v(kv, head, first + j, d);
    }
    for (size_t d = 0; d < kv->head_dim; d++)
        out[d] = (float)(sum[d] / total);
}

size_t ll_attention_scratch_bytes_ref(const ll_kv *kv, size_t heads) {
    (void)heads;
    return (kv->capacity + kv->head_dim) * sizeof(double);
}

void ll_attention_ref(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                      size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                      void *scratch) {
    const size_t share = heads / kv->kv_heads; /* query heads that read one KV head */
    for (size_t r = 0; r < rows; r++) {
        const size_t end = pos0 + r + 1, count = window && window < end ? window : end;
        for (size_t h = h0 * share; h < h1 * share; h++)
            attend(out + r * ldo + h * kv->head_dim, end - count, count, q + r * ldq + h * kv->head_dim, kv,
                   h / share, scale, scratch);
    }
}
