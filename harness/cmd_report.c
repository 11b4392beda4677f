#include "cmd.h"
#include "report.h"

#include <stdio.h>

static ll_status print_json(const char *folder, ll_error *error) {
    json_t *root = json_pack("{s:s}", "folder", folder);
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_report(const ll_options *options, ll_error *error) {
    const char *out = options->out ? options->out : options->model;
    LL_TRY(ll_report_write(options->model, out, options->quiet || options->json ? NULL : stdout, error));
    return options->json ? print_json(out, error) : LL_OK;
}
