/* Where the parts of an int8 activation buffer and of a KV-cache lie; the same for every ISA. */
#include "kernels.h"
#include <assert.h>
#include <string.h>

static size_t round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

/* All of an ll_act but its pointers. */
static ll_act shape(size_t rows, size_t k, size_t group) {
    const size_t length = group == 0 || group > k ? k : group;
    return (ll_act){
        .rows = rows,
        .k = k,
        .ld = round_up(k, 64) + 64,
        .group = length,
        .groups = length ? (k + length - 1) / length : 0,
    };
}

static size_t q_bytes(const ll_act *act) {
    return act->rows * act->ld;
} /* a multiple of LL_ALIGN, as ld is */

static size_t scale_bytes(const ll_act *act) {
    return round_up(act->rows * act->groups * sizeof *act->scale, LL_ALIGN);
}

size_t ll_act_bytes(size_t rows, size_t k, size_t group) {
    const ll_act act = shape(rows, k, group);
    return q_bytes(&act) + scale_bytes(&act) + round_up(rows * act.groups * sizeof *act.sum, LL_ALIGN);
}

ll_act ll_act_place(void *buffer, size_t rows, size_t k, size_t group) {
    assert((uintptr_t)buffer % LL_ALIGN == 0);
    ll_act act = shape(rows, k, group);
    char *const base = buffer;
    memset(buffer, 0, ll_act_bytes(rows, k, group));
    act.q = (int8_t *)buffer;
    act.scale = (float *)(void *)(base + q_bytes(&act));
    act.sum = (int32_t *)(void *)(base + q_bytes(&act) + scale_bytes(&act));
    return act;
}

size_t ll_kv_bytes(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim) {
    const size_t positions = kv_heads * capacity;
    if (type == LL_KV_I8)
        return positions * round_up(head_dim, 4);
    return positions * head_dim * (type == LL_KV_BF16 ? sizeof(uint16_t) : sizeof(float));
}

size_t ll_kv_scale_bytes(ll_kv_type type, size_t capacity, size_t kv_heads) {
    return type == LL_KV_I8 ? kv_heads * capacity * sizeof(float) : 0;
}
