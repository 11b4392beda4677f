/* What this core can do at most: int8 multiply-adds from tile registers alone.
 *
 * TDPBSUD on whole tiles does 16 x 16 x 64 multiply-adds: 32,768 operations. Sapphire Rapids and Emerald Rapids start one
 * every 16 cycles and finish it 52 cycles later, so 4 chains reach the peak.
 */
#include "amx.h"
#include "tmm.h"

enum { CHAINS = 4, OPS = 2 * 16 * 16 * 64 };

double ll_peak_i8_amx(size_t rounds) {
    ll_tmm_shapes shapes = {.palette = 1};
    for (int t = 0; t < CHAINS + 2; t++) {
        shapes.row_bytes[t] = 64;
        shapes.rows[t] = 16;
    }
    ll_tmm_configure(&shapes);
    for (size_t r = 0; r < rounds; r++) {
        LL_TMM_DOT(0, 4, 5);
        LL_TMM_DOT(1, 4, 5);
        LL_TMM_DOT(2, 4, 5);
        LL_TMM_DOT(3, 4, 5);
    }
    ll_tmm_release();
    return (double)rounds * CHAINS * OPS;
}
