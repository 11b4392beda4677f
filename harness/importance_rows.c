#include "importance_rows.h"
#include "rows.h"
#include "run_info.h"

#include <math.h>

static void fill_key(ll_row *row, const ll_importance_key *key) {
    ll_row_begin(row, &ll_importance_schema);
    ll_row_text(row, "model_sha256", key->model_sha256);
    ll_row_weights(row, key->weights, key->group);
    ll_row_text(row, "data_sha256", key->data_sha256);
    ll_row_int(row, "samples", key->samples);
    ll_row_int(row, "length", key->length);
}

static void fill_module(ll_row *row, ll_metric metric, int kind, size_t layer) {
    ll_row_text(row, "metric", ll_metric_name(metric));
    ll_row_text(row, "kind", ll_drop_kind_name((ll_drop_kind)kind));
    ll_row_int(row, "layer", layer);
}

bool ll_importance_rows_read(const ll_csv *csv, const ll_importance_key *key, ll_metric metric,
                             double out[LL_MODULE_KINDS][LL_MAX_LAYERS], size_t *tokens) {
    ll_row row;
    fill_key(&row, key);
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
        for (size_t layer = 0; layer < key->layers; layer++) {
            fill_module(&row, metric, kind, layer);
            const size_t at = ll_csv_find(csv, &row);
            out[kind][layer] = at == SIZE_MAX ? (double)NAN : ll_csv_number(csv, at, "importance");
            if (!isfinite(out[kind][layer]))
                return false;
            *tokens = (size_t)ll_csv_number(csv, at, "tokens");
        }
    return true;
}

static ll_status append_kind(ll_csv *csv, ll_row *row, const ll_importance_key *key, const ll_tally *tally,
                             ll_metric metric, int kind, size_t *added, ll_error *error) {
    for (size_t layer = 0; layer < key->layers; layer++) {
        fill_module(row, metric, kind, layer);
        if (ll_csv_find(csv, row) != SIZE_MAX)
            continue;
        ll_row_real(row, "importance", tally->sum[metric][kind][layer] / (double)tally->tokens, 10);
        LL_TRY(ll_csv_append(csv, row, error));
        ++*added;
    }
    return LL_OK;
}

ll_status ll_importance_rows_append(ll_csv *csv, const ll_importance_key *key, const ll_tally *tally,
                                    const ll_importance_source *source, size_t *added, ll_error *error) {
    ll_row row;
    fill_key(&row, key);
    ll_row_int(&row, "tokens", tally->tokens);
    ll_row_text(&row, "data_file", source->data_file);
    /* Once: the system is asked for every page. */
    ll_run_info_fill(&row, source->model, source->model_name, source->seed);
    for (int metric = 0; metric < LL_METRICS; metric++)
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            LL_TRY(append_kind(csv, &row, key, tally, (ll_metric)metric, kind, added, error));
    return LL_OK;
}
