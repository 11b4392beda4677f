#include "plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    ll_module module;
    double importance;
} ranked;

static int compare(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->importance != y->importance)
        return x->importance < y->importance ? -1 : 1;
    if (x->module.layer != y->module.layer)
        return x->module.layer < y->module.layer ? -1 : 1;
    return (int)x->module.kind - (int)y->module.kind;
}

/* Adds every module of kind to list. */
static size_t collect(const ll_plan *plan, ll_drop_kind kind, ranked *list, size_t count) {
    for (size_t layer = 0; layer < plan->layers; layer++)
        list[count++] = (ranked){{kind, layer}, plan->importance[kind][layer]};
    return count;
}

static ll_status order_kind(ll_plan *plan, ll_drop_kind kind, ll_error *error) {
    ranked list[2 * LL_MAX_LAYERS];
    const size_t count = kind == LL_JOINT ? collect(plan, LL_MLP, list, collect(plan, LL_ATTN, list, 0))
                                          : collect(plan, kind, list, 0);
    qsort(list, count, sizeof *list, compare);
    ll_drop_order *order = &plan->orders.order[kind];
    order->modules = malloc(count * sizeof *order->modules);
    if (!order->modules)
        return ll_fail(error, LL_NO_RESOURCE, "drop plan: no memory for %zu modules", count);
    order->count = count;
    for (size_t i = 0; i < count; i++)
        order->modules[i] = list[i].module;
    return LL_OK;
}

ll_status ll_plan_order(ll_plan *plan, ll_error *error) {
    memset(&plan->orders, 0, sizeof plan->orders);
    if (plan->layers == 0 || plan->layers > LL_MAX_LAYERS)
        return ll_fail(error, LL_BAD_INPUT, "drop plan: %zu layers; expected 1 to %d", plan->layers,
                       LL_MAX_LAYERS);
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < plan->layers; layer++)
            if (!isfinite(plan->importance[kind][layer]))
                return ll_fail(error, LL_BAD_INPUT,
                               "drop plan: the importance of %s layer %zu is no finite number",
                               ll_drop_kind_name((ll_drop_kind)kind), layer);
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        const ll_status status = order_kind(plan, (ll_drop_kind)kind, error);
        if (status != LL_OK) {
            ll_plan_free(plan);
            return status;
        }
    }
    return LL_OK;
}

void ll_plan_free(ll_plan *plan) {
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        free(plan->orders.order[kind].modules);
    memset(&plan->orders, 0, sizeof plan->orders);
}
