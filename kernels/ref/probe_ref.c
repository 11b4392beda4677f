#include "ref.h"

enum { CHAINS = 8 };

double ll_peak_i8_ref(size_t rounds) {
    int32_t sum[CHAINS] = {0};
    int32_t factor = 3;
    for (size_t round = 0; round < rounds; round++) {
        for (int chain = 0; chain < CHAINS; chain++) {
            __asm__("" : "+r"(factor)); /* the compiler must not know the product, or it drops the loop */
            sum[chain] += (int8_t)factor * (int8_t)factor;
        }
    }
    for (int chain = 0; chain < CHAINS; chain++)
        __asm__ volatile("" : : "r"(sum[chain]));
    return 2.0 * CHAINS * (double)rounds;
}

double ll_peak_f32_ref(size_t rounds) {
    float sum[CHAINS] = {0};
    float factor = 3;
    for (size_t round = 0; round < rounds; round++) {
        for (int chain = 0; chain < CHAINS; chain++) {
            __asm__("" : "+m"(factor)); /* as above; any register file */
            sum[chain] += factor * factor;
        }
    }
    for (int chain = 0; chain < CHAINS; chain++)
        __asm__ volatile("" : : "m"(sum[chain]));
    return 2.0 * CHAINS * (double)rounds;
}

/* Variants: one stream; one stream prefetched 2 KB ahead; four streams. */
enum { AHEAD = 2048 };

static uint64_t read_one(const uint64_t *p, size_t words, size_t ahead) {
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++) {
        if (ahead && i % 8 == 0 && i + ahead < words)
            __builtin_prefetch(p + i + ahead);
        sum += p[i];
    }
    return sum;
}

static uint64_t read_four(const uint64_t *p, size_t words) {
    const size_t quarter = words / 4;
    uint64_t sum = 0;
    for (size_t i = 0; i < quarter; i++)
        sum += p[i] + p[quarter + i] + p[2 * quarter + i] + p[3 * quarter + i];
    return sum;
}

uint64_t ll_read_stream_ref(const void *p, size_t bytes, int variant) {
    const size_t words = bytes / sizeof(uint64_t);
    if (variant == 2)
        return read_four(p, words);
    return read_one(p, words, variant == 1 ? AHEAD / sizeof(uint64_t) : 0);
}
