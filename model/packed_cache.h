/* Packed int8 weights kept between runs, in the options' folder. Private to model/. */
#ifndef LL_PACKED_CACHE_H
#define LL_PACKED_CACHE_H
#include "weights.h"

/* Fills the laid-out arena from the kept file of the same source (paths, sizes, modification times), shape, group, ISA
 * layout and format version. *hit false: there is none, or it is stale, cut or damaged. Then there is room for a new one, or
 * LL_NO_RESOURCE says what is missing. */
ll_status ll_packed_cache_load(const ll_weights_source *source, ll_weights *weights, bool *hit);
/* Keeps the filled arena: written beside and renamed. */
ll_status ll_packed_cache_save(const ll_weights_source *source, const ll_weights *weights);
#endif
