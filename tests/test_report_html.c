/* report.html and its newer sections on rows made up here, whose numbers were worked out by hand. */
#include "documents.h"
#include "page.h"
#include "paper.h"
#include "report/report.h"
#include "report/rerun.h"
#include "rows.h"
#include "test.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256], out[300];

static void begin(const char *name) {
    ll_error error;
    snprintf(folder, sizeof folder, "%s/%s", ll_test_folder(), name);
    snprintf(out, sizeof out, "%s/report", folder);
    CHECK(ll_folder_make(folder, &error) == LL_OK);
}

/* A row of columns and cells in turn, NULL at the end; what all have in common first. */
static const char *model = "llama2-13b";
static void add(const ll_csv_schema *schema, const char *column, ...) {
    static const char *const common[][2] = {{"model_sha256", "0123"},
                                            {"weights", "int8"},
                                            {"group", "128"},
                                            {"kv", "bf16"},
                                            {"isa", "ref"},
                                            {"cpu", "Some CPU"},
                                            {"threads", "2"},
                                            {"source", "real"},
                                            {"seed", "0"},
                                            {"metric", "cosine"},
                                            {"date", "2026-01-02T03:04:05Z"}};
    char path[400];
    ll_row row;
    ll_row_begin(&row, schema);
    for (size_t i = 0; i < schema->count; i++) {
        for (size_t c = 0; c < sizeof common / sizeof *common; c++)
            if (strcmp(schema->columns[i], common[c][0]) == 0)
                ll_row_text(&row, common[c][0], common[c][1]);
        if (strcmp(schema->columns[i], "model") == 0)
            ll_row_text(&row, "model", model);
    }
    va_list more;
    va_start(more, column);
    for (; column; column = va_arg(more, const char *))
        ll_row_text(&row, column, va_arg(more, const char *));
    va_end(more);
    snprintf(path, sizeof path, "%s/%s.csv", folder, schema->name);
    ll_page_append(path, &row);
}

static void add_quality(const char *kind, const char *dropped, const char *drop, const char *perplexity) {
    add(&ll_quality_schema, "kind", kind, "dropped", dropped, "drop", drop, "perplexity", perplexity,
        "perplexity_stderr", "0.5", "data_file", "wikitext2-test.txt", "recipe", "whole-windows", "window",
        "64", "first_window", "3", "windows", "2", "loss_difference", *dropped == '0' ? "0" : "0.25",
        "loss_difference_stderr", *dropped == '0' ? "0" : "0.125", NULL);
}

static void add_speed(const char *kind, const char *dropped, const char *drop, const char *speedup,
                      const char *predicted, const char *kv_bytes) {
    add(&ll_speed_schema, "kind", kind, "dropped", dropped, "drop", drop, "speedup", speedup,
        "speedup_predicted", predicted, "kv_bytes", kv_bytes, "batch", "4", "prompt", "32", "generate", "16",
        "repetitions", "3", "method", "exact", "prefill_tokens_per_s", "1234.49", "decode_tokens_per_s",
        "67.89", "int8_share", "0.8126", "peak_gops", "999.7", "resident", "20/40", NULL);
}

static void add_task(const char *task, const char *kind, const char *dropped, const char *drop,
                     const char *value, const char *difference) {
    add(&ll_tasks_schema, "task", task, "task_sha256", "aa", "data_sha256", "bb", "num_fewshot", "5", "limit",
        "10 drawn with seed 0", "too_long", "refuse", "kind", kind, "dropped", dropped, "drop", drop,
        "metric", "acc", "value", value, "stderr", "0.04", "chance", "0.25", "difference", difference,
        "difference_stderr", "0.03", "p_value", *difference == '-' ? "0.01" : "0.5", NULL);
}

static void write_report(void) {
    ll_error error = {""};
    const ll_status status = ll_report_write(folder, out, NULL, NULL, &error);
    CHECK_MSG(status == LL_OK || status == LL_NO_RESOURCE, "%s", error.text); /* pages need no gnuplot */
}

