/* What dropping costs in quality: perplexity, and distance from the full model. */
#ifndef LL_QUALITY_H
#define LL_QUALITY_H
#include "progress.h"
#include "tokens.h"

/* The recipe that quality rows name: whole windows that do not overlap, each scored but for its first token
 * (BOS before it where the model adds one, never scored). */
#define LL_QUALITY_RECIPE "whole-windows"

typedef struct {
    double perplexity, perplexity_stderr; /* exp of the mean negative log-likelihood */
    double kl, kl_stderr; /* mean KL(full || dropped) in nats a token; NAN without a baseline */
    double top1,
        top1_stderr;        /* share of tokens where both have the same most likely next token; NAN without */
    size_t tokens, windows; /* scored; standard errors take tokens as independent */
} ll_quality;

/* The full model's residual streams of all windows: what KL and top-1 are compared with. */
typedef struct {
    float *residual; /* [count][BOS + window][hidden] */
} ll_baseline;
ll_status ll_baseline_make(ll_baseline *out, const ll_model *model, const ll_windows *windows,
                           ll_progress *progress, ll_error *error);
void ll_baseline_free(ll_baseline *baseline);

/* baseline may be NULL. One progress step a window. */
ll_status ll_quality_run(ll_quality *out, const ll_model *model, const ll_mask *mask,
                         const ll_windows *windows, const ll_baseline *baseline, ll_progress *progress,
                         ll_error *error);
#endif
