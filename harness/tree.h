/* Drop masks as a tree over the modules: what several of them have in common before their first difference is computed once. */
#ifndef LL_TREE_H
#define LL_TREE_H
#include "model.h"
#include "progress.h"

typedef struct {
    size_t layers, count;
    const ll_mask *masks;
    size_t *
        order; /* [count] masks in the order of their modules, kept before dropped: a common beginning makes them neighbours */
} ll_tree;

/* masks stay the caller's. */
ll_status ll_tree_make(ll_tree *out, const ll_mask *masks, size_t count, size_t layers, ll_error *error);
void ll_tree_free(ll_tree *tree);

/* Modules that run when masks order[first .. end) run together; computed[i], where not NULL, is increased by those that mask i is
 * the first to need. */
size_t ll_tree_modules(const ll_tree *tree, size_t first, size_t end, size_t *computed);
/* Modules that a mask keeps. */
size_t ll_mask_modules(const ll_mask *mask, size_t layers);

/* streams[i], [count][hidden], receives what mask order[first + i] makes of the tokens: the bits of that mask alone. session is one
 * for streams. A progress step a module. */
ll_status ll_tree_run(const ll_tree *tree, size_t first, size_t end, ll_session *session, const int32_t *ids,
                      size_t count, size_t hidden, float *const *streams, ll_progress *progress,
                      ll_error *error);
#endif
