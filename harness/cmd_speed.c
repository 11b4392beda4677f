#include "cmd.h"
#include "speed.h"

#include <math.h>
#include <stdio.h>

static ll_speed_spec spec_of(const ll_options *options) {
    return (ll_speed_spec){options->prompt, options->generate, options->repetitions, options->exact};
}

static void put_spread(json_t *root, const char *key, const ll_spread *spread) {
    char quartile[64];
    ll_cmd_put_real(root, key, spread->median);
    snprintf(quartile, sizeof quartile, "%s_q1", key);
    ll_cmd_put_real(root, quartile, spread->q1);
    snprintf(quartile, sizeof quartile, "%s_q3", key);
    ll_cmd_put_real(root, quartile, spread->q3);
}

static ll_status print_json(const ll_speed *speed, const ll_speed_spec *spec, const ll_model *model,
                            const char *drop, bool paired, ll_error *error) {
    json_t *root =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:I}", "drop", drop, "weights",
                  ll_weights_kind_name(ll_model_options_used(model)->weights), "prompt",
                  (json_int_t)spec->prompt, "generate", (json_int_t)spec->generate, "repetitions",
                  (json_int_t)spec->repetitions, "threads", (json_int_t)ll_model_options_used(model)->threads,
                  "method", spec->exact ? "exact" : "estimated", "kv_bytes", (json_int_t)speed->kv_bytes);
    ll_cmd_put_real(root, "prefill_tokens_per_s", speed->prefill_tokens_per_s);
    ll_cmd_put_real(root, "decode_tokens_per_s", speed->decode_tokens_per_s);
    ll_cmd_put_real(root, "int8_share", speed->int8_share);
    ll_cmd_put_real(root, "bandwidth_share", speed->bandwidth_share);
    ll_cmd_put_real(root, "peak_gops", speed->limits.ops_per_s / 1e9);
    ll_cmd_put_real(root, "bandwidth_gbs", speed->limits.bytes_per_s / 1e9);
    ll_cmd_put_real(root, "bytes_per_token", speed->bytes_per_token);
    ll_cmd_put_real(root, "ops_per_token", speed->ops_per_token);
    if (paired) {
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

static void print_text(const ll_speed *speed, const ll_speed_spec *spec, const char *drop, bool paired) {
    char kv[LL_BYTES_TEXT];
    ll_cmd_bytes_text(speed->kv_bytes, kv);
    printf("dropped     %s\n", drop);
    printf("prefill     %.1f tokens/s at %zu tokens", speed->prefill_tokens_per_s, spec->prompt);
    if (!isnan(speed->int8_share))
        printf(", %.0f %% of the int8 peak of %.0f GOPS", 100 * speed->int8_share,
               speed->limits.ops_per_s / 1e9);
    printf("\ndecode      %.1f tokens/s over %zu tokens, %.0f %% of the read bandwidth of %.1f GB/s\n",
           speed->decode_tokens_per_s, spec->generate, 100 * speed->bandwidth_share,
           speed->limits.bytes_per_s / 1e9);
    printf("KV-cache    %s for %zu positions\n", kv, spec->prompt + spec->generate);
    if (!paired)
        return;
    print_ratio("speedup", &speed->speedup, speed->predicted);
    print_ratio("  prefill", &speed->speedup_prefill, speed->predicted_prefill);
    print_ratio("  decode", &speed->speedup_decode, speed->predicted_decode);
}

static ll_status run(const ll_options *options, const ll_model *model, ll_error *error) {
    const ll_speed_spec spec = spec_of(options);
    const size_t layers = ll_model_config(model)->layers;
    ll_mask mask;
    char drop[LL_MASK_TEXT];
    LL_TRY(ll_cmd_mask(options, ll_model_config(model), &mask, error));
    ll_mask_format(&mask, layers, drop);
    ll_progress progress;
    ll_progress_begin(&progress, "speed", (double)ll_speed_steps(&spec), options->quiet);
    ll_speed speed;
    ll_status status = ll_speed_run(&speed, model, &mask, &spec, &progress, error);
    ll_progress_end(&progress);
    LL_TRY(status);
    const bool paired = ll_mask_count(mask.attn, layers) + ll_mask_count(mask.mlp, layers) > 0;
    if (options->json)
        status = print_json(&speed, &spec, model, drop, paired, error);
    else
        print_text(&speed, &spec, drop, paired);
    ll_speed_free(&speed);
    return status;
}

ll_status ll_cmd_speed(const ll_options *options, ll_error *error) {
    ll_model *model;
    char path[LL_CMD_PATH];
    LL_TRY(ll_cmd_load(options, options->weights, &model, path, error));
    const ll_status status = run(options, model, error);
    ll_model_destroy(model);
    return status;
}
