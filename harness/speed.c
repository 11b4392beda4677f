#include "speed.h"
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    ll_session *session;
    ll_mask mask;
    double *prefill, *decode; /* [repetitions] seconds: the prompt, all generated tokens */
} arm;

typedef struct {
    const ll_model *model;
    const ll_speed_spec *spec;
    arm full, dropped;
    bool paired; /* something is dropped: both arms run */
    int32_t *ids;
    float *residual, *logits;
    ll_limits *limits; /* [repetitions + 1] */
    ll_speed *out;
    ll_progress *progress;
    ll_error *error;
} bench;

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q) {
    const double at = q * (double)(n - 1);
    const size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

ll_spread ll_spread_of(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_value);
    return (ll_spread){quantile(values, n, 0.5), quantile(values, n, 0.25), quantile(values, n, 0.75)};
}

size_t ll_speed_steps(const ll_speed_spec *spec) {
    return 2 * (spec->repetitions + 1);
}

static ll_status logits_of_last(bench *b, const arm *a, const float *last, int32_t *next) {
    LL_TRY(ll_session_logits(a->session, last, 1, b->logits, b->error));
    *next = (int32_t)ll_argmax(b->logits, ll_model_config(b->model)->vocab);
    return LL_OK;
}

static void keep_sample(bench *b, const arm *a, const char *phase, size_t repetition, size_t depth,
                        size_t tokens, double seconds) {
    if (repetition) /* 0 is the warm-up */
        b->out->samples[b->out->sample_count++] =
            (ll_speed_sample){a->name, phase, repetition, depth, tokens, seconds};
}

static ll_status time_prefill(bench *b, arm *a, size_t repetition, int32_t *next, double *seconds) {
    const size_t prompt = b->spec->prompt, hidden = ll_model_config(b->model)->hidden;
    const double began = ll_seconds();
    ll_session_reset(a->session);
    LL_TRY(ll_session_forward(a->session, b->ids, prompt, b->residual, NULL, b->error));
    LL_TRY(logits_of_last(b, a, b->residual + (prompt - 1) * hidden, next));
    *seconds = ll_seconds() - began;
    keep_sample(b, a, "prefill", repetition, 0, prompt, *seconds);
    return LL_OK;
}

static ll_status time_decode(bench *b, arm *a, size_t repetition, size_t depth, size_t steps, int32_t next,
                             double *seconds) {
    ll_session_skip_to(a->session, depth);
    const double began = ll_seconds();
    for (size_t i = 0; i < steps; i++) {
        LL_TRY(ll_session_forward(a->session, &next, 1, b->residual, NULL, b->error));
        LL_TRY(logits_of_last(b, a, b->residual, &next));
    }
    *seconds = ll_seconds() - began;
    keep_sample(b, a, "decode", repetition, depth, steps, *seconds);
    return LL_OK;
}

/* Time of all generated tokens: measured whole, or from two depths, since a token's time grows linearly with
 * depth. */
static ll_status time_generation(bench *b, arm *a, size_t repetition, int32_t next, double *seconds) {
    const size_t prompt = b->spec->prompt, generate = b->spec->generate;
    if (b->spec->exact || generate <= 2 * LL_DECODE_STEPS)
        return time_decode(b, a, repetition, prompt, generate, next, seconds);
    double near, far;
    LL_TRY(time_decode(b, a, repetition, prompt, LL_DECODE_STEPS, next, &near));
    LL_TRY(time_decode(b, a, repetition, prompt + generate - LL_DECODE_STEPS, LL_DECODE_STEPS, next, &far));
    *seconds = (near + far) / 2 / LL_DECODE_STEPS * (double)generate;
    return LL_OK;
}

static ll_status run_arm(bench *b, arm *a, size_t repetition) {
    int32_t next;
    double prefill, decode;
    LL_TRY(time_prefill(b, a, repetition, &next, &prefill));
    LL_TRY(time_generation(b, a, repetition, next, &decode));
    if (repetition) {
        a->prefill[repetition - 1] = prefill;
        a->decode[repetition - 1] = decode;
    }
    ll_progress_step(b->progress, b->paired ? 1 : 2);
    return LL_OK;
}

