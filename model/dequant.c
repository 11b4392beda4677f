#include "dequant.h"
#include <string.h>

/* Every product below is rounded to float before the next operation, as numpy does: no fused multiply-add
 * here. Block layouts: the GGML quantization formats, ggml/src/ggml-common.h of llama.cpp. */

enum { SUPER = 256, SUB_BLOCKS = 8, SCALE_BYTES = 12 };

static float bits_to_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t load_u16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t load_u32(const uint8_t *p) {
    return load_u16(p) | load_u16(p + 2) << 16;
}

static float load_f16(const uint8_t *p) {
    const uint32_t half = load_u16(p);
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ffu;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 is exact in float */
        const float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    if (exponent == 31)
        return bits_to_float(sign | 0x7f800000u | mantissa << 13);
    return bits_to_float(sign | (exponent + 127 - 15) << 23 | mantissa << 13);
}

static void dequant_f32(const uint8_t *src, size_t n, float *dst) {
    memcpy(dst, src, n * sizeof *dst);
}

static void dequant_f16(const uint8_t *src, size_t n, float *dst) {
    for (size_t i = 0; i < n; i++)
        dst[i] = load_f16(src + 2 * i);
}

/* The type of most large checkpoints: written so that it becomes vectors. */
static void dequant_bf16(const uint8_t *src, size_t n, float *dst) {
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bf16 is copied as it lies in the file");
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, src + 2 * i, sizeof half);
        dst[i] = bits_to_float((uint32_t)half << 16);
    }
}

static void dequant_q8_0(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= 32, src += 34, dst += 32) {
        const float d = load_f16(src);
        for (size_t i = 0; i < 32; i++)
            dst[i] = d * (float)(int8_t)src[2 + i];
    }
}

/* The first half of a block's values lies in the low nibbles, the second half in the high ones. */
static void dequant_q4_0(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= 32, src += 18, dst += 32) {
        const float d = load_f16(src);
        for (size_t i = 0; i < 16; i++) {
            dst[i] = d * (float)((src[2 + i] & 15) - 8);
            dst[i + 16] = d * (float)((src[2 + i] >> 4) - 8);
        }
    }
}

static void dequant_q4_1(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= 32, src += 20, dst += 32) {
        const float d = load_f16(src), m = load_f16(src + 2);
        for (size_t i = 0; i < 16; i++) {
            dst[i] = d * (float)(src[4 + i] & 15) + m;
            dst[i + 16] = d * (float)(src[4 + i] >> 4) + m;
        }
    }
}

/* The 32 five-bit values of a block: fifth bits in one word, the other four as nibbles. */
static void unpack_q5(const uint8_t *fifth, const uint8_t *nibbles, int q[32]) {
    const uint32_t high = load_u32(fifth);
    for (size_t i = 0; i < 16; i++) {
        q[i] = (int)((nibbles[i] & 15u) | (high >> i & 1) << 4);
        q[i + 16] = (int)((nibbles[i] >> 4) | (high >> (i + 16) & 1) << 4);
    }
}

static void dequant_q5_0(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= 32, src += 22, dst += 32) {
        const float d = load_f16(src);
        int q[32];
        unpack_q5(src + 2, src + 6, q);
        for (size_t i = 0; i < 32; i++)
            dst[i] = d * (float)(q[i] - 16);
    }
}

static void dequant_q5_1(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= 32, src += 24, dst += 32) {
        const float d = load_f16(src), m = load_f16(src + 2);
        int q[32];
        unpack_q5(src + 4, src + 8, q);
        for (size_t i = 0; i < 32; i++)
            dst[i] = d * (float)q[i] + m;
    }
}

/* Eight 6-bit scales and eight 6-bit minima in 12 bytes: bytes 0-3 and 4-7 hold the first four of each in
 * their low six bits; the last four have their low nibbles in bytes 8-11 and their top two bits in those of
 * bytes 0-3 and 4-7. */
