/* The command line: every refusal says what to do, every default is what --help prints. */
#include "options.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_WORDS = LL_MAX_FOLDERS + 8 };

/* Parses the words of line (separated by blanks; ' quotes a word, '' is an empty one). */
static ll_status parse(const char *line, ll_options *options, ll_error *error) {
    static char text[8 * LL_MAX_FOLDERS];
    char *argv[MAX_WORDS];
    int argc = 0;
    bool done = false;
    snprintf(text, sizeof text, "layerlab %s", line);
    for (char *at = text; *at && argc < MAX_WORDS;) {
        const bool quoted = *at == '\'';
        at += quoted;
        argv[argc++] = at;
        at += strcspn(at, quoted ? "'" : " ");
        if (*at)
            *at++ = 0;
        at += strspn(at, " ");
    }
    memset(options, 0xa5, sizeof *options);
    *error = (ll_error){0};
    const ll_status status = ll_options_parse(options, argc, argv, &done, error);
    CHECK_MSG(!done, "\"%s\" was taken for a call for help", line);
    return status;
}

static void refused(const char *line, const char *says) {
    ll_options options;
    ll_error error;
    const ll_status status = parse(line, &options, &error);
    CHECK_MSG(status == LL_BAD_USAGE, "\"%s\" gave status %d", line, (int)status);
    CHECK_MSG(strstr(error.text, says), "\"%s\" says \"%s\", not \"%s\"", line, error.text, says);
}

static ll_options accepted(const char *line) {
    ll_options options;
    ll_error error;
    const ll_status status = parse(line, &options, &error);
    CHECK_MSG(status == LL_OK, "\"%s\" gave status %d: %s", line, (int)status, error.text);
    if (status != LL_OK)
        options = (ll_options){.model = "", .command = ""};
    return options;
}

static void test_commands(void) {
    static const char *const names[LL_COMMAND_COUNT] = {
        "info",  "tokenize", "generate", "importance", "plan",   "quality", "eval",
        "tasks", "speed",    "sweep",    "merge",      "report", "export",  "calibration"};
    for (int c = 0; c < LL_COMMAND_COUNT; c++) {
        char line[64];
        snprintf(line, sizeof line, "%s m%s", names[c],
                 c == LL_COMMAND_GENERATE ? " --prompt x"
                 : c == LL_COMMAND_MERGE  ? " n"
                                          : "");
        const ll_options options = accepted(line);
        CHECK(options.which == (ll_command)c);
        CHECK(strcmp(options.command, names[c]) == 0);
        CHECK(strcmp(options.model, "m") == 0);
    }
    refused("", "no command is given");
    refused("qualty m", "did you mean quality?");
    refused("zzzzzzzzzz", "layerlab --help lists them");
    refused("--json", "a command comes first");
}

static void test_eval(void) {
    const ll_options plain = accepted("eval m"),
                     all = accepted(
                         "eval m --tasks piqa,boolq --num-fewshot 3 --limit 7 --subset --too-long cut "
                         "--batch 4 --paired --drop attn:1 --log-samples l --answers a");
    CHECK(plain.tasks == NULL && plain.shots == LL_SHOTS_OF_TASK && plain.limit == LL_LIMIT_ALL &&
          plain.batch == 0);
    CHECK(!plain.subset && !plain.cut_long && !plain.paired && !plain.log_samples && !plain.answers);
    CHECK(strcmp(all.tasks, "piqa,boolq") == 0 && all.shots == 3 && all.limit == 7 && all.batch == 4);
    CHECK(all.subset && all.cut_long && all.paired && all.log_samples && all.answers);
    CHECK(accepted("eval m --num-fewshot 0").shots == 0);
    CHECK(accepted("sweep m --tasks piqa").limit == 0 &&
          accepted("sweep m --tasks piqa --limit all").limit == LL_LIMIT_ALL);
    refused("eval m --subset", "--subset needs --limit");
    refused("eval m --paired", "add --drop");
    refused("eval m --too-long no", "refuse or cut");
    refused("eval m --num-fewshot 1001", "--num-fewshot");
    refused("sweep m --synthetic --tasks piqa", "random weights say nothing");
    refused("sweep m --synthetic --no-speed", "leaves nothing");
    CHECK(accepted("tasks").model == NULL);
}