static ll_status run_all(bench *b) {
    for (size_t repetition = 0; repetition <= b->spec->repetitions; repetition++) {
        ll_model_measure_limits(b->model, &b->limits[repetition]);
        LL_TRY(run_arm(b, &b->full, repetition));
        if (b->paired)
            LL_TRY(run_arm(b, &b->dropped, repetition));
    }
    return LL_OK;
}

static double prefill_ops(const ll_cost *cost, double prompt) {
    return (cost->linear_ops - cost->head_ops) * prompt + cost->head_ops +
           cost->attention_ops * prompt * (prompt + 1) / 2;
}

static double decode_bytes(const ll_cost *cost, const ll_speed_spec *spec) {
    const double middle = (double)spec->prompt + (double)(spec->generate + 1) / 2;
    return cost->weight_bytes + cost->kv_bytes * middle;
}

static void predict(bench *b) {
    const double prompt = (double)b->spec->prompt, generate = (double)b->spec->generate;
    const ll_cost full = ll_model_cost(b->model, &b->full.mask),
                  cost = ll_model_cost(b->model, &b->dropped.mask);
    ll_speed *out = b->out;
    const double ops = prefill_ops(&cost, prompt), bytes = decode_bytes(&cost, b->spec);
    const double full_ops = prefill_ops(&full, prompt), full_bytes = decode_bytes(&full, b->spec);
    const double peak = out->limits.ops_per_s, bandwidth = out->limits.bytes_per_s;
    out->predicted_prefill = full_ops / ops;
    out->predicted_decode = full_bytes / bytes;
    out->predicted =
        (full_ops / peak + generate * full_bytes / bandwidth) / (ops / peak + generate * bytes / bandwidth);
    if (ll_model_options_used(b->model)->weights == LL_WEIGHTS_F32)
        out->predicted = NAN;
    out->bytes_per_token = bytes;
    out->ops_per_token = ops / prompt;
}

static ll_spread ratios(const double *full, const double *dropped, double *work, size_t n) {
    for (size_t i = 0; i < n; i++)
        work[i] = full[i] / dropped[i];
    return ll_spread_of(work, n);
}

static double median_rate(double amount, const double *seconds, double *work, size_t n) {
    for (size_t i = 0; i < n; i++)
        work[i] = amount / seconds[i];
    return ll_spread_of(work, n).median;
}

static void median_limits(bench *b, double *work, size_t n) {
    for (size_t i = 0; i <= n; i++)
        work[i] = b->limits[i].ops_per_s;
    b->out->limits.ops_per_s = ll_spread_of(work, n + 1).median;
    for (size_t i = 0; i <= n; i++)
        work[i] = b->limits[i].bytes_per_s;
    b->out->limits.bytes_per_s = ll_spread_of(work, n + 1).median;
}

/* Shares of the larger of the two neighbouring probes: limits[i] ran just before repetition i, limits[i + 1]
 * just after. */
static void shares(bench *b, const arm *a, double *work, size_t n) {
    ll_speed *out = b->out;
    const double ops = out->ops_per_token * (double)b->spec->prompt;
    const double bytes = out->bytes_per_token * (double)b->spec->generate;
    for (size_t i = 0; i < n; i++)
        work[i] = ops / a->prefill[i] / fmax(b->limits[i].ops_per_s, b->limits[i + 1].ops_per_s);
    out->int8_share = ll_spread_of(work, n).median;
    if (ll_model_options_used(b->model)->weights == LL_WEIGHTS_F32)
        out->int8_share = NAN;
    for (size_t i = 0; i < n; i++)
        work[i] = bytes / a->decode[i] / fmax(b->limits[i].bytes_per_s, b->limits[i + 1].bytes_per_s);
    out->bandwidth_share = ll_spread_of(work, n).median;
}

