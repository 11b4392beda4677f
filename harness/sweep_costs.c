/* What a module takes of a generation here: the full model against the one without all modules of a kind, in turns. */
#include "cmd.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

#include <math.h>

static void fill_key(ll_row *row, const ll_sweep *sweep, ll_drop_kind kind) {
    ll_sweep_speed_key(row, &ll_costs_schema, sweep);
    ll_row_text(row, "kind", ll_drop_kind_name(kind));
}

/* tokens of a phase at the dropped model's pace, and how much longer the full one takes. */
static double microseconds(double tokens, double tokens_per_s, double speedup, size_t modules) {
    return 1e6 * tokens / tokens_per_s * (speedup - 1) / (double)modules;
}

static ll_status measure(ll_sweep *sweep, ll_drop_kind kind, ll_row *row) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    const size_t layers = sweep->config.layers;
    ll_mask mask = {0};
    ll_speed speed;
    for (size_t layer = 0; layer < layers; layer++)
        ll_mask_drop(&mask, (ll_module){kind, layer});
    LL_TRY(ll_sweep_need_model(sweep));
    ll_progress_label(&sweep->progress,
                      kind == LL_ATTN ? "what attention layers cost" : "what MLP layers cost");
    sweep->progress.unit = ll_sweep_speed_work(sweep) / (double)ll_speed_steps(spec);
    LL_TRY(ll_speed_run(&speed, sweep->model, &mask, spec, &sweep->progress, sweep->error));
    ll_row_int(row, "modules", layers);
    ll_row_real(row, "prefill_microseconds",
                microseconds((double)(spec->batch * spec->prompt), speed.prefill_tokens_per_s,
                             speed.speedup_prefill.median, layers),
                6);
    ll_row_real(row, "decode_microseconds",
                microseconds((double)(spec->batch * spec->generate), speed.decode_tokens_per_s,
                             speed.speedup_decode.median, layers),
                6);
    ll_speed_free(&speed);
    ll_run_info_fill(row, sweep->model, sweep->model_name, sweep->options->seed);
    sweep->computed++;
    return ll_csv_append(sweep->costs, row, sweep->error);
}

static ll_status read_cost(ll_sweep *sweep, ll_drop_kind kind, double *out) {
    ll_row row;
    fill_key(&row, sweep, kind);
    if (ll_csv_find(sweep->costs, &row) == SIZE_MAX)
        LL_TRY(measure(sweep, kind, &row));
    else
        ll_sweep_skip(sweep, ll_sweep_speed_work(sweep));
    const size_t at = ll_csv_find(sweep->costs, &row);
    const double prefill = ll_csv_number(sweep->costs, at, "prefill_microseconds"),
                 decode = ll_csv_number(sweep->costs, at, "decode_microseconds");
    const ll_mix mix = sweep->options->mix;
    *out = mix == LL_MIX_PREFILL ? prefill : mix == LL_MIX_DECODE ? decode : prefill + decode;
    if (isfinite(*out))
        return LL_OK;
    return ll_fail(sweep->error, LL_BAD_INPUT, "%s: row %zu has no times; take the row out and run again",
                   ll_csv_path(sweep->costs), at + 1);
}

ll_status ll_sweep_costs(ll_sweep *sweep, double out[LL_MLP + 1]) {
    LL_TRY(read_cost(sweep, LL_ATTN, &out[LL_ATTN]));
    return read_cost(sweep, LL_MLP, &out[LL_MLP]);
}
