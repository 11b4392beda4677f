/* What the head says of positions, vocabulary block by vocabulary block: logits are never held whole. */
#ifndef LL_HEAD_H
#define LL_HEAD_H
#include "model.h"

/* What a block of the vocabulary, or all of it, says of a position. */
typedef struct {
    double lse; /* log of the sum of e^logit */
    float top;  /* the highest logit, and its id, the lowest of equals */
    uint32_t top_id;
} ll_head_part;

/* Of ids logits from id on. */
ll_head_part ll_head_part_of(const ll_kernels *kernels, const float *logits, size_t id, size_t ids);
/* All blocks of a position, stride apart. Joined in their order, so that the sums have the same bits at any thread count. */
ll_head_part ll_head_join(const ll_head_part *parts, size_t blocks, size_t stride);

/* The logit of an id at a row, to be found out. */
typedef struct {
    size_t row;
    int32_t id;
    float logit;
} ll_head_want;

/* The head over rows rows of residual stream: rows_out[rows], and the logits of wants, which are in the order of their rows.
 * LL_NO_RESOURCE; or refused as by ll_session_visit_logits. */
ll_status ll_head_run(const ll_model *model, ll_session *session, const float *residual, size_t rows,
                      ll_head_part *rows_out, ll_head_want *wants, size_t want_count, ll_error *error);
#endif
