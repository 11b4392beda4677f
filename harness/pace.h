/* How long things will take, roughly: from bytes and operations at this machine's limits. */
#ifndef LL_PACE_H
#define LL_PACE_H
#include "speed.h"

typedef struct {
    ll_cost cost;   /* of the full model */
    ll_rates rates; /* that a whole model usually reaches */
} ll_pace;

/* limits: as measured (ll_machine_measure_limits). */
ll_status ll_pace_find(ll_pace *out, const ll_config *config, const ll_model_options *options,
                       const ll_limits *limits, ll_error *error);
/* Seconds of a prefill of tokens tokens; with every position's logits where all_logits. */
double ll_pace_prefill(const ll_pace *pace, double tokens, bool all_logits);
/* Seconds of ll_speed_run; arms: 2 where something is dropped, else 1. */
double ll_pace_speed(const ll_pace *pace, const ll_speed_spec *spec, size_t arms);
#endif
