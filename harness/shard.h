/* One part of a sweep that was cut in several (--shard I/N). */
#ifndef LL_SHARD_H
#define LL_SHARD_H
#include "sweep_private.h"

/* Before any work: refuses a folder that holds a part of another sweep; a whole sweep makes a merged folder its own. Nothing to do for
 * that below. */
ll_status ll_shard_begin(ll_sweep *sweep);
/* Leaves of the sweep's tasks this part's, in their order, and writes parts.json. Every task is in one part: tasks that drop the
 * same in the same, which measures that once; parts are neighbours in the order of what is dropped first, so that what plans have in
 * common at their beginning is mostly within a part; their numbers of different drops differ by one at most. The full model's rows
 * are in part 1. */
ll_status ll_shard_cut(ll_sweep *sweep);
/* All of the part's rows are there: notes it in parts.json. */
ll_status ll_shard_end(ll_sweep *sweep);
void ll_shard_free(ll_sweep *sweep);

/* The part, from 1, of each of count masks among parts. LL_NO_RESOURCE: no memory. */
ll_status ll_shard_parts(const ll_mask *const *masks, size_t count, size_t layers, size_t parts, size_t *part,
                         ll_error *error);
#endif
