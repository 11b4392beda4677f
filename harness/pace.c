#include "pace.h"

#include <math.h>
#include <stdio.h>

/* What of the limits the whole model usually reaches: time left is no measurement. */
static const double PREFILL_SHARE = 0.65, DECODE_SHARE = 0.8;

ll_status ll_pace_find(ll_pace *out, const ll_config *config, const ll_model_options *options,
                       const ll_limits *limits, ll_error *error) {
    const ll_mask full = {0};
    ll_kernels kernels;
    LL_TRY(ll_model_select_kernels(&kernels, options->isa, error));
    const bool f32 = options->weights == LL_WEIGHTS_F32;
    *out = (ll_pace){.cost = ll_config_cost(config, options, &kernels, &full),
                     .linear_rate = PREFILL_SHARE * (f32 ? limits->f32_ops_per_s : limits->ops_per_s),
                     .attention_rate = PREFILL_SHARE * limits->f32_ops_per_s,
                     .byte_rate = DECODE_SHARE * limits->bytes_per_s};
    return LL_OK;
}

double ll_pace_prefill(const ll_pace *pace, double tokens, bool all_logits) {
    const ll_cost *cost = &pace->cost;
    const double heads = all_logits ? tokens : 1;
    const double linear = (cost->linear_ops - cost->head_ops) * tokens + cost->head_ops * heads;
    return linear / pace->linear_rate +
           cost->attention_ops * ll_cost_seen_by_all(cost, tokens) / pace->attention_rate;
}

/* Seconds of one arm's timed run. */
static double run_seconds(const ll_pace *pace, const ll_speed_spec *spec) {
    const ll_cost *cost = &pace->cost;
    const ll_timed timed = ll_speed_timed(spec, cost);
    const double batch = (double)spec->batch, prompt = (double)spec->prompt;
    const double seen = ll_cost_seen(cost, prompt + (double)spec->generate / 2);
    const double step = fmax((cost->weight_bytes + batch * cost->kv_bytes * seen) / pace->byte_rate,
                             batch * cost->linear_ops / pace->linear_rate);
    return ll_pace_prefill(pace, prompt, false) * (double)timed.prefill / prompt +
           step * (double)timed.decode;
}

double ll_pace_speed(const ll_pace *pace, const ll_speed_spec *spec, size_t arms) {
    const double LARGE_WARM_UP = 0.1; /* a few tokens, of what a run times */
    const bool large = pace->cost.weight_bytes > LL_SPEED_LARGE_BYTES;
    return (double)arms * run_seconds(pace, spec) * ((double)spec->repetitions + (large ? LARGE_WARM_UP : 1));
}

void ll_time_text(double seconds, char out[LL_TIME_TEXT]) {
    const unsigned long s = seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 1000000000UL;
    if (s < 60)
        snprintf(out, LL_TIME_TEXT, "%lu s", s);
    else if (s < 3600)
        snprintf(out, LL_TIME_TEXT, "%lu min %02lu s", s / 60, s % 60);
    else
        snprintf(out, LL_TIME_TEXT, "%lu h %02lu min", s / 3600, s % 3600 / 60);
}
