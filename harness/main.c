#include "cmd.h"
#include "run_info.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static ll_status (*const commands[LL_COMMAND_COUNT])(const ll_options *, ll_error *) = {
    [LL_COMMAND_INFO] = ll_cmd_info,         [LL_COMMAND_TOKENIZE] = ll_cmd_tokenize,
    [LL_COMMAND_GENERATE] = ll_cmd_generate, [LL_COMMAND_IMPORTANCE] = ll_cmd_importance,
    [LL_COMMAND_PLAN] = ll_cmd_plan,         [LL_COMMAND_QUALITY] = ll_cmd_quality,
    [LL_COMMAND_SPEED] = ll_cmd_speed,       [LL_COMMAND_SWEEP] = ll_cmd_sweep,
    [LL_COMMAND_MERGE] = ll_cmd_merge,       [LL_COMMAND_REPORT] = ll_cmd_report,
    [LL_COMMAND_EXPORT] = ll_cmd_export,     [LL_COMMAND_EVAL] = ll_cmd_eval,
    [LL_COMMAND_TASKS] = ll_cmd_tasks,       [LL_COMMAND_CALIBRATION] = ll_cmd_calibration,
};

/* Minutes of work end in these files: that they can be written is known before. A folder is its command's own affair, and so
 * is a checkpoint. */
static ll_status check_outputs(const ll_options *options, bool to_file, ll_error *error) {
    if (to_file)
        LL_TRY(ll_cmd_check_output(options->out, error));
    if (options->csv && strcmp(options->csv, "-") != 0)
        LL_TRY(ll_cmd_check_output(options->csv, error));
    return LL_OK;
}

/* Runs the command with standard output going beside the file --out, which it replaces when all went well. */
static ll_status run_to_file(const ll_options *options, ll_error *error) {
    char part[LL_CMD_PATH];
    const int length = snprintf(part, sizeof part, "%s.part-%ld", options->out, (long)getpid());
    if (length >= (int)sizeof part || !freopen(part, "w", stdout))
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be written: %s", options->out, strerror(errno));
    ll_status status = commands[options->which](options, error);
    if (status == LL_OK)
        status = ll_cmd_flush(error);
    if (status == LL_OK && rename(part, options->out) != 0)
        status = ll_fail(error, LL_BAD_INPUT, "%s: cannot be written: %s", options->out, strerror(errno));
    if (status != LL_OK)
        remove(part);
    return status;
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
        const bool own = options.which == LL_COMMAND_SWEEP || options.which == LL_COMMAND_REPORT ||
                         options.which == LL_COMMAND_EXPORT || options.which == LL_COMMAND_CALIBRATION;
        const bool to_file = options.out && strcmp(options.out, "-") != 0 && !own;
        LL_TRY(check_outputs(&options, to_file, error));
        LL_TRY(ll_cmd_check_synthetic(&options, error));
        LL_TRY(to_file ? run_to_file(&options, error) : commands[options.which](&options, error));
    }
    return ll_cmd_flush(error);
}

/* A mapped file that became shorter: the page that is read is no more. Only what may be called in a handler is. */
static void on_bus_error(int number) {
    static const char said[] =
        "layerlab: a model file became shorter, or its disk failed, while it was read\n";
    (void)number;
    const ssize_t put = write(STDERR_FILENO, said, sizeof said - 1);
    (void)put; /* there is no one to tell */
    _exit((int)LL_BAD_INPUT);
}

/* OpenMP's library, which oneDNN brings along, binds a process to the CPUs of these before main begins; there is one owner of
 * threads here, the model. So they are set aside, by another first letter, before any library starts: nothing may be called yet. */
__attribute__((no_sanitize("address", "undefined", "thread"))) static void set_aside(int argc, char **argv,
                                                                                     char **environment) {
    static const char *const names[] = {LL_FOREIGN_BINDINGS};
    (void)argc;
    (void)argv;
    for (; *environment; environment++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            size_t at = 0;
            while (names[i][at] && (*environment)[at] == names[i][at])
                at++;
            if (!names[i][at] && (*environment)[at] == '=')
                (*environment)[0] = LL_SET_ASIDE;
        }
}
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **,
                                                                                       char **) = set_aside;

int main(int argc, char **argv) {
    /* A reader that has gone and a file-size limit are reported as failed writes. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigaction(SIGBUS, &(struct sigaction){.sa_handler = on_bus_error}, NULL);
    ll_error error = {0};
    const ll_status status = run(argc, argv, &error);
    if (status != LL_OK)
        fprintf(stderr, "layerlab: %s\n", error.text);
    return (int)status;
}
