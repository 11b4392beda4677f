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
    uint64_t kv_bytes;
} arm;

typedef struct {
    const ll_model *model;
    const ll_speed_spec *spec;
    arm full, dropped;
    bool paired;              /* something is dropped: both arms run */
    ll_cost cost;             /* of the full model */
    int32_t *ids, *next;      /* [prompt], [batch] */
    float *residual, *logits; /* of the prompt or the batch; [batch][vocab] */
    ll_limits *limits;        /* [repetitions + 1] */
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

/* The likeliest token after each of rows rows. */
static ll_status choose(bench *b, const arm *a, const float *rows, size_t count, int32_t *next) {
    const size_t vocab = ll_model_config(b->model)->vocab;
    LL_TRY(ll_session_logits(a->session, rows, count, b->logits, b->error));
    for (size_t i = 0; i < count; i++)
        next[i] = (int32_t)ll_argmax(b->logits + i * vocab, vocab);
    return LL_OK;
}

static void keep_sample(bench *b, const arm *a, const char *phase, size_t repetition, size_t depth,
                        size_t tokens, double seconds) {
    if (repetition) /* 0 is the warm-up */
        b->out->samples[b->out->sample_count++] =
            (ll_speed_sample){a->name, phase, repetition, depth, tokens, seconds};
}

/* Tokens at depth, of the selected sequence, and the logits of the last one. */
static ll_status time_tokens(bench *b, arm *a, size_t repetition, size_t depth, size_t tokens, int32_t *next,
                             double *seconds) {
    const size_t hidden = ll_model_config(b->model)->hidden;
    const double began = ll_seconds();
    ll_session_skip_to(a->session, depth);
    LL_TRY(ll_session_forward(a->session, b->ids + depth, tokens, b->residual, NULL, b->error));
    LL_TRY(choose(b, a, b->residual + (tokens - 1) * hidden, 1, next));
    *seconds = ll_seconds() - began;
    keep_sample(b, a, "prefill", repetition, depth, tokens, *seconds);
    return LL_OK;
}

static bool prefill_in_parts(const ll_speed_spec *spec, const ll_cost *cost) {
    return !spec->exact && spec->prompt >= LL_ESTIMATED_PROMPT && cost->window >= (double)spec->prompt;
}

bool ll_speed_is_large(const ll_cost *cost) {
    const double LARGE_BYTES = 4e9;
    return cost->weight_bytes > LARGE_BYTES;
}

static size_t decode_steps(const ll_cost *cost) {
    return ll_speed_is_large(cost) ? LL_DECODE_STEPS_LARGE : LL_DECODE_STEPS;
}

static size_t prefill_part(const ll_cost *cost) {
    return ll_speed_is_large(cost) ? LL_CHUNK_LARGE : LL_CHUNK;
}

static bool decode_in_parts(const ll_speed_spec *spec, const ll_cost *cost) {
    return !spec->exact && spec->generate > 2 * decode_steps(cost);
}

ll_timed ll_speed_timed(const ll_speed_spec *spec, const ll_cost *cost) {
    return (ll_timed){.prefill = prefill_in_parts(spec, cost)
                                     ? 2 * prefill_part(cost)
                                     : spec->prompt * (spec->exact ? spec->batch : 1),
                      .decode = decode_in_parts(spec, cost) ? 2 * decode_steps(cost) : spec->generate};
}

const char *ll_speed_method(const ll_speed_spec *spec, const ll_cost *cost) {
    const ll_timed timed = ll_speed_timed(spec, cost);
    return timed.prefill == spec->prompt * spec->batch && timed.decode == spec->generate ? "exact"
                                                                                         : "estimated";
}

/* Time of the prefills of all sequences. */
static ll_status time_prefill(bench *b, arm *a, size_t repetition, double *seconds) {
    const size_t prompt = b->spec->prompt, batch = b->spec->batch;
    double first, last;
    *seconds = 0;
    if (prefill_in_parts(b->spec, &b->cost)) {
        ll_session_select(a->session, 0);
        const size_t part = prefill_part(&b->cost);
        LL_TRY(time_tokens(b, a, repetition, 0, part, b->next, &first));
        LL_TRY(time_tokens(b, a, repetition, prompt - part, part, b->next, &last));
        *seconds = (first + last) / 2 * (double)prompt / (double)part * (double)batch;
        return LL_OK;
    }
    const size_t timed = b->spec->exact ? batch : 1;
    for (size_t i = 0; i < timed; i++) {
        ll_session_select(a->session, i);
        LL_TRY(time_tokens(b, a, repetition, 0, prompt, b->next + i, &first));
        *seconds += first;
    }
    *seconds *= (double)batch / (double)timed;
    return LL_OK;
}

/* steps tokens of every sequence from depth on. */
static ll_status time_decode(bench *b, arm *a, size_t repetition, size_t depth, size_t steps,
                             double *seconds) {
    for (size_t i = 0; i < b->spec->batch; i++) {
        ll_session_select(a->session, i);
        ll_session_skip_to(a->session, depth);
    }
    const double began = ll_seconds();
    for (size_t i = 0; i < steps; i++) {
        LL_TRY(ll_session_decode(a->session, b->next, b->residual, b->error));
        LL_TRY(choose(b, a, b->residual, b->spec->batch, b->next));
    }
    *seconds = ll_seconds() - began;
    keep_sample(b, a, "decode", repetition, depth, steps, *seconds);
    return LL_OK;
}

/* Time of all generated tokens: up to where the window is full a token's time grows, from there on it stays. */
static ll_status time_generation(bench *b, arm *a, size_t repetition, double *seconds) {
    const size_t prompt = b->spec->prompt, generate = b->spec->generate, steps = decode_steps(&b->cost);
    if (!decode_in_parts(b->spec, &b->cost))
        return time_decode(b, a, repetition, prompt, generate, seconds);
    const double growing = fmin((double)generate, fmax((double)steps, b->cost.window - (double)prompt));
    double near, far;
    LL_TRY(time_decode(b, a, repetition, prompt, steps, &near));
    LL_TRY(time_decode(b, a, repetition, prompt + (size_t)growing - steps, steps, &far));
    *seconds = ((near + far) / 2 * growing + far * ((double)generate - growing)) / (double)steps;
    return LL_OK;
}

/* A large model's pages, caches and clocks are warm after a few tokens through all of its weights. */
static ll_status warm_up_large(bench *b, arm *a) {
    enum { TOKENS = 64 };
    double unused;
    LL_TRY(time_tokens(b, a, 0, 0, b->spec->prompt < TOKENS ? b->spec->prompt : TOKENS, b->next, &unused));
    return time_decode(b, a, 0, b->spec->prompt, 1, &unused);
}

static ll_status time_arm(bench *b, arm *a, size_t repetition) {
    double prefill, decode;
    if (repetition == 0 && ll_speed_is_large(&b->cost))
        return warm_up_large(b, a);
    LL_TRY(time_prefill(b, a, repetition, &prefill));
    LL_TRY(time_generation(b, a, repetition, &decode));
    if (repetition) {
        a->prefill[repetition - 1] = prefill;
        a->decode[repetition - 1] = decode;
    }
    return LL_OK;
}

/* Only the arm that runs has a session: two would need twice the memory, and each would keep the pages it happened to get,
 * fast or slow ones, for all its runs. */
static ll_status run_arm(bench *b, arm *a, size_t repetition) {
    LL_TRY(ll_session_create_batch(&a->session, b->model, &a->mask, b->spec->batch,
                                   b->spec->prompt + b->spec->generate, b->error));
    a->kv_bytes = ll_session_kv_bytes(a->session);
    const ll_status status = time_arm(b, a, repetition);
    ll_session_destroy(a->session);
    a->session = NULL;
    ll_progress_step(b->progress, b->paired ? 1 : 2);
    return status;
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

/* ---- what bytes and operations alone say ---- */

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

static void predict(bench *b) {
    const ll_cost full = ll_model_cost(b->model, &b->full.mask),
                  cost = ll_model_cost(b->model, &b->dropped.mask);
    const ll_rates rates = ll_rates_of(&b->out->limits, ll_model_options_used(b->model)->weights);
    const ll_speed_times before = ll_speed_times_at(&rates, &full, b->spec),
                         after = ll_speed_times_at(&rates, &cost, b->spec);
    const prefill_work work = work_of_prefill(&cost, b->spec);
    const double batch = (double)b->spec->batch;
    ll_speed *out = b->out;
    out->predicted_prefill = before.prefill / after.prefill;
    out->predicted_decode = before.decode / after.decode;
    out->predicted = (before.prefill + before.decode) / (after.prefill + after.decode);
    out->bytes_per_token = step_bytes(&cost, b->spec) / batch;
    out->ops_per_token = (work.linear + work.attention) / (batch * (double)b->spec->prompt);
    out->linear_ops = work.linear;
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
        work[i] = b->limits[i].f32_ops_per_s;
    b->out->limits.f32_ops_per_s = ll_spread_of(work, n + 1).median;
    for (size_t i = 0; i <= n; i++)
        work[i] = b->limits[i].bytes_per_s;
    b->out->limits.bytes_per_s = ll_spread_of(work, n + 1).median;
}

/* Shares of the larger of the two neighbouring probes: limits[i] ran just before repetition i, limits[i + 1]
 * just after. */
static void shares(bench *b, const arm *a, double *work, size_t n) {
    ll_speed *out = b->out;
    const double sequences = (double)b->spec->batch;
    const double ops = out->linear_ops;
    const double bytes = out->bytes_per_token * sequences * (double)b->spec->generate;
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
    const size_t batch = b->spec->batch;
    out->prefill_tokens_per_s = median_rate((double)(batch * b->spec->prompt), measured->prefill, work, n);
    out->decode_tokens_per_s = median_rate((double)(batch * b->spec->generate), measured->decode, work, n);
    out->kv_bytes = measured->kv_bytes;
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
    return LL_OK;
}

static void end_arm(arm *a) {
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
    const size_t n = b->spec->repetitions, layers = c->layers, batch = b->spec->batch;
    const size_t rows = b->spec->prompt > batch ? b->spec->prompt : batch;
    const ll_mask full = {0};
    b->cost = ll_model_cost(b->model, &full);
    b->paired = ll_mask_count(mask->attn, layers) + ll_mask_count(mask->mlp, layers) > 0;
    b->ids = malloc(b->spec->prompt * sizeof *b->ids);
    b->next = calloc(batch, sizeof *b->next);
    b->residual = malloc(rows * c->hidden * sizeof *b->residual);
    b->logits = malloc(batch * c->vocab * sizeof *b->logits);
    b->limits = calloc(n + 2, sizeof *b->limits);
    b->out->samples = calloc(n * 2 * (2 + 1 + batch), sizeof *b->out->samples);
    if (!b->ids || !b->next || !b->residual || !b->logits || !b->limits || !b->out->samples)
        return ll_fail(b->error, LL_NO_RESOURCE, "no memory for timings");
    fill_ids(b);
    LL_TRY(begin_arm(b, &b->full, "full", &full));
    return b->paired ? begin_arm(b, &b->dropped, "dropped", mask) : LL_OK;
}

ll_status ll_speed_run(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec,
                       ll_progress *progress, ll_error *error) {
    *out = (ll_speed){0};
    if (!spec->prompt || !spec->generate || !spec->repetitions || !spec->batch)
        return ll_fail(error, LL_BAD_USAGE,
                       "speed needs at least 1 prompt token, 1 generated token, 1 repetition and 1 sequence");
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
    free(b.next);
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
