#include "quantize.h"

#include <math.h>

bool ll_quantize_row(const float *w, size_t k, size_t group, int8_t *q, float *scale) {
    for (size_t first = 0; first < k; first += group) {
        const size_t end = first + group < k ? first + group : k;
        float amax = 0;
        for (size_t i = first; i < end; i++) {
            if (!isfinite(w[i]))
                return false;
            amax = fmaxf(amax, fabsf(w[i]));
        }
        *scale++ = (float)((double)amax / 127.0);
        const double inverse = amax > 0 ? 127.0 / (double)amax : 0.0;
        for (size_t i = first; i < end; i++)
            q[i] = (int8_t)nearbyint((double)w[i] * inverse);
    }
    return true;
}
