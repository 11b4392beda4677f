/* Rows of importance.csv: of every metric, kind and layer. */
#ifndef LL_IMPORTANCE_ROWS_H
#define LL_IMPORTANCE_ROWS_H
#include "csv.h"
#include "importance.h"

/* What the keys of the rows have in common. */
typedef struct {
    const char *model_sha256;
    ll_weights_kind weights;
    size_t group;
    const char *data_sha256;
    size_t samples, length, layers;
} ll_importance_key;

/* Importance by metric, and the tokens behind it; false when a row is missing or holds no number. */
bool ll_importance_rows_read(const ll_csv *csv, const ll_importance_key *key, ll_metric metric,
                             double out[LL_MODULE_KINDS][LL_MAX_LAYERS], size_t *tokens);
/* Where rows come from. */
typedef struct {
    const char *data_file, *model_name;
    const ll_model *model;
    uint64_t seed;
} ll_importance_source;
/* Appends the rows that are missing, *added of them, from the tally's sums. */
ll_status ll_importance_rows_append(ll_csv *csv, const ll_importance_key *key, const ll_tally *tally,
                                    const ll_importance_source *source, size_t *added, ll_error *error);
#endif
