/* The report on a small made-up sweep, whose table was worked out by hand. */
#include "documents.h"
#include "page.h"
#include "report/report.h"
#include "rows.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char folder[256], out[300];

/* Fresh folders for every test. */
static void begin(const char *name) {
    ll_error error;
    snprintf(folder, sizeof folder, "%s/%s", ll_test_folder(), name);
    snprintf(out, sizeof out, "%s/report", folder);
    CHECK(ll_folder_make(folder, &error) == LL_OK);
}

typedef struct {
    const char *kind;
    uint64_t dropped;
    const char *drop, *weights;
    double perplexity, perplexity_stderr, kl, top1;
} quality_row;

typedef struct {
    const char *kind;
    uint64_t dropped;
    const char *drop;
    double speedup, q1, q3, predicted, kv_bytes;
} speed_row;

static void fill_run(ll_row *row, const char *date) {
    ll_row_text(row, "model_sha256", SHA);
    ll_row_text(row, "commit", "c0ffee1");
    ll_row_text(row, "compiler", "cc 1 -O2");
    ll_row_text(row, "cpu", "Some CPU | 2 GHz");
    ll_row_text(row, "isa", "ref");
    ll_row_int(row, "threads", 2);
    ll_row_text(row, "date", date);
}

static void append(const ll_row *row) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s.csv", folder, row->schema->name);
    ll_page_append(path, row);
}

static void add_quality(const quality_row *q) {
    ll_row row;
    ll_row_begin(&row, &ll_quality_schema);
    fill_run(&row, "2026-01-02T03:04:05Z");
    ll_row_text(&row, "weights", q->weights);
    ll_row_text(&row, "kv", strcmp(q->weights, "f32") == 0 ? "f32" : "bf16");
    if (strcmp(q->weights, "int8") == 0)
        ll_row_int(&row, "group", 128);
    ll_row_text(&row, "data_file", "text.txt");
    ll_row_text(&row, "recipe", "whole-windows");
    ll_row_int(&row, "window", 512);
    ll_row_int(&row, "first_window", 3);
    ll_row_int(&row, "windows", 8);
    ll_row_int(&row, "tokens", 4088);
    ll_row_text(&row, "kind", q->kind);
    ll_row_int(&row, "dropped", q->dropped);
    ll_row_text(&row, "drop", q->drop);
    ll_row_real(&row, "perplexity", q->perplexity, 9);
    ll_row_real(&row, "perplexity_stderr", q->perplexity_stderr, 4);
    ll_row_real(&row, "kl", q->kl, 6);
    ll_row_real(&row, "top1", q->top1, 6);
    append(&row);
}

static const char *speed_model = "NA", *speed_source = "real";

static void add_speed(const speed_row *s) {
    ll_row row;
    ll_row_begin(&row, &ll_speed_schema);
    fill_run(&row, "2026-01-03T00:00:00Z");
    ll_row_text(&row, "weights", "int8");
    ll_row_int(&row, "group", 128);
    ll_row_text(&row, "kv", "bf16");
    ll_row_int(&row, "batch", 4);
    ll_row_text(&row, "resident", "6/6");
    ll_row_text(&row, "model", speed_model);
    ll_row_text(&row, "source", speed_source);
    ll_row_int(&row, "prompt", 512);
    ll_row_int(&row, "generate", 64);
    ll_row_text(&row, "method", "estimated");
    ll_row_int(&row, "repetitions", 5);
    ll_row_text(&row, "kind", s->kind);
    ll_row_int(&row, "dropped", s->dropped);
    ll_row_text(&row, "drop", s->drop);
    ll_row_real(&row, "speedup", s->speedup, 5);
    ll_row_real(&row, "speedup_q1", s->q1, 5);
    ll_row_real(&row, "speedup_q3", s->q3, 5);
    ll_row_real(&row, "speedup_prefill", s->speedup + 0.01, 5);
    ll_row_real(&row, "speedup_decode", s->speedup - 0.01, 5);
    ll_row_real(&row, "speedup_predicted", s->predicted, 5);
    ll_row_real(&row, "kv_bytes", s->kv_bytes, 12);
    append(&row);
}

static void add_importance(const char *metric, const char *kind, uint64_t layer, double importance) {
    ll_row row;
    ll_row_begin(&row, &ll_importance_schema);
    fill_run(&row, "2026-01-01T00:00:00Z");
    ll_row_text(&row, "data_file", "c4.jsonl");
    ll_row_int(&row, "samples", 16);
    ll_row_int(&row, "length", 256);
    ll_row_text(&row, "metric", metric);
    ll_row_text(&row, "kind", kind);
    ll_row_int(&row, "layer", layer);
    ll_row_real(&row, "importance", importance, 9);
    append(&row);
}

