/* What VPDPBUSD can do at most: int8 multiply-adds from registers alone.
 *
 * On zmm it does 64 multiply-adds: 128 operations. Zen 4 starts one a cycle and finishes it 4 cycles later, so 4 chains reach the peak
 * there; 16 chains are enough for any core that starts two a cycle with a latency up to 8.
 */
#include "avx512vnni.h"
#include "tile.h"

enum {
    CHAINS = 16,
    STEPS = 16, /* instructions of each chain in a round */
    DOT_OPS = 128,
};

double ll_peak_i8_avx512vnni(size_t rounds) {
    __m512i u = _mm512_set1_epi8(3), q = _mm512_set1_epi8(-5), acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm512_setzero_si512();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS; c++)
                /* volatile: the sums are never read, and must be made all the same */
                __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(acc[c]) : "v"(u), "v"(q));
        }
    }
    return (double)rounds * STEPS * CHAINS * DOT_OPS;
}