/* report.md and report.html hold all of the lines. */
static void expect_lines(const char *name, const char *const *lines, size_t count) {
    write_report();
    char *text = ll_page_read(out, name);
    for (size_t i = 0; i < count; i++)
        CHECK_CONTAINS(text, lines[i]);
    free(text);
}
#define EXPECT(name, ...)                                                                                    \
    expect_lines(name, (const char *const[]){__VA_ARGS__},                                                   \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- the paper's own numbers ---- */

/* One printed cell is not what its columns give. */
static void test_published_numbers(void) {
    static const char *const columns[] = {"avg", "gamma"};
    size_t checked = 0, gammas = 0, wrong = 0;
    const ll_paper_table *table;
    for (size_t t = 0; (table = ll_paper_table_at(t)); t++) {
        ll_csv *csv = NULL;
        ll_error error = {""};
        CHECK_MSG(ll_paper_open(&csv, table, &error) == LL_OK, "%s", error.text);
        for (size_t row = 0; csv && row < ll_csv_rows(csv); row++)
            for (size_t c = 0; c < 2; c++) {
                double recomputed;
                const bool good = ll_paper_agrees(table, csv, row, columns[c], &recomputed);
                checked += isfinite(recomputed) ? 1 : 0;
                gammas += c == 1 && isfinite(recomputed) ? 1 : 0;
                if (good)
                    continue;
                wrong++;
                CHECK_MSG(strcmp(ll_csv_cell(csv, row, "model"), "llama3-70b") == 0 &&
                              strcmp(ll_csv_cell(csv, row, "method"), "attn-40") == 0 &&
                              strcmp(columns[c], "gamma") == 0 && fabs(recomputed - 0.0419) < 1e-4,
                          "%s, line %zu: %s %s where %.4f is expected", table->schema.name, row + 2,
                          columns[c], ll_csv_cell(csv, row, columns[c]), recomputed);
            }
        ll_csv_close(csv);
    }
    /* Averages: 17 + 13 + 15 + 3 + 6 + 4 + 12 + 9 rows; gammas: 15 + 11 + 14. */
    CHECK_MSG(wrong == 1 && gammas == 40 && checked == 79 + 40, "%zu of %zu wrong, %zu gammas", wrong,
              checked, gammas);
    CHECK(!ll_paper_table_find("table5") && ll_paper_table_find("table9_wanda") == ll_paper_table_at(7));
}

/* ---- tables ---- */

/* The paper's own model: what is here less what the paper says. Two of its eight tasks are here, so its average is over these. */
static void test_own_model(void) {
    begin("own");
    add_quality("none", "0", "none", "20");
    add_quality("attn", "8", "attn:28-35", "21.5");
    add_speed("none", "0", "none", "1", "1", "2147483648");
    add_speed("attn", "8", "attn:28-35", "1.25", "1.2", "1073741824");
    add_task("arc_challenge", "none", "0", "none", "0.5", "NA");
    add_task("boolq", "none", "0", "none", "0.84", "NA");
    add_task("arc_challenge", "attn", "8", "attn:28-35", "0.4", "-0.1");
    add_task("boolq", "attn", "8", "attn:28-35", "0.84", "0");
    EXPECT("report.md",
           "| llama2-13b attn-8 | paper | 58.2 | 80.5 | 82.2 | 54.5 | 47.0 | 80.5 | 64.3 | 77.4 | 69.3 | "
           "1.13 | 0.01 | NA |\n"
           /* (50 + 84 - 40 - 84) / 2 points for 25 % */
           "| llama2-13b attn-8 | here | 40.0 | 84.0 | NA | NA | NA | NA | NA | NA | 62.0 ± 2.8 | 1.25 | "
           "0.20 | 21.5 ± 0.5 |\n"
           "| llama2-13b attn-8 | here less paper | -18.2 | +3.5 | NA | NA | NA | NA | NA | NA | -7.3 | "
           "+0.12 | +0.19 | NA |\n"
           "| llama2-13b attn-16 | paper |",
           /* 40 of our 40 blocks */
           "| llama2-13b of 40 to 20 | paper | 52.00 | 26.00 |\n| llama2-13b of 40 to 20 | arithmetic, "
           "16-bit | 50.00 | 25.00 |\n"
           "| llama2-13b of 40 to 20 | arithmetic, int8 | 25.78 | 12.89 |\n",
           "118 of the paper's averages and gammas are what its columns give, computed again here; not so "
           "llama3-70b attn-40, gamma 0.00 where they "
           "give 0.04.");
    char *text = ll_page_read(out, "report.md");
    CHECK(!strstr(text, "| mistral-7b attn-8 |")); /* other models' rows say less than its own */
    free(text);
}

/* Another model: changes from the full model are compared, of the same share of its 20 blocks too. */
static void test_other_model(void) {
    begin("other");
    model = "other";
    for (int layer = 0; layer < 20; layer++) {
        char number[8], importance[16];
        snprintf(number, sizeof number, "%d", layer);
        snprintf(importance, sizeof importance, "0.%d", 50 - layer);
        add(&ll_importance_schema, "kind", "attn", "layer", number, "importance", importance, NULL);
    }
    add_quality("none", "0", "none", "20");
    add_quality("attn", "4", "attn:16-19", "30");
    add_quality("attn", "4", "attn:0-3", "90"); /* two of random plans */
    add_quality("attn", "4", "attn:1-4", "100");
    for (int seed = 0; seed < 2; seed++)
        add(&ll_plans_schema, "order", seed ? "random-1" : "random-0", "kind", "attn", "dropped", "4", "drop",
            seed ? "attn:1-4" : "attn:0-3", NULL);
    add(&ll_plans_schema, "order", "importance", "kind", "attn", "dropped", "4", "drop", "attn:16-19", NULL);
    add_task("arc_challenge", "none", "0", "none", "0.5", "NA");
    add_task("arc_challenge", "attn", "4", "attn:16-19", "0.41", "-0.09");
    EXPECT("report.md",
           "| llama2-13b attn-8 | here, attn-4 of 20 | 41.0 | NA | NA | NA | NA | NA | NA | NA | 41.0 ± 4.0 "
           "| NA | NA | 30.0 ± 0.5 |\n"
           /* 41 - 50 against 58.2 - 59.9 */
           "| llama2-13b attn-8 | change by attn-4, less paper's | -7.3 | NA | NA | NA | NA | NA | NA | "
           "NA | -7.3 | "
           "NA | NA | NA |\n",
           "| mistral-7b random | here, perplexity | 95.0 | NA | NA |\n",
           "| mistral-7b cosine\\_similarity | here | 41.0 ± 4.0 | NA | NA |\n",
           /* Random: (90 + 100) / 2, spread 10 / sqrt 2. */
           "### Perplexity by number dropped, kind attn\n\n| chosen by | 4 |\n|:-----------|-----------:|\n| "
           "importance | **30.0** |\n"
           "| random | 95.0 ± 7.1 |\n",
           /* What is not here of the paper's 4 of 40 and of 32 blocks, 8 of 32, 16 and 20 of 40 */
           "--counts 2,3,4,5,8,10 --tasks paper ",
           /* A row of table 6 that is there with the residual alone is wanted without it. */
           "--counts 3,5,8,10,13 --orders no-residual --tasks paper ",
           "\nother is no name of the list of models: the commands of this page need the path");
    model = "llama2-13b";
}

/* Weights of other precisions on the same text. */
static void test_precisions(void) {
    static const char *const drops[][3] = {{"none", "0", "none"}, {"attn", "4", "attn:1-4"}};
    static const char *const rows[][5] = {{"int8", "128", "bf16", "20", "30"},
                                          {"int8", "channel", "int8", "21.25", "31.5"},
                                          {"f32", "NA", "f32", "19", "NA"},
                                          {"f32-wanda-attn@4", "NA", "f32", "19.5", "NA"}};
    begin("precisions");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t d = 0; d < 2; d++)
            if (strcmp(rows[i][3 + d], "NA") != 0)
                add(&ll_quality_schema, "weights", rows[i][0], "group", rows[i][1], "kv", rows[i][2], "kind",
                    drops[d][0], "dropped", drops[d][1], "drop", drops[d][2], "perplexity", rows[i][3 + d],
                    NULL);
    /* Another text is another matter. */
    add(&ll_quality_schema, "weights", "f32", "data_sha256", "other", "kind", "attn", "dropped", "4", "drop",
        "attn:1-4", "perplexity", "77", NULL);
    EXPECT("report.md",
           "| weights | full model | attn-4 |\n|:----------------------|-----------:|-------:|\n| int8:128 "
           "| 20.00 | 30.00 |\n"
           "| int8:channel, int8 KV | 21.25 | 31.50 |\n| f32 | 19.00 | NA |\n| f32-wanda-attn@4 | 19.50 | NA "
           "|\n",
           /* Table 9's line of as many weights, and table 11's of 16 bits. */
           "| llama2-13b wanda(=attn-4 params) | here | NA | NA | NA | NA | NA | NA | 19.5 |\n",
           "| llama2-13b baseline fp16 | here | NA | NA | NA | NA | NA | 19.0 |\n",
           "--precisions f32,int8:128 --tasks paper", "--wanda attn@4,attn@8,attn@12 ");
}

