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

static ll_status print_json(const ll_protocol *protocol, const char *folder, size_t computed,
                            ll_error *error) {
    json_t *root = json_pack("{s:s, s:s, s:I}", "folder", folder, "protocol", protocol->name, "rows_computed",
                             (json_int_t)computed);
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_sweep(const ll_options *options, ll_error *error) {
    char standard[LL_CMD_PATH];
    const ll_protocol protocol = ll_protocol_of(options);
    snprintf(standard, sizeof standard, "out/%s/%s", ll_file_name(options->model), protocol.name);
    const char *folder = options->out ? options->out : standard;
    size_t computed = 0;
    LL_TRY(ll_sweep_run(options, &protocol, folder, &computed, error));
    LL_TRY(ll_report_write(folder, folder, options->json ? NULL : stdout, error));
    if (options->json)
        return print_json(&protocol, folder, computed, error);
    say_where(options, folder, computed);
    return LL_OK;
}
