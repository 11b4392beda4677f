/* Shared by the scorer's files only. */
#ifndef LL_SCORER_PRIVATE_H
#define LL_SCORER_PRIVATE_H
#include "eval/lanes.h"
#include "eval/scorer.h"
#include "eval/template.h"
#include "head.h"

/* Questions on their way through the model. */
typedef struct {
    const ll_question_set *set;
    const size_t *list;
    size_t count;
    const ll_scorer_options *options;
    ll_lanes lanes;
    /* rows of a pass and what is asked of them */
    ll_head_part *rows;
    size_t row_count, row_capacity;
    ll_head_want *wants;
    size_t *want_request; /* of the batch's requests */
    size_t want_count, want_capacity;
    size_t generated; /* tokens */
    ll_error *error;
} ll_scorer;

ll_status ll_scorer_want(ll_scorer *scorer, size_t row, int32_t id, size_t request);
/* The head over the rows of the lanes' last pass. */
ll_status ll_scorer_head(ll_scorer *scorer, size_t rows);

ll_status ll_score_choices(ll_scorer *scorer);
ll_status ll_score_generations(ll_scorer *scorer);
#endif