/* An order by cost stands beside the joint drop that is nearest in speed. */
static void test_costs(void) {
    begin("costs");
    add_quality("joint", "2", "attn:1,2", "25");
    add_quality("joint", "4", "attn:1-4", "40");
    add_quality("joint", "3", "mlp:5-7", "33");
    add_speed("joint", "2", "attn:1,2", "1.1", "1.1", "1");
    add_speed("joint", "4", "attn:1-4", "1.2", "1.2", "1");
    add_speed("joint", "3", "mlp:5-7", "1.18", "1.2", "1");
    add(&ll_plans_schema, "order", "cost", "kind", "joint", "dropped", "3", "drop", "mlp:5-7", NULL);
    EXPECT("report.md", "### By measured cost, against joint drops as fast\n",
           "| cost, 3 dropped | 33.0 | 1.180 | joint-4 | 40.0 | 1.200 |\n");
}

/* ---- summary ---- */

static void test_summary(void) {
    begin("summary");
    add_quality("none", "0", "none", "20");
    add_quality("attn", "8", "attn:28-35", "21.5");
    add_quality("mlp", "8", "mlp:28-35", "1.5e7");
    add_quality("block", "4", "block:28-31", "5");   /* at another number */
    add_quality("joint", "8", "attn:28-35", "21.5"); /* the same drop by another plan counts once */
    add_speed("joint", "8", "attn:28-35", "1.25", "1.2", "1610612736");
    add_speed("none", "0", "none", "1", "1", "2147483648");
    add_speed("attn", "8", "attn:28-35", "1.25", "1.2", "1610612736");
    add_speed("mlp", "8", "mlp:28-35", "1.1", "1.111", "2147483648");
    add_speed("block", "4", "block:28-31", "1.3", "1.25", "2147483648"); /* 4.0 % */
    EXPECT("report.md",
           "- Of 8 modules of one kind, **attention layers cost least**: perplexity 21.5, of the full model "
           "20.0; without MLP layers "
           "1.50e+07.\n",
           "- Without 8 attention layers a whole generation is **1.25 times as fast** (measured once; the "
           "paper's, on GPUs: 1.13 of "
           "llama2-13b).\n",
           "- Bytes and operations alone **predict the measured speedup within 4.0 %** in half of 3 rows, "
           "and within 4.2 % in all (attn "
           "8).\n",
           "- The KV-cache shrinks **from 2.0 GiB to 1.5 GiB** without 8 attention layers, to 75 % (bf16 "
           "elements, batch 4, 32 prompt "
           "tokens and 16 generated); MLP layers have none.\n",
           "- Token by token of the text, the loss of **3 of 3 drops** differs from the full model's by more "
           "than chance (1.96 paired "
           "errors; 3 for the worse).\n",
           "No accuracy of tasks:");
    begin("summary-of-little");
    add_quality("attn", "8", "attn:28-35", "21.5");
    EXPECT(
        "report.md",
        "- Which kind of module costs least is not known:", "- What attention layers gain is not known:",
        "- How well bytes and operations predict speed is not known:",
        "- What the KV-cache loses is not known:",
        "No timings:\n\n```\nbuild/layerlab sweep llama2-13b --weights int8 --group 128 --kv 16bit --recipe "
        "whole-windows --window 64 --first-window 3 --max-windows 2 --isa ref --threads 2 --out ",
        "No importance, and so no order of dropping:\n\n```\nbuild/layerlab sweep llama2-13b --weights int8 "
        "--group 128 --kv 16bit --recipe whole-windows --window 64 --first-window 3 --max-windows 2 "
        "--no-speed --isa ref --threads 2 --out ");
}

