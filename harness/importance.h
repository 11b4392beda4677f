/* Importance of every module, found in one pass of the model over a calibration set. */
#ifndef LL_IMPORTANCE_H
#define LL_IMPORTANCE_H
#include "documents.h"
#include "metric.h"
#include "plan.h"
#include "progress.h"
#include "sequences.h"

/* What the first documents of a calibration set have added up to: a run goes on from here. {0}: the start. */
typedef struct {
    size_t documents, tokens;
    double sum[LL_METRICS][LL_MODULE_KINDS][LL_MAX_LAYERS]; /* over tokens */
} ll_tally;

/* Called after every document; a status other than LL_OK ends the run. save NULL: nobody keeps it. */
typedef struct {
    ll_status (*save)(void *context, const ll_tally *tally, ll_error *error);
    void *context;
} ll_tally_keeper;

/* Adds to tally the sequences that it does not hold yet, run through the full model; the result is the same to the bit, whatever
 * it held before. A progress step is a sequence. */
ll_status ll_tally_run(ll_tally *tally, const ll_model *model, const ll_sequences *sequences,
                       const ll_tally_keeper *keeper, ll_progress *progress, ll_error *error);
/* plan's importance and tokens as tally, of tokens, has them by metric; plan->layers are known. */
void ll_tally_take(const ll_tally *tally, ll_metric metric, ll_plan *plan);

/* The importance of each attention layer, MLP layer and block of the full model by plan->metric, over the first samples
 * documents (0: all; fewer where the file holds fewer), each cut to length tokens; tokens of all documents weigh the same. Fills
 * plan's importance, samples, length, tokens, layers and data_sha256; the rest is the caller's. tally then holds all metrics. */
ll_status ll_importance_run(ll_plan *plan, const ll_model *model, const ll_documents *documents,
                            size_t samples, size_t length, ll_tally *tally, const ll_tally_keeper *keeper,
                            ll_progress *progress, ll_error *error);
#endif
