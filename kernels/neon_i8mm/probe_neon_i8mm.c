/* What SMMLA can do at most: multiply-adds that touch nothing but registers. */
#include "neon_i8mm.h"
#include "tile.h"

enum {
    CHAINS = 16,
    STEPS = 16,    /* multiply-adds of each chain in a round */
    MMLA_OPS = 64, /* 2 x 2 sums of 8 products */
};

double ll_peak_i8_neon_i8mm(size_t rounds) {
    const int8x16_t w = vdupq_n_s8(3), q = vdupq_n_s8(-5);
    int32x4_t acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = vdupq_n_s32(0);
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS;
                 c++) /* volatile: the sums are never read, and must be made all the same */
                __asm__ volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(acc[c]) : "w"(w), "w"(q));
        }
    }
    return (double)rounds * STEPS * CHAINS * MMLA_OPS;
}