static void test_shard(void) {
    const ll_options part = accepted("sweep m --shard 3/12");
    CHECK(part.shard.part == 3 && part.shard.of == 12);
    CHECK(accepted("sweep m").shard.of == 0 && accepted("sweep m --shard 1/1").shard.of == 1);
    static const char *const wrong[] = {"0/4",    "5/4",  "4",    "/4",    "4/",
                                        "1/1001", "-1/4", "1/ 4", "1/4/2", "1/4294967297"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64], says[64];
        snprintf(line, sizeof line, "sweep m '--shard=%s'", wrong[i]);
        snprintf(says, sizeof says, "such as 2/4, found \"%s\"", wrong[i]);
        refused(line, says);
    }
    refused("quality m --shard 1/2", "quality takes no --shard (sweep: yes)");
    refused("merge", "merge needs a DIR");
    refused("merge out", "merge needs the new folder and those that it is made of");
    const ll_options merged = accepted("merge out a b --partial --first --force");
    CHECK(merged.folder_count == 3 && merged.partial && merged.first && merged.force);
    CHECK(strcmp(merged.folders[0], "out") == 0 && strcmp(merged.folders[2], "b") == 0);
}

static void test_orders(void) {
    const ll_options plain = accepted("sweep m"),
                     some = accepted("sweep m --orders reverse,random,cost --cost-mix decode");
    CHECK(plain.orders == 0 && plain.mix == LL_MIX_GENERATION);
    CHECK(some.orders == (1u << LL_ORDER_REVERSE | 31u << LL_ORDER_RANDOM | 1u << LL_ORDER_COST) &&
          some.mix == LL_MIX_DECODE);
    CHECK(accepted("sweep m --orders random-3").orders == 1u << (LL_ORDER_RANDOM + 3));
    CHECK(accepted("sweep m --orders all").orders == LL_ALL_ORDERS);
    CHECK(accepted("sweep m --orders all --no-speed").orders == LL_ALL_ORDERS); /* all that can be */
    CHECK(accepted("importance m").metric == LL_COSINE);
    CHECK(accepted("plan m --metric magnitude").metric == LL_MAGNITUDE);
    refused("sweep m --orders random-5", "no order is called \"random-5\"");
    refused("sweep m --orders cost --no-speed", "needs timings");
    refused("sweep m --orders all --synthetic", "random weights have none");
    CHECK(accepted("sweep m --full --cost-mix prefill").mix == LL_MIX_PREFILL);
    static const char *const without[] = {"", "--orders reverse", "--full --orders reverse",
                                          "--full --no-speed"};
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        char line[96];
        snprintf(line, sizeof line, "sweep m --cost-mix decode %s", without[i]);
        refused(line, "--cost-mix is of the order cost, which this sweep has not");
    }
    refused("plan m --metric sine", "cosine|no-residual|magnitude");
}

static void test_calibration(void) {
    const ll_options plain = accepted("calibration m"),
                     several = accepted("calibration m n --calib a --samples 3,1 --calib b --lowest 5");
    CHECK(plain.calib_count == 1 && plain.count_total == 5 && plain.counts[4] == 1024 && plain.lowest == 8 &&
          plain.weights == LL_WEIGHTS_F32);
    refused("calibration m --kv int8", "calibration takes no --kv"); /* its rows know nothing of it */
    CHECK_CONTAINS(plain.calibs[0], "c4.jsonl");
    CHECK(several.calib_count == 2 && strcmp(several.calibs[0], "a") == 0 &&
          strcmp(several.calibs[1], "b") == 0);
    CHECK(several.folder_count == 2 && several.count_total == 2 && several.lowest == 5);
    refused("calibration m --samples 0", "--samples");
    refused("calibration m --samples 3,3", "twice");
    refused("calibration m --lowest 0", "--lowest");
    refused("calibration m --calib ''", "an empty one");
    refused("calibration", "needs a MODEL");
    refused("calibration m --calib 1 --calib 2 --calib 3 --calib 4 --calib 5 --calib 6 --calib 7 --calib 8 "
            "--calib 9 "
            "--calib 10 --calib 11 --calib 12 --calib 13 --calib 14 --calib 15 --calib 16 --calib 17",
            "16 times");
}

static void test_positional(void) {
    CHECK(accepted("info").model == NULL);
    refused("quality", "quality needs a MODEL");
    refused("report", "report needs a DIR");
    refused("report a b", "report of 2 folders needs --out DIR");
    refused("report a ''", "is empty");
    static char many[8 * LL_MAX_FOLDERS] = "report --out o";
    for (size_t i = 0; i <= LL_MAX_FOLDERS; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), " %zu", i);
    refused(many, "report takes at most 1024 DIR, found \"1024\"");
    const ll_options several = accepted("report a --out o b -- --c");
    CHECK(several.folder_count == 3 && strcmp(several.folders[2], "--c") == 0 &&
          strcmp(several.model, "a") == 0);
    refused("quality a b", "takes one MODEL");
    refused("quality ''", "is empty");
    CHECK(strcmp(accepted("quality -- --odd").model, "--odd") == 0);
    CHECK(strcmp(accepted("quality --json m").model, "m") == 0);
}

