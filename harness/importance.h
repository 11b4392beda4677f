/* Importance of every module, found in one pass of the full model over a calibration set. */
#ifndef LL_IMPORTANCE_H
#define LL_IMPORTANCE_H
#include "documents.h"
#include "plan.h"
#include "progress.h"
#include "tokens.h"

/* What the first documents of a calibration set have added up to: a run goes on from here. {0}: the start. */
typedef struct {
    size_t documents, tokens;
    double sum[LL_MODULE_KINDS][LL_MAX_LAYERS]; /* of 1 - cos over tokens */
} ll_tally;

/* Called after every document; a status other than LL_OK ends the run. save NULL: nobody keeps it. */
typedef struct {
    ll_status (*save)(void *context, const ll_tally *tally, ll_error *error);
    void *context;
} ll_tally_keeper;

/* For each attention layer, MLP layer and block: S = 1 - mean over tokens of cos(X, Y), X and Y the residual stream
 * before and after it (arXiv 2406.15786, equation 2). The first samples documents (0: all; fewer where the file holds
 * fewer), each cut to length tokens; tokens of all documents weigh the same. Fills plan's importance, samples, length,
 * tokens, layers and data_sha256; the rest is the caller's. Documents that tally holds already are not run again; the
 * result is the same to the bit. */
ll_status ll_importance_run(ll_plan *plan, const ll_model *model, const ll_documents *documents,
                            size_t samples, size_t length, ll_tally *tally, const ll_tally_keeper *keeper,
                            ll_progress *progress, ll_error *error);
#endif
