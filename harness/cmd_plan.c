/* The order in which modules go, to a file or to standard output. */
#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>

static ll_status write_plan(const ll_plan *plan, const char *path, ll_error *error) {
    if (path)
        return ll_plan_write(plan, path, error);
    char *text = ll_plan_text(plan);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the plan's text");
    fputs(text, stdout);
    free(text);
    return LL_OK;
}

ll_status ll_cmd_plan(const ll_options *options, ll_error *error) {
    ll_plan plan = {0};
    ll_status status = ll_cmd_calibrate(options, &plan, error);
    if (status == LL_OK)
        status = write_plan(&plan, options->out, error);
    ll_plan_free(&plan);
    return status;
}