static void add_sweep(void) {
    static const quality_row quality[] = {
        {"none", 0, "none", "int8", 20, 0.5, 0, 1},
        {"none", 0, "none", "f32", 19, 0.5, 0, 1}, /* another setting, with fewer rows */
        {"attn", 4, "attn:1-4", "int8", 25, 0.625, 0.25, 0.8},
        {"attn", 2, "attn:2,3", "int8", 21, NAN, 0.05, 0.9},
        {"mlp", 2, "mlp:4,5", "int8", 22, 0.55, 0.1, 0.85},
        {"block", 2, "block:3,4", "int8", 3e6, 1e5, NAN, NAN},
        {"joint", 2, "attn:2+mlp:5", "int8", 20.5, 0.5, 0.025, 0.95},
        {"joint", 4, "attn:2,3+mlp:4,5", "int8", NAN, NAN, NAN, NAN},
    };
    static const speed_row speed[] = {
        {"none", 0, "none", 1, 1, 1, 1, 12 * 1048576.0},
        {"attn", 2, "attn:2,3", 1.1, 1.09, 1.12, 1.125, 10.5 * 1048576.0},
        {"attn", 4, "attn:1-4", 1.2, NAN, NAN, NAN, 9 * 1048576.0},
        {"mlp", 2, "mlp:4,5", 1.25, 1.24, 1.26, 1.3, 12 * 1048576.0},
        {"block", 2, "block:3,4", 0.95, 0.9, 1, 1.4, 10.5 * 1048576.0},
        {"joint", 2, "attn:3+mlp:5", 1.15, 1.1, 1.2, 1.2, 11.25 * 1048576.0}, /* of another plan */
    };
    for (size_t i = 0; i < sizeof quality / sizeof *quality; i++)
        add_quality(&quality[i]);
    for (size_t i = 0; i < sizeof speed / sizeof *speed; i++)
        add_speed(&speed[i]);
    static const char *const kinds[] = {"block", "attn", "mlp"};
    for (uint64_t k = 0; k < 3; k++)
        for (uint64_t layer = 6; layer-- > 0;)
            add_importance("cosine", kinds[k], layer,
                           layer == 2   ? (double)NAN
                           : layer == 3 ? 0
                                        : 0.5 / (double)(layer + k + 1));
}

static char *read_report(void) {
    return ll_page_read(out, "report.md");
}

static bool has_plot(const char *name) {
    return ll_page_has_plot(out, name);
}

static const char table_head[] =
    "| kind | dropped | perplexity | KL | top-1 % | speedup | prefill | decode | "
    "predicted | KV-cache | gamma |\n";
static const char table_rows[] =
    "| full model | 0 | 20.00 ± 0.50 | 0.0000 | 100.0 | 1.000 | 1.010 | 0.990 | 1.000 | 12.0 MiB (100%) | NA "
    "|\n"
    /* (21 / 20 - 1) / 0.10 */
    "| attn | 2 | 21.00 | 0.0500 | 90.0 | 1.100 (1.090-1.120) | 1.110 | 1.090 | 1.125 | 10.5 MiB (88%) | "
    "0.50 |\n"
    /* (25 / 20 - 1) / 0.20; alone among those without four that have a perplexity */
    "| attn | 4 | 25.00 ± 0.62 | 0.2500 | 80.0 | 1.200 | 1.210 | 1.190 | NA | 9.0 MiB (75%) | 1.25 |\n"
    /* (22 / 20 - 1) / 0.25 */
    "| mlp | 2 | 22.00 ± 0.55 | 0.1000 | 85.0 | 1.250 (1.240-1.260) | 1.260 | 1.240 | 1.300 | 12.0 MiB "
    "(100%) | 0.40 |\n"
    /* slower: no gamma */
    "| block | 2 | 3.00e+06 ± 1.0e+05 | NA | NA | 0.950 (0.900-1.000) | 0.960 | 0.940 | 1.400 | 10.5 MiB "
    "(88%) | NA |\n"
    /* the best of its count; the speed row is of other modules */
    "| **joint** | **2** | **20.50 ± 0.50** | 0.0250 | 95.0 | NA | NA | NA | NA | NA | NA |\n"
    "| joint | 4 | NA | NA | NA | NA | NA | NA | NA | NA | NA |\n";

static void test_table(void) {
    begin("table");
    add_sweep();
    char path[400], *printed = NULL;
    size_t length;
    FILE *stream = open_memstream(&printed, &length);
    ll_error error = {""};
    const ll_status status = ll_report_write(folder, out, NULL, stream, &error);
    CHECK_MSG(status == LL_OK || status == LL_NO_RESOURCE, "%s", error.text); /* the table needs no gnuplot */
    fclose(stream);
    snprintf(path, sizeof path, "%s/report.md", out);
    char *whole = ll_test_read(path, NULL), *text = read_report();
    CHECK_CONTAINS(whole, printed);
    CHECK_CONTAINS(text, table_head);
    CHECK_CONTAINS(text, table_rows);
    CHECK(strstr(text, "| full model | 0 | 19.00") == NULL); /* of the setting with fewer rows */
    free(whole);
    free(text);
    free(printed);
}

