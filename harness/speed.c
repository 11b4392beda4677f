#include "speed.h"
#include "sampler.h"
#include "speed_parts.h"

#include <math.h>
#include <stdlib.h>

/* A phase of one repetition. */
typedef struct {
    double seconds;
    double possible; /* operations of a prefill, bytes of decode that the limits allow in that time */
    double waited;   /* seconds that threads waited for each other, all together */
} total;

typedef struct {
    const char *name;
    ll_mask mask;
    total *total[LL_PHASES]; /* [repetitions] */
} arm;

typedef struct {
    const ll_model *model;
    const ll_speed_spec *spec;
    arm arms[2];
    size_t arm_count; /* 2: something is dropped, both run; the last one is what is measured */
    ll_speed_part *parts;
    size_t part_count;
    ll_session *session;      /* the arms' own pages would be as fast as chance made them: they share one */
    int32_t *ids, *next;      /* [prompt], [batch] */
    float *residual, *logits; /* of the prompt or the batch; [batch][vocab] */
    double *ops, *f32_ops, *bytes; /* a second, by each probe */
    size_t op_probes, byte_probes;
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
static ll_status choose(bench *b, const float *rows, size_t count, int32_t *next) {
    const size_t vocab = ll_model_config(b->model)->vocab;
    LL_TRY(ll_session_logits(b->session, rows, count, b->logits, b->error));
    for (size_t i = 0; i < count; i++)
        next[i] = (int32_t)ll_argmax(b->logits + i * vocab, vocab);
    return LL_OK;
}

static void go_to(bench *b, const ll_speed_part *part, size_t depth) {
    for (size_t i = 0; i < b->spec->batch; i++)
        if (part->phase == LL_DECODE || i == part->sequence) {
            ll_session_select(b->session, i);
            ll_session_skip_to(b->session, depth);
        }
    ll_session_select(b->session, part->sequence);
}

/* count tokens of a part, done of them behind it; a prefill's last ones give the first token to decode. */
static ll_status run_tokens(bench *b, const ll_speed_part *part, size_t done, size_t count) {
    if (part->phase == LL_PREFILL) {
        LL_TRY(
            ll_session_forward(b->session, b->ids + part->depth + done, count, b->residual, NULL, b->error));
        const float *last = b->residual + (count - 1) * ll_model_config(b->model)->hidden;
        return done + count == part->tokens ? choose(b, last, 1, b->next + part->sequence) : LL_OK;
    }
    for (size_t i = 0; i < count; i++) {
        LL_TRY(ll_session_decode(b->session, b->next, b->residual, b->error));
        LL_TRY(choose(b, b->residual, b->spec->batch, b->next));
    }
    return LL_OK;
}

static ll_status time_tokens(bench *b, const arm *a, const ll_speed_part *part, size_t done, size_t count,
                             total *out) {
    LL_TRY(ll_session_set_mask(b->session, &a->mask, b->error));
    go_to(b, part, part->depth + done);
    const double waited = ll_model_waited(b->model), began = ll_seconds();
    LL_TRY(run_tokens(b, part, done, count));
    out->seconds = ll_seconds() - began;
    out->waited = ll_model_waited(b->model) - waited;
    return LL_OK;
}

/* What bounds the phase, measured now: operations or bytes a second. */
static double probe(bench *b, ll_phase phase) {
    ll_limits now = {0};
    if (phase == LL_DECODE) {
        ll_model_measure_bandwidth(b->model, &now);
        return b->bytes[b->byte_probes++] = now.bytes_per_s;
    }
    ll_model_measure_compute(b->model, &now);
    b->f32_ops[b->op_probes] = now.f32_ops_per_s;
    return b->ops[b->op_probes++] = now.ops_per_s;
}

static size_t turns(const ll_speed_part *part) {
    return (part->tokens + part->stretch - 1) / part->stretch;
}

/* The arms in turn, each first in its turn, between probes. */
static ll_status time_part(bench *b, const ll_speed_part *part, size_t repetition, total out[2]) {
    double before = probe(b, part->phase);
    total turned[2] = {{0}};
    for (size_t turn = 0; turn < turns(part); turn++) {
        const size_t done = turn * part->stretch, left = part->tokens - done;
        for (size_t i = 0; i < b->arm_count; i++) {
            const size_t which = (i + turn + repetition) % b->arm_count;
            LL_TRY(time_tokens(b, &b->arms[which], part, done, left < part->stretch ? left : part->stretch,
                               &turned[which]));
        }
        const double after = probe(b, part->phase);
        for (size_t i = 0; i < b->arm_count; i++) {
            out[i].seconds += turned[i].seconds;
            out[i].waited += turned[i].waited;
            out[i].possible += turned[i].seconds * fmax(before, after);
        }
        before = after;
    }
    return LL_OK;
}

/* Repetition 0 is the warm-up, kept nowhere. */
static void keep(bench *b, const ll_speed_part *part, size_t repetition, const total timed[2]) {
    for (size_t i = 0; repetition && i < b->arm_count; i++) {
        total *sum = &b->arms[i].total[part->phase][repetition - 1];
        sum->seconds += part->weight * timed[i].seconds;
        sum->possible += part->weight * timed[i].possible;
        sum->waited += part->weight * timed[i].waited;
        b->out->samples[b->out->sample_count++] =
            (ll_speed_sample){b->arms[i].name, part->phase == LL_DECODE ? "decode" : "prefill",
                              repetition,      part->depth,
                              part->tokens,    timed[i].seconds};
    }
}

static ll_status run_repetition(bench *b, size_t repetition) {
    for (size_t i = 0; i < b->part_count; i++) {
        total timed[2] = {{0}};
        LL_TRY(time_part(b, &b->parts[i], repetition, timed));
        keep(b, &b->parts[i], repetition, timed);
        ll_progress_step(b->progress, 2.0 / (double)b->part_count);
    }
    return LL_OK;
}

/* A large model's pages, caches and clocks are warm after a few tokens through all of its weights. */
static ll_status warm_up(bench *b) {
    enum { TOKENS = 64 };
    const ll_cost cost = ll_model_cost(b->model, &b->arms[0].mask);
    if (!ll_speed_is_large(&cost))
        return run_repetition(b, 0);
    const size_t tokens = b->spec->prompt < TOKENS ? b->spec->prompt : TOKENS;
    const ll_speed_part prefill = {LL_PREFILL, 0, 0, tokens, tokens, 0},
                        decode = {LL_DECODE, 0, b->spec->prompt, 1, 1, 0};
    total unused[2] = {{0}};
    LL_TRY(time_part(b, &prefill, 0, unused));
    LL_TRY(time_part(b, &decode, 0, unused));
    ll_progress_step(b->progress, 2);
    return LL_OK;
}

static ll_status open_session(bench *b, const arm *a) {
    return ll_session_create_batch(&b->session, b->model, &a->mask, b->spec->batch,
                                   b->spec->prompt + b->spec->generate, b->error);
}

static void close_session(bench *b) {
    ll_session_destroy(b->session);
    b->session = NULL;
}

/* The smaller cache is allocated alone, to be measured; then the full model's session serves both arms. */
static ll_status run_all(bench *b) {
    LL_TRY(open_session(b, &b->arms[b->arm_count - 1]));
    b->out->kv_bytes = ll_session_kv_bytes(b->session);
    if (b->arm_count > 1) {
        close_session(b);
        LL_TRY(open_session(b, &b->arms[0]));
    }
    LL_TRY(warm_up(b));
    for (size_t repetition = 1; repetition <= b->spec->repetitions; repetition++)
        LL_TRY(run_repetition(b, repetition));
    return LL_OK;
}

static double seconds_of(const arm *a, size_t repetition, bool prefill, bool decode) {
    return (prefill ? a->total[LL_PREFILL][repetition].seconds : 0) +
           (decode ? a->total[LL_DECODE][repetition].seconds : 0);
}

static ll_spread speedup(const bench *b, bool prefill, bool decode, double *work) {
    const arm *full = &b->arms[0], *measured = &b->arms[b->arm_count - 1];
    for (size_t i = 0; i < b->spec->repetitions; i++)
        work[i] = seconds_of(full, i, prefill, decode) / seconds_of(measured, i, prefill, decode);
    return ll_spread_of(work, b->spec->repetitions);
}

/* Of amount over the seconds of each repetition, or over what was possible in them. */
static double median_of(const total *totals, double amount, bool possible, double *work, size_t n) {
    for (size_t i = 0; i < n; i++)
        work[i] = amount / (possible ? totals[i].possible : totals[i].seconds);
    return ll_spread_of(work, n).median;
}

/* Of the time of threads that work, the share that they waited for each other within the work. */
static double median_waiting(const bench *b, const total *totals, size_t working, double *work) {
    const double threads = (double)working;
    for (size_t i = 0; i < b->spec->repetitions; i++)
        work[i] = totals[i].waited / (threads * totals[i].seconds);
    return ll_spread_of(work, b->spec->repetitions).median;
}

static void sum_up(bench *b, double *work) {
    const size_t n = b->spec->repetitions;
    const double batch = (double)b->spec->batch, generate = (double)b->spec->generate;
    ll_speed *out = b->out;
    const arm *measured = &b->arms[b->arm_count - 1];
    const total *prefill = measured->total[LL_PREFILL], *decode = measured->total[LL_DECODE];
    out->limits = (ll_limits){.ops_per_s = ll_spread_of(b->ops, b->op_probes).median,
                              .f32_ops_per_s = ll_spread_of(b->f32_ops, b->op_probes).median,
                              .bytes_per_s = ll_spread_of(b->bytes, b->byte_probes).median};
    ll_speed_predict(out, b->model, &measured->mask, b->spec);
    out->prefill_tokens_per_s = median_of(prefill, batch * (double)b->spec->prompt, false, work, n);
    out->decode_tokens_per_s = median_of(decode, batch * generate, false, work, n);
    out->int8_share = ll_model_options_used(b->model)->weights == LL_WEIGHTS_F32
                          ? NAN
                          : median_of(prefill, out->linear_ops, true, work, n);
    out->bandwidth_share = median_of(decode, out->bytes_per_token * batch * generate, true, work, n);
    out->prefill_waiting = median_waiting(b, prefill, ll_model_options_used(b->model)->threads, work);
    out->decode_waiting = median_waiting(b, decode, ll_model_decode_threads(b->model), work);
    out->speedup_prefill = speedup(b, true, false, work);
    out->speedup_decode = speedup(b, false, true, work);
    out->speedup = speedup(b, true, true, work);
}

static ll_status begin_arm(bench *b, arm *a, const char *name, const ll_mask *mask) {
    *a = (arm){.name = name, .mask = *mask};
    for (int phase = 0; phase < LL_PHASES; phase++) {
        a->total[phase] = calloc(b->spec->repetitions, sizeof *a->total[phase]);
        if (!a->total[phase])
            return ll_fail(b->error, LL_NO_RESOURCE, "no memory for timings");
    }
    return LL_OK;
}

static ll_status begin_arms(bench *b, const ll_mask *mask) {
    const ll_mask full = {0};
    const size_t layers = ll_model_config(b->model)->layers;
    b->arm_count = ll_mask_count(mask->attn, layers) + ll_mask_count(mask->mlp, layers) > 0 ? 2 : 1;
    LL_TRY(begin_arm(b, &b->arms[0], "full", &full));
    return b->arm_count == 2 ? begin_arm(b, &b->arms[1], "dropped", mask) : LL_OK;
}

/* Any ids do: no timing depends on them. */
static void fill_ids(bench *b) {
    const size_t vocab = ll_model_config(b->model)->vocab;
    for (size_t i = 0; i < b->spec->prompt; i++)
        b->ids[i] = (int32_t)(i * 7919 % vocab);
}

/* Of all repetitions and the warm-up. */
static size_t count_probes(const bench *b) {
    size_t probes = 2 * LL_PHASES; /* a large model's warm-up */
    for (size_t i = 0; i < b->part_count; i++)
        probes += (turns(&b->parts[i]) + 1) * (b->spec->repetitions + 1);
    return probes;
}

static ll_status begin(bench *b, const ll_mask *mask) {
    const ll_config *c = ll_model_config(b->model);
    const size_t n = b->spec->repetitions, batch = b->spec->batch;
    const size_t rows = b->spec->prompt > batch ? b->spec->prompt : batch;
    LL_TRY(begin_arms(b, mask));
    const ll_cost cost = ll_model_cost(b->model, &b->arms[0].mask);
    b->parts = calloc(ll_speed_parts_max(b->spec), sizeof *b->parts);
    b->part_count = b->parts ? ll_speed_parts(b->parts, b->spec, &cost) : 0;
    b->ids = malloc(b->spec->prompt * sizeof *b->ids);
    b->next = calloc(batch, sizeof *b->next);
    b->residual = malloc(rows * c->hidden * sizeof *b->residual);
    b->logits = malloc(batch * c->vocab * sizeof *b->logits);
    b->ops = malloc(count_probes(b) * sizeof *b->ops);
    b->f32_ops = malloc(count_probes(b) * sizeof *b->f32_ops);
    b->bytes = malloc(count_probes(b) * sizeof *b->bytes);
    b->out->samples = calloc(n * b->arm_count * b->part_count, sizeof *b->out->samples);
    if (!b->parts || !b->ids || !b->next || !b->residual || !b->logits || !b->ops || !b->f32_ops ||
        !b->bytes || !b->out->samples)
        return ll_fail(b->error, LL_NO_RESOURCE, "no memory for timings");
    fill_ids(b);
    return LL_OK;
}

static void end(bench *b) {
    close_session(b);
    for (size_t i = 0; i < 2; i++)
        for (int phase = 0; phase < LL_PHASES; phase++)
            free(b->arms[i].total[phase]);
    free(b->parts);
    free(b->ids);
    free(b->next);
    free(b->residual);
    free(b->logits);
    free(b->ops);
    free(b->f32_ops);
    free(b->bytes);
}

ll_status ll_speed_run(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec,
                       ll_progress *progress, ll_error *error) {
    *out = (ll_speed){0};
    if (!spec->prompt || !spec->generate || !spec->repetitions || !spec->batch)
        return ll_fail(error, LL_BAD_USAGE,
                       "speed needs at least 1 prompt token, 1 generated token, 1 repetition and 1 sequence");
    bench b = {.model = model, .spec = spec, .out = out, .progress = progress, .error = error};
    double *work = calloc(spec->repetitions, sizeof *work);
    ll_status status = work ? begin(&b, mask) : ll_fail(error, LL_NO_RESOURCE, "no memory for timings");
    if (status == LL_OK)
        status = run_all(&b);
    if (status == LL_OK)
        sum_up(&b, work);
    end(&b);
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
