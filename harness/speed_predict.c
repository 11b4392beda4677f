/* What bytes and operations alone say of a generation's time. */
#include "speed_parts.h"

#include <math.h>

typedef struct {
    double linear, attention; /* operations of all sequences' prefills */
} prefill_work;

static prefill_work work_of_prefill(const ll_cost *cost, const ll_speed_spec *spec) {
    const double prompt = (double)spec->prompt, batch = (double)spec->batch;
    return (prefill_work){batch * ((cost->linear_ops - cost->head_ops) * prompt + cost->head_ops),
                          batch * cost->attention_ops * ll_cost_seen_by_all(cost, prompt)};
}

/* Positions that a generated token sees, on average. */
static double seen_on_average(const ll_cost *cost, const ll_speed_spec *spec) {
    const double prompt = (double)spec->prompt, generate = (double)spec->generate;
    return (ll_cost_seen_by_all(cost, prompt + generate) - ll_cost_seen_by_all(cost, prompt)) / generate;
}

/* Bytes of one decode step of all sequences, on average. */
static double step_bytes(const ll_cost *cost, const ll_speed_spec *spec) {
    return cost->weight_bytes + (double)spec->batch * cost->kv_bytes * seen_on_average(cost, spec);
}

ll_rates ll_rates_of(const ll_limits *limits, ll_weights_kind weights) {
    return (ll_rates){.linear = weights == LL_WEIGHTS_F32 ? limits->f32_ops_per_s : limits->ops_per_s,
                      .attention = limits->f32_ops_per_s,
                      .bytes = limits->bytes_per_s};
}

ll_speed_times ll_speed_times_at(const ll_rates *rates, const ll_cost *cost, const ll_speed_spec *spec) {
    const prefill_work work = work_of_prefill(cost, spec);
    const double step_ops =
        (double)spec->batch * (cost->linear_ops / rates->linear +
                               cost->attention_ops * seen_on_average(cost, spec) / rates->attention);
    return (ll_speed_times){work.linear / rates->linear + work.attention / rates->attention,
                            (double)spec->generate * fmax(step_bytes(cost, spec) / rates->bytes, step_ops)};
}

void ll_speed_predict(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec) {
    const ll_mask none = {0};
    const ll_cost full = ll_model_cost(model, &none), cost = ll_model_cost(model, mask);
    const ll_rates rates = ll_rates_of(&out->limits, ll_model_options_used(model)->weights);
    const ll_speed_times before = ll_speed_times_at(&rates, &full, spec),
                         after = ll_speed_times_at(&rates, &cost, spec);
    const prefill_work work = work_of_prefill(&cost, spec);
    const double batch = (double)spec->batch;
    out->predicted_prefill = before.prefill / after.prefill;
    out->predicted_decode = before.decode / after.decode;
    out->predicted = (before.prefill + before.decode) / (after.prefill + after.decode);
    out->bytes_per_token = step_bytes(&cost, spec) / batch;
    out->ops_per_token = (work.linear + work.attention) / (batch * (double)spec->prompt);
    out->linear_ops = work.linear;
}
