/* Probes of what this core can do at most: int8 and f32 multiply-adds from registers alone, and bytes read from
 * memory.
 *
 * int8: a multiply of 32 pairs of 16 bits (VPMADDWD) and its add, the fastest exact product of bytes without VNNI. f32: VFMADD231PS on
 * zmm, 32 operations; 16 chains are enough for any core that starts two a cycle with a latency up to 8.
 *
 * Reading: which of the three is fastest changes with the machine, and on a shared one with the hour (Zen 4, one
 * core: plain 34, prefetched 33, four streams 31 GB/s; at another time plain 20, prefetched 30). Bandwidth is
 * therefore the best of all variants, never one.
 */
#include "avx512bw.h"
#include "tile.h"
#include <assert.h>

enum {
    CHAINS = 16,
    STEPS = 16,   /* multiply-adds of each chain in a round */
    DOT_OPS = 64, /* of a VPMADDWD and its VPADDD */
    FMA_OPS = 32,
    LINE = 64,
    AHEAD = 2048, /* bytes */
    STREAMS = 4,
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

double ll_peak_f32_avx512bw(size_t rounds) {
    __m512 a = _mm512_set1_ps(1.5f), b = _mm512_set1_ps(-0.5f), acc[CHAINS];
    LL_UNROLL
    for (int c = 0; c < CHAINS; c++)
        acc[c] = _mm512_setzero_ps();
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int c = 0; c < CHAINS; c++)
                __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(acc[c]) : "v"(a), "v"(b));
        }
    }
    return (double)rounds * STEPS * CHAINS * FMA_OPS;
}

/* Sums streams streams of bytes / streams each, every one in two accumulators. */
static LL_INLINE __m512i read_streams(const char *p, size_t bytes, size_t ahead, const size_t streams) {
    size_t length = bytes / streams;
    __m512i acc[2 * STREAMS];
    LL_UNROLL
    for (size_t i = 0; i < 2 * streams; i++)
        acc[i] = _mm512_setzero_si512();
    for (size_t at = 0; at < length; at += 4 * LINE) {
        LL_UNROLL
        for (size_t i = 0; i < streams; i++) {
            const char *from = p + i * length + at;
            LL_UNROLL
            for (size_t line = 0; line < 4; line++) {
                if (ahead != 0)
                    _mm_prefetch(ll_ahead(from + line * LINE, ahead), _MM_HINT_T0);
                __m512i v = _mm512_load_si512(from + line * LINE);
                acc[2 * i + line % 2] = _mm512_add_epi64(acc[2 * i + line % 2], v);
            }
        }
    }
    LL_UNROLL
    for (size_t i = 1; i < 2 * streams; i++)
        acc[0] = _mm512_add_epi64(acc[0], acc[i]);
    return acc[0];
}

uint64_t ll_read_stream_avx512bw(const void *p, size_t bytes, int variant) {
    assert((uintptr_t)p % LINE == 0 && bytes % 4096 == 0 && variant >= 0 && variant < LL_READ_VARIANTS);
    __m512i sum;
    if (variant == 0)
        sum = read_streams(p, bytes, 0, 1);
    else if (variant == 1)
        sum = read_streams(p, bytes, AHEAD, 1);
    else
        sum = read_streams(p, bytes, AHEAD, STREAMS);
    uint64_t lanes[8], total = 0; /* unsigned: the sum wraps */
    _mm512_storeu_si512(lanes, sum);
    for (int i = 0; i < 8; i++)
        total += lanes[i];
    return total;
}
