#include "quantize.h"

#include <stdint.h>
#include <string.h>

/* Weights are quantized once, by the billion: both loops are written so that compilers turn them into vectors. */

/* The largest magnitude's bits, without sign. Of floats without sign the order is that of their bits, and what is not finite
 * is above all that is. */
static uint32_t largest_bits(const float *w, size_t n) {
    uint32_t largest = 0;
#pragma omp simd reduction(max : largest)
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &w[i], sizeof bits);
        bits &= 0x7fffffffu;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

/* Round to nearest even: added to 1.5 * 2^52, a double has no bits left below the point, and its low byte is the integer. */
static void scale_and_round(const float *w, size_t n, double inverse, int8_t *q) {
    const double all_integer = 6755399441055744.0;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        const double sum = (double)w[i] * inverse + all_integer;
        uint64_t bits;
        memcpy(&bits, &sum, sizeof bits);
        q[i] = (int8_t)(uint8_t)bits;
    }
}

bool ll_quantize_row(const float *w, size_t k, size_t group, int8_t *q, float *scale) {
    const uint32_t infinity = 0x7f800000u;
    for (size_t first = 0; first < k; first += group) {
        const size_t n = k - first < group ? k - first : group;
        const uint32_t bits = largest_bits(w + first, n);
        if (bits >= infinity)
            return false;
        float amax;
        memcpy(&amax, &bits, sizeof amax);
        *scale++ = (float)((double)amax / 127.0);
        scale_and_round(w + first, n, amax > 0 ? 127.0 / (double)amax : 0.0, q + first);
    }
    return true;
}
