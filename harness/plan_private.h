/* The names in a plan file, shared by its writer and its reader. */
#ifndef LL_PLAN_PRIVATE_H
#define LL_PLAN_PRIVATE_H
#define LL_PLAN_FORMAT "layerlab drop plan"
/* How importance was measured, by ll_metric. */
#define LL_PLAN_METRICS                                                                                      \
    { "1 - cosine, with residual", "1 - cosine, without residual", "relative magnitude" }
enum { LL_PLAN_VERSION = 1 };
#endif