static void test_header(void) {
    static const char *const lines[] = {
        "# Dropping layers of model 001122334455\n",
        "| model | model 001122334455 (SHA-256 " SHA ") |\n",
        "| weights | int8 in groups of 128 |\n",
        "| quality | text.txt (SHA-256 NA): whole-windows of 512 tokens, 8 from window 3; 4088 tokens",
        "| speed | prompt of 512 tokens, then 64 generated; batch 4; bf16 KV-cache; estimated; 5 timings of "
        "both; blocks with "
        "weights of their own: 6/6 |\n",
        "| calibration | c4.jsonl (SHA-256 NA): 16 documents of up to 256 tokens; NA tokens |\n",
        "| CPU | Some CPU \\| 2 GHz |\n",
        "| ISA | ref |\n",
        "| threads | 2 |\n",
        "| commit | c0ffee1 |\n",
        "| compiler | cc 1 -O2 |\n",
        "| measured | 2026-01-01T00:00:00Z to 2026-01-03T00:00:00Z |\n",
        "| not shown | 2 rows of other settings or plans |\n",
        "increase of perplexity in percent / speedup gained in percent",
    };
    begin("header");
    add_sweep();
    ll_error error;
    ll_report_write(folder, out, NULL, NULL, &error);
    char *text = read_report();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        CHECK_CONTAINS(text, lines[i]);
    free(text);
}

static void test_plots(void) {
    if (!ll_page_have_gnuplot())
        return;
    begin("plots");
    add_sweep();
    ll_error error = {""};
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(has_plot("quality") && has_plot("speedup") && has_plot("importance"));
    char *text = read_report();
    CHECK_CONTAINS(text, "](quality.png)\n");
    CHECK_CONTAINS(text, "](speedup.png)\n");
    CHECK_CONTAINS(text, "](importance.png)\n");
    free(text);
    /* Nothing else is left there. */
    char command[400];
    snprintf(command, sizeof command, "test $(ls -A '%s' | wc -l) = 10", out);
    CHECK(system(command) == 0);
}

/* Part of a sweep: what is there is drawn, the rest is neither drawn nor linked. */
static void add_plan(const char *order, const char *drop) {
    ll_row row;
    ll_row_begin(&row, &ll_plans_schema);
    fill_run(&row, "2026-01-01T00:00:00Z");
    ll_row_text(&row, "order", order);
    ll_row_text(&row, "kind", "attn");
    ll_row_int(&row, "dropped", 2);
    ll_row_text(&row, "drop", drop);
    append(&row);
}

/* The table is of the paper's order; what was chosen otherwise, and measured later, does not take its place. */
static void test_other_orders(void) {
    ll_error error = {""};
    begin("orders");
    add_quality(&(quality_row){"none", 0, "none", "int8", 20, 0.5, 0, 1});
    add_quality(&(quality_row){"attn", 2, "attn:2,3", "int8", 21, NAN, 0.05, 0.9});
    add_quality(&(quality_row){"attn", 2, "attn:4,5", "int8", 99, NAN, 0.05, 0.9});
    add_quality(&(quality_row){"mlp", 2, "mlp:4,5", "int8", 22, NAN, 0.05, 0.9}); /* of no plan */
    add_speed(&(speed_row){"attn", 2, "attn:2,3", 1.125, 1.1, 1.2, 1.3, 1048576});
    add_speed(&(speed_row){"attn", 2, "attn:4,5", 1.875, 1.1, 1.2, 1.3, 1048576});
    add_plan("reverse", "attn:4,5");
    add_plan("random-0", "attn:2,3");
    add_plan("importance", "attn:2,3");
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) != LL_BAD_INPUT, "%s", error.text);
    char *text = read_report();
    CHECK_CONTAINS(text, "| **attn** | **2** | **21.00** |");
    CHECK_CONTAINS(text, "1.125");
    CHECK_CONTAINS(text, "| mlp | 2 | 22.00 |");
    CHECK(!strstr(text, "99.00") && !strstr(text, "1.875"));
    CHECK_CONTAINS(text, "2 rows of other settings or plans");
    free(text);
}

