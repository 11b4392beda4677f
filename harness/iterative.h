/* Iterative dropping: the least important module goes, importance is computed again on what is left, and so on. Only from the layer
 * dropped on: the residual streams before layers are kept, as many as memory says. */
#ifndef LL_ITERATIVE_H
#define LL_ITERATIVE_H
#include "importance.h"

/* Called after every drop with all that is dropped by now. A status other than LL_OK ends the run. save NULL: nobody is. */
typedef struct {
    ll_status (*save)(void *context, const ll_mask *mask, ll_module module, ll_error *error);
    void *context;
} ll_iterative_keeper;

typedef struct ll_iterative ll_iterative;

/* memory: bytes for kept streams; with less than those of all layers take (layers x tokens x hidden x 4) every second one's are kept,
 * every third one's, ..., at least those before the first layer. What is found has the same bits. sequences must outlive it. */
ll_status ll_iterative_create(ll_iterative **out, const ll_model *model, const ll_sequences *sequences,
                              uint64_t memory, ll_error *error);
void ll_iterative_destroy(ll_iterative *iterative); /* NULL is fine */

/* Drops modules of kind (joint: attention and MLP layers in one list) on top of mask until count of them are dropped or none is
 * left. The one with the least mean 1 - cos on the model without mask goes; ties as in ll_order_make. A progress step is a layer
 * of a sequence. */
ll_status ll_iterative_run(ll_iterative *iterative, ll_mask *mask, ll_drop_kind kind, size_t count,
                           const ll_iterative_keeper *keeper, ll_progress *progress, ll_error *error);
/* Tokens x layers that runs so far have asked for, every importance anew, and that were computed. */
typedef struct {
    uint64_t asked, computed;
} ll_iterative_work;
ll_iterative_work ll_iterative_done(const ll_iterative *iterative);

/* Modules of kind that mask drops: layers, or of joint attention and MLP layers; a block counts where both of its layers are. */
size_t ll_iterative_count(const ll_mask *mask, ll_drop_kind kind, size_t layers);
#endif
