/* What this ISA can do at most: multiply-adds that touch nothing but registers, and reads that do nothing but add.
 *
 * SDOT does 16 multiply-adds of bytes, FMLA 4 of floats: 32 and 8 operations. A core with a latency of 4 cycles and four pipes
 * needs 16 chains; 24 also suffice for six pipes, and with the two factors fit in 32 registers.
 *
 * Reading: a line is four loads of 16 bytes, each with a sum of its own.
 */
#include "neon_dotprod.h"
#include "tile.h"
#include <assert.h>

enum {
    ROWS = 2, /* of chains: LL_UNROLL unrolls up to 16 turns */
    COLUMNS = 12,
    CHAINS = ROWS * COLUMNS,
    STEPS = 16, /* instructions of each chain in a round */
    DOT_OPS = 32,
    FMA_OPS = 8,
    LINE = 64,
    PARTS = LINE / 16, /* loads of a line */
    AHEAD = 2048,      /* bytes */
    STREAMS = 4,
};

double ll_peak_i8_neon_dotprod(size_t rounds) {
    const int8x16_t w = vdupq_n_s8(3), q = vdupq_n_s8(-5);
    int32x4_t acc[ROWS][COLUMNS];
    LL_UNROLL
    for (int row = 0; row < ROWS; row++) {
        LL_UNROLL
        for (int c = 0; c < COLUMNS; c++)
            acc[row][c] = vdupq_n_s32(0);
    }
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int row = 0; row < ROWS; row++) {
                LL_UNROLL
                for (int c = 0; c < COLUMNS; c++)
                    /* volatile: the sums are never read, and must be made all the same */
                    __asm__ volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(acc[row][c]) : "w"(w), "w"(q));
            }
        }
    }
    return (double)rounds * STEPS * CHAINS * DOT_OPS;
}

double ll_peak_f32_neon_dotprod(size_t rounds) {
    const float32x4_t a = vdupq_n_f32(1.5f), b = vdupq_n_f32(-0.5f);
    float32x4_t acc[ROWS][COLUMNS];
    LL_UNROLL
    for (int row = 0; row < ROWS; row++) {
        LL_UNROLL
        for (int c = 0; c < COLUMNS; c++)
            acc[row][c] = vdupq_n_f32(0.0f);
    }
    for (size_t r = 0; r < rounds; r++) {
        for (int s = 0; s < STEPS; s++) {
            LL_UNROLL
            for (int row = 0; row < ROWS; row++) {
                LL_UNROLL
                for (int c = 0; c < COLUMNS; c++)
                    __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(acc[row][c]) : "w"(a), "w"(b));
            }
        }
    }
    return (double)rounds * STEPS * CHAINS * FMA_OPS;
}

/* Sums streams streams of bytes / streams each. */
static LL_INLINE uint64x2_t read_streams(const char *p, size_t bytes, size_t ahead, const size_t streams) {
    const size_t length = bytes / streams;
    uint64x2_t acc[STREAMS * PARTS];
    LL_UNROLL
    for (size_t i = 0; i < streams * PARTS; i++)
        acc[i] = vdupq_n_u64(0);
    for (size_t at = 0; at < length; at += LINE) {
        LL_UNROLL
        for (size_t i = 0; i < streams; i++) {
            const char *const from = p + i * length + at;
            if (ahead != 0)
                __builtin_prefetch(ll_ahead(from, ahead));
            LL_UNROLL
            for (size_t part = 0; part < PARTS; part++) {
                const uint8x16_t bytes_16 = vld1q_u8((const uint8_t *)from + 16 * part);
                acc[i * PARTS + part] = vaddq_u64(acc[i * PARTS + part], vreinterpretq_u64_u8(bytes_16));
            }
        }
    }
    LL_UNROLL
    for (size_t i = 1; i < streams * PARTS; i++)
        acc[0] = vaddq_u64(acc[0], acc[i]);
    return acc[0];
}

uint64_t ll_read_stream_neon_dotprod(const void *p, size_t bytes, int variant) {
    assert((uintptr_t)p % LINE == 0 && bytes % 4096 == 0 && variant >= 0 && variant < LL_READ_VARIANTS);
    uint64x2_t sum;
    if (variant == 0)
        sum = read_streams(p, bytes, 0, 1);
    else if (variant == 1)
        sum = read_streams(p, bytes, AHEAD, 1);
    else
        sum = read_streams(p, bytes, AHEAD, STREAMS);
    return vaddvq_u64(sum);
}
