#include "cmd.h"
#include "documents.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

/* A window's layers, its head, and the full model's head for KL. */
static double window_work(const ll_sweep *sweep) {
    const double window = (double)sweep->protocol->window;
    return ll_pace_prefill(&sweep->pace, window, true) +
           sweep->pace.cost.head_ops * window / sweep->pace.rates.linear;
}

double ll_sweep_quality_work(const ll_sweep *sweep) {
    return (double)sweep->windows.count * window_work(sweep);
}

typedef struct {
    ll_sweep *sweep;
    ll_baseline baseline;
} stage;

static void fill_key(ll_row *row, const stage *s, const ll_sweep_task *task) {
    const ll_protocol *p = s->sweep->protocol;
    ll_row_begin(row, &ll_quality_schema);
    ll_row_text(row, "model_sha256", s->sweep->model_sha256);
    ll_row_weights(row, s->sweep->options->weights, s->sweep->options->group);
    const ll_model_options wanted = ll_cmd_model_options(s->sweep->options, s->sweep->options->weights);
    ll_row_text(row, "kv", ll_kv_name(ll_kv_type_of(&wanted)));
    ll_row_text(row, "data_sha256", s->sweep->text.sha256);
    ll_row_text(row, "recipe", LL_QUALITY_RECIPE);
    ll_row_int(row, "window", p->window);
    ll_row_int(row, "first_window", p->first_window);
    ll_row_int(row, "windows", s->sweep->windows.count);
    ll_row_text(row, "kind", task->kind);
    ll_row_int(row, "dropped", task->dropped);
    ll_row_text(row, "drop", task->drop);
}

/* The full model's residual streams, when the first row needs them. */
static ll_status prepare(stage *s) {
    ll_sweep *sweep = s->sweep;
    if (s->baseline.residual)
        return LL_OK;
    LL_TRY(ll_sweep_need_model(sweep));
    sweep->progress.unit = 0; /* one pass beside those of every row */
    return ll_baseline_make(&s->baseline, sweep->model, &sweep->windows, &sweep->progress, sweep->error);
}

static ll_status measure(stage *s, const ll_sweep_task *task, ll_row *row) {
    ll_sweep *sweep = s->sweep;
    LL_TRY(prepare(s));
    sweep->progress.unit = window_work(sweep);
    ll_quality q;
    LL_TRY(ll_quality_run(&q, sweep->model, &task->mask, &sweep->windows, &s->baseline, &sweep->progress,
                          sweep->error));
    ll_row_real(row, "perplexity", q.perplexity, 9);
    ll_row_real(row, "perplexity_stderr", q.perplexity_stderr, 4);
    ll_row_real(row, "kl", q.kl, 7);
    ll_row_real(row, "kl_stderr", q.kl_stderr, 4);
    ll_row_real(row, "top1", q.top1, 7);
    ll_row_real(row, "top1_stderr", q.top1_stderr, 4);
    ll_row_int(row, "tokens", q.tokens);
    ll_row_text(row, "data_file", ll_file_name(sweep->options->text));
    ll_run_info_fill(row, sweep->model, sweep->model_name, sweep->options->seed);
    return LL_OK;
}

static ll_status run_task(stage *s, const ll_sweep_task *task) {
    ll_sweep *sweep = s->sweep;
    ll_row row;
    fill_key(&row, s, task);
    const ll_row_state state =
        ll_sweep_look_up(sweep, sweep->quality, &row, task, "quality", ll_sweep_quality_work(sweep));
    if (state == LL_ROW_THERE)
        return LL_OK;
    if (state == LL_ROW_MISSING)
        LL_TRY(measure(s, task, &row));
    sweep->computed++;
    return ll_csv_append(sweep->quality, &row, sweep->error);
}

ll_status ll_sweep_quality(ll_sweep *sweep) {
    stage s = {.sweep = sweep};
    ll_status status = LL_OK;
    for (size_t i = 0; status == LL_OK && i < sweep->task_count; i++)
        status = run_task(&s, &sweep->tasks[i]);
    ll_baseline_free(&s.baseline);
    return status;
}
