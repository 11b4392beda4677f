#include "rows.h"
#include "run_info.h"

#include <string.h>

#define SCHEMA(variable, file, key_count, ...)                                                               \
    static const char *const variable##_columns[] = {__VA_ARGS__};                                           \
    const ll_csv_schema ll_##variable##_schema = {                                                           \
        file, variable##_columns, sizeof variable##_columns / sizeof *variable##_columns, key_count}

SCHEMA(importance, "importance", 9, "model_sha256", "weights", "group", "data_sha256", "samples", "length",
       "metric", "kind", "layer", "importance", "tokens", "data_file", LL_RUN_COLUMNS);

SCHEMA(quality, "quality", 12, "model_sha256", "weights", "group", "kv", "data_sha256", "recipe", "window",
       "first_window", "windows", "kind", "dropped", "drop", "perplexity", "perplexity_stderr", "kl",
       "kl_stderr", "top1", "top1_stderr", "loss_difference", "loss_difference_stderr", "tokens", "words",
       "bytes", "word_perplexity", "byte_perplexity", "modules_asked", "modules_computed", "data_file",
       LL_RUN_COLUMNS);

/* Another ISA rounds otherwise: a difference is between answers of one. */
SCHEMA(tasks, "tasks", 14, "model_sha256", "weights", "group", "kv", "isa", "limit", "too_long", "task",
       "task_sha256", "data_sha256", "num_fewshot", "kind", "dropped", "drop", "metric", "value", "stderr",
       "macro", "chance", "questions", "available", "whole", "difference", "difference_stderr", "only_full",
       "only_dropped", "p_value", "tokens_asked", "tokens_computed", "seconds", "prompts_cut", "commit",
       "compiler", "cpu", "threads", "nodes", "placement", "model", "source", "seed", "date");

/* How modules were chosen; quality, tasks and speed know only what is dropped. */
SCHEMA(plans, "plans", 9, "model_sha256", "weights", "group", "order", "data_sha256", "samples", "length",
       "kind", "dropped", "drop", "data_file", LL_RUN_COLUMNS);

/* A timing belongs to its CPU, ISA and thread count, which are keys here. */
SCHEMA(speed, "speed", 16, "model_sha256", "weights", "group", "kv", "cpu", "isa", "threads", "resident",
       "batch", "prompt", "generate", "method", "repetitions", "kind", "dropped", "drop",
       "prefill_tokens_per_s", "decode_tokens_per_s", "speedup", "speedup_q1", "speedup_q3",
       "speedup_prefill", "speedup_prefill_q1", "speedup_prefill_q3", "speedup_decode", "speedup_decode_q1",
       "speedup_decode_q3", "speedup_predicted", "predicted_prefill", "predicted_decode", "kv_bytes",
       "bytes_per_token", "ops_per_token", "int8_share", "bandwidth_share", "peak_gops", "f32_peak_gops",
       "bandwidth_gbs", "weight_bytes", "commit", "compiler", "nodes", "placement", "model", "source", "seed",
       "date");

SCHEMA(costs, "costs", 14, "model_sha256", "weights", "group", "kv", "cpu", "isa", "threads", "resident",
       "batch", "prompt", "generate", "method", "repetitions", "kind", "modules", "prefill_microseconds",
       "decode_microseconds", "commit", "compiler", "nodes", "placement", "model", "source", "seed", "date");

/* Two importance maps: all of it follows from importance.csv, so it is written anew each time. */
SCHEMA(calibration, "calibration", 13, "compared", "weights", "group", "length", "metric", "kind",
       "model_sha256", "data_sha256", "samples", "other_model_sha256", "other_data_sha256", "other_samples",
       "lowest", "overlap", "rank_correlation", "model", "data_file", "other_model", "other_data_file");

/* Timings of a speed row carry its date. */
SCHEMA(samples, "samples", 0, "model_sha256", "weights", "group", "kv", "resident", "batch", "prompt",
       "generate", "kind", "dropped", "drop", "repetition", "arm", "phase", "depth", "tokens", "seconds",
       "date");

SCHEMA(modules, "modules", 2, "kind", "layer", "importance");

/* All columns that both files have, but for what the row sums up. */
size_t ll_row_of_sample(const ll_csv *speed, const ll_csv *samples, size_t sample) {
    static const char *const same[] = {"date",  "drop", "dropped",  "kind",  "model_sha256", "weights",
                                       "group", "kv",   "resident", "batch", "prompt",       "generate"};
    for (size_t row = ll_csv_rows(speed); row-- > 0;) {
        size_t i = 0;
        while (i < sizeof same / sizeof *same &&
               strcmp(ll_csv_cell(speed, row, same[i]), ll_csv_cell(samples, sample, same[i])) == 0)
            i++;
        if (i == sizeof same / sizeof *same)
            return row;
    }
    return SIZE_MAX;
}

void ll_row_weights(ll_row *row, ll_weights_kind weights, size_t group) {
    ll_row_text(row, "weights", ll_weights_kind_name(weights));
    if (weights == LL_WEIGHTS_INT8 && group)
        ll_row_int(row, "group", group);
    else if (weights == LL_WEIGHTS_INT8)
        ll_row_text(row, "group", "channel");
}

const char *ll_kv_name(ll_kv_type type) {
    return type == LL_KV_I8 ? "int8" : type == LL_KV_F32 ? "f32" : "bf16";
}

const char *ll_file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void ll_model_label(const char *name_or_path, char out[LL_CSV_CELL]) {
    size_t length = strlen(name_or_path);
    while (length > 1 && name_or_path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start && name_or_path[start - 1] != '/')
        start--;
    snprintf(out, LL_CSV_CELL, "%.*s", (int)(length - start), name_or_path + start);
    char *ending = strstr(out, ".gguf");
    if (ending && ending != out && !ending[5])
        *ending = 0;
}
