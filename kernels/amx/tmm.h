/* Tile registers, tmm0 to tmm7: up to 16 rows of up to 64 bytes each. As asm and not as intrinsics, because gcc 12's do not
 * say which memory they read: it would leave out the stores that fill it. */
#ifndef LL_AMX_TMM_H
#define LL_AMX_TMM_H

#include <stddef.h>
#include <stdint.h>

/* What LDTILECFG reads: the shape of each tile. */
typedef struct {
    uint8_t palette, start_row, zero[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} ll_tmm_shapes;

/* Every tile becomes zero. */
static inline void ll_tmm_configure(const ll_tmm_shapes *shapes) {
    __asm__ volatile("ldtilecfg %0" ::"m"(*shapes));
}

/* The tiles are of no use until they are configured again; the kernel need not save them any more. */
static inline void ll_tmm_release(void) {
    __asm__ volatile("tilerelease");
}

#define LL_TMM_ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define LL_TMM_LOAD(t, p, stride)                                                                            \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(p), "r"((size_t)(stride)) : "memory")
#define LL_TMM_STORE(p, stride, t)                                                                           \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)" ::"r"(p), "r"((size_t)(stride)) : "memory")
/* sum += signed x unsigned bytes, fours of them to an int32. */
#define LL_TMM_DOT(sum, q, u) __asm__ volatile("tdpbsud %%tmm" #u ", %%tmm" #q ", %%tmm" #sum ::)

#endif
