#include "documents.h"
#include "plan.h"
#include "plan_private.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *path;
    const json_t *root;
    ll_plan *plan;
    ll_error *error;
} reader;

static const char *const known_keys[] = {"format",    "version",     "metric",     "model_sha256",
                                         "data_file", "data_sha256", "samples",    "length",
                                         "tokens",    "layers",      "importance", "order"};

/* A key that is not known may be meant to change what is dropped: refuse rather than ignore it. */
static ll_status check_keys(const reader *r) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)r->root, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof known_keys / sizeof *known_keys; i++)
            known |= strcmp(key, known_keys[i]) == 0;
        if (!known)
            return ll_fail(r->error, LL_BAD_INPUT,
                           "%s: unknown key \"%.64s\"; make the plan anew with the plan command", r->path,
                           key);
    }
    return LL_OK;
}

static ll_status get_text(const reader *r, const char *key, char *out, size_t capacity) {
    const char *text = json_string_value(json_object_get(r->root, key));
    if (!text || strlen(text) >= capacity)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: \"%s\": expected a string of at most %zu bytes", r->path,
                       key, capacity - 1);
    strcpy(out, text);
    return LL_OK;
}

static ll_status get_count(const reader *r, const char *key, size_t *out) {
    const json_t *value = json_object_get(r->root, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: \"%s\": expected a whole number, 0 or more", r->path,
                       key);
    *out = (size_t)json_integer_value(value);
    return LL_OK;
}

static ll_status get_sha256(const reader *r, const char *key, char out[LL_SHA256_TEXT]) {
    LL_TRY(get_text(r, key, out, LL_SHA256_TEXT));
    if (strspn(out, "0123456789abcdef") != LL_SHA256_TEXT - 1)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: \"%s\": expected 64 digits of lower-case hexadecimal",
                       r->path, key);
    return LL_OK;
}

static ll_status get_metric(const reader *r) {
    static const char *const metrics[LL_METRICS] = LL_PLAN_METRICS;
    const char *text = json_string_value(json_object_get(r->root, "metric"));
    for (int metric = 0; text && metric < LL_METRICS; metric++)
        if (strcmp(text, metrics[metric]) == 0) {
            r->plan->metric = (ll_metric)metric;
            return LL_OK;
        }
    return ll_fail(r->error, LL_BAD_INPUT, "%s: \"metric\": expected \"%s\", \"%s\" or \"%s\"", r->path,
                   metrics[LL_COSINE], metrics[LL_NO_RESIDUAL], metrics[LL_MAGNITUDE]);
}

static ll_status check_format(const reader *r) {
    const char *format = json_string_value(json_object_get(r->root, "format"));
    if (!format || strcmp(format, LL_PLAN_FORMAT) != 0)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: no drop plan: \"format\" is not \"%s\"", r->path,
                       LL_PLAN_FORMAT);
    const json_t *version = json_object_get(r->root, "version");
    if (!json_is_integer(version) || json_integer_value(version) != LL_PLAN_VERSION)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: a drop plan of another version (this program reads version %d); make the plan anew", r->path,
            LL_PLAN_VERSION);
    LL_TRY(get_metric(r));
    return check_keys(r);
}

static ll_status get_header(const reader *r) {
    ll_plan *plan = r->plan;
    LL_TRY(check_format(r));
    LL_TRY(get_sha256(r, "model_sha256", plan->model_sha256));
    LL_TRY(get_text(r, "data_file", plan->data_file, sizeof plan->data_file));
    LL_TRY(get_sha256(r, "data_sha256", plan->data_sha256));
    LL_TRY(get_count(r, "samples", &plan->samples));
    LL_TRY(get_count(r, "length", &plan->length));
    LL_TRY(get_count(r, "tokens", &plan->tokens));
    LL_TRY(get_count(r, "layers", &plan->layers));
    if (plan->layers == 0 || plan->layers > LL_MAX_LAYERS)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: \"layers\" is %zu; expected 1 to %d", r->path,
                       plan->layers, LL_MAX_LAYERS);
    return LL_OK;
}

/* The array of one kind below "importance" or "order". */
static ll_status get_array(const reader *r, const char *part, ll_drop_kind kind, const json_t **out) {
    *out = json_object_get(json_object_get(r->root, part), ll_drop_kind_name(kind));
    if (!json_is_array(*out))
        return ll_fail(r->error, LL_BAD_INPUT, "%s: \"%s\": no array \"%s\"", r->path, part,
                       ll_drop_kind_name(kind));
    return LL_OK;
}

