#include "cmd.h"
#include "compare.h"
#include "report/report.h"

#include <stdio.h>

static ll_status print_json(const char *folder, ll_error *error) {
    json_t *root = json_pack("{s:s}", "folder", folder);
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_report(const ll_options *options, ll_error *error) {
    const char *out = options->out ? options->out : options->model;
    FILE *table = options->quiet || options->json ? NULL : stdout;
    if (options->folder_count > 1)
        LL_TRY(ll_compare_write(options->folders, options->folder_count, out, table, error));
    else
        LL_TRY(ll_report_write(options->model, out, NULL, table, error));
    return options->json ? print_json(out, error) : LL_OK;
}
