/* Packed int8 weights kept between runs, in the options' folder. Private to model/. */
#ifndef LL_PACKED_CACHE_H
#define LL_PACKED_CACHE_H
#include "weights.h"

enum { LL_PACKED_KEY = 1 << 14, LL_PACKED_PATH = 4096 };
typedef struct {
    char key
        [LL_PACKED_KEY]; /* everything that the arena's bytes depend on, as text: equal text, equal bytes */
    char path
        [LL_PACKED_PATH]; /* of the kept file: of one source and the same options it is one, which a newer one replaces */
} ll_packed_name;

/* Fills the laid-out arena from the kept file of the same source (files' identity), shape, group, ISA
 * layout and format version. *hit false: there is none, or it is stale, cut or damaged. Then there is room for a new one, or
 * LL_NO_RESOURCE says what is missing. name is what save takes. */
ll_status ll_packed_cache_load(const ll_weights_source *source, ll_weights *weights, ll_packed_name *name,
                               bool *hit);
/* Keeps the filled arena under the name of before it was filled: written without a name, or beside, and renamed. Not when the
 * source changed meanwhile. A failure says in the source's error why nothing is kept; the weights are good. */
ll_status ll_packed_cache_save(const ll_weights_source *source, const ll_weights *weights,
                               const ll_packed_name *name);
#endif
