/* Layout of packed float weights: W as it comes, [n][k]. */
#include "ref.h"
#include <math.h>
#include <string.h>

size_t ll_packed_f32_bytes_ref(size_t n, size_t k) {
    return n * k * sizeof(float);
}

void ll_pack_f32_ref(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w) {
    (void)n;
    if (n0 < n1)
        memcpy((float *)data + n0 * k, w, (n1 - n0) * k * sizeof *w);
}

void ll_matmul_f32_ref(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                       const ll_packed *w, size_t n0, size_t n1) {
    const float *const weights = w->data;
    for (size_t i = m0; i < m1; i++) {
        for (size_t j = n0; j < n1; j++) {
            float result = 0.0f;
            for (size_t k = 0; k < w->k; k++)
                result = fmaf(x[i * ldx + k], weights[j * w->k + k], result);
            y[i * ldy + j] = result;
        }
    }
}
