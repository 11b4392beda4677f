#include "rows.h"
#include "run_info.h"

#define SCHEMA(variable, file, key_count, ...)                                                               \
    static const char *const variable##_columns[] = {__VA_ARGS__};                                           \
    const ll_csv_schema ll_##variable##_schema = {                                                           \
        file, variable##_columns, sizeof variable##_columns / sizeof *variable##_columns, key_count}

SCHEMA(importance, "importance", 6, "model_sha256", "data_sha256", "samples", "length", "kind", "layer",
       "importance", "tokens", "data_file", LL_RUN_COLUMNS);

SCHEMA(quality, "quality", 11, "model_sha256", "weights", "group", "data_sha256", "recipe", "window",
       "first_window", "windows", "kind", "dropped", "drop", "perplexity", "perplexity_stderr", "kl",
       "kl_stderr", "top1", "top1_stderr", "tokens", "data_file", LL_RUN_COLUMNS);

SCHEMA(speed, "speed", 9, "model_sha256", "weights", "group", "prompt", "generate", "repetitions", "kind",
       "dropped", "drop", "method", "prefill_tokens_per_s", "decode_tokens_per_s", "speedup_prefill",
       "speedup_prefill_q1", "speedup_prefill_q3", "speedup_decode", "speedup_decode_q1", "speedup_decode_q3",
       "speedup", "speedup_q1", "speedup_q3", "speedup_predicted", "kv_bytes", "bytes_per_token",
       "ops_per_token", "int8_share", "bandwidth_share", "peak_gops", "bandwidth_gbs", LL_RUN_COLUMNS);

SCHEMA(samples, "samples", 0, "weights", "group", "prompt", "generate", "kind", "dropped", "drop",
       "repetition", "arm", "phase", "depth", "tokens", "seconds");

SCHEMA(modules, "modules", 2, "kind", "layer", "importance");
