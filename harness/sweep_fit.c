/* What of a sweep fits in this machine's memory: asked before any work, and answered the same when it is resumed. */
#include "cmd.h"
#include "fit.h"
#include "rows.h"
#include "sweep_private.h"

#include <stdlib.h>
#include <string.h>

static ll_fit_request request_of(const ll_sweep *sweep, const ll_options *options,
                                 const ll_model_options *wanted) {
    const ll_speed_spec *spec = &sweep->protocol->speed;
    return (ll_fit_request){.shape = &sweep->config,
                            .options = wanted,
                            .synthetic = options->synthetic,
                            .prompt = spec->prompt,
                            .capacity = spec->prompt + spec->generate,
                            .batch = options->batch};
}

static void take(ll_sweep *sweep, ll_options *options, ll_protocol *protocol, const ll_fit *found) {
    options->resident = options->synthetic && found->resident < sweep->config.layers ? found->resident : 0;
    options->batch = protocol->speed.batch = found->batch;
}

/* Importance in float32 where this machine's memory could ever hold it, so that a resumed sweep decides the same. */
static void choose_importance_weights(ll_sweep *sweep, const ll_options *options) {
    ll_model_options f32 = ll_cmd_model_options(options, LL_WEIGHTS_F32);
    f32.resident = 0;
    if (!options->synthetic && ll_config_weight_bytes(&sweep->config, &f32) > sweep->machine.memory / 10 * 9)
        sweep->importance_weights = LL_WEIGHTS_INT8;
}

ll_status ll_sweep_fit(ll_sweep *sweep, ll_options *options, ll_protocol *protocol) {
    sweep->asked_resident = options->resident;
    sweep->asked_batch = options->batch;
    choose_importance_weights(sweep, options);
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    const ll_fit_request request = request_of(sweep, options, &wanted);
    ll_fit found;
    LL_TRY(ll_fit_find(&found, &request, sweep->error));
    if (!options->quiet)
        ll_fit_say(&found, &request);
    take(sweep, options, protocol, &found);
    return LL_OK;
}

/* Whether the row was measured in our setting, but for what was found by memory. */
static bool is_ours(const ll_sweep *sweep, const ll_row *ours, size_t row) {
    for (size_t c = 0; strcmp(ll_speed_schema.columns[c], "method") != 0; c++) {
        const char *column = ll_speed_schema.columns[c];
        const bool found_by_memory = strcmp(column, "resident") == 0 ||
                                     (strcmp(column, "batch") == 0 && sweep->asked_batch == LL_BATCH_MAX);
        if (!found_by_memory && strcmp(ll_csv_cell(sweep->speed, row, column), ours->cell[c]) != 0)
            return false;
    }
    return true;
}

/* The last of our rows that has the largest batch; SIZE_MAX: there are none. A batch of 1 was not found by memory. */
static size_t find_before(const ll_sweep *sweep) {
    size_t found = SIZE_MAX;
    double batch = sweep->asked_batch == LL_BATCH_MAX ? 2 : 1;
    ll_row ours;
    ll_sweep_speed_setting(&ours, &ll_speed_schema, sweep);
    for (size_t row = 0; row < ll_csv_rows(sweep->speed); row++)
        if (is_ours(sweep, &ours, row) && ll_csv_number(sweep->speed, row, "batch") >= batch) {
            batch = ll_csv_number(sweep->speed, row, "batch");
            found = row;
        }
    return found;
}

ll_status ll_sweep_fit_as_before(ll_sweep *sweep, ll_options *options, ll_protocol *protocol) {
    const bool by_memory =
        (options->synthetic && !sweep->asked_resident) || sweep->asked_batch == LL_BATCH_MAX;
    const size_t row = by_memory ? find_before(sweep) : SIZE_MAX;
    if (row == SIZE_MAX)
        return LL_OK;
    ll_options before = *options;
    if (!sweep->asked_resident && options->synthetic)
        before.resident = strtoul(ll_csv_cell(sweep->speed, row, "resident"), NULL, 10);
    if (sweep->asked_batch == LL_BATCH_MAX)
        before.batch = (size_t)ll_csv_number(sweep->speed, row, "batch");
    const ll_model_options wanted = ll_cmd_model_options(&before, before.weights);
    const ll_fit_request request = request_of(sweep, &before, &wanted);
    ll_fit found;
    const ll_status status = ll_fit_find(&found, &request, sweep->error);
    if (status != LL_OK)
        return ll_fail_in(
            sweep->error, status,
            "%s: the rows that are there were measured with resident=%s and batch %s, which now",
            sweep->folder, ll_csv_cell(sweep->speed, row, "resident"),
            ll_csv_cell(sweep->speed, row, "batch"));
    take(sweep, options, protocol, &found);
    return LL_OK;
}
