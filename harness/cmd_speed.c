#include "cmd.h"
#include "fit.h"
#include "pace.h"
#include "rows.h"
#include "speed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ll_speed_spec spec_of(const ll_options *options) {
    return (ll_speed_spec){.prompt = options->prompt,
                           .generate = options->generate,
                           .repetitions = options->repetitions,
                           .batch = options->batch,
                           .exact = options->exact};
}

static void put_spread(json_t *root, const char *key, const ll_spread *spread) {
    char quartile[64];
    ll_cmd_put_real(root, key, spread->median);
    snprintf(quartile, sizeof quartile, "%s_q1", key);
    ll_cmd_put_real(root, quartile, spread->q1);
    snprintf(quartile, sizeof quartile, "%s_q3", key);
    ll_cmd_put_real(root, quartile, spread->q3);
}

/* What was measured, beside the numbers. */
typedef struct {
    const ll_options *options; /* with what fits in memory filled in */
    const ll_model *model;
    ll_speed_spec spec;
    ll_cost cost; /* of the full model */
    char drop[LL_MASK_TEXT];
    char left_out[LL_MASK_TEXT]; /* by the checkpoint itself */
    char resident[48];           /* "40/40" */
    bool paired;
} setting;

static json_t *describe(const setting *s) {
    const ll_model_options *used = ll_model_options_used(s->model);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "model",
                     s->options->model, "source", ll_model_is_synthetic(s->model) ? "synthetic" : "real",
                     "drop", s->drop, "left_out", s->left_out, "weights", ll_weights_kind_name(used->weights),
                     "kv", ll_kv_name(ll_kv_type_of(used)), "resident", s->resident, "batch",
                     (json_int_t)s->spec.batch, "prompt", (json_int_t)s->spec.prompt, "generate",
                     (json_int_t)s->spec.generate, "repetitions", (json_int_t)s->spec.repetitions, "threads",
                     (json_int_t)used->threads, "method", ll_speed_method(&s->spec, &s->cost));
}

static ll_status print_json(const setting *s, const ll_speed *speed, ll_error *error) {
    json_t *root = describe(s);
    json_object_set_new(root, "weight_bytes", json_integer((json_int_t)ll_model_weight_bytes(s->model)));
    json_object_set_new(root, "kv_bytes", json_integer((json_int_t)speed->kv_bytes));
    json_object_set_new(root, "peak_memory_bytes", json_integer((json_int_t)ll_peak_memory()));
    ll_cmd_put_real(root, "prefill_tokens_per_s", speed->prefill_tokens_per_s);
    ll_cmd_put_real(root, "decode_tokens_per_s", speed->decode_tokens_per_s);
    ll_cmd_put_real(root, "int8_share", speed->int8_share);
    ll_cmd_put_real(root, "bandwidth_share", speed->bandwidth_share);
    ll_cmd_put_real(root, "prefill_waiting", speed->prefill_waiting);
    ll_cmd_put_real(root, "decode_waiting", speed->decode_waiting);
    ll_cmd_put_real(root, "peak_gops", speed->limits.ops_per_s / 1e9);
    ll_cmd_put_real(root, "f32_peak_gops", speed->limits.f32_ops_per_s / 1e9);
    ll_cmd_put_real(root, "bandwidth_gbs", speed->limits.bytes_per_s / 1e9);
    ll_cmd_put_real(root, "bytes_per_token", speed->bytes_per_token);
    ll_cmd_put_real(root, "ops_per_token", speed->ops_per_token);
    if (s->paired) {
        put_spread(root, "speedup", &speed->speedup);
        put_spread(root, "speedup_prefill", &speed->speedup_prefill);
        put_spread(root, "speedup_decode", &speed->speedup_decode);
        ll_cmd_put_real(root, "speedup_predicted", speed->predicted);
        ll_cmd_put_real(root, "predicted_prefill", speed->predicted_prefill);
        ll_cmd_put_real(root, "predicted_decode", speed->predicted_decode);
    }
    return ll_cmd_print_json(root, error);
}

static void print_ratio(const char *label, const ll_spread *spread, double predicted) {
    printf("%-12s%.3f x (quartiles %.3f to %.3f), predicted %.3f x\n", label, spread->median, spread->q1,
           spread->q3, predicted);
}