/* ---- commands ---- */

static void test_reruns(void) {
    begin("reruns");
    add_quality("none", "0", "none", "20");
    add_quality("attn", "2", "attn:1,2", "22");
    add_speed("attn", "2", "attn:1,2", "1.25", "1.2", "1");
    add_task("boolq", "attn", "2", "attn:1,2", "0.5", "-0.1");
    add(&ll_importance_schema, "weights", "f32", "group", "NA", "kind", "attn", "layer", "0", "importance",
        "0.5", "data_file", "my own.jsonl", "samples", "7", "length", "96", NULL);
    EXPECT("report.html",
           "build/layerlab quality llama2-13b --weights int8 --group 128 --kv 16bit --recipe whole-windows "
           "--window 64 --first-window 3 "
           "--max-windows 2 --isa ref --threads 2\n",
           "--max-windows 2 --isa ref --threads 2 --kl --drop attn:1,2\n",
           "build/layerlab speed llama2-13b --weights int8 --group 128 --kv 16bit --batch 4 --prompt 32 "
           "--generate 16 --repetitions 3 "
           "--exact --resident 20 --isa ref --threads 2 --drop attn:1,2\n",
           "build/layerlab eval llama2-13b --tasks boolq --num-fewshot 5 --limit 10 --subset --too-long "
           "refuse --weights int8 --group 128 "
           "--kv 16bit --isa ref --threads 2 --drop attn:1,2 --paired\n",
           "build/layerlab importance llama2-13b --weights f32 --calib &#39;my own.jsonl&#39; --samples 7 "
           "--length 96 --isa ref --threads 2\n");
    EXPECT("report.md", "| kind | dropped | prefill, tokens/s | decode, tokens/s |",
           "| attn | 2 | 1234.5 | 67.9 | 81.3 | NA | 1000 |");
    ll_report_data data;
    ll_error error;
    CHECK(ll_report_write(folder, out, "else/where", NULL, &error) !=
          LL_BAD_INPUT); /* a folder that is still to be put there */
    char *text = ll_page_read(out, "report.md");
    CHECK_CONTAINS(text, " --out else/where\n");
    CHECK(!strstr(text, "reruns"));
    free(text);
    REQUIRE(ll_report_load(&data, folder, &error) == LL_OK);
    char *line = ll_rerun_sweep(&data, "--counts 3", true);
    CHECK_CONTAINS(line, "build/layerlab sweep llama2-13b --counts 3 --calib 'my own.jsonl' --samples 7 "
                         "--length 96 --weights int8 --group "
                         "128 --kv 16bit --recipe whole-windows --window 64 --first-window 3 --max-windows 2 "
                         "--batch 4 --prompt 32");
    CHECK_CONTAINS(line, "/reruns");
    free(line);
    ll_report_free(&data);
}

