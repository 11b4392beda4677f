/* Kernels with a planted bug, for the test of the checker. */
#ifndef LL_CHECK_PLANTED_H
#define LL_CHECK_PLANTED_H

#include "kernels.h"

typedef enum {
    BUG_NONE,
    /* matmul_i8 */
    BUG_DROPPED_TAIL,
    BUG_WRONG_CORRECTION,
    BUG_CORRECTION_OF_ANOTHER_ROW,
    BUG_OVER_READ,
    BUG_UNDER_READ,
    BUG_STALE_ACCUMULATOR,
    BUG_SCALE_OF_SHORT_GROUP,
    BUG_WRITE_PAST_TILE,
    BUG_ONE_ROW_DIFFERS,
    BUG_PACK_IGNORES_N0,
    BUG_ILLEGAL_INSTRUCTION,
    BUG_SCALED_SUM_ROUNDED_TWICE,
    /* attention */
    BUG_SWAPPED_KV_HEAD,
    BUG_CAUSAL_ONE_MORE,
    BUG_CAUSAL_ONE_LESS,
    BUG_NO_RESCALE,
    BUG_SCRATCH_TOO_SMALL,
    BUG_WINDOW_ONE_MORE,
    BUG_WINDOW_FROM_ITS_BLOCK,
    BUG_READS_BEFORE_WINDOW,
    BUG_I8_V_SCALE_OF_ANOTHER_HEAD,
    BUG_I8_K_TAIL_DROPPED,
    BUG_NAN_SWALLOWED,
    BUG_ROUNDS_UNSAID,
    BUG_ROUNDS_TO_FEWER_BITS,
    /* the others */
    BUG_TIES_AWAY_FROM_ZERO,
    BUG_STALE_PADDING,
    BUG_NO_EPS,
    BUG_LIBRARY_EXP,
    BUG_INTERLEAVED_PAIRS,
    BUG_ADD_DROPS_TAIL,
    BUG_TRUNCATED_BF16,
    BUG_CLEARS_LATER_POSITIONS,
    BUG_I8_ONE_SCALE_FOR_K_AND_V,
    BUG_NO_MAXIMUM,
    BUG_SUMMED_IN_FLOAT,
    BUG_LAST_BYTES_UNREAD,
    BUG_ONE_ROUND_COUNTED,
    BUG_COUNT
} planted_bug;

/* ref's table with the kernels of this file in place of its matmul_i8, attention and whatever bug spoils. The
 * bug is in force until the next call. */
ll_kernels planted_table(const ll_kernels *ref, planted_bug bug);

#endif
