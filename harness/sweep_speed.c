#include "cmd.h"
#include "placement_svg.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

double ll_sweep_speed_work(const ll_sweep *sweep) {
    return ll_pace_speed(&sweep->pace, &sweep->protocol->speed, 2);
}

/* What speed.csv and samples.csv begin with. */
static void fill_model(ll_row *row, const ll_sweep *sweep) {
    char resident[48];
    const size_t layers = sweep->config.layers, kept = sweep->options->resident;
    const ll_model_options wanted = ll_cmd_model_options(sweep->options, sweep->options->weights);
    snprintf(resident, sizeof resident, "%zu/%zu", kept ? kept : layers, layers);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_row_weights(row, sweep->options->weights, sweep->options->group);
    ll_row_text(row, "kv", ll_kv_name(ll_kv_type_of(&wanted)));
    ll_row_text(row, "resident", resident);
    ll_row_int(row, "batch", sweep->protocol->speed.batch);
}

void ll_sweep_speed_setting(ll_row *row, const ll_csv_schema *schema, const ll_sweep *sweep) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    char isa[LL_CSV_CELL];
    ll_row_begin(row, schema);
    fill_model(row, sweep);
    ll_row_text(row, "cpu", sweep->machine.cpu);
    ll_isa_text(&sweep->kernels, isa, sizeof isa);
    ll_row_text(row, "isa", isa);
    ll_row_int(row, "threads", sweep->threads);
    ll_row_int(row, "prompt", spec->prompt);
    ll_row_int(row, "generate", spec->generate);
}

void ll_sweep_speed_key(ll_row *row, const ll_csv_schema *schema, const ll_sweep *sweep) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    ll_sweep_speed_setting(row, schema, sweep);
    ll_row_text(row, "method", ll_speed_method(spec, &sweep->pace.cost));
    ll_row_int(row, "repetitions", spec->repetitions);
}

static void fill_key(ll_row *row, const ll_sweep *sweep, const ll_sweep_task *task) {
    ll_sweep_speed_key(row, &ll_speed_schema, sweep);
    ll_row_text(row, "kind", task->kind);
    ll_row_int(row, "dropped", task->dropped);
    ll_row_text(row, "drop", task->drop);
}

static void fill_spread(ll_row *row, const char *column, const ll_spread *spread) {
    char quartile[64];
    ll_row_real(row, column, spread->median, 5);
    snprintf(quartile, sizeof quartile, "%s_q1", column);
    ll_row_real(row, quartile, spread->q1, 5);
    snprintf(quartile, sizeof quartile, "%s_q3", column);
    ll_row_real(row, quartile, spread->q3, 5);
}

static void fill_values(ll_row *row, const ll_speed *speed) {
    ll_row_real(row, "prefill_tokens_per_s", speed->prefill_tokens_per_s, 6);
    ll_row_real(row, "decode_tokens_per_s", speed->decode_tokens_per_s, 6);
    fill_spread(row, "speedup", &speed->speedup);
    fill_spread(row, "speedup_prefill", &speed->speedup_prefill);
    fill_spread(row, "speedup_decode", &speed->speedup_decode);
    ll_row_real(row, "speedup_predicted", speed->predicted, 5);
    ll_row_real(row, "predicted_prefill", speed->predicted_prefill, 5);
    ll_row_real(row, "predicted_decode", speed->predicted_decode, 5);
    ll_row_int(row, "kv_bytes", speed->kv_bytes);
    ll_row_real(row, "bytes_per_token", speed->bytes_per_token, 10);
    ll_row_real(row, "ops_per_token", speed->ops_per_token, 10);
    ll_row_real(row, "int8_share", speed->int8_share, 4);
    ll_row_real(row, "bandwidth_share", speed->bandwidth_share, 4);
    ll_row_real(row, "peak_gops", speed->limits.ops_per_s / 1e9, 5);
    ll_row_real(row, "f32_peak_gops", speed->limits.f32_ops_per_s / 1e9, 5);
    ll_row_real(row, "bandwidth_gbs", speed->limits.bytes_per_s / 1e9, 5);
}

