#include "cmd.h"
#include "merge.h"

#include <stdio.h>

ll_status ll_cmd_merge(const ll_options *options, ll_error *error) {
    const char *out = options->folders[0];
    LL_TRY(ll_merge_run(options, options->quiet || options->json ? NULL : stdout, error));
    if (options->json)
        return ll_cmd_print_json(
            json_pack("{s:s, s:I}", "folder", out, "merged", (json_int_t)options->folder_count - 1), error);
    if (!options->quiet)
        printf("\nRows of %zu folders, table and plots: %s\n", options->folder_count - 1, out);
    return LL_OK;
}
