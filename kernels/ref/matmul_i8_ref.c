/* Layout of packed int8 weights: W as it comes, [n][k] int8, then from the next 64-byte boundary the scales
 * [n][groups]. */
#include "ref.h"
#include <math.h>
#include <string.h>

static size_t group_count(size_t k, size_t group) {
    return k ? (k + group - 1) / group : 0;
}

static size_t scale_offset(size_t n, size_t k) {
    return (n * k + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
}

size_t ll_packed_i8_bytes_ref(size_t n, size_t k, size_t group) {
    return scale_offset(n, k) + n * group_count(k, group) * sizeof(float);
}

void ll_pack_i8_ref(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                    const float *scale) {
    const size_t groups = group_count(k, group);
    char *const base = data;
    if (n0 == n1)
        return;
    memcpy(base + n0 * k, w, (n1 - n0) * k);
    memcpy(base + scale_offset(n, k) + n0 * groups * sizeof *scale, scale,
           (n1 - n0) * groups * sizeof *scale);
    if (n1 == n)
        memset(base + n * k, 0, scale_offset(n, k) - n * k);
}

static int32_t dot(const int8_t *a, const int8_t *b, size_t count) {
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

void ll_matmul_i8_ref(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                      size_t n0, size_t n1) {
    const int8_t *const weights = w->data;
    const float *const scales = (const float *)(const void *)(weights + scale_offset(w->n, w->k));
    for (size_t i = m0; i < m1; i++) {
        for (size_t j = n0; j < n1; j++) {
            float result = 0.0f;
            for (size_t g = 0; g < w->groups; g++) {
                const size_t start = g * w->group;
                const size_t length = w->k - start < w->group ? w->k - start : w->group;
                const int32_t sum = dot(x->q + i * x->ld + start, weights + j * w->k + start, length);
                result = fmaf((float)sum, x->scale[i * x->groups + g] * scales[j * w->groups + g], result);
            }
            y[i * ldy + j] = result;
        }
    }
}