static void unpack_k_scales(const uint8_t p[SCALE_BYTES], float d, float dmin, float scale[SUB_BLOCKS],
                            float min[SUB_BLOCKS]) {
    for (size_t i = 0; i < 4; i++) {
        scale[i] = d * (float)(p[i] & 63);
        min[i] = dmin * (float)(p[4 + i] & 63);
        scale[4 + i] = d * (float)((p[8 + i] & 15) | (p[i] >> 2 & 0x30));
        min[4 + i] = dmin * (float)((p[8 + i] >> 4) | (p[4 + i] >> 2 & 0x30));
    }
}

/* Sub-blocks 2j and 2j + 1 share 32 bytes: low nibbles and high nibbles. */
static void dequant_q4_k(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= SUPER, src += 144) {
        float scale[SUB_BLOCKS], min[SUB_BLOCKS];
        unpack_k_scales(src + 4, load_f16(src), load_f16(src + 2), scale, min);
        for (size_t s = 0; s < SUB_BLOCKS; s++, dst += 32) {
            const uint8_t *nibbles = src + 16 + s / 2 * 32;
            for (size_t i = 0; i < 32; i++)
                dst[i] = scale[s] * (float)(nibbles[i] >> (s % 2 * 4) & 15) - min[s];
        }
    }
}

/* As Q4_K; bit s of the i-th of 32 more bytes is the fifth bit of value i of sub-block s. */
static void dequant_q5_k(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= SUPER, src += 176) {
        float scale[SUB_BLOCKS], min[SUB_BLOCKS];
        unpack_k_scales(src + 4, load_f16(src), load_f16(src + 2), scale, min);
        const uint8_t *fifth = src + 16;
        for (size_t s = 0; s < SUB_BLOCKS; s++, dst += 32) {
            const uint8_t *nibbles = src + 48 + s / 2 * 32;
            for (size_t i = 0; i < 32; i++) {
                const int q = (nibbles[i] >> (s % 2 * 4) & 15) | (fifth[i] >> s & 1) << 4;
                dst[i] = scale[s] * (float)q - min[s];
            }
        }
    }
}

/* Two halves of 128 values; in each, four runs of 32 take their low nibbles from 64 bytes (low nibbles of
 * both 32, then high nibbles) and their top two bits from 32 bytes. A signed scale for every 16 values; the
 * block's factor comes last. */
static void dequant_q6_k(const uint8_t *src, size_t n, float *dst) {
    for (; n; n -= SUPER, src += 210) {
        const float d = load_f16(src + 208);
        for (size_t run = 0; run < 8; run++, dst += 32) {
            const size_t half = run / 4, quarter = run % 4;
            const uint8_t *nibbles = src + half * 64 + quarter % 2 * 32;
            const uint8_t *top = src + 128 + half * 32;
            const uint8_t *scales = src + 192 + run * 2;
            for (size_t i = 0; i < 32; i++) {
                const int q = (nibbles[i] >> (quarter / 2 * 4) & 15) | (top[i] >> (quarter * 2) & 3) << 4;
                dst[i] = d * (float)(int8_t)scales[i / 16] * (float)(q - 32);
            }
        }
    }
}

void ll_dequant(uint32_t type, const void *src, size_t n, float *dst) {
    switch ((ll_tensor_type)type) {
    case LL_TYPE_F32:
        dequant_f32(src, n, dst);
        break;
    case LL_TYPE_F16:
        dequant_f16(src, n, dst);
        break;
    case LL_TYPE_BF16:
        dequant_bf16(src, n, dst);
        break;
    case LL_TYPE_Q8_0:
        dequant_q8_0(src, n, dst);
        break;
    case LL_TYPE_Q4_0:
        dequant_q4_0(src, n, dst);
        break;
    case LL_TYPE_Q4_1:
        dequant_q4_1(src, n, dst);
        break;
    case LL_TYPE_Q5_0:
        dequant_q5_0(src, n, dst);
        break;
    case LL_TYPE_Q5_1:
        dequant_q5_1(src, n, dst);
        break;
    case LL_TYPE_Q4_K:
        dequant_q4_k(src, n, dst);
        break;
    case LL_TYPE_Q5_K:
        dequant_q5_k(src, n, dst);
        break;
    case LL_TYPE_Q6_K:
        dequant_q6_k(src, n, dst);
        break;
    }
}
