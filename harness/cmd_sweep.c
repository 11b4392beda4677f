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

/* A part's table would be taken for the sweep's: merge makes that. */
static void say_part(const ll_shard *shard, const char *folder, size_t computed) {
    const char *slash = strrchr(folder, '/');
    printf(
        "Part %zu of %zu: rows in %s%s. When all parts are there: layerlab merge OUT %.*s/shard-*-of-%zu\n",
        shard->part, shard->of, folder, computed ? "" : "; nothing was missing", (int)(slash - folder),
        folder, shard->of);
}

static ll_status print_json(const ll_options *options, const ll_protocol *protocol, const char *folder,
                            size_t computed, ll_error *error) {
    json_t *root = json_pack("{s:s, s:s, s:I}", "folder", folder, "protocol", protocol->name, "rows_computed",
                             (json_int_t)computed);
    if (root && options->shard.of)
        json_object_set_new(root, "shard", json_sprintf("%zu/%zu", options->shard.part, options->shard.of));
    return ll_cmd_print_json(root, error);
}

/* Parts of one sweep never share a folder: they may run at the same time, on machines that share a file system. */
static ll_status choose_folder(const ll_options *options, const ll_protocol *protocol,
                               char folder[LL_CMD_PATH], ll_error *error) {
    char label[LL_CSV_CELL], part[64] = "";
    ll_model_label(options->model, label);
    if (options->shard.of)
        snprintf(part, sizeof part, "/shard-%zu-of-%zu", options->shard.part, options->shard.of);
    const int length = options->out ? snprintf(folder, LL_CMD_PATH, "%s%s", options->out, part)
                                    : snprintf(folder, LL_CMD_PATH, "out/%s/%s%s%s", label,
                                               options->synthetic ? "synthetic-" : "", protocol->name, part);
    if (length < LL_CMD_PATH)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "--out %.200s...: the path is too long", options->out);
}

ll_status ll_cmd_sweep(const ll_options *options, ll_error *error) {
    char folder[LL_CMD_PATH];
    ll_protocol protocol;
    LL_TRY(ll_protocol_of(&protocol, options, error));
    LL_TRY(choose_folder(options, &protocol, folder, error));
    size_t computed = 0;
    LL_TRY(ll_sweep_run(options, &protocol, folder, &computed, error));
    if (!options->shard.of)
        LL_TRY(ll_report_write(folder, folder, NULL, options->json ? NULL : stdout, error));
    if (!options->quiet)
        ll_cmd_say_peak();
    if (options->json)
        return print_json(options, &protocol, folder, computed, error);
    if (options->shard.of)
        say_part(&options->shard, folder, computed);
    else
        say_where(options, &protocol, folder, computed);
    return LL_OK;
}
