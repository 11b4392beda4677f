/* The whole experiment on one model: importance, plans, quality and speed of every kind and number of dropped
 * modules, as rows that are appended one by one. A run does only what is missing. */
#ifndef LL_SWEEP_H
#define LL_SWEEP_H
#include "options.h"
#include "speed.h"

typedef struct {
    const char *name;
    size_t samples, length; /* calibration documents, tokens of one */
    size_t window, first_window, max_windows;
    size_t counts[LL_MAX_COUNTS]; /* modules dropped, ascending; 0 is always run */
    size_t count_total;
    ll_speed_spec speed;
} ll_protocol;

/* The quick or the full protocol, with what the options say otherwise. */
ll_protocol ll_protocol_of(const ll_options *options);

/* Writes importance.csv, plan.json, quality.csv, speed.csv and samples.csv into folder. *computed: rows that
 * were missing. */
ll_status ll_sweep_run(const ll_options *options, const ll_protocol *protocol, const char *folder,
                       size_t *computed, ll_error *error);
#endif
