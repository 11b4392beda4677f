/* What this ISA can do at most: multiply-adds that touch nothing but registers, and reads that do nothing but add.
 *
 * int8: a multiply of 16 pairs of 16 bits (VPMADDWD) and its add, the fastest exact product of bytes that AVX2 has. VPMADDUBSW
 * takes twice as many but saturates.
 */
#include "avx2.h"
#include "tile.h"
#include <assert.h>

enum {
    CHAINS = 12,
    STEPS = 16,   /* multiply-adds of each chain in a round */
    DOT_OPS = 32, /* of a VPMADDWD and its VPADDD */
    FMA_OPS = 16,
    LINE = 64,
    AHEAD = 2048, /* bytes */
    STREAMS = 4,
};

double ll_peak_i8_avx2(size_t rounds) {
    const __m256i u = _mm256_set1_epi16(3), q = _mm256_set1_epi16(-5);
    __m256i acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm256_setzero_si256();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS; c++) {
                __m256i product;
                /* volatile: the sums are never read, and must be made all the same */
                __asm__ volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
                                 : "+x"(acc[c]), "=&x"(product)
                                 : "x"(u), "x"(q));
            }
        }
    }
    return (double)rounds * STEPS * CHAINS * DOT_OPS;
}

double ll_peak_f32_avx2(size_t rounds) {
    const __m256 a = _mm256_set1_ps(1.5f), b = _mm256_set1_ps(-0.5f);
    __m256 acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm256_setzero_ps();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS; c++)
                __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(acc[c]) : "x"(a), "x"(b));
        }
    }
    return (double)rounds * STEPS * CHAINS * FMA_OPS;
}

/* Sums streams streams of bytes / streams each, every one in two accumulators. */
static LL_INLINE __m256i read_streams(const char *p, size_t bytes, size_t ahead, const size_t streams) {
    size_t length = bytes / streams;
    __m256i acc[2 * STREAMS];
    LL_UNROLL
    for (size_t i = 0; i < 2 * streams; i++)
        acc[i] = _mm256_setzero_si256();
    for (size_t at = 0; at < length; at += 4 * LINE) {
        LL_UNROLL
        for (size_t i = 0; i < streams; i++) {
            const char *from = p + i * length + at;
            LL_UNROLL
            for (size_t line = 0; line < 4; line++) {
                if (ahead != 0)
                    _mm_prefetch(ll_ahead(from + line * LINE, ahead), _MM_HINT_T0);
                const __m256i *const v = (const __m256i *)(const void *)(from + line * LINE);
                acc[2 * i] = _mm256_add_epi64(acc[2 * i], _mm256_load_si256(v));
                acc[2 * i + 1] = _mm256_add_epi64(acc[2 * i + 1], _mm256_load_si256(v + 1));
            }
        }
    }
    LL_UNROLL
    for (size_t i = 1; i < 2 * streams; i++)
        acc[0] = _mm256_add_epi64(acc[0], acc[i]);
    return acc[0];
}

uint64_t ll_read_stream_avx2(const void *p, size_t bytes, int variant) {
    assert((uintptr_t)p % LINE == 0 && bytes % 4096 == 0 && variant >= 0 && variant < LL_READ_VARIANTS);
    __m256i sum;
    if (variant == 0)
        sum = read_streams(p, bytes, 0, 1);
    else if (variant == 1)
        sum = read_streams(p, bytes, AHEAD, 1);
    else
        sum = read_streams(p, bytes, AHEAD, STREAMS);
    uint64_t lanes[4], total = 0; /* unsigned: the sum wraps */
    _mm256_storeu_si256((__m256i *)(void *)lanes, sum);
    for (int i = 0; i < 4; i++)
        total += lanes[i];
    return total;
}
