#include "nearest.h"
#include "options_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ll_status fail_unknown_command(const char *name, ll_error *error) {
    size_t nearest = ll_nearest_patience(name);
    const char *best = NULL;
    for (int c = 0; c < LL_COMMAND_COUNT; c++)
        ll_nearest_keep(name, ll_command_spec_at((ll_command)c)->name, &nearest, &best);
    if (best)
        return ll_fail(error, LL_BAD_USAGE, "no command is called \"%s\"; did you mean %s?", name, best);
    return ll_fail(error, LL_BAD_USAGE, "no command is called \"%s\"; layerlab --help lists them", name);
}

/* name: without "=value". */
static ll_status fail_unknown_option(const char *name, ll_command command, ll_error *error) {
    const char *own = ll_command_spec_at(command)->name;
    char others[128] = "";
    size_t nearest = ll_nearest_patience(name);
    const char *best = NULL;
    for (size_t i = 0; ll_option_spec_at(i); i++) {
        const ll_option_spec *option = ll_option_spec_at(i);
        if (ll_option_taken_by(option, command))
            ll_nearest_keep(name, option->name, &nearest, &best);
        for (int c = 0; strcmp(name, option->name) == 0 && c < LL_COMMAND_COUNT; c++) {
            const size_t used = strlen(others);
            if (ll_option_taken_by(option, (ll_command)c))
                snprintf(others + used, sizeof others - used, "%s%s", used ? ", " : "",
                         ll_command_spec_at((ll_command)c)->name);
        }
    }
    if (others[0])
        return ll_fail(error, LL_BAD_USAGE, "%s takes no %s (%s: yes)", own, name, others);
    if (best)
        return ll_fail(error, LL_BAD_USAGE, "%s has no option %s; did you mean %s?", own, name, best);
    return ll_fail(error, LL_BAD_USAGE, "%s has no option %s; layerlab %s --help lists them", own, name, own);
}

static ll_status find_command(const char *name, ll_command *out, ll_error *error) {
    for (int c = 0; c < LL_COMMAND_COUNT; c++)
        if (strcmp(name, ll_command_spec_at((ll_command)c)->name) == 0) {
            *out = (ll_command)c;
            return LL_OK;
        }
    if (name[0] == '-')
        return ll_fail(error, LL_BAD_USAGE, "a command comes first, found \"%s\"; layerlab --help lists them",
                       name);
    return fail_unknown_command(name, error);
}

static ll_status set_defaults(ll_options *out, ll_command command, ll_error *error) {
    *out = (ll_options){.command = ll_command_spec_at(command)->name, .which = command};
    for (size_t i = 0; ll_option_spec_at(i); i++) {
        const ll_option_spec *option = ll_option_spec_at(i);
        if (ll_option_taken_by(option, command) && option->standard)
            LL_TRY(ll_option_read(option, option->standard, out, error));
    }
    return LL_OK;
}

/* The argument list while it is read. */
typedef struct {
    int argc, at;
    char **argv;
    bool seen[LL_OPTIONS_MAX]; /* option i of the table was given */
} ll_arguments;

static ll_status read_option(ll_arguments *arguments, ll_options *out, ll_error *error) {
    const char *argument = arguments->argv[arguments->at++];
    const size_t length = strcspn(argument, "=");
    const ll_option_spec *option = ll_option_find(argument, length, out->which);
    if (!option) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name), argument);
        return fail_unknown_option(name, out->which, error);
    }
    bool *const seen = &arguments->seen[option - ll_option_spec_at(0)];
    if (*seen && option->kind != LL_VALUE_SETS)
        return ll_fail(error, LL_BAD_USAGE, "%s is given twice; give it once", option->name);
    if (!*seen && option->kind == LL_VALUE_SETS)
        out->calib_count = 0; /* the default goes */
    *seen = true;
    if (option->kind == LL_VALUE_FLAG) {
        if (argument[length])
            return ll_fail(error, LL_BAD_USAGE, "%s takes no value, found \"%s\"", option->name,
                           argument + length + 1);
        return ll_option_read(option, "", out, error);
    }
    if (argument[length])
        return ll_option_read(option, argument + length + 1, out, error);
    const char *value = arguments->at < arguments->argc ? arguments->argv[arguments->at] : NULL;
    if (!value)
        return ll_fail(error, LL_BAD_USAGE, "%s needs a value: %s", option->name, option->value);
    if (strncmp(value, "--", 2) == 0)
        return ll_fail(error, LL_BAD_USAGE,
                       "%s needs a value (%s), found %s; if that is the value, write %s=%s", option->name,
                       option->value, value, option->name, value);
    arguments->at++;
    return ll_option_read(option, value, out, error);
}