/* Of pruned weights the calibration stands where others have a group. */
static void test_pruned(void) {
    begin("pruned");
    add(&ll_quality_schema, "weights", "f32-wanda-2:4", "group", "32x512-3f6ac5d8", "kv", "f32", "kind",
        "none", "dropped", "0", "drop", "none", "perplexity", "190.5", "recipe", "whole-windows", "window",
        "64", "first_window", "3", "windows", "2", NULL);
    EXPECT("report.html",
           "build/layerlab quality llama2-13b --weights f32 --wanda 2:4 --samples 32 --length 512 --kv 16bit "
           "--recipe whole-windows --window 64");
    add_quality("none", "0", "none", "20");
    add_quality("attn", "2", "attn:1,2", "22");
    EXPECT("report.md", "| f32-wanda-2:4:32x512 |");
}

/* ---- cells that may hold anything ---- */

/* Replaces every MARK in a CSV file, which the writer would not write so. */
static void replace_marks(const char *name, const char *with) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = ll_test_read(path, NULL);
    FILE *file = fopen(path, "wb");
    REQUIRE(text && file);
    const char *at = text;
    for (const char *mark; (mark = strstr(at, "MARK")); at = mark + 4)
        fprintf(file, "%.*s%s", (int)(mark - at), at, with);
    fputs(at, file);
    CHECK(fclose(file) == 0);
    free(text);
}

