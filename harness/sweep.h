/* The whole experiment on one model: importance, plans, quality and speed of every kind and number of dropped
 * modules, as rows that are appended one by one. A run does only what is missing. */
#ifndef LL_SWEEP_H
#define LL_SWEEP_H
#include "protocol.h"

/* Writes importance.csv, plan.json, plans.csv, quality.csv, speed.csv and samples.csv into folder (costs.csv where an order asks for
 * it); of synthetic weights only speed.csv and samples.csv. *computed: rows that were missing. */
ll_status ll_sweep_run(const ll_options *options, const ll_protocol *protocol, const char *folder,
                       size_t *computed, ll_error *error);
#endif
