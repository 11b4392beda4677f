#include "observed.h"

#include <stdlib.h>
#include <string.h>

static size_t size_of(const ll_observed *o) {
    return (size_t)LL_METRICS * LL_MODULE_KINDS * o->layers * o->length;
}

ll_status ll_observed_create(ll_observed *out, const ll_config *config, size_t length, ll_error *error) {
    *out = (ll_observed){config->hidden, config->layers, length, NULL};
    out->changed = calloc(size_of(out), sizeof *out->changed);
    return out->changed ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for a document's sums");
}

void ll_observed_free(ll_observed *observed) {
    free(observed->changed);
    *observed = (ll_observed){0};
}

void ll_observed_clear(ll_observed *observed) {
    memset(observed->changed, 0, size_of(observed) * sizeof *observed->changed);
}

static double *changed_by(const ll_observed *o, ll_metric metric, ll_module module) {
    return o->changed +
           (((size_t)metric * LL_MODULE_KINDS + (size_t)module.kind) * o->layers + module.layer) * o->length;
}

void ll_observed_note(void *observed, ll_module module, size_t first, const float *before, const float *after,
                      size_t rows) {
    const ll_observed *o = observed;
    double found[LL_METRICS];
    for (size_t r = 0; r < rows; r++) {
        ll_metric_measure(before + r * o->hidden, after + r * o->hidden, o->hidden, found);
        for (int metric = 0; metric < LL_METRICS; metric++)
            changed_by(o, (ll_metric)metric, module)[first + r] = found[metric];
    }
}

static double sum_of(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

void ll_observed_add(const ll_observed *observed, size_t tokens, size_t first_layer, ll_tally *tally) {
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            for (size_t layer = first_layer; layer < observed->layers; layer++)
                tally->sum[metric][kind][layer] += sum_of(
                    changed_by(observed, (ll_metric)metric, (ll_module){(ll_drop_kind)kind, layer}), tokens);
}
