/* What dropping gains: prefill, decode and whole generation against the full model, beside the machine's limits.
 *
 * A shared machine's speed changes within seconds, so nothing is compared that is not next to it in time: the two arms take
 * turns within every prefill and every few steps of decode (A B B A ...), on one session, whose pages are the same for both,
 * and a probe of what bounds the phase stands between the turns. */
#ifndef LL_SPEED_H
#define LL_SPEED_H
#include "model.h"
#include "progress.h"

typedef struct {
    size_t prompt, generate; /* tokens; their sum is within the context */
    size_t repetitions;      /* timed ones, of both arms; one more warms up */
    size_t batch;            /* sequences that decode together; their prefills come in turn */
    bool exact;              /* time everything; else parts, from which the whole is reckoned (below) */
} ll_speed_spec;

/* Estimates rest on a token's time growing linearly with the positions that it sees:
 * - decode: LL_DECODE_STEPS tokens at the first depth and at the last that sees more, LL_DECODE_STEPS_LARGE of a large model;
 * - prefill of LL_ESTIMATED_PROMPT tokens and more, without a sliding window in them: the first and the last LL_CHUNK
 *   tokens, LL_CHUNK_LARGE of a large model; others whole;
 * - in a batch the prefill of one sequence stands for all.
 * Measured against exact runs next to them in time, medians of whole generations: SmolLM2-135M 512 + 512, 1.3 % less time (16
 * pairs); Llama-2-7B's shape 2,048 + 64, 2.8 % more (5 pairs): its prefill 0.5 % more, its decode 21 % more, since a few
 * steps met a bandwidth of 31 GB/s that 64 steps saw change to 57. What an estimate says in tokens/s is of its seconds. */
enum {
    LL_DECODE_STEPS = 16,
    LL_DECODE_STEPS_LARGE = 4,
    LL_CHUNK_LARGE = LL_CHUNK / 4,
    LL_ESTIMATED_PROMPT = 4 * LL_CHUNK,
};
/* A pass takes so long that a few tokens are measured as well as many of a small model: by the weights read for a token. */
bool ll_speed_is_large(const ll_cost *cost);

/* Tokens of one arm's run that are timed, of a model of that cost. */
typedef struct {
    size_t prefill; /* all sequences' */
    size_t decode;  /* steps of all sequences */
} ll_timed;
ll_timed ll_speed_timed(const ll_speed_spec *spec, const ll_cost *cost);
/* "exact" when that is everything, else "estimated". */
const char *ll_speed_method(const ll_speed_spec *spec, const ll_cost *cost);

/* How fast a machine computes and reads: matmuls and attention in operations, decode in bytes a second. */
typedef struct {
    double linear, attention, bytes;
} ll_rates;
/* At the limits: matmuls of int8 weights at the int8 peak, attention and float32 weights at the f32 peak. */
ll_rates ll_rates_of(const ll_limits *limits, ll_weights_kind weights);
/* Seconds of all sequences' prefills, and of all decode steps, at these rates: a prefill by operations alone, a step by the
 * slower of operations and bytes. */
typedef struct {
    double prefill, decode;
} ll_speed_times;
ll_speed_times ll_speed_times_at(const ll_rates *rates, const ll_cost *cost, const ll_speed_spec *spec);

typedef struct {
    double median, q1, q3;
} ll_spread;

/* What one arm took for a part. */
typedef struct {
    const char *arm;   /* "full" or "dropped" */
    const char *phase; /* "prefill" or "decode" */
    size_t repetition, depth, tokens;
    double seconds;
} ll_speed_sample;

typedef struct {
    double prefill_tokens_per_s,
        decode_tokens_per_s; /* medians, of the model with the mask; of all sequences */
    /* Medians and quartiles over the repetitions of full time over dropped time; 1 exactly for the full model. */
    ll_spread speedup_prefill, speedup_decode, speedup;
    /* Ratios of ll_speed_times_at the limits. */
    double predicted_prefill, predicted_decode, predicted;
    uint64_t kv_bytes;                     /* allocated for prompt + generate positions */
    double bytes_per_token, ops_per_token; /* decode, on average; prefill */
    double prefill_waiting,
        decode_waiting; /* shares of all threads' time that they waited for each other, medians */
    double linear_ops;  /* of all prefills, without attention */
    /* Of the larger of the two neighbouring probes at every turn, medians: matmul operations of the prefill, attention not counted but its
     * time is (NAN in f32); bytes of decode. */
    double int8_share, bandwidth_share;
    ll_limits limits;         /* medians of the probes */
    ll_speed_sample *samples; /* malloc'd */
    size_t sample_count;
} ll_speed;

/* Progress steps: ll_speed_steps in all. */
ll_status ll_speed_run(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec,
                       ll_progress *progress, ll_error *error);
size_t ll_speed_steps(const ll_speed_spec *spec);
void ll_speed_free(ll_speed *speed);

/* Median and quartiles (linear between neighbours, as R's type 7) of n >= 1 values; sorts them. */
ll_spread ll_spread_of(double *values, size_t n);
#endif