static void test_defaults(void) {
    ll_options o = accepted("quality m");
    CHECK(o.weights == LL_WEIGHTS_INT8 && o.group == 128 && o.threads == 0 && o.isa == NULL && o.seed == 0);
    CHECK(!o.json && !o.quiet && !o.kl && !o.full && !o.exact && !o.ids);
    CHECK(o.window == 1024 && o.first_window == 0 && o.max_windows == 0);
    CHECK(o.drop == NULL && o.plan == NULL && o.out == NULL && o.csv == NULL && o.calib == NULL);
    CHECK_CONTAINS(o.text, "wikitext2-test.txt");
    o = accepted("importance m");
    CHECK(o.weights == LL_WEIGHTS_F32 && o.samples == 0 && o.length == 0 && o.text == NULL);
    CHECK_CONTAINS(o.calib, "c4.jsonl");
    CHECK(accepted("plan m").weights == LL_WEIGHTS_F32);
    o = accepted("generate m --prompt x");
    CHECK(o.max_tokens == 128 && o.temperature == 0 && o.prompt == 0 && strcmp(o.prompt_text, "x") == 0);
    o = accepted("speed m");
    CHECK(o.prompt == 512 && o.generate == 64 && o.repetitions == 5 && o.prompt_text == NULL);
    o = accepted("sweep m");
    CHECK(o.count_total == 0 && o.weights == LL_WEIGHTS_INT8 && o.window == 1024);
    CHECK(o.prompt == 0 && o.generate == 0 && o.repetitions == 0 && o.samples == 0 && o.length == 0);
}

static void test_values(void) {
    ll_options o =
        accepted("quality m --weights f32 --group=channel --threads 1024 --seed 18446744073709551615 "
                 "--text t.txt --window 2 --first-window 100 --max-windows 8 --kl --quiet --json");
    CHECK(o.weights == LL_WEIGHTS_F32 && o.group == 0 && o.threads == 1024 && o.seed == UINT64_MAX);
    CHECK(strcmp(o.text, "t.txt") == 0 && o.window == 2 && o.first_window == 100 && o.max_windows == 8);
    CHECK(o.kl && o.quiet && o.json);
    o = accepted("quality m --drop attn@8+block:0 --plan p.json --group 32 --isa ref");
    CHECK(strcmp(o.drop, "attn@8+block:0") == 0 && strcmp(o.plan, "p.json") == 0 && o.group == 32);
    CHECK(strcmp(o.isa, "ref") == 0);
    CHECK(strcmp(accepted("quality m --drop ''").drop, "") == 0);
    o = accepted("sweep m --counts 0,4,60 --prompt 512 --generate 7 --repetitions 3 --exact --full --out r");
    CHECK(o.count_total == 3 && o.counts[0] == 0 && o.counts[1] == 4 && o.counts[2] == 60);
    CHECK(o.prompt == 512 && o.generate == 7 && o.repetitions == 3 && o.exact && o.full &&
          strcmp(o.out, "r") == 0);
    o = accepted("generate m --prompt 512 --temperature 0.7e0 --max-tokens 1");
    CHECK(strcmp(o.prompt_text, "512") == 0 && o.prompt == 0 && o.max_tokens == 1);
    CHECK(o.temperature > 0.699 && o.temperature < 0.701);
    CHECK(strcmp(accepted("generate m --prompt=--json").prompt_text, "--json") == 0);
    CHECK(strcmp(accepted("generate m --prompt -1").prompt_text, "-1") == 0);
    CHECK(strcmp(accepted("importance m --csv -").csv, "-") == 0);
    CHECK(accepted("tokenize m --ids").ids);
}

static void test_numbers(void) {
    static const char *const wrong[] = {"0",
                                        "-1",
                                        "+4",
                                        "4x",
                                        "x",
                                        "''",
                                        "4.0",
                                        "0x10",
                                        "1e3",
                                        "4,5",
                                        "'4 '",
                                        "1025",
                                        "99999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[96];
        snprintf(line, sizeof line, "quality m --threads %s", wrong[i]);
        refused(line, "--threads takes a whole number from 1 to 1024, found \"");
    }
    refused("quality m --threads 0", "leave it out for the default");
    refused("quality m --seed 18446744073709551616", "--seed takes a whole number");
    refused("quality m --seed -1", "--seed takes a whole number");
    refused("quality m --window 1", "--window takes a whole number from 2");
    refused("quality m --max-windows 0", "leave it out for the default");
    refused("speed m --prompt text", "--prompt takes a whole number");
    refused("speed m --repetitions 0", "--repetitions takes");
    refused("generate m --prompt x --max-tokens 0", "--max-tokens takes");
    static const char *const reals[] = {"-1", "+1", "nan", "inf", "1x", "", "0x1", "101", "1e999", ".", "e"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        char line[96];
        snprintf(line, sizeof line, "generate m --prompt x --temperature=%s", reals[i]);
        refused(line, "--temperature takes a number from 0 to 100");
    }
}

