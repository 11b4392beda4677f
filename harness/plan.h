/* One-shot drop plans: the modules of each kind in the order in which they are dropped (importance.h finds
 * it). JSON file. */
#ifndef LL_PLAN_H
#define LL_PLAN_H
#include "drop.h"
#include "metric.h"
#include "sha256.h"

typedef struct {
    size_t layers;
    char model_sha256[LL_SHA256_TEXT]; /* of the weights it was made on */
    char data_sha256[LL_SHA256_TEXT];  /* of the calibration file */
    char data_file[256];
    size_t samples, length, tokens;
    ll_metric metric; /* that importance is measured by */
    double importance[LL_MODULE_KINDS][LL_MAX_LAYERS];
    ll_drop_orders orders; /* filled by ll_plan_order */
} ll_plan;

/* Orders every kind from plan->importance, lowest first; ties: the lower layer, attention before MLP. Joint
 * mixes attention and MLP (paper: Joint Layer Drop). Allocates; ll_plan_free. */
ll_status ll_plan_order(ll_plan *plan, ll_error *error);
ll_status ll_plan_write(const ll_plan *plan, const char *path, ll_error *error);
/* The JSON text, malloc'd. */
char *ll_plan_text(const ll_plan *plan);
/* Untrusted: version, layer numbers, lengths, duplicates, non-finite numbers are checked; the orders are
 * those written. */
ll_status ll_plan_read(ll_plan *out, const char *path, ll_error *error);
void ll_plan_free(ll_plan *plan);
#endif
