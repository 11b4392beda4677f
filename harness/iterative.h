/* Iterative dropping: the least important module goes, importance is computed again on what is left, and so on. */
#ifndef LL_ITERATIVE_H
#define LL_ITERATIVE_H
#include "importance.h"

/* Called after every drop with all that is dropped by now. A status other than LL_OK ends the run. */
typedef struct {
    ll_status (*dropped)(void *context, const ll_mask *mask, ll_module module, ll_error *error);
    void *context;
} ll_iterative_keeper;

/* Drops modules of kind (joint: attention and MLP layers in one list) on top of mask until count of them are dropped or none is
 * left. The one with the least mean 1 - cos on the model without mask goes; ties as in ll_plan_order. A progress step is a
 * sequence. */
ll_status ll_iterative_run(ll_mask *mask, const ll_model *model, const ll_sequences *sequences,
                           ll_drop_kind kind, size_t count, const ll_iterative_keeper *keeper,
                           ll_progress *progress, ll_error *error);
/* Modules of kind that mask drops: layers, or of joint attention and MLP layers; a block counts where both of its layers are. */
size_t ll_iterative_count(const ll_mask *mask, ll_drop_kind kind, size_t layers);
#endif
