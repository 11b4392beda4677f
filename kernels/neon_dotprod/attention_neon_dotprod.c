/* Causal attention, NEON: the walk of attention.inc,
 *
 *   for each block of 64 positions:      K 64 x head_dim, V 64 x head_dim
 *     for each tile of <= 6 queries:     scores (attention_tile_neon_dotprod.h) -> max, exp, sum (attention_blocks_neon.inc)
 *     for each tile of <= 6 queries:     values
 *
 * int8: a score is multiplied by its K's scale before the softmax, a weight by its V's scale after it, both for 4
 * positions at a time; the two products run on the whole numbers. */
#include "attention_tile_neon_dotprod.h"

enum { ATT_STEP = 1 };
#include "attention_blocks_neon.inc"

size_t ll_attention_scratch_bytes_neon_dotprod(const ll_kv *kv, size_t heads) {
    (void)heads;
    return blocks_scratch_bytes(kv);
}

/* A copy: rows of a model lie whole pages apart, in few sets of the L1. */
static void begin(batch *b, const cache *c) {
    float *q = own_of(b).q;
    memset(q, 0, b->count * b->ld * sizeof *q);
    for (size_t i = 0; i < b->count; i++, q += b->ld)
        memcpy(q, b->q[i], c->dim * sizeof *q);
}

static LL_INLINE void store_weights(float *p, size_t at, float32x4_t weights) {
    vst1q_f32(p + at, weights);
}

#include "attention_lines.inc"

void ll_attention_neon_dotprod(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv,
                               size_t pos0, size_t rows, size_t heads, size_t h0, size_t h1, float scale,
                               size_t window, void *scratch) {
    attend(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, scale, window, scratch);
}
