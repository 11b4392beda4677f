#include "exp.h"
#include "ref.h"

static float maximum(const float *x, size_t n) {
    float max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    return max;
}

void ll_softmax_f32_ref(float *x, size_t n) {
    if (n == 0)
        return;
    const float max = maximum(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = ll_expf_poly(x[i] - max);
        sum += (double)x[i];
    }
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)x[i] / sum);
}

double ll_logsumexp_f32_ref(const float *x, size_t n) {
    if (n == 0)
        return -INFINITY;
    const double max = (double)maximum(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return max + log(sum);
}