static ll_status read_positional(const char *text, ll_options *out, ll_error *error) {
    const ll_command_spec *command = ll_command_spec_at(out->which);
    if (!*text)
        return ll_fail(error, LL_BAD_USAGE, "%s: %s is empty", command->name, command->positional);
    const bool several = command->need == LL_POSITIONAL_SEVERAL;
    if (out->model && !several)
        return ll_fail(error, LL_BAD_USAGE, "%s takes one %s, found \"%s\" and \"%s\"", command->name,
                       command->positional, out->model, text);
    if (several && out->folder_count == LL_MAX_FOLDERS)
        return ll_fail(error, LL_BAD_USAGE, "%s takes at most %d %s, found \"%s\" beyond them", command->name,
                       LL_MAX_FOLDERS, command->positional, text);
    if (several)
        out->folders[out->folder_count++] = text;
    if (!out->model)
        out->model = text;
    return LL_OK;
}

/* What Wanda needs, and what needs Wanda. */
static ll_status check_wanda(const ll_options *options, ll_error *error) {
    const bool sweep = options->which == LL_COMMAND_SWEEP;
    const bool alone = ll_option_find("--wanda", strlen("--wanda"), options->which) && !sweep;
    if (alone && !options->wanda_count && (options->samples || options->length || options->calib))
        return ll_fail(error, LL_BAD_USAGE,
                       "--calib, --samples and --length do nothing without --wanda, for example --wanda 2:4");
    if (!options->wanda_count)
        return LL_OK;
    if (options->synthetic)
        return ll_fail(error, LL_BAD_USAGE,
                       "--wanda asks which weights matter, and random ones say nothing: leave one out");
    if (!sweep && options->weights != LL_WEIGHTS_F32)
        return ll_fail(error, LL_BAD_USAGE,
                       "--wanda prunes weights as they were before they were rounded, these are int8; add "
                       "--weights f32");
    if (options->paired || options->answers)
        return ll_fail(
            error, LL_BAD_USAGE,
            "--wanda and %s: the pruned model's answers are neither kept nor compared; leave one out",
            options->paired ? "--paired" : "--answers");
    return LL_OK;
}

static ll_status check_orders(const ll_options *options, ll_error *error) {
    const bool cost = options->orders ? options->orders >> LL_ORDER_COST & 1 : options->full;
    if (options->orders && options->synthetic)
        return ll_fail(error, LL_BAD_USAGE,
                       "--orders chooses by importance, and random weights have none: leave one out");
    if (options->no_speed && options->orders != LL_ALL_ORDERS && options->orders && cost)
        return ll_fail(error, LL_BAD_USAGE, "--orders cost needs timings: leave --no-speed out");
    if (options->mix && (!cost || options->no_speed || options->synthetic))
        return ll_fail(error, LL_BAD_USAGE,
                       "--cost-mix is of the order cost, which this sweep has not: add --orders cost, which "
                       "needs timings of real weights");
    return LL_OK;
}