static void test_parts(void) {
    if (!ll_page_have_gnuplot())
        return;
    ll_error error = {""};
    begin("importance-only");
    add_importance("cosine", "attn", 0, 0.5);
    add_importance("magnitude", "attn", 0, 0.25); /* not the paper's: not plotted */
    add_importance("magnitude", "attn", 1, 0.25);
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(has_plot("importance") && !has_plot("quality") && !has_plot("speedup"));
    char *text = read_report();
    CHECK(!strstr(text, "quality.png") && !strstr(text, "What dropping costs"));
    CHECK_CONTAINS(text, "](importance.png)");
    free(text);

    begin("no-full-model");
    add_quality(&(quality_row){"mlp", 3, "mlp:1-3", "int8", 30, NAN, NAN, NAN});
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(has_plot("quality") && !has_plot("speedup"));
    text = read_report();
    CHECK_CONTAINS(text, "| mlp | 3 | 30.00 | NA | NA | NA | NA | NA | NA | NA | NA |\n");
    free(text);

    begin("speed-only");
    add_speed(&(speed_row){"none", 0, "none", 1, 1, 1, 1, 2048});
    add_speed(&(speed_row){"attn", 1, "attn:1", 1.5, NAN, NAN, NAN, 1024});
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(has_plot("speedup") && !has_plot("quality"));
    text = read_report();
    CHECK_CONTAINS(text, "| attn | 1 | 1.500 | 1.510 | 1.490 | NA | 1.0 KiB (50%) |\n");
    free(text);

    begin("synthetic");
    speed_model = "llama2-13b";
    speed_source = "synthetic";
    add_speed(&(speed_row){"none", 0, "none", 1, 1, 1, 1, 2048});
    add_speed(&(speed_row){"attn", 8, "attn:1-8", 1.25, NAN, NAN, 1.2, 1024});
    add_speed(&(speed_row){"attn", 9, "attn:1-9", 1.5, NAN, NAN, 1.2, 1024});
    speed_model = "NA";
    speed_source = "real";
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    text = read_report();
    CHECK_CONTAINS(text, "# Dropping layers of llama2-13b, synthetic weights\n");
    CHECK_CONTAINS(text, "synthetic: random numbers of the true shape |\n");
    CHECK_CONTAINS(text, "| kind | dropped | speedup | prefill | decode | predicted | paper | KV-cache |\n");
    CHECK_CONTAINS(text, "| attn | 8 | 1.250 | 1.260 | 1.240 | 1.200 | 1.13 | 1.0 KiB (50%) |\n");
    CHECK_CONTAINS(text, "| attn | 9 | 1.500 | 1.510 | 1.490 | 1.200 | NA | 1.0 KiB (50%) |\n");
    CHECK(!strstr(text, "| perplexity |") && !strstr(text, "lowest importance"));
    free(text);

    begin("full-model-only");
    add_quality(&(quality_row){"none", 0, "none", "f32", 19, 0.5, 0, 1});
    CHECK_MSG(ll_report_write(folder, out, NULL, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(!has_plot("quality"));
    text = read_report();
    CHECK_CONTAINS(text, "| weights | f32 |\n");
    CHECK_CONTAINS(text, "| full model | 0 | 19.00 ± 0.50 |");
    free(text);
}

static void test_without_gnuplot(void) {
    begin("without");
    add_sweep();
    char *path = strdup(getenv("PATH"));
    ll_error error;
    setenv("PATH", "/nonexistent", 1);
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_NO_RESOURCE);
    setenv("PATH", path, 1);
    free(path);
    CHECK_CONTAINS(error.text, "install gnuplot");
    char *text = read_report();
    CHECK_CONTAINS(text, table_rows);
    CHECK(!strstr(text, ".png"));
    free(text);
}

static void test_refused(void) {
    ll_error error;
    begin("empty");
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "empty: no row in importance.csv, quality.csv or speed.csv there");
    CHECK(ll_report_write("no/such/folder", out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK(access(out, F_OK) != 0);

    begin("strange");
    add_quality(&(quality_row){"heads", 3, "heads:1-3", "int8", 30, 1, 0, 1});
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "quality.csv: row 1 drops \"3\" of kind \"heads\"");

    begin("many");
    add_quality(&(quality_row){"mlp", 3000, "mlp:1-3", "int8", 30, 1, 0, 1});
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "row 1 drops \"3000\" of kind \"mlp\"");

    char path[400];
    begin("version");
    snprintf(path, sizeof path, "%s/speed.csv", folder);
    ll_test_write(path, "other,columns\n1,2\n", 18);
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "speed.csv: the header is of another version");

    begin("in-the-way");
    add_sweep();
    ll_test_write(out, "a file", 6);
    CHECK(ll_report_write(folder, out, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is a file; expected a folder");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("report/orders", test_other_orders);
    ll_test_run("report/table", test_table);
    ll_test_run("report/header", test_header);
    ll_test_run("report/plots", test_plots);
    ll_test_run("report/parts", test_parts);
    ll_test_run("report/without gnuplot", test_without_gnuplot);
    ll_test_run("report/refused", test_refused);
    return ll_test_end();
}
