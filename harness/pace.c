#include "pace.h"

/* What of the limits the whole model usually reaches: time left is no measurement. */
static const double PREFILL_SHARE = 0.65, DECODE_SHARE = 0.8;

ll_status ll_pace_find(ll_pace *out, const ll_config *config, const ll_model_options *options,
                       const ll_limits *limits, ll_error *error) {
    const ll_mask full = {0};
    ll_kernels kernels;
    LL_TRY(ll_model_select_kernels(&kernels, options, error));
    *out = (ll_pace){.rates = ll_rates_of(limits, options->weights)};
    LL_TRY(ll_config_cost(&out->cost, config, options, &kernels, &full, error));
    out->rates.linear *= PREFILL_SHARE;
    out->rates.attention *= PREFILL_SHARE;
    out->rates.bytes *= DECODE_SHARE;
    return LL_OK;
}

double ll_pace_prefill(const ll_pace *pace, double tokens, bool all_logits) {
    const ll_cost *cost = &pace->cost;
    const double heads = all_logits ? tokens : 1;
    const double linear = (cost->linear_ops - cost->head_ops) * tokens + cost->head_ops * heads;
    return linear / pace->rates.linear +
           cost->attention_ops * ll_cost_seen_by_all(cost, tokens) / pace->rates.attention;
}

/* Seconds of one arm's timed run: of each phase the share that is timed. */
static double run_seconds(const ll_pace *pace, const ll_speed_spec *spec) {
    const ll_timed timed = ll_speed_timed(spec, &pace->cost);
    const ll_speed_times all = ll_speed_times_at(&pace->rates, &pace->cost, spec);
    return all.prefill * (double)timed.prefill / (double)(spec->prompt * spec->batch) +
           all.decode * (double)timed.decode / (double)spec->generate;
}

double ll_pace_speed(const ll_pace *pace, const ll_speed_spec *spec, size_t arms) {
    const double LARGE_WARM_UP = 0.1; /* a few tokens, of what a run times */
    const double warm_up = ll_speed_is_large(&pace->cost) ? LARGE_WARM_UP : 1;
    return (double)arms * run_seconds(pace, spec) * ((double)spec->repetitions + warm_up);
}
