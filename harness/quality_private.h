/* What the parts of a quality run share: quality.c says which drops run together, quality_score.c what the head says of them. */
#ifndef LL_QUALITY_PRIVATE_H
#define LL_QUALITY_PRIVATE_H
#include "head.h"
#include "quality.h"

enum { LL_SCORE_ROWS = 256 }; /* positions that meet the head together: weights are read once for them */

/* What a passage adds up to. */
typedef struct {
    double loss, kl, same, difference;
} ll_passage_sums;

/* Buffers of scoring; set 0 is the full model where there is one. */
typedef struct {
    const ll_model *model;
    ll_session *session;
    bool compare;
    size_t blocks;                       /* of the vocabulary */
    ll_head_part *parts[LL_LOGITS_SETS]; /* [blocks][LL_SCORE_ROWS] */
    double *gap
        [LL_LOGITS_SETS]; /* [blocks][LL_SCORE_ROWS]: mean of full - dropped logit under the full model's softmax of the block */
    float next_logit[LL_LOGITS_SETS][LL_SCORE_ROWS]; /* of what follows */
    const int32_t *next;                             /* [LL_SCORE_ROWS] what follows */
    size_t sets;
} ll_scorer_of_streams;

ll_status ll_score_begin(ll_scorer_of_streams *out, const ll_model *model, ll_session *session, bool compare,
                         ll_error *error);
void ll_score_end(ll_scorer_of_streams *scorer);
/* Adds what the last scored ids of a passage (ids [count + 1]) lose in count streams [count][hidden] to sums[i] of each. full:
 * the full model's stream; NULL: none. */
ll_status ll_score_streams(ll_scorer_of_streams *scorer, const float *full, const float *const *streams,
                           ll_passage_sums *const *sums, size_t stream_count, const int32_t *ids,
                           size_t count, size_t scored, ll_error *error);
#endif
