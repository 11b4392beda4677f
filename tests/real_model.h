/* The default model, for tests that run it. */
#ifndef LL_REAL_MODEL_H
#define LL_REAL_MODEL_H
#include "model.h"

/* NULL when it is not there (the running test is then skipped) or does not load (then failed). Groups of 128. */
ll_model *ll_real_model(ll_weights_kind weights, size_t threads);
/* LL_TEST_QUICK: only what sanitizers are to see. */
bool ll_test_quick(void);
#endif
