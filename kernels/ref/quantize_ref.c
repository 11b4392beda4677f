#include "ref.h"
#include <math.h>
#include <string.h>

/* The bits of |x| compare as integers just as |x| does, with NaN above all: a NaN in the group becomes its
 * amax and so reaches the scale and every result, instead of vanishing. */
static uint32_t magnitude_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffff;
}

static int8_t quantize_one(float x, float inv) {
    const float scaled = x * inv;
    if (scaled != scaled) /* 0 x infinity: inv overflows when amax is below 127 / FLT_MAX */
        return 0;
    if (scaled > 127.0f)
        return 127;
    if (scaled < -127.0f)
        return -127;
    return (int8_t)lrintf(scaled);
}

static void quantize_group(ll_act *out, size_t r, size_t g, ll_element_ref *element, const void *row) {
    const size_t start = g * out->group;
    const size_t end = out->k - start < out->group ? out->k : start + out->group;
    uint32_t bits = 0;
    for (size_t i = start; i < end; i++) {
        const uint32_t magnitude = magnitude_bits(element(row, i));
        bits = magnitude > bits ? magnitude : bits;
    }
    float amax;
    memcpy(&amax, &bits, sizeof amax);
    const float inv = amax == 0.0f ? 0.0f : 127.0f / amax;
    int32_t sum = 0;
    for (size_t i = start; i < end; i++) {
        const int8_t q = quantize_one(element(row, i), inv);
        out->q[r * out->ld + i] = q;
        sum += q;
    }
    out->scale[r * out->groups + g] = amax / 127.0f;
    out->sum[r * out->groups + g] = sum;
}

void ll_quantize_row_ref(ll_act *out, size_t r, ll_element_ref *element, const void *row) {
    for (size_t g = 0; g < out->groups; g++)
        quantize_group(out, r, g, element, row);
}

static float plain_element(const void *row, size_t i) {
    return ((const float *)row)[i];
}

void ll_quantize_ref(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++)
        ll_quantize_row_ref(out, r, plain_element, x + r * ldx);
}