static ll_status append_samples(ll_sweep *sweep, ll_csv *csv, const ll_sweep_task *task,
                                const ll_speed *speed, const char *date) {
    ll_row row;
    for (size_t i = 0; i < speed->sample_count; i++) {
        const ll_speed_sample *sample = &speed->samples[i];
        ll_row_begin(&row, &ll_samples_schema);
        fill_model(&row, sweep);
        ll_row_int(&row, "prompt", sweep->protocol->speed.prompt);
        ll_row_int(&row, "generate", sweep->protocol->speed.generate);
        ll_row_text(&row, "kind", task->kind);
        ll_row_int(&row, "dropped", task->dropped);
        ll_row_text(&row, "drop", task->drop);
        ll_row_int(&row, "repetition", sample->repetition);
        ll_row_text(&row, "arm", sample->arm);
        ll_row_text(&row, "phase", sample->phase);
        ll_row_int(&row, "depth", sample->depth);
        ll_row_int(&row, "tokens", sample->tokens);
        ll_row_real(&row, "seconds", sample->seconds, 7);
        ll_row_text(&row, "date", date);
        LL_TRY(ll_csv_append(csv, &row, sweep->error));
    }
    return LL_OK;
}

ll_status ll_sweep_forget_interrupted(ll_sweep *sweep) {
    size_t kept = ll_csv_rows(sweep->samples);
    while (kept > 0 && ll_row_of_sample(sweep->speed, sweep->samples, kept - 1) == SIZE_MAX)
        kept--;
    return ll_csv_cut(sweep->samples, kept, sweep->error);
}

/* placement.svg, beside the rows; the report shows it. */
static ll_status draw_placement(const ll_sweep *sweep) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    const ll_model *model = sweep->model;
    char path[LL_SWEEP_PATH];
    ll_node_bytes bytes[LL_MAX_NODES + 1];
    const ll_placed placed = ll_model_read_placement(model, NULL);
    const ll_placement_picture picture = {sweep->model_name, ll_model_placement(model),
                                          ll_model_topology(model), bytes, &placed};
    LL_TRY(ll_placement_bytes(bytes, ll_model_config(model), ll_model_options_used(model), picture.plan,
                              picture.topology, spec->batch, spec->prompt + spec->generate, sweep->error));
    snprintf(path, sizeof path, "%s/placement.svg", sweep->folder);
    return ll_placement_draw(&picture, path, sweep->error);
}

static ll_status measure(ll_sweep *sweep, const ll_sweep_task *task, ll_csv *samples, ll_row *row) {
    LL_TRY(ll_sweep_need_model(sweep));
    LL_TRY(draw_placement(sweep));
    sweep->progress.unit = ll_sweep_speed_work(sweep) / (double)ll_speed_steps(&sweep->protocol->speed);
    ll_speed speed;
    LL_TRY(ll_speed_run(&speed, sweep->model, &task->mask, &sweep->protocol->speed, &sweep->progress,
                        sweep->error));
    fill_values(row, &speed);
    ll_row_int(row, "weight_bytes", ll_model_weight_bytes(sweep->model));
    ll_run_info_fill(row, sweep->model, sweep->model_name, sweep->options->seed);
    ll_run_info_add_waiting(row, speed.decode_waiting);
    const ll_status status = append_samples(sweep, samples, task, &speed, row->cell[row->schema->count - 1]);
    ll_speed_free(&speed);
    return status;
}

static ll_status run_task(ll_sweep *sweep, const ll_sweep_task *task, ll_csv *csv, ll_csv *samples) {
    ll_row row;
    fill_key(&row, sweep, task);
    const ll_row_state state = ll_sweep_look_up(sweep, csv, &row, task, "speed", ll_sweep_speed_work(sweep));
    if (state == LL_ROW_THERE)
        return LL_OK;
    if (state == LL_ROW_MISSING)
        LL_TRY(measure(sweep, task, samples, &row));
    sweep->computed++;
    return ll_csv_append(csv, &row, sweep->error);
}

ll_status ll_sweep_speed(ll_sweep *sweep) {
    ll_status status = LL_OK;
    for (size_t i = 0; status == LL_OK && i < sweep->task_count; i++)
        if (sweep->tasks[i].measured & LL_TIMED)
            status = run_task(sweep, &sweep->tasks[i], sweep->speed, sweep->samples);
    return status;
}
