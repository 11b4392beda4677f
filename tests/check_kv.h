/* KV-caches for the checks of kv_store and attention. */
#ifndef LL_CHECK_KV_H
#define LL_CHECK_KV_H

#include "kernels.h"

enum { CHECK_KV_TYPES = 3 }; /* of ll_kv_type, from 0 */

const char *check_kv_name(ll_kv_type type);
/* A guarded cache that holds the pattern of buf.h. */
ll_kv check_kv_make(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim);
/* Zero bytes everywhere, as before anything was stored. */
void check_kv_zero(const ll_kv *kv);
/* What a cache holds of the values x of one position of one head, to float's precision. */
void check_kv_stored(ll_kv_type type, float *stored, const float *x, size_t head_dim);

#endif