/* What no single option shows. */
static ll_status check_together(const ll_options *options, ll_error *error) {
    const ll_command_spec *command = ll_command_spec_at(options->which);
    if (!options->model && command->need != LL_POSITIONAL_OPTIONAL)
        return ll_fail(error, LL_BAD_USAGE, "%s needs a %s, for example: %s", command->name,
                       command->positional, command->example);
    if (options->plan && !options->drop)
        return ll_fail(error, LL_BAD_USAGE, "--plan does nothing without --drop, for example --drop attn@8");
    if (options->which == LL_COMMAND_GENERATE && !options->prompt_text)
        return ll_fail(error, LL_BAD_USAGE, "generate needs --prompt TEXT, for example: %s",
                       command->example);
    if (options->which == LL_COMMAND_MERGE && options->folder_count < 2)
        return ll_fail(error, LL_BAD_USAGE,
                       "merge needs the new folder and those that it is made of, for example: %s",
                       command->example);
    if (options->which == LL_COMMAND_REPORT && options->folder_count > 1 && !options->out)
        return ll_fail(
            error, LL_BAD_USAGE,
            "%s of %zu folders needs --out DIR, where the comparison goes; it belongs to none of them",
            command->name, options->folder_count);
    if (options->matmul != LL_MATMUL_OWN && options->weights == LL_WEIGHTS_F32)
        return ll_fail(error, LL_BAD_USAGE,
                       "--matmul %s is for int8 weights, these are f32; add --weights int8",
                       ll_matmul_kind_name(options->matmul));
    if (options->tasks && options->synthetic)
        return ll_fail(error, LL_BAD_USAGE,
                       "--tasks asks a model, and random weights say nothing: leave one out");
    if (options->precision_count && options->synthetic)
        return ll_fail(error, LL_BAD_USAGE,
                       "--precisions are of quality, which random weights have not: leave one out");
    if (options->no_speed && options->synthetic)
        return ll_fail(error, LL_BAD_USAGE, "--no-speed leaves nothing of synthetic weights: leave one out");
    if (options->which == LL_COMMAND_SWEEP && !options->tasks &&
        (options->limit || options->cut_long || options->shots != LL_SHOTS_OF_TASK))
        return ll_fail(error, LL_BAD_USAGE,
                       "--limit, --num-fewshot and --too-long do nothing without --tasks");
    if (options->subset && (!options->limit || options->limit == LL_LIMIT_ALL))
        return ll_fail(error, LL_BAD_USAGE, "--subset needs --limit N: how many questions are drawn");
    if (options->paired && !options->drop)
        return ll_fail(
            error, LL_BAD_USAGE,
            "--paired compares a dropped model with the full one: add --drop, for example --drop attn:20-22");
    LL_TRY(check_orders(options, error));
    LL_TRY(check_wanda(options, error));
    if (options->ids && options->json)
        return ll_fail(error, LL_BAD_USAGE, "--ids and --json are two forms of output; give one");
    return LL_OK;
}

static ll_status read_environment(ll_options *out, ll_error *error) {
    const char *name = getenv("LL_ISA");
    const ll_option_spec *option = ll_option_find("--isa", strlen("--isa"), out->which);
    if (!option || out->isa || !name || !*name)
        return LL_OK;
    ll_option_spec variable = *option;
    variable.name = "LL_ISA";
    return ll_option_read(&variable, name, out, error);
}

static bool wants_help(int argc, char **argv, int from) {
    for (int i = from; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

ll_status ll_options_parse(ll_options *out, int argc, char **argv, bool *done, ll_error *error) {
    *done = argc > 1 && wants_help(2, argv, 1);
    if (*done) {
        ll_help_program();
        return LL_OK;
    }
    if (argc < 2)
        return ll_fail(error, LL_BAD_USAGE, "no command is given; layerlab --help lists them");
    ll_command command = LL_COMMAND_INFO;
    LL_TRY(find_command(argv[1], &command, error));
    *done = wants_help(argc, argv, 2);
    if (*done) {
        ll_help_command(command);
        return LL_OK;
    }
    LL_TRY(set_defaults(out, command, error));
    ll_arguments arguments = {.argc = argc, .at = 2, .argv = argv};
    bool options_end = false;
    while (arguments.at < argc) {
        const char *argument = argv[arguments.at];
        if (!options_end && strcmp(argument, "--") == 0) {
            options_end = true;
            arguments.at++;
        } else if (!options_end && argument[0] == '-' && argument[1]) {
            LL_TRY(read_option(&arguments, out, error));
        } else {
            LL_TRY(read_positional(argument, out, error));
            arguments.at++;
        }
    }
    LL_TRY(read_environment(out, error));
    LL_TRY(check_together(out, error));
    if (out->wanda_count && !out->calib)
        out->calib = ll_option_find("--calib", strlen("--calib"), LL_COMMAND_SWEEP)->standard;
    return LL_OK;
}
