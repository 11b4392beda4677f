#include "documents.h"
#include "plan.h"
#include "plan_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* File names may be any bytes, JSON is UTF-8. */
static json_t *make_name(const char *name) {
    json_t *text = json_string(name);
    if (text)
        return text;
    char plain[sizeof((ll_plan *)0)->data_file];
    size_t length = 0;
    for (; name[length] && length + 1 < sizeof plain; length++)
        plain[length] = (unsigned char)name[length] < 128 ? name[length] : '?';
    return json_stringn(plain, length);
}

static json_t *make_importance(const ll_plan *plan) {
    json_t *kinds = json_object();
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        json_t *values = json_array();
        for (size_t layer = 0; layer < plan->layers; layer++)
            json_array_append_new(values, json_real(plan->importance[kind][layer]));
        json_object_set_new(kinds, ll_drop_kind_name((ll_drop_kind)kind), values);
    }
    return kinds;
}

/* Layer numbers; joint's are "attn:25", the module as the drop grammar writes it. */
static json_t *make_orders(const ll_plan *plan) {
    json_t *kinds = json_object();
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        const ll_drop_order *order = &plan->orders.order[kind];
        json_t *modules = json_array();
        for (size_t i = 0; i < order->count; i++) {
            const ll_module module = order->modules[i];
            json_array_append_new(modules,
                                  kind == LL_JOINT
                                      ? json_sprintf("%s:%zu", ll_drop_kind_name(module.kind), module.layer)
                                      : json_integer((json_int_t)module.layer));
        }
        json_object_set_new(kinds, ll_drop_kind_name((ll_drop_kind)kind), modules);
    }
    return kinds;
}

char *ll_plan_text(const ll_plan *plan) {
    static const char *const metrics[LL_METRICS] = LL_PLAN_METRICS;
    json_t *root = json_pack(
        "{s:s, s:i, s:s, s:s, s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:o}", "format", LL_PLAN_FORMAT, "version",
        LL_PLAN_VERSION, "metric", metrics[plan->metric], "model_sha256", plan->model_sha256, "data_file",
        make_name(plan->data_file), "data_sha256", plan->data_sha256, "samples", (json_int_t)plan->samples,
        "length", (json_int_t)plan->length, "tokens", (json_int_t)plan->tokens, "layers",
        (json_int_t)plan->layers, "importance", make_importance(plan), "order", make_orders(plan));
    if (!root)
        return NULL;
    /* 17 digits: a plan that is read back orders as the one that was written. */
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
    json_decref(root);
    return text;
}

ll_status ll_plan_write(const ll_plan *plan, const char *path, ll_error *error) {
    char *text = ll_plan_text(plan);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the drop plan", path);
    const ll_status status = ll_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}
