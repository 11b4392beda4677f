/* KV-caches for the checks of kv_store and attention. */
#ifndef LL_CHECK_KV_H
#define LL_CHECK_KV_H

#include "kernels.h"

const char *check_kv_name(ll_kv_type type);
/* A guarded cache that holds the pattern of buf.h. */
ll_kv check_kv_make(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim);

#endif
