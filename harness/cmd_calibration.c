#include "calibration.h"
#include "cmd.h"

#include <stdlib.h>

static ll_status print_json(const ll_calibration *c, const char *folder, size_t computed, ll_error *error) {
    ll_map_pair *pairs;
    size_t count;
    LL_TRY(ll_calibration_pairs(c, &pairs, &count, error));
    json_t *root = json_pack("{s:s, s:I, s:I, s:I}", "folder", folder, "maps", (json_int_t)c->count, "pairs",
                             (json_int_t)count, "rows_computed", (json_int_t)computed);
    free(pairs);
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_calibration(const ll_options *options, ll_error *error) {
    char standard[LL_CMD_PATH], label[LL_CSV_CELL];
    ll_calibration calibration;
    size_t computed = 0;
    ll_model_label(options->model, label);
    snprintf(standard, sizeof standard, "out/%s/calibration", label);
    const char *folder = options->out ? options->out : standard;
    LL_TRY(ll_calibration_run(&calibration, options, folder, &computed, error));
    ll_status status = ll_calibration_write(&calibration, folder, options->json ? NULL : stdout, error);
    if (status == LL_OK && options->json)
        status = print_json(&calibration, folder, computed, error);
    if (status == LL_OK && !options->json)
        printf("\nRows: %s/{importance,calibration}.csv, table: %s/calibration.md, plots beside it\n%s",
               folder, folder, computed ? "" : "Nothing was missing: every row was there already.\n");
    ll_calibration_free(&calibration);
    return status;
}