static void print_text(const setting *s, const ll_speed *speed) {
    char kv[LL_BYTES_TEXT], weights[LL_BYTES_TEXT];
    const ll_model_options *used = ll_model_options_used(s->model);
    ll_cmd_bytes_text(speed->kv_bytes, kv);
    ll_cmd_bytes_text(ll_model_weight_bytes(s->model), weights);
    const ll_timed timed = ll_speed_timed(&s->spec, &s->cost);
    printf("model       %s, %s weights\n", s->options->model,
           ll_model_is_synthetic(s->model) ? "SYNTHETIC" : "real");
    printf("dropped     %s\n", s->drop);
    if (strcmp(s->left_out, "none") != 0)
        printf("left out    %s, by the checkpoint itself\n", s->left_out);
    printf("method      %s: %zu tokens of prefill and %zu steps of decode timed, %zu times\n",
           ll_speed_method(&s->spec, &s->cost), timed.prefill, timed.decode, s->spec.repetitions);
    printf("prefill     %.*f tokens/s at %zu tokens", speed->prefill_tokens_per_s < 100 ? 2 : 1,
           speed->prefill_tokens_per_s, s->spec.prompt);
    if (!isnan(speed->int8_share))
        printf(", %.0f %% of the int8 peak of %.0f GOPS", 100 * speed->int8_share,
               speed->limits.ops_per_s / 1e9);
    printf("\ndecode      %.*f tokens/s over %zu tokens, batch %zu, %.0f %% of the read bandwidth of %.1f "
           "GB/s\n",
           speed->decode_tokens_per_s < 100 ? 2 : 1, speed->decode_tokens_per_s, s->spec.generate,
           s->spec.batch, 100 * speed->bandwidth_share, speed->limits.bytes_per_s / 1e9);
    printf("threads     waited for each other %.1f %% of prefill's and %.1f %% of decode's time\n",
           100 * speed->prefill_waiting, 100 * speed->decode_waiting);
    printf("weights     %s (%s, resident=%s)\n", weights, ll_weights_kind_name(used->weights), s->resident);
    printf("KV-cache    %s for %zu positions, %s\n", kv, s->spec.prompt + s->spec.generate,
           ll_kv_name(ll_kv_type_of(used)));
    if (!s->paired)
        return;
    print_ratio("speedup", &speed->speedup, speed->predicted);
    print_ratio("  prefill", &speed->speedup_prefill, speed->predicted_prefill);
    print_ratio("  decode", &speed->speedup_decode, speed->predicted_decode);
}

static ll_status run(const ll_options *options, const ll_model *model, const ll_mask *mask, ll_error *error) {
    const size_t layers = ll_model_config(model)->layers;
    setting s = {.options = options, .model = model, .spec = spec_of(options)};
    const ll_mask full = {0};
    s.cost = ll_model_cost(model, &full);
    ll_mask_format(mask, layers, s.drop);
    ll_mask_format(&ll_model_config(model)->dropped, layers, s.left_out);
    snprintf(s.resident, sizeof s.resident, "%zu/%zu", options->resident ? options->resident : layers,
             layers);
    s.paired = strcmp(s.drop, "none") != 0;
    ll_progress progress;
    ll_progress_begin(&progress, "speed", (double)ll_speed_steps(&s.spec), options->quiet);
    ll_speed speed;
    ll_status status = ll_speed_run(&speed, model, mask, &s.spec, &progress, error);
    ll_progress_end(&progress);
    LL_TRY(status);
    if (options->json)
        status = print_json(&s, &speed, error);
    else
        print_text(&s, &speed);
    if (!options->quiet)
        ll_cmd_say_peak();
    ll_speed_free(&speed);
    return status;
}

/* Worth a probe only where it may be long. */
static ll_status say_time(const ll_options *options, const ll_config *shape, size_t arms, ll_error *error) {
    const double LONG_BYTES = 1e9;
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    const ll_speed_spec spec = spec_of(options);
    ll_limits limits;
    ll_pace pace;
    char time[LL_TIME_TEXT];
    if (options->quiet || (double)ll_config_weight_bytes(shape, &wanted) < LONG_BYTES)
        return LL_OK;
    LL_TRY(ll_machine_measure_limits(&wanted, &limits, error));
    LL_TRY(ll_pace_find(&pace, shape, &wanted, &limits, error));
    ll_time_text(ll_pace_speed(&pace, &spec, arms), time);
    fprintf(stderr, "timings take about %s, after the weights\n", time);
    return LL_OK;
}

/* The shape, the drop and what fits: known before any weight is read or made. */
static ll_status look(ll_options *options, ll_mask *mask, ll_error *error) {
    ll_config shape;
    LL_TRY(options->synthetic ? ll_cmd_shape(options, &shape, error) : ll_cmd_config(options, &shape, error));
    LL_TRY(ll_cmd_mask(options, &shape, mask, error));
    LL_TRY(ll_cmd_check_overlap(mask, &shape, error));
    if (options->prompt + options->generate > shape.context)
        return ll_fail(error, LL_BAD_INPUT,
                       "%zu prompt + %zu generated tokens asked, but this model's context is %zu positions",
                       options->prompt, options->generate, shape.context);
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    const bool paired = ll_mask_count(mask->attn, shape.layers) + ll_mask_count(mask->mlp, shape.layers) > 0;
    const ll_fit_request request = {.shape = &shape,
                                    .options = &wanted,
                                    .synthetic = options->synthetic,
                                    .prompt = options->prompt,
                                    .capacity = options->prompt + options->generate,
                                    .batch = options->batch};
    ll_fit fit;
    LL_TRY(ll_fit_find(&fit, &request, error));
    if (!options->quiet)
        ll_fit_say(&fit, &request);
    options->resident = options->synthetic && fit.resident < shape.layers ? fit.resident : 0;
    options->batch = fit.batch;
    return say_time(options, &shape, paired ? 2 : 1, error);
}

ll_status ll_cmd_speed(const ll_options *options, ll_error *error) {
    ll_model *model;
    ll_mask mask;
    char path[LL_CMD_PATH];
    ll_options fitted = *options;
    LL_TRY(look(&fitted, &mask, error));
    LL_TRY(ll_cmd_load(&fitted, options->weights, &model, path, error));
    const ll_status status = run(&fitted, model, &mask, error);
    ll_model_destroy(model);
    return status;
}
