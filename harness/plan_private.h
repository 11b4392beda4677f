/* The names in a plan file, shared by its writer and its reader. */
#ifndef LL_PLAN_PRIVATE_H
#define LL_PLAN_PRIVATE_H
#define LL_PLAN_FORMAT "layerlab drop plan"
/* How importance was measured; the only metric so far. */
#define LL_PLAN_METRIC "1 - cosine, with residual"
enum { LL_PLAN_VERSION = 1 };
#endif
