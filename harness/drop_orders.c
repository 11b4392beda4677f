#include "drop_orders.h"
#include "eval/python_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[LL_ORDERS] = {
    [LL_ORDER_IMPORTANCE] = "importance",
    [LL_ORDER_NO_RESIDUAL] = "no-residual",
    [LL_ORDER_MAGNITUDE] = "magnitude",
    [LL_ORDER_REVERSE] = "reverse",
    [LL_ORDER_ITERATIVE] = "iterative",
    [LL_ORDER_CONSECUTIVE] = "consecutive",
    [LL_ORDER_COST] = "cost",
};

static bool is_random(ll_order order) {
    return order >= LL_ORDER_RANDOM && order < LL_ORDER_RANDOM + LL_RANDOM_SEEDS;
}

void ll_order_name(ll_order order, char out[LL_ORDER_NAME]) {
    if (is_random(order))
        snprintf(out, LL_ORDER_NAME, "random-%u", (unsigned)(order - LL_ORDER_RANDOM));
    else
        snprintf(out, LL_ORDER_NAME, "%s", names[order]);
}

ll_status ll_order_parse(const char *text, size_t length, ll_order *out) {
    for (int order = 0; order < LL_ORDERS; order++) {
        char name[LL_ORDER_NAME];
        ll_order_name((ll_order)order, name);
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            *out = (ll_order)order;
            return LL_OK;
        }
    }
    return LL_BAD_INPUT;
}

size_t ll_kind_modules(ll_drop_kind kind, size_t layers) {
    return kind == LL_JOINT ? 2 * layers : layers;
}

ll_module ll_kind_module(ll_drop_kind kind, size_t index) {
    return kind == LL_JOINT ? (ll_module){index % 2 ? LL_MLP : LL_ATTN, index / 2} : (ll_module){kind, index};
}

/* ---- ranking ---- */
typedef struct {
    ll_module module;
    double value; /* the least goes first */
} ranked;

static int compare(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    if (x->module.layer != y->module.layer)
        return x->module.layer < y->module.layer ? -1 : 1;
    return (int)x->module.kind - (int)y->module.kind;
}

static double importance_of(const ll_order_input *input, ll_module module) {
    return input->importance[module.kind][module.layer];
}

static double value_of(ll_order order, const ll_order_input *input, ll_module module, size_t index) {
    if (order == LL_ORDER_REVERSE)
        return -(double)index;
    if (order != LL_ORDER_COST)
        return importance_of(input, module);
    const double saved = input->microseconds[module.kind];
    return saved > 0 ? importance_of(input, module) / saved : HUGE_VAL;
}

/* Where the run of count neighbours begins. */
static size_t find_run(const ranked *list, size_t total, size_t count) {
    double least = HUGE_VAL;
    size_t begin = 0;
    for (size_t first = 0; first + count <= total; first++) {
        double sum = 0;
        for (size_t i = first; i < first + count; i++)
            sum += list[i].value;
        if (sum < least) {
            least = sum;
            begin = first;
        }
    }
    return begin;
}

/* ---- random ---- */
static ll_status draw(ranked *list, size_t total, uint64_t seed, ll_error *error) {
    ll_python_random *random = malloc(sizeof *random);
    size_t *drawn = malloc(2 * total * sizeof *drawn);
    if (random && drawn) {
        ll_python_random_seed(random, seed);
        ll_python_random_sample(random, total, total, drawn, drawn + total);
        for (size_t i = 0; i < total; i++)
            list[drawn[i]].value = (double)i;
    }
    const bool good = random && drawn;
    free(random);
    free(drawn);
    return good ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "drop plan: no memory to draw %zu modules", total);
}

static ll_status keep(ll_drop_order *out, const ranked *list, size_t count, ll_error *error) {
    out->modules = malloc((count ? count : 1) * sizeof *out->modules);
    if (!out->modules)
        return ll_fail(error, LL_NO_RESOURCE, "drop plan: no memory for %zu modules", count);
    for (size_t i = 0; i < count; i++)
        out->modules[i] = list[i].module;
    out->count = count;
    return LL_OK;
}

static ll_status check(ll_order order, const ll_order_input *input, ll_drop_kind kind, size_t count,
                       ll_error *error) {
    if (order == LL_ORDER_ITERATIVE)
        return ll_fail(error, LL_BAD_USAGE, "the order iterative is found by running the model");
    if (order == LL_ORDER_COST && kind != LL_JOINT)
        return ll_fail(error, LL_BAD_USAGE,
                       "the order cost is of joint, not of %s: modules of one kind cost "
                       "the same",
                       ll_drop_kind_name(kind));
    if (order == LL_ORDER_CONSECUTIVE && count > ll_kind_modules(kind, input->layers))
        return ll_fail(error, LL_BAD_USAGE, "%zu neighbours: there are %zu %s modules", count,
                       ll_kind_modules(kind, input->layers), ll_drop_kind_name(kind));
    return LL_OK;
}

ll_status ll_order_make(ll_drop_order *out, ll_order order, const ll_order_input *input, ll_drop_kind kind,
                        size_t count, ll_error *error) {
    ranked list[2 * LL_MAX_LAYERS];
    const size_t total = ll_kind_modules(kind, input->layers);
    size_t first = 0, kept = total;
    LL_TRY(check(order, input, kind, count, error));
    for (size_t i = 0; i < total; i++) {
        list[i].module = ll_kind_module(kind, i);
        list[i].value = is_random(order) ? 0 : value_of(order, input, list[i].module, i);
    }
    if (is_random(order))
        LL_TRY(draw(list, total, (uint64_t)(order - LL_ORDER_RANDOM), error));
    if (order == LL_ORDER_CONSECUTIVE) {
        first = find_run(list, total, count);
        kept = count;
    }
    qsort(list + first, kept, sizeof *list, compare);
    return keep(out, list + first, kept, error);
}
