/* What dropping costs in quality: perplexity, and distance from the full model, of one drop or of many at once. */
#ifndef LL_QUALITY_H
#define LL_QUALITY_H
#include "passages.h"
#include "progress.h"

typedef struct {
    double perplexity, perplexity_stderr; /* exp of the mean loss, the negative log-likelihood of a token */
    double word_perplexity,
        byte_perplexity; /* exp of the loss of all over words, bytes; NAN but of recipe rolling */
    /* From the full model on the same tokens; NAN without one. */
    double kl, kl_stderr;     /* mean KL(full || dropped) in nats a token */
    double top1, top1_stderr; /* share of tokens where both have the same most likely next token */
    double difference, difference_stderr; /* mean of loss - full model's loss, in nats a token: paired */
    /* Scored. Standard errors take passages as independent, not tokens: those of one text are alike, and errors from tokens are
     * two to four times too small (harness/README.md). NAN of one passage. */
    size_t tokens, passages;
    uint64_t modules_asked;    /* modules that the drop keeps x tokens that go through the model */
    uint64_t modules_computed; /* of which no other drop of the run had the same input before */
} ll_quality;

/* Over passages: of a passage's sum over its scored tokens, of its square, of it times the number of these tokens. */
typedef struct {
    double sum, squares, weighted;
} ll_moments;
typedef struct {
    ll_moments loss, kl, same, difference;
} ll_quality_sums;

/* What the first passages have added up to: a run goes on from here, with the same bits in the end. sums[masks]. */
typedef struct {
    size_t passages;
    ll_quality_sums *sums;
} ll_quality_tally;

/* Called after every passage; a status other than LL_OK ends the run. */
typedef struct {
    ll_status (*save)(void *context, const ll_quality_tally *tally, ll_error *error);
    void *context;
} ll_quality_keeper;

/* The residual streams of another model's full pass (one that differs in its weights alone), of all passages: to compare with. */
typedef struct {
    float *residual; /* of each passage in turn [count - 1][hidden] */
} ll_baseline;
ll_status ll_baseline_make(ll_baseline *out, const ll_model *model, const ll_passages *passages,
                           ll_progress *progress, ll_error *error);
void ll_baseline_free(ll_baseline *baseline);

typedef struct {
    const ll_model *model;
    const ll_passages *passages;
    const ll_mask *masks; /* [count] */
    size_t count;
    bool compare;                /* with the full model, which runs beside the masks */
    const ll_baseline *baseline; /* instead of that; NULL: none */
    uint64_t
        memory; /* for residual streams; 0: half of what is free, 4 GiB at most. The numbers do not depend on it */
    double work; /* what the whole job counts in the progress */
} ll_quality_job;

/* Modules that the job runs for a token: what masks have in common is run once, as a tree over the modules (tree.h). */
ll_status ll_quality_modules(const ll_quality_job *job, size_t *modules, ll_error *error);
/* out[job->count]. A mask's numbers have the same bits whatever runs beside it. tally and keeper may be NULL. */
ll_status ll_quality_run(ll_quality *out, const ll_quality_job *job, ll_quality_tally *tally,
                         const ll_quality_keeper *keeper, ll_progress *progress, ll_error *error);
#endif