static ll_status get_importance(const reader *r, ll_drop_kind kind) {
    const json_t *values;
    LL_TRY(get_array(r, "importance", kind, &values));
    if (json_array_size(values) != r->plan->layers)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: \"importance\": \"%s\" has %zu numbers, the plan %zu layers", r->path,
                       ll_drop_kind_name(kind), json_array_size(values), r->plan->layers);
    for (size_t i = 0; i < r->plan->layers; i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return ll_fail(r->error, LL_BAD_INPUT, "%s: \"importance\": \"%s\": entry %zu is no number",
                           r->path, ll_drop_kind_name(kind), i);
        r->plan->importance[kind][i] = json_number_value(value);
    }
    return LL_OK;
}

/* A module: a layer number, or in the joint order "attn:N" or "mlp:N". */
static bool get_module(const json_t *value, ll_drop_kind kind, size_t layers, ll_module *out) {
    if (kind != LL_JOINT) {
        const json_int_t layer = json_is_integer(value) ? json_integer_value(value) : -1;
        *out = (ll_module){kind, (size_t)layer};
        return layer >= 0 && (uint64_t)layer < layers;
    }
    const char *text = json_string_value(value);
    const char *colon = text ? strchr(text, ':') : NULL;
    if (!colon || ll_drop_kind_parse(text, (size_t)(colon - text), &out->kind) != LL_OK || out->kind > LL_MLP)
        return false;
    const size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 4 || colon[1 + digits])
        return false;
    out->layer = strtoul(colon + 1, NULL, 10);
    return out->layer < layers;
}

/* An order may be shorter than the model (a published list of eight), but names no module twice. */
static ll_status get_order(const reader *r, ll_drop_kind kind) {
    const json_t *values;
    LL_TRY(get_array(r, "order", kind, &values));
    const char *name = ll_drop_kind_name(kind);
    const size_t count = json_array_size(values),
                 most = kind == LL_JOINT ? 2 * r->plan->layers : r->plan->layers;
    if (count > most)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: \"order\": \"%s\" has %zu modules; a model of %zu layers has %zu", r->path, name,
                       count, r->plan->layers, most);
    ll_drop_order *order = &r->plan->orders.order[kind];
    order->modules = malloc((count ? count : 1) * sizeof *order->modules);
    if (!order->modules)
        return ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for %zu modules", r->path, count);
    bool seen[LL_MODULE_KINDS][LL_MAX_LAYERS] = {{false}};
    for (size_t i = 0; i < count; i++) {
        ll_module *module = &order->modules[i];
        if (!get_module(json_array_get(values, i), kind, r->plan->layers, module))
            return ll_fail(r->error, LL_BAD_INPUT,
                           "%s: \"order\": \"%s\": entry %zu is no %s of the layers 0 to %zu", r->path, name,
                           i, kind == LL_JOINT ? "\"attn:N\" or \"mlp:N\"" : "number", r->plan->layers - 1);
        if (seen[module->kind][module->layer])
            return ll_fail(r->error, LL_BAD_INPUT,
                           "%s: \"order\": \"%s\": entry %zu names layer %zu a second time", r->path, name, i,
                           module->layer);
        seen[module->kind][module->layer] = true;
    }
    order->count = count;
    return LL_OK;
}

static ll_status get_plan(const reader *r) {
    if (!json_is_object(r->root))
        return ll_fail(r->error, LL_BAD_INPUT, "%s: no drop plan: expected a JSON object", r->path);
    LL_TRY(get_header(r));
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        LL_TRY(get_importance(r, (ll_drop_kind)kind));
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        LL_TRY(get_order(r, (ll_drop_kind)kind));
    return LL_OK;
}

ll_status ll_plan_read(ll_plan *out, const char *path, ll_error *error) {
    memset(out, 0, sizeof *out);
    char *data;
    size_t length;
    LL_TRY(ll_file_read(path, &data, &length, error));
    json_error_t reason;
    json_t *root = json_loadb(data, length, JSON_REJECT_DUPLICATES, &reason);
    free(data);
    if (!root)
        return ll_fail(error, LL_BAD_INPUT, "%s: line %d, column %d: broken JSON: %s", path, reason.line,
                       reason.column, reason.text);
    const reader r = {path, root, out, error};
    const ll_status status = get_plan(&r);
    json_decref(root);
    if (status != LL_OK)
        ll_plan_free(out);
    return status;
}
