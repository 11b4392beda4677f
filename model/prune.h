/* Weights set to zero by score: the sparsity that is asked for, and a loaded model's blocks so pruned. */
#ifndef LL_PRUNE_H
#define LL_PRUNE_H
#include "checkpoint.h"
#include "model.h"

/* What stays of a row of k weights, which are compared with each other and with no other row's. */
typedef struct {
    size_t keep, of; /* N:M: of every M weights one after the other at most N; of 0: */
    double share;    /* the floor(k x share) of the lowest score go */
} ll_sparsity;

enum { LL_SPARSITY_TEXT = 32, LL_SPARSITY_OF_MAX = 32 };
/* "2:4" (0 < N < M <= LL_SPARSITY_OF_MAX) or a share such as "0.5", above 0 and below 1. LL_BAD_USAGE: anything else. */
ll_status ll_sparsity_parse(ll_sparsity *out, const char *text, size_t length, ll_error *error);
/* The same text for the same sparsity: "2:4", "0.5". */
void ll_sparsity_format(const ll_sparsity *sparsity, char out[LL_SPARSITY_TEXT]);

/* Sets to zero the weights of a row w[k] with the lowest scores |w[i]| * norm[i] (arXiv 2306.11695, equation 1), computed in float32.
 * Of equal scores the first goes, as in the authors' stable sort. The last of the N:M groups may be shorter: N of it stay too. norm is
 * finite. */
void ll_prune_row(float *w, const float *norm, size_t k, const ll_sparsity *sparsity);

typedef struct {
    uint64_t zeros, weights; /* of what was pruned: weights that are 0 now, all */
} ll_pruned;
/* Prunes a block's matrices: weights as the checkpoint has them, by norm[i], the norms of the columns of what they multiply
 * (NULL: matrices of that input stay as they are). Adds to out. No session may be at work. LL_BAD_USAGE: weights are not float32. */
ll_status ll_model_prune_block(ll_model *model, const ll_checkpoint *checkpoint, size_t layer,
                               const float *const norm[LL_INPUTS], const ll_sparsity *sparsity,
                               ll_pruned *out, ll_error *error);
#endif
