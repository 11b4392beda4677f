#include "plan.h"
#include "drop_orders.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    const ll_order_input input = {.layers = plan->layers, .importance = plan->importance};
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        const ll_status status = ll_order_make(&plan->orders.order[kind], LL_ORDER_IMPORTANCE, &input,
                                               (ll_drop_kind)kind, 0, error);
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