static void sum_up(bench *b, double *work) {
    const size_t n = b->spec->repetitions;
    ll_speed *out = b->out;
    const arm *measured = b->paired ? &b->dropped : &b->full;
    median_limits(b, work, n);
    predict(b);
    shares(b, measured, work, n);
    out->prefill_tokens_per_s = median_rate((double)b->spec->prompt, measured->prefill, work, n);
    out->decode_tokens_per_s = median_rate((double)b->spec->generate, measured->decode, work, n);
    out->kv_bytes = ll_session_kv_bytes(measured->session);
    out->speedup_prefill = ratios(b->full.prefill, measured->prefill, work, n);
    out->speedup_decode = ratios(b->full.decode, measured->decode, work, n);
    for (size_t i = 0; i < n; i++)
        work[i] = (b->full.prefill[i] + b->full.decode[i]) / (measured->prefill[i] + measured->decode[i]);
    out->speedup = ll_spread_of(work, n);
}

static ll_status begin_arm(bench *b, arm *a, const char *name, const ll_mask *mask) {
    a->name = name;
    a->mask = *mask;
    a->prefill = calloc(b->spec->repetitions, sizeof *a->prefill);
    a->decode = calloc(b->spec->repetitions, sizeof *a->decode);
    if (!a->prefill || !a->decode)
        return ll_fail(b->error, LL_NO_RESOURCE, "no memory for timings");
    return ll_session_create(&a->session, b->model, mask, b->spec->prompt + b->spec->generate, b->error);
}

static void end_arm(arm *a) {
    ll_session_destroy(a->session);
    free(a->prefill);
    free(a->decode);
}

/* Any ids do: no timing depends on them. */
static void fill_ids(bench *b) {
    const size_t vocab = ll_model_config(b->model)->vocab;
    for (size_t i = 0; i < b->spec->prompt; i++)
        b->ids[i] = (int32_t)(i * 7919 % vocab);
}

static ll_status begin(bench *b, const ll_mask *mask) {
    const ll_config *c = ll_model_config(b->model);
    const size_t n = b->spec->repetitions, layers = c->layers;
    const ll_mask full = {0};
    b->paired = ll_mask_count(mask->attn, layers) + ll_mask_count(mask->mlp, layers) > 0;
    b->ids = malloc(b->spec->prompt * sizeof *b->ids);
    b->residual = malloc(b->spec->prompt * c->hidden * sizeof *b->residual);
    b->logits = malloc(c->vocab * sizeof *b->logits);
    b->limits = calloc(n + 2, sizeof *b->limits);
    b->out->samples = calloc(n * 6, sizeof *b->out->samples);
    if (!b->ids || !b->residual || !b->logits || !b->limits || !b->out->samples)
        return ll_fail(b->error, LL_NO_RESOURCE, "no memory for timings");
    fill_ids(b);
    LL_TRY(begin_arm(b, &b->full, "full", &full));
    return b->paired ? begin_arm(b, &b->dropped, "dropped", mask) : LL_OK;
}

ll_status ll_speed_run(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec,
                       ll_progress *progress, ll_error *error) {
    *out = (ll_speed){0};
    if (!spec->prompt || !spec->generate || !spec->repetitions)
        return ll_fail(error, LL_BAD_USAGE,
                       "speed needs at least 1 prompt token, 1 generated token and 1 repetition");
    bench b = {.model = model, .spec = spec, .out = out, .progress = progress, .error = error};
    double *work = calloc(spec->repetitions + 2, sizeof *work);
    ll_status status = work ? begin(&b, mask) : ll_fail(error, LL_NO_RESOURCE, "no memory for timings");
    b.dropped.mask = *mask;
    if (status == LL_OK)
        status = run_all(&b);
    if (status == LL_OK) {
        ll_model_measure_limits(model, &b.limits[spec->repetitions + 1]);
        /* The warm-up's probe has done its part: limits[i] now stands before repetition i, limits[i + 1]
         * after. */
        memmove(b.limits, b.limits + 1, (spec->repetitions + 1) * sizeof *b.limits);
        sum_up(&b, work);
    }
    end_arm(&b.full);
    end_arm(&b.dropped);
    free(b.ids);
    free(b.residual);
    free(b.logits);
    free(b.limits);
    free(work);
    if (status != LL_OK)
        ll_speed_free(out);
    return status;
}

void ll_speed_free(ll_speed *speed) {
    free(speed->samples);
    speed->samples = NULL;
    speed->sample_count = 0;
}
