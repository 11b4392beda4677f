/* bfloat16: the upper half of a float. */
#ifndef LL_BF16_H
#define LL_BF16_H

#include <stdint.h>
#include <string.h>

static inline float ll_bf16_to_f32(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* Rounds to nearest even; a NaN keeps its sign and upper payload and becomes quiet, so that rounding cannot
 * carry it into infinity or zero. */
static inline uint16_t ll_bf16_from_f32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
