/* Sizes in bytes that may be too large to count: sums and products that stay at the largest number, which nothing fits in. */
#ifndef LL_COUNT_H
#define LL_COUNT_H
#include <stdint.h>

static inline uint64_t ll_sum_or_max(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t ll_product_or_max(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}
#endif
