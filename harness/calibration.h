/* How far importance and the plans depend on what it is computed on: calibration sets, numbers of documents, checkpoints of a model. */
#ifndef LL_CALIBRATION_H
#define LL_CALIBRATION_H
#include "csv.h"
#include "metric.h"
#include "options.h"
#include "sha256.h"

/* The importance of one model over the first documents of one set. */
typedef struct {
    char model[LL_CSV_CELL], model_sha256[LL_SHA256_TEXT]; /* the model's name */
    char data_file[LL_CSV_CELL], data_sha256[LL_SHA256_TEXT];
    size_t model_number, set_number; /* as the user gave them */
    size_t samples, tokens, layers;
    double importance[LL_MODULE_KINDS][LL_MAX_LAYERS];
} ll_map;

typedef struct {
    ll_map *maps; /* [count]: models, of each the sets, of each the numbers of documents ascending */
    size_t count, capacity;
    size_t models, sets, length;
    size_t lowest; /* modules of the plans whose overlap is counted */
    ll_metric metric;
    ll_weights_kind weights;
    size_t group;
} ll_calibration;

/* Computes what importance.csv in folder lacks (all metrics, appended whole as soon as a number of documents is reached), and reads
 * the maps that the options ask for. A set that holds fewer documents than asked is said on stderr, unless quiet; its rows say how
 * many there were. Refused: an empty set, the same set or model twice, models of different depths. *computed: rows that were missing. */
ll_status ll_calibration_run(ll_calibration *out, const ll_options *options, const char *folder,
                             size_t *computed, ll_error *error);
void ll_calibration_free(ll_calibration *calibration);

/* Writes calibration.csv, calibration.md and the plots calibration-sets, -samples, -checkpoints (where there are several) into folder,
 * and the table to stream (NULL: nowhere). Compared are: each set's numbers of documents with its largest; sets with each other at
 * their largest; models with the last one. Without gnuplot all but the plots is written, and LL_NO_RESOURCE says so. */
ll_status ll_calibration_write(const ll_calibration *calibration, const char *folder, FILE *stream,
                               ll_error *error);

/* ---- the parts of it ---- */
typedef struct {
    const char *compared; /* "samples", "set", "model" */
    const ll_map *map, *other;
} ll_map_pair;
/* Whether map i is its model's of its set at the largest number of documents. */
bool ll_map_is_largest(const ll_calibration *calibration, size_t i);
/* All pairs that are compared, malloc'd. */
ll_status ll_calibration_pairs(const ll_calibration *calibration, ll_map_pair **out, size_t *count,
                               ll_error *error);
/* Of a kind, joint too: rank correlation, and how many of the lowest modules both plans take (of *lowest, fewer where there are
 * fewer). */
typedef struct {
    size_t modules, lowest, overlap;
    double correlation;
} ll_likeness;
ll_likeness ll_map_compare(const ll_calibration *calibration, const ll_map_pair *pair, ll_drop_kind kind);
ll_status ll_calibration_plot(const ll_calibration *calibration, const char *folder, ll_error *error);
#endif
