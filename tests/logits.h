/* What a model says of a sequence. */
#ifndef LL_LOGITS_H
#define LL_LOGITS_H
#include "model.h"

/* Logits [count][vocab] of all ids, forwarded step at a time; malloc'd. An error fails the running test. */
float *ll_logits_in_steps(const ll_model *model, const ll_mask *mask, const int32_t *ids, size_t count,
                          size_t step);
#endif