static void test_wanda(void) {
    ll_options o = accepted("quality m --weights f32 --wanda 2:4 --calib c.txt --samples 3 --length 9");
    CHECK(o.wanda_count == 1 && o.wanda[0].sparsity.keep == 2 && o.wanda[0].sparsity.of == 4 &&
          o.samples == 3);
    o = accepted("sweep m --wanda 2:4,0.5,attn@4 --samples 3");
    CHECK(o.wanda_count == 3 && o.wanda[1].sparsity.share == 0.5 && o.wanda[2].count == 4);
    accepted("eval m --weights f32 --wanda mlp@2");
    refused("quality m --weights f32 --wanda 5:4", "--wanda: \"5:4\" is no sparsity");
    refused("quality m --weights f32 --wanda 2:4,", "\"\" is no sparsity");
    refused("quality m --weights f32 --wanda 2:4,0.5", "at most 1");
    refused("sweep m --wanda 0.5,0.50", "names 0.50 twice");
    refused("quality m --wanda 2:4", "add --weights f32");
    refused("quality m --samples 4", "do nothing without --wanda");
    refused("eval m --calib c.txt", "do nothing without --wanda");
    refused("sweep m --wanda 2:4 --synthetic", "random ones say nothing");
    refused("eval m --weights f32 --wanda 2:4 --answers d", "leave one out");
    refused("eval m --weights f32 --wanda 2:4 --paired --drop attn:1", "leave one out");
    refused("speed m --wanda 2:4", "takes no --wanda");
    accepted("quality m");
}

static void test_precisions(void) {
    const ll_options o = accepted("sweep m --precisions f32,int8:32,int8:128+kv8,int8:channel,f32+kv8");
    CHECK(o.precision_count == 5);
    CHECK(o.precisions[0].weights == LL_WEIGHTS_F32 && !o.precisions[0].kv_i8);
    CHECK(o.precisions[1].weights == LL_WEIGHTS_INT8 && o.precisions[1].group == 32 &&
          !o.precisions[1].kv_i8);
    CHECK(o.precisions[2].group == 128 && o.precisions[2].kv_i8 && o.precisions[3].group == 0);
    CHECK(o.precisions[4].weights == LL_WEIGHTS_F32 && o.precisions[4].kv_i8);
    static const char *const bad[] = {"''",
                                      "f32,",
                                      "bf16",
                                      "int8",
                                      "int8:",
                                      "int8:64",
                                      "f32:32",
                                      "f32+kv4",
                                      "int8:32+",
                                      "int8:32+kv8x",
                                      "int8:channel:32",
                                      "f32f32",
                                      "+kv8",
                                      "int8:1234567890123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char line[128];
        snprintf(line, sizeof line, "sweep m --precisions %s", bad[i]);
        refused(line, "--");
    }
    refused("sweep m --precisions int8:32,f32,int8:32", "names int8:32 twice");
    refused("sweep m --precisions f32 --synthetic", "random weights");
    refused("quality m --precisions f32", "sweep: yes");
}

static void test_counts(void) {
    refused("sweep m --counts ''", "--counts takes a whole number");
    refused("sweep m --counts 1,", "found \"\"");
    refused("sweep m --counts ,1", "found \"\"");
    refused("sweep m --counts 1,-2", "found \"-2\"");
    refused("sweep m --counts 4,8,4", "names 4 twice");
    refused("sweep m --counts 1025", "from 0 to 1024");
    char line[512] = "sweep m --counts 0";
    for (int i = 1; i < LL_MAX_COUNTS; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), ",%d", i);
    CHECK(accepted(line).count_total == LL_MAX_COUNTS);
    strcat(line, ",64");
    refused(line, "at most 64");
}

