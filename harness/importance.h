/* Importance of every module, found in one pass of the full model over a calibration set. */
#ifndef LL_IMPORTANCE_H
#define LL_IMPORTANCE_H
#include "documents.h"
#include "plan.h"
#include "progress.h"
#include "tokens.h"

/* For each attention layer, MLP layer and block: S = 1 - mean over tokens of cos(X, Y), X and Y the residual
 * stream before and after it (arXiv 2406.15786, equation 2). The first samples documents (0: all; fewer where
 * the file holds fewer), each cut to length tokens; tokens of all documents weigh the same. Fills plan's
 * importance, samples, length, tokens, layers and data_sha256; the rest is the caller's. */
ll_status ll_importance_run(ll_plan *plan, const ll_model *model, const ll_documents *documents,
                            size_t samples, size_t length, ll_progress *progress, ll_error *error);
#endif
