#include "cmd.h"
#include "report.h"
#include "sweep.h"

#include <stdio.h>

static void say_where(const ll_options *options, const char *folder, size_t computed) {
    printf("\nRows: %s/{importance,quality,speed,samples}.csv, plan: %s/plan.json\n", folder, folder);
    printf("Table: %s/report.md, plots: %s/{quality,speedup,importance}.{png,svg}\n", folder, folder);
    if (!computed)
        printf("Nothing was missing: every row was there already.\n");
    if (!options->full)
        printf(
            "This was the quick protocol. The full one, of the committed results: ./run_all.sh %s --full\n",
            options->model);
}

ll_status ll_cmd_sweep(const ll_options *options, ll_error *error) {
    char standard[LL_CMD_PATH];
    const ll_protocol protocol = ll_protocol_of(options);
    snprintf(standard, sizeof standard, "out/%s/%s", ll_file_name(options->model), protocol.name);
    const char *folder = options->out ? options->out : standard;
    size_t computed = 0;
    LL_TRY(ll_sweep_run(options, &protocol, folder, &computed, error));
    LL_TRY(ll_report_write(folder, folder, stdout, error));
    say_where(options, folder, computed);
    return LL_OK;
}
