#include "cmd.h"

#include <stdio.h>
#include <stdlib.h>

/* A plan is JSON, with --json or without. */
ll_status ll_cmd_plan(const ll_options *options, ll_error *error) {
    ll_plan plan = {0};
    const ll_status status = ll_cmd_calibrate(options, &plan, error);
    char *text = status == LL_OK ? ll_plan_text(&plan) : NULL;
    ll_plan_free(&plan);
    LL_TRY(status);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the plan's text");
    fputs(text, stdout);
    free(text);
    return LL_OK;
}
