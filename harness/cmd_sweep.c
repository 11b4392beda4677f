#include "cmd.h"
#include "report/report.h"
#include "sweep.h"

#include <stdio.h>
#include <string.h>

/* What a quick sweep is the beginning of. */
static void say_next(const ll_options *options) {
    ll_options longer = *options;
    ll_protocol protocol;
    longer.quick = false;
    if (ll_protocol_of(&protocol, &longer, NULL) != LL_OK)
        return;
    const bool paper = strcmp(protocol.name, "paper") == 0;
    printf("This was the quick protocol. %s: ./run_all.sh %s%s\n",
           paper ? "The paper's numbers of modules and tokens" : "The full one, of the committed results",
           options->model, paper ? "" : " --full");
}

static void say_where(const ll_options *options, const ll_protocol *protocol, const char *folder,
                      size_t computed) {
    if (options->synthetic)
        printf("\nRows: %s/{speed,samples}.csv: synthetic weights have no quality\n", folder);
    else
        printf("\nRows: %s/{importance,quality%s%s}.csv, plan: %s/plan.json\n", folder,
               options->tasks ? ",tasks" : "", options->no_speed ? "" : ",speed,samples", folder);
    printf("Report: %s/report.html (and .md), plots: %s/{%s%s%s,...}.{png,svg}\n", folder, folder,
           options->synthetic ? "" : "quality,importance", options->tasks ? ",accuracy,tasks" : "",
           options->no_speed    ? ""
           : options->synthetic ? "speedup"
                                : ",speedup");
    if (!computed)
        printf("Nothing was missing: every row was there already.\n");
    if (strcmp(protocol->name, "quick") == 0)
        say_next(options);
}

static ll_status print_json(const ll_protocol *protocol, const char *folder, size_t computed,
                            ll_error *error) {
    json_t *root = json_pack("{s:s, s:s, s:I}", "folder", folder, "protocol", protocol->name, "rows_computed",
                             (json_int_t)computed);
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_sweep(const ll_options *options, ll_error *error) {
    char standard[LL_CMD_PATH];
    ll_protocol protocol;
    LL_TRY(ll_protocol_of(&protocol, options, error));
    char label[LL_CSV_CELL];
    ll_model_label(options->model, label);
    snprintf(standard, sizeof standard, "out/%s/%s%s", label, options->synthetic ? "synthetic-" : "",
             protocol.name);
    const char *folder = options->out ? options->out : standard;
    size_t computed = 0;
    LL_TRY(ll_sweep_run(options, &protocol, folder, &computed, error));
    LL_TRY(ll_report_write(folder, folder, options->json ? NULL : stdout, error));
    if (!options->quiet)
        ll_cmd_say_peak();
    if (options->json)
        return print_json(&protocol, folder, computed, error);
    say_where(options, &protocol, folder, computed);
    return LL_OK;
}
