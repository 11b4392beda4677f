/* What AVX-512 without VNNI can do at most: a multiply of 32 pairs of 16 bits (VPMADDWD) and its add, its fastest exact product of
 * bytes, on nothing but registers. */
#include "avx512bw.h"
#include "tile.h"

enum {
    CHAINS = 16,
    STEPS = 16,   /* multiply-adds of each chain in a round */
    DOT_OPS = 64, /* of a VPMADDWD and its VPADDD */
};

double ll_peak_i8_avx512bw(size_t rounds) {
    const __m512i u = _mm512_set1_epi16(3), q = _mm512_set1_epi16(-5);
    __m512i acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm512_setzero_si512();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS; c++) {
                __m512i product;
                /* volatile: the sums are never read, and must be made all the same */
                __asm__ volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
                                 : "+v"(acc[c]), "=&v"(product)
                                 : "v"(u), "v"(q));
            }
        }
    }
    return (double)rounds * STEPS * CHAINS * DOT_OPS;
}