static void test_names(void) {
    refused("quality m --weights int4", "--weights takes int8 or f32, found \"int4\"");
    refused("quality m --matmul foo", "--matmul takes own or onednn, found \"foo\"");
    refused("quality m --matmul onednn --weights f32", "--matmul onednn is for int8 weights, these are f32");
    refused("importance m --matmul onednn", "add --weights int8");
    CHECK(accepted("importance m --matmul onednn --weights int8").matmul == LL_MATMUL_ONEDNN);
    CHECK(accepted("sweep m --matmul onednn").matmul == LL_MATMUL_ONEDNN &&
          accepted("sweep m").matmul == LL_MATMUL_OWN);
    refused("quality m --group 64", "--group takes 128, 32 or channel");
    refused("quality m --group 0", "--group takes 128, 32 or channel");
    refused("quality m --isa nosuch", "no ISA is called \"nosuch\"; this program has ref");
    refused("quality m --windw 8", "did you mean --window?");
    refused("quality m --qqqqqqqqqqqq", "quality --help lists them");
    refused("quality m -x", "has no option -x");
    refused("plan m --drop attn:1",
            "plan takes no --drop (info, generate, quality, eval, speed, export: yes)");
    refused("tokenize m --isa ref", "takes no --isa");
    refused("report d --seed 1", "takes no --seed");
}

static void test_form(void) {
    refused("quality m --window", "--window needs a value: N");
    refused("quality m --window --json", "--window needs a value (N), found --json");
    refused("quality m --window 8 --window 8", "--window is given twice");
    refused("quality m --json --json", "--json is given twice");
    refused("quality m --json=1", "--json takes no value");
    refused("quality m --text ''", "--text needs a FILE, found an empty one");
    refused("quality m --plan p.json", "--plan does nothing without --drop");
    refused("generate m", "generate needs --prompt TEXT");
    refused("sweep m --limit 4", "do nothing without --tasks");
    refused("sweep m --num-fewshot 4", "do nothing without --tasks");
    refused("tokenize m --ids --json", "give one");
}

static void test_environment(void) {
    setenv("LL_ISA", "ref", 1);
    CHECK(strcmp(accepted("quality m").isa, "ref") == 0);
    CHECK(accepted("tokenize m").isa == NULL);
    setenv("LL_ISA", "nosuch", 1);
    refused("quality m", "LL_ISA: no ISA is called \"nosuch\"");
    CHECK(strcmp(accepted("quality m --isa ref").isa, "ref") == 0);
    accepted("report d");
    setenv("LL_ISA", "", 1);
    CHECK(accepted("quality m").isa == NULL);
    unsetenv("LL_ISA");
}

/* Runs the parser with standard output in a file; the text, which the caller frees. */
static char *help_text(int argc, char **argv) {
    char path[128];
    snprintf(path, sizeof path, "%s/help.txt", ll_test_folder());
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    FILE *file = fopen(path, "w");
    ll_options options;
    ll_error error = {0};
    bool done = false;
    dup2(fileno(file), STDOUT_FILENO);
    const ll_status status = ll_options_parse(&options, argc, argv, &done, &error);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    fclose(file);
    CHECK_MSG(status == LL_OK && done, "%s: no help", error.text);
    return ll_test_read(path, NULL);
}

static void test_help(void) {
    char *words[] = {"layerlab", "--help"};
    char *text = help_text(2, words);
    CHECK_CONTAINS(text, "smollm2-135m");
    CHECK_CONTAINS(text, "attn@8");
    CHECK_CONTAINS(text, "LAYERLAB_MODELS");
    CHECK_CONTAINS(text, "Exit codes");
    free(text);
    char *command[] = {"layerlab", "quality", "--window", "abc", "-h"};
    text = help_text(5, command);
    CHECK_CONTAINS(text, "--window N");
    CHECK_CONTAINS(text, "(default: 1024)");
    CHECK_CONTAINS(text, "Example:\n  layerlab quality ");
    CHECK(!strstr(text, "--counts"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        CHECK_MSG(strcspn(line, "\n") <= 110 || strstr(line, "(default: "), "too wide: %.*s",
                  (int)strcspn(line, "\n"), line);
    free(text);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("options/wanda", test_wanda);
    ll_test_run("options/precisions", test_precisions);
    ll_test_run("options/eval", test_eval);
    ll_test_run("options/commands", test_commands);
    ll_test_run("options/shard", test_shard);
    ll_test_run("options/orders", test_orders);
    ll_test_run("options/calibration", test_calibration);
    ll_test_run("options/positional", test_positional);
    ll_test_run("options/defaults", test_defaults);
    ll_test_run("options/values", test_values);
    ll_test_run("options/numbers", test_numbers);
    ll_test_run("options/counts", test_counts);
    ll_test_run("options/names", test_names);
    ll_test_run("options/form", test_form);
    ll_test_run("options/environment", test_environment);
    ll_test_run("options/help", test_help);
    return ll_test_end();
}
