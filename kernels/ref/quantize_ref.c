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

int8_t ll_quantize_one_ref(float x, float inv) {
    const float scaled = x * inv;
    if (scaled != scaled) /* 0 x infinity: inv overflows when amax is below 127 / FLT_MAX */
        return 0;
    if (scaled > 127.0f)
        return 127;
    if (scaled < -127.0f)
        return -127;
    return (int8_t)lrintf(scaled);
}

float ll_amax_ref(ll_element_ref *element, const void *row, size_t start, size_t end) {
    uint32_t bits = 0;
    for (size_t i = start; i < end; i++) {
        const uint32_t magnitude = magnitude_bits(element(row, i));
        bits = magnitude > bits ? magnitude : bits;
    }
    float amax;
    memcpy(&amax, &bits, sizeof amax);
    return amax;
}

float ll_inverse_ref(float amax) {
    return amax == 0.0f ? 0.0f : 127.0f / amax;
}

static void quantize_group(ll_act *out, size_t r, size_t g, ll_element_ref *element, const void *row) {
    const size_t start = g * out->group;
    const size_t end = out->k - start < out->group ? out->k : start + out->group;
    const float amax = ll_amax_ref(element, row, start, end), inv = ll_inverse_ref(amax);
    int32_t sum = 0;
    for (size_t i = start; i < end; i++) {
        const int8_t q = ll_quantize_one_ref(element(row, i), inv);
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

float ll_plain_element_ref(const void *row, size_t i) {
    return ((const float *)row)[i];
}

void ll_quantize_ref(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++)
        ll_quantize_row_ref(out, r, ll_plain_element_ref, x + r * ldx);
}
