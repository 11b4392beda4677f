/* Log-likelihoods of choices, and generated answers: what a model says to a set of questions. */
#ifndef LL_SCORER_H
#define LL_SCORER_H
#include "eval/questions.h"

/* Of one request. */
typedef struct {
    double ll;     /* log-likelihood of the continuation */
    bool greedy;   /* every token of it was the likeliest */
    char *text;    /* generated, in front of the first stop string */
    size_t tokens; /* generated */
} ll_said;

typedef struct {
    size_t batch; /* questions at once; 0: what fills a pass and fits in memory */
    /* Called for every question of the list when it is answered, not in the list's order; said is [requests]. */
    ll_status (*answered)(void *context, size_t question, const ll_said *said, ll_error *error);
    void *context;
} ll_scorer_options;

typedef struct {
    size_t questions; /* asked */
    size_t asked;     /* tokens of all their requests, and those generated */
    size_t computed;  /* of which went through the layers */
    size_t batch;     /* questions at once */
    double seconds;
} ll_scorer_use;

/* Asks the questions list[count] of the set, in this order. */
ll_status ll_score(const ll_question_set *set, const size_t *list, size_t count, const ll_model *model,
                   const ll_mask *mask, const ll_scorer_options *options, ll_scorer_use *use,
                   ll_error *error);
#endif
