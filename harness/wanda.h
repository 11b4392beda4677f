/* Wanda (arXiv 2306.11695): weights pruned by |weight| times the norm of what it multiplies, to set beside dropped layers (the paper's
 * table 9). Zeros stay where they are in the float32 matrices: quality changes, speed and memory do not. */
#ifndef LL_WANDA_H
#define LL_WANDA_H
#include "documents.h"
#include "progress.h"
#include "prune.h"

/* How much goes: a sparsity, or as many weights of the blocks' matrices as a number of modules has. */
typedef struct {
    ll_sparsity sparsity;
    ll_drop_kind kind; /* where count > 0 */
    size_t count;
} ll_wanda_amount;

enum { LL_WANDA_TEXT = 48 };
/* "2:4", "0.5", or "attn@4" (mlp, block). LL_BAD_USAGE: anything else. */
ll_status ll_wanda_amount_parse(ll_wanda_amount *out, const char *text, size_t length, ll_error *error);
/* What rows call such weights in their column weights: "f32-wanda-2:4". */
void ll_wanda_weights_name(const ll_wanda_amount *amount, char out[LL_WANDA_TEXT]);
/* The sparsity for a model of that shape. LL_BAD_USAGE: it has not that many modules, or no more. */
ll_status ll_wanda_sparsity(const ll_wanda_amount *amount, const ll_config *config, ll_sparsity *out,
                            ll_error *error);

/* What the norms are taken on: documents as tokens. */
typedef struct {
    ll_ids ids;  /* one after the other */
    size_t *end; /* [samples], of document i, in ids */
    size_t samples;
    /* Called with the norms of a matrix's inputs [k] before it is pruned, for tests; NULL: nobody asks. */
    void (*norms)(void *context, size_t layer, ll_input input, const float *norm, size_t k);
    void *context;
} ll_wanda_calibration;

/* The first samples documents (0: all; fewer where there are fewer), each cut to length tokens. LL_BAD_INPUT: they hold no tokens. */
ll_status ll_wanda_read(ll_wanda_calibration *out, const ll_tokenizer *tokenizer,
                        const ll_documents *documents, size_t samples, size_t length, ll_error *error);
void ll_wanda_free(ll_wanda_calibration *calibration);

typedef struct {
    ll_sparsity sparsity;
    ll_pruned pruned;
} ll_wanda_result;

/* Prunes Q, K, V, O, gate, up and down of every block, embedding and head not. Block after block, as the authors' code does: the
 * norms of a block's inputs are those of the calibration tokens (all of them) behind the pruned blocks before it, its own matrices
 * still whole; then it is pruned, and its outputs are what the next block gets. norm = sqrt(sum of squares over tokens / documents). What
 * drop leaves out is neither run nor pruned. path is the checkpoint that the model was loaded from,
 * and its weights are as they were then. All documents' residual streams are held
 * at once: LL_NO_RESOURCE, with figures, where they do not fit. The same bits at any thread count. One progress step in all. */
ll_status ll_wanda_prune(ll_wanda_result *out, ll_model *model, const char *path, const ll_mask *drop,
                         const ll_wanda_amount *amount, const ll_wanda_calibration *calibration,
                         ll_progress *progress, ll_error *error);
#endif
