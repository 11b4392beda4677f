/* What VPDPBUSD of 256 bits can do at most: multiply-adds that touch nothing but registers. */
#include "avxvnni.h"
#include "tile.h"

enum {
    CHAINS = 12,
    STEPS = 16,   /* multiply-adds of each chain in a round */
    DOT_OPS = 64, /* of a VPDPBUSD */
};

double ll_peak_i8_avxvnni(size_t rounds) {
    const __m256i u = _mm256_set1_epi8(3), q = _mm256_set1_epi8(-5);
    __m256i acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm256_setzero_si256();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS;
                 c++) /* volatile: the sums are never read, and must be made all the same */
                __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc[c]) : "x"(u), "x"(q));
        }
    }
    return (double)rounds * STEPS * CHAINS * DOT_OPS;
}
