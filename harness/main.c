#include "cmd.h"
#include "run_info.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static ll_status (*const commands[LL_COMMAND_COUNT])(const ll_options *, ll_error *) = {
    [LL_COMMAND_INFO] = ll_cmd_info,         [LL_COMMAND_TOKENIZE] = ll_cmd_tokenize,
    [LL_COMMAND_GENERATE] = ll_cmd_generate, [LL_COMMAND_IMPORTANCE] = ll_cmd_importance,
    [LL_COMMAND_PLAN] = ll_cmd_plan,         [LL_COMMAND_QUALITY] = ll_cmd_quality,
    [LL_COMMAND_SPEED] = ll_cmd_speed,       [LL_COMMAND_SWEEP] = ll_cmd_sweep,
    [LL_COMMAND_REPORT] = ll_cmd_report,
};

/* Minutes of work end in these files: that they can be written is known before. */
static ll_status check_outputs(const ll_options *options, ll_error *error) {
    if (options->which == LL_COMMAND_PLAN && options->out)
        LL_TRY(ll_cmd_check_output(options->out, error));
    if (options->csv && strcmp(options->csv, "-") != 0)
        LL_TRY(ll_cmd_check_output(options->csv, error));
    return LL_OK;
}

static ll_status run(int argc, char **argv, ll_error *error) {
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("layerlab %s (%s)\n", ll_build_commit(), ll_build_compiler());
        return ll_cmd_flush(error);
    }
    ll_options options;
    bool done = false;
    LL_TRY(ll_options_parse(&options, argc, argv, &done, error));
    if (!done) {
        LL_TRY(check_outputs(&options, error));
        LL_TRY(commands[options.which](&options, error));
    }
    return ll_cmd_flush(error);
}

int main(int argc, char **argv) {
    /* A reader that has gone and a file-size limit are reported as failed writes. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    ll_error error = {0};
    const ll_status status = run(argc, argv, &error);
    if (status != LL_OK)
        fprintf(stderr, "layerlab: %s\n", error.text);
    return (int)status;
}
