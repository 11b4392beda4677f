#include "tally.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 3 };

static bool read_sums(const json_t *sums, size_t layers, double *out) {
    bool good = json_array_size(sums) == layers;
    for (size_t layer = 0; good && layer < layers; layer++) {
        out[layer] = json_number_value(json_array_get(sums, layer));
        good = json_is_number(json_array_get(sums, layer)) && isfinite(out[layer]);
    }
    return good;
}

static bool read_metrics(const json_t *root, size_t layers, ll_tally *out) {
    bool good = true;
    for (int metric = 0; metric < LL_METRICS; metric++) {
        const json_t *kinds = json_object_get(root, ll_metric_name((ll_metric)metric));
        for (int kind = 0; good && kind < LL_MODULE_KINDS; kind++)
            good = read_sums(json_object_get(kinds, ll_drop_kind_name((ll_drop_kind)kind)), layers,
                             out->sum[metric][kind]);
    }
    return good;
}

static bool read_tally(json_t *root, const ll_tally_key *key, ll_tally *out) {
    json_int_t version, length, documents, tokens;
    const char *model, *data, *setting;
    if (json_unpack(root, "{s:I, s:s, s:s, s:s, s:I, s:I, s:I}", "layerlab tally", &version, "model_sha256",
                    &model, "data_sha256", &data, "setting", &setting, "length", &length, "documents",
                    &documents, "tokens", &tokens) != 0)
        return false;
    if (version != VERSION || strcmp(model, key->model_sha256) != 0 || strcmp(data, key->data_sha256) != 0 ||
        strcmp(setting, key->setting) != 0 || length != (json_int_t)key->length)
        return false;
    if (documents < 0 || documents > (json_int_t)key->samples || tokens < 0)
        return false;
    out->documents = (size_t)documents;
    out->tokens = (size_t)tokens;
    return read_metrics(root, key->layers, out);
}

ll_tally ll_tally_read(const char *path, const ll_tally_key *key) {
    ll_tally tally = {0};
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!root || !read_tally(root, key, &tally))
        tally = (ll_tally){0};
    json_decref(root);
    return tally;
}

static json_t *make_kinds(const ll_tally *tally, size_t layers, ll_metric metric) {
    json_t *kinds = json_object();
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        json_t *sums = json_array();
        for (size_t layer = 0; layer < layers; layer++)
            json_array_append_new(sums, json_real(tally->sum[metric][kind][layer]));
        json_object_set_new(kinds, ll_drop_kind_name((ll_drop_kind)kind), sums);
    }
    return kinds;
}

/* Doubles are written with 17 digits, which give the same bits back. */
static char *text_of(const ll_tally *tally, const ll_tally_key *key) {
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I, s:I}", "layerlab tally", VERSION, "model_sha256",
                             key->model_sha256, "data_sha256", key->data_sha256, "setting", key->setting,
                             "length", (json_int_t)key->length, "documents", (json_int_t)tally->documents,
                             "tokens", (json_int_t)tally->tokens);
    for (int metric = 0; root && metric < LL_METRICS; metric++)
        json_object_set_new(root, ll_metric_name((ll_metric)metric),
                            make_kinds(tally, key->layers, (ll_metric)metric));
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    return text;
}

ll_status ll_tally_write(const ll_tally *tally, const ll_tally_key *key, const char *path, ll_error *error) {
    char *text = text_of(tally, key);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its text", path);
    const ll_status status = ll_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}
