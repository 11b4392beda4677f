/* The checker is checked: every planted bug must be caught, by the check of its operation and for the right
 * reason, and the same kernels without a bug must pass. */
#include "check.h"
#include "check_planted.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    ll_op op;
    planted_bug bug;
    const char *reason; /* what the report must say */
} plant;

static const plant plants[] = {
    {"dropped tail", LL_OP_MATMUL_I8, BUG_DROPPED_TAIL, "ref has"},
    {"wrong correction", LL_OP_MATMUL_I8, BUG_WRONG_CORRECTION, "ref has"},
    {"correction of another row", LL_OP_MATMUL_I8, BUG_CORRECTION_OF_ANOTHER_ROW, "ref has"},
    {"over-read by one", LL_OP_MATMUL_I8, BUG_OVER_READ, "SIGSEGV: byte 1 past the end of activations.q"},
    {"under-read by one", LL_OP_MATMUL_I8, BUG_UNDER_READ,
     "SIGSEGV: 1 bytes before the start of activations.q"},
    {"stale accumulator", LL_OP_MATMUL_I8, BUG_STALE_ACCUMULATOR, "ref has"},
    {"scale of the last short group", LL_OP_MATMUL_I8, BUG_SCALE_OF_SHORT_GROUP, "ref has"},
    {"write past the tile", LL_OP_MATMUL_I8, BUG_WRITE_PAST_TILE, "y"},
    {"one row alone differs", LL_OP_MATMUL_I8, BUG_ONE_ROW_DIFFERS, "ref has"},
    {"pack ignores n0", LL_OP_MATMUL_I8, BUG_PACK_IGNORES_N0, "panels packed one by one"},
    {"illegal instruction", LL_OP_MATMUL_I8, BUG_ILLEGAL_INSTRUCTION, "SIGILL"},
    {"scaled sum rounded twice", LL_OP_MATMUL_I8, BUG_SCALED_SUM_ROUNDED_TWICE, "ref has"},
    {"swapped KV head", LL_OP_ATTENTION, BUG_SWAPPED_KV_HEAD, "bound"},
    {"one position too many", LL_OP_ATTENTION, BUG_CAUSAL_ONE_MORE, "bound"},
    {"one position too few", LL_OP_ATTENTION, BUG_CAUSAL_ONE_LESS, "bound"},
    {"no rescale in the online softmax", LL_OP_ATTENTION, BUG_NO_RESCALE, "bound"},
    {"scratch too small", LL_OP_ATTENTION, BUG_SCRATCH_TOO_SMALL, "scratch"},
    {"window one too wide", LL_OP_ATTENTION, BUG_WINDOW_ONE_MORE, "bound"},
    {"window from the start of its block", LL_OP_ATTENTION, BUG_WINDOW_FROM_ITS_BLOCK, "bound"},
    {"read before the window", LL_OP_ATTENTION, BUG_READS_BEFORE_WINDOW, "before the start of K cache"},
    {"int8 V by the scale of another head", LL_OP_ATTENTION, BUG_I8_V_SCALE_OF_ANOTHER_HEAD, "bound"},
    {"tail of an int8 K block dropped", LL_OP_ATTENTION, BUG_I8_K_TAIL_DROPPED, "bound"},
    {"NaN swallowed", LL_OP_ATTENTION, BUG_NAN_SWALLOWED, "ref has"},
    {"q rounded to bf16, and not said", LL_OP_ATTENTION, BUG_ROUNDS_UNSAID, "bound"},
    {"q rounded to fewer bits than said", LL_OP_ATTENTION, BUG_ROUNDS_TO_FEWER_BITS, "bound"},
    {"ties away from zero", LL_OP_QUANTIZE, BUG_TIES_AWAY_FROM_ZERO, "ref has"},
    {"stale padding", LL_OP_QUANTIZE, BUG_STALE_PADDING, "padding byte 0"},
    {"eps left out", LL_OP_RMSNORM_F32, BUG_NO_EPS, "ref has"},
    {"another exp", LL_OP_SILU_MUL_F32, BUG_LIBRARY_EXP, "ref has"},
    {"interleaved pairs", LL_OP_ROPE_F32, BUG_INTERLEAVED_PAIRS, "ref has"},
    {"tail not added", LL_OP_ADD_F32, BUG_ADD_DROPS_TAIL, "ref has"},
    {"bf16 truncated", LL_OP_KV_STORE, BUG_TRUNCATED_BF16, "V cache differs"},
    {"later positions cleared", LL_OP_KV_STORE, BUG_CLEARS_LATER_POSITIONS, "V cache differs"},
    {"one int8 scale for K and V", LL_OP_KV_STORE, BUG_I8_ONE_SCALE_FOR_K_AND_V, "V scales differ"},
    {"no maximum taken off", LL_OP_SOFTMAX_F32, BUG_NO_MAXIMUM, "exactly"},
    {"summed in float", LL_OP_LOGSUMEXP_F32, BUG_SUMMED_IN_FLOAT, "exactly"},
    {"last bytes unread", LL_OP_READ_STREAM, BUG_LAST_BYTES_UNREAD, "is not read"},
    {"one round counted", LL_OP_PEAK_F32, BUG_ONE_ROUND_COUNTED, "rounds"},
    {"no bug", LL_OP_MATMUL_I8, BUG_NONE, NULL},
    {"no bug", LL_OP_ATTENTION, BUG_NONE, NULL},
};

static struct {
    ll_kernels ref;
    const plant *plant;
    uint64_t seed;
} now; /* ll_test_run takes a function without arguments */

static void run_plant(void) {
    const ll_kernels table = planted_table(&now.ref, now.plant->bug);
    const check_outcome outcome = check_run(check_of(now.plant->op), &now.ref, &table, now.seed);
    if (!now.plant->reason) {
        CHECK_MSG(!outcome.failed, "a good kernel was reported: %s", outcome.text);
        return;
    }
    CHECK_MSG(outcome.failed, "not caught (LL_SEED=%llu)", (unsigned long long)now.seed);
    if (outcome.failed)
        CHECK_CONTAINS(outcome.text, now.plant->reason);
}

int main(int argc, char **argv) {
    const char *const seed = getenv("LL_SEED");
    now.seed = seed ? strtoull(seed, NULL, 0) : 1;
    ll_test_begin(argc, argv);
    if (ll_kernels_select(&now.ref, 0, ll_isa_name(0)) != LL_OK)
        return 1;
    for (size_t i = 0; i < sizeof plants / sizeof plants[0]; i++) {
        char name[96];
        now.plant = &plants[i];
        snprintf(name, sizeof name, "planted/%s/%s", ll_op_name(now.plant->op), now.plant->name);
        ll_test_run(name, run_plant);
    }
    return ll_test_end();
}