static void test_hostile_cells(void) {
    static const char hostile[] =
        "</td></table><script>alert(1)</script><img src=x onerror=\"alert('1')\"/>&amp;]]>--><!--|`*_";
    begin("hostile");
    model = hostile;
    add(&ll_quality_schema, "kind", "none", "dropped", "0", "drop", hostile, "data_file", hostile, "recipe",
        hostile, "cpu", "\"MARK\"", "isa", hostile, "perplexity", "12", "placement", "é ± 漢", "commit",
        hostile, NULL);
    add(&ll_speed_schema, "kind", "attn", "dropped", "2", "drop", hostile, "isa", hostile, "resident",
        hostile, "speedup", "1.5", "method", hostile, "speedup_predicted", "1.4", NULL);
    add_task(hostile, "none", "0", hostile, "0.5", "NA");
    model = "llama2-13b";
    replace_marks("quality.csv", "\x01\x1b[2J\n\xFF\xC0\xAF\xEF\xBF\xBF");
    write_report();
    char path[400];
    snprintf(path, sizeof path, "%s/report.html", out);
    char *html = ll_test_read(path, NULL), *md = ll_page_read(out, "report.md");
    CHECK(!strstr(html, "<script") && !strstr(html, "<img") && !strstr(html, "<!--") && !strchr(html, 1) &&
          !strchr(html, 0x1b));
    CHECK_CONTAINS(html, "&lt;/td&gt;&lt;/table&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
    CHECK_CONTAINS(html, "é ± 漢");
    CHECK(!strchr(md, 1) && !strchr(md, 0x1b));
    CHECK_CONTAINS(md, "\\<script>");
    if (system("xmllint --version >/dev/null 2>&1") == 0) {
        char command[512];
        snprintf(command, sizeof command, "xmllint --noout '%s'", path);
        CHECK_MSG(system(command) == 0, "report.html is not well-formed");
    }
    free(html);
    free(md);
}

/* ---- the page ---- */

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* Nothing is loaded from anywhere, ids are unique, every link leads to one, and every picture says what it is. */
static void check_page(const char *html) {
    CHECK(strncmp(html, "<!DOCTYPE html>\n<html lang=\"en\"", 31) == 0);
    CHECK_CONTAINS(html, "default-src 'none'");
    CHECK_CONTAINS(html, "prefers-color-scheme: dark");
    CHECK_CONTAINS(html, "@media print");
    CHECK(!strstr(html, "<script") && !strstr(html, "<link") && !strstr(html, "src=") &&
          !strstr(html, "@import"));
    CHECK(count_of(html, "<h1>") == 1);
    CHECK(count_of(html, "<svg") == count_of(html, "<svg class=\"plot\" role=\"img\" aria-labelledby="));
    for (const char *at = html; (at = strstr(at, "href=")); at++)
        CHECK_MSG(at[6] == '#', "a link to outside: %.40s", at);
    for (const char *at = html; (at = strstr(at, " id=")); at++) {
        char id[128];
        snprintf(id, sizeof id, "%.*s", (int)(6 + strcspn(at + 5, "'\"")), at);
        CHECK_MSG(count_of(html, id) == 1, "%s is there twice", id);
    }
    for (const char *at = html; (at = strstr(at, "<a href=\"#")); at++) {
        char id[128];
        snprintf(id, sizeof id, "<h2 id=\"%.*s\"", (int)strcspn(at + 10, "\""), at + 10);
        CHECK_MSG(count_of(html, id) == 1, "nothing has %s", id);
    }
}

static void test_page(void) {
    if (!ll_page_have_gnuplot())
        return;
    begin("page");
    add_quality("none", "0", "none", "20");
    add_quality("attn", "8", "attn:28-35", "21.5");
    add_speed("none", "0", "none", "1", "1", "2147483648");
    add_speed("attn", "8", "attn:28-35", "1.25", "1.2", "1073741824");
    add_task("arc_challenge", "none", "0", "none", "0.5", "NA");
    add_task("arc_challenge", "attn", "8", "attn:28-35", "0.4", "-0.1");
    static const char *const kinds[] = {"attn", "mlp", "block"};
    for (int i = 0; i < 120; i++) {
        char layer[8], importance[16];
        snprintf(layer, sizeof layer, "%d", i % 40);
        snprintf(importance, sizeof importance, "0.%d", 100 + (i * 37) % 101);
        add(&ll_importance_schema, "kind", kinds[i / 40], "layer", layer, "importance", importance, NULL);
    }
    ll_error error = {""};
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    char path[400];
    snprintf(path, sizeof path, "%s/report.html", out);
    char *html = ll_test_read(path, NULL);
    check_page(html);
    CHECK(count_of(html, "<svg class=\"plot\"") == 7);
    CHECK(ll_page_has_plot(out, "predicted") && ll_page_has_plot(out, "order"));
    CHECK(!strstr(html, "Pictures are missing"));
    free(html);
    /* Sections that are not there have no links. */
    begin("few-sections");
    add_quality("none", "0", "none", "20");
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK);
    snprintf(path, sizeof path, "%s/report.html", out);
    char *few = ll_test_read(path, NULL);
    check_page(few);
    CHECK(!strstr(few, "#importance") && !strstr(few, "#tasks"));
    free(few);
    snprintf(folder, sizeof folder, "%s/page", ll_test_folder());
    snprintf(out, sizeof out, "%s/report", folder);
    snprintf(path, sizeof path, "%s/report.html", out);
    /* Without gnuplot the pages say so, and old pictures are not shown. */
    char *old = strdup(getenv("PATH"));
    setenv("PATH", "/nonexistent", 1);
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_NO_RESOURCE);
    setenv("PATH", old, 1);
    free(old);
    html = ll_test_read(path, NULL);
    CHECK(count_of(html, "<svg") == 0);
    CHECK_CONTAINS(html, "Pictures are missing: gnuplot is not installed");
    CHECK_CONTAINS(html, "<caption>What dropping costs and gains</caption>");
    free(html);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("report/the paper's numbers", test_published_numbers);
    ll_test_run("report/the paper's own model", test_own_model);
    ll_test_run("report/another model", test_other_model);
    ll_test_run("report/precisions", test_precisions);
    ll_test_run("report/cost at equal speed", test_costs);
    ll_test_run("report/summary", test_summary);
    ll_test_run("report/commands of rows", test_reruns);
    ll_test_run("report/pruned weights", test_pruned);
    ll_test_run("report/cells of any kind", test_hostile_cells);
    ll_test_run("report/the page", test_page);
    return ll_test_end();
}
