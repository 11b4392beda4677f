/* Machines side by side: made-up speed.csv files, the page, the pictures. */
#include "compare.h"
#include "documents.h"
#include "page.h"
#include "rows.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A machine, and what it ran; what is NULL or 0 is that of `usual`. */
typedef struct {
    const char *cpu, *isa, *model, *kv, *resident, *date;
    uint64_t threads, prompt;
    double prefill, decode, int8_share, bandwidth_share;
} machine;

static const machine usual = {"CPU One", "ref", "model-a", "bf16", "6/6", "2026-01-02T03:04:05Z",
                              2,         512,   30,        2,      0.5,   0.9};

static char root[256], out[300];

static void begin(const char *name) {
    ll_error error;
    snprintf(root, sizeof root, "%s/%s", ll_test_folder(), name);
    snprintf(out, sizeof out, "%s/out", root);
    CHECK(ll_folder_make(root, &error) == LL_OK);
}

static void fill_machine(ll_row *row, const machine *m) {
    ll_row_text(row, "model_sha256", m->model);
    ll_row_text(row, "model", m->model);
    ll_row_text(row, "weights", "int8");
    ll_row_int(row, "group", 128);
    ll_row_text(row, "kv", m->kv);
    ll_row_text(row, "cpu", m->cpu);
    ll_row_text(row, "isa", m->isa);
    ll_row_int(row, "threads", m->threads);
    ll_row_text(row, "resident", m->resident);
    ll_row_int(row, "batch", 1);
    ll_row_int(row, "prompt", m->prompt);
    ll_row_int(row, "generate", 64);
    ll_row_text(row, "method", "exact");
    ll_row_int(row, "repetitions", 5);
    ll_row_text(row, "source", "real");
    ll_row_text(row, "date", m->date);
}

/* folder is below root. */
static void add(const char *folder, const machine *m, const char *kind, uint64_t dropped, const char *drop,
                double speedup) {
    char path[400];
    ll_error error = {""};
    ll_row row;
    snprintf(path, sizeof path, "%s/%s", root, folder);
    CHECK(ll_folder_make(path, &error) == LL_OK);
    snprintf(path, sizeof path, "%s/%s/speed.csv", root, folder);
    ll_row_begin(&row, &ll_speed_schema);
    fill_machine(&row, m);
    ll_row_text(&row, "kind", kind);
    ll_row_int(&row, "dropped", dropped);
    ll_row_text(&row, "drop", drop);
    ll_row_real(&row, "prefill_tokens_per_s", m->prefill, 6);
    ll_row_real(&row, "decode_tokens_per_s", m->decode, 6);
    ll_row_real(&row, "int8_share", m->int8_share, 4);
    ll_row_real(&row, "bandwidth_share", m->bandwidth_share, 4);
    ll_row_real(&row, "peak_gops", 940, 5);
    ll_row_real(&row, "bandwidth_gbs", 36, 5);
    ll_row_real(&row, "speedup", speedup, 5);
    ll_row_real(&row, "speedup_q1", speedup - (dropped ? 0.01 : 0), 5);
    ll_row_real(&row, "speedup_q3", speedup + (dropped ? 0.02 : 0), 5);
    ll_row_real(&row, "speedup_prefill", isfinite(m->prefill) ? speedup : (double)NAN, 5);
    ll_row_real(&row, "speedup_decode", speedup, 5);
    ll_row_real(&row, "speedup_predicted", dropped == 4 ? (double)NAN : speedup + 0.05, 5);
    ll_page_append(path, &row);
}

static void add_sweep(const char *folder, const machine *m, double gain) {
    add(folder, m, "none", 0, "none", 1);
    add(folder, m, "mlp", 2, "mlp:3,4", 1 + gain);
    add(folder, m, "attn", 4, "attn:1-4", 1 + 3 * gain);
    add(folder, m, "attn", 2, "attn:2,3", 1 + gain / 2);
}

/* Compares folders below root, names separated by spaces. */
static ll_status compare(const char *names, FILE *table, ll_error *error) {
    char copy[200], paths[8][500];
    const char *folders[8];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", names);
    for (char *name = strtok(copy, " "); name && count < 8; name = strtok(NULL, " ")) {
        snprintf(paths[count], sizeof paths[count], "%s/%s", root, name);
        folders[count] = paths[count];
        count++;
    }
    *error = (ll_error){""};
    return ll_compare_write(folders, count, out, table, error);
}

/* compare.md with runs of spaces as one. Malloc'd. The page is written without gnuplot too. */
static char *page(const char *names) {
    ll_error error;
    const ll_status status = compare(names, NULL, &error);
    CHECK_MSG(status == LL_OK || status == LL_NO_RESOURCE, "%s", error.text);
    return ll_page_read(out, "compare.md");
}

static bool has_plot(const char *name) {
    return ll_page_has_plot(out, name);
}

static machine other(void) {
    machine m = usual;
    m.cpu = "Maker(R) Two(TM) 7 8-Core Processor @ 2.70GHz";
    m.isa = "fast_isa slow=ref";
    m.threads = 1;
    m.prefill = 312.4;
    m.int8_share = NAN;
    return m;
}

static const char two_machines[] = "| | CPU One, 2 threads, ref | Maker Two 7, 1 thread, fast\\_isa |\n";
static const char two_rows[] =
    "| prefill, tokens/s | 30.0 | 312 |\n"
    "| decode, tokens/s | 2.00 | 2.00 |\n"
    "| share of the int8 peak, prefill | 50.0% | NA |\n"
    "| share of the bandwidth, decode | 90.0% | 90.0% |\n"
    "| int8 peak, GOPS | 940 | 940 |\n"
    "| bandwidth, GB/s | 36.0 | 36.0 |\n"
    "| attn 2 | 1.050 (1.040-1.070), predicted 1.100 | 1.100 (1.090-1.120), predicted 1.150 |\n"
    "| attn 4 | 1.300 (1.290-1.320) | 1.600 (1.590-1.620) |\n"
    "| mlp 2 | 1.100 (1.090-1.120), predicted 1.150 | 1.200 (1.190-1.220), predicted 1.250 |\n"
    "| joint 3 | NA | 1.700 (1.690-1.720), predicted 1.750 |\n"
    "| joint 4 | NA | 1.800 (1.790-1.820) |\n";

static void test_two(void) {
    begin("two");
    const machine second = other();
    add_sweep("one", &usual, 0.1);
    add_sweep("two", &second, 0.2);
    add("two", &second, "joint", 3, "attn:1,2+mlp:3", 1.7);
    add("two", &second, "joint", 4, "attn:1,2+mlp:3,4", 1.8);
    char *text = page("one two"), *printed = NULL;
    size_t length;
    FILE *stream = open_memstream(&printed, &length);
    ll_error error;
    compare("one two", stream, &error);
    fclose(stream);
    CHECK_CONTAINS(text, "# Machines compared\n");
    CHECK_CONTAINS(
        text,
        "\n## model-a: int8 in groups of 128, bf16 KV-cache, batch 1, 512 prompt tokens, then 64 generated, "
        "exact\n");
    CHECK_CONTAINS(text, two_machines);
    CHECK_CONTAINS(text, two_rows);
    CHECK_CONTAINS(
        text, "; CPU Maker(R) Two(TM) 7 8-Core Processor @ 2.70GHz; ISA fast\\_isa slow=ref; threads 1;");
    CHECK(!strstr(text, "Not the same modules") && !strstr(text, "on one machine alone"));
    CHECK_CONTAINS(printed, "| joint 3 ");
    free(text);
    free(printed);
}

static void test_pictures(void) {
    if (!ll_page_have_gnuplot())
        return;
    begin("pictures");
    machine second = other(), third = usual, fourth = other();
    second.cpu = "\"quoted\" | `sh` \\ \xff %s {/=99 x} CPU"; /* text of a file is text */
    third.model = fourth.model = "model-b";
    third.int8_share = third.bandwidth_share = fourth.bandwidth_share = NAN; /* fourth.int8_share is */
    third.prefill = fourth.prefill = NAN;
    add_sweep("one", &usual, 0.1);
    add_sweep("two", &second, 0.2);
    add("one", &third, "block", 1, "block:3", 1.2); /* without the full model, one point, no share */
    add("two", &fourth, "block", 1, "block:3", 1.3);
    char *text = page("one two");
    CHECK(has_plot("compare") && has_plot("compare-2"));
    CHECK_CONTAINS(text, "](compare.png)\n");
    CHECK_CONTAINS(text, "](compare-2.png)\n");
    CHECK_CONTAINS(text, "\"quoted\" \\| \\`sh\\` \\\\ ? %s {/=99 x}, 1 thread");
    free(text);
    char command[400];
    snprintf(command, sizeof command, "test $(ls -A '%s' | wc -l) = 5", out);
    CHECK(system(command) == 0);
}

/* What differs in model or protocol is never one table's. */
static void test_settings(void) {
    begin("settings");
    machine second = other(), long_prompt = other(), int8_kv = other(), model_b = usual;
    long_prompt.prompt = 2048;
    int8_kv.kv = "int8";
    model_b.model = "model-b";
    add_sweep("one", &usual, 0.1);
    add_sweep("one", &model_b, 0.3);
    add_sweep("two", &second, 0.2);
    add_sweep("two", &long_prompt, 0.4);
    add_sweep("two", &int8_kv, 0.5);
    char *text = page("one two");
    CHECK_CONTAINS(text, two_machines);
    CHECK_CONTAINS(
        text, "| mlp 2 | 1.100 (1.090-1.120), predicted 1.150 | 1.200 (1.190-1.220), predicted 1.250 |\n");
    char *alone = strstr(text, "\n## Measured on one machine alone\n");
    CHECK(alone != NULL);
    if (alone) {
        CHECK_CONTAINS(alone, "- model-b: int8 in groups of 128, bf16 KV-cache, batch 1, 512 prompt");
        CHECK_CONTAINS(alone, "- model-a: int8 in groups of 128, bf16 KV-cache, batch 1, 2048 prompt");
        CHECK_CONTAINS(alone, "- model-a: int8 in groups of 128, int8 KV-cache, batch 1, 512 prompt");
        *alone = 0;
        CHECK(!strstr(text, "model-b") && !strstr(text, "int8 KV-cache") && !strstr(text, "2048 prompt"));
    }
    free(text);

    begin("nothing-shared");
    add_sweep("one", &usual, 0.1);
    add_sweep("two", &long_prompt, 0.2);
    text = page("one two");
    CHECK_CONTAINS(text, "No setting was measured on more than one machine.\n");
    CHECK(!strstr(text, "| mlp 2") && !strstr(text, ".png"));
    CHECK(!ll_page_has_picture(out, "compare", "png", ""));
    free(text);
}

/* Machines that would have one name get longer ones, only as long as needed. */
static void test_labels(void) {
    begin("labels");
    machine third = other(), fourth = usual;
    fourth.resident = "2/6";
    add_sweep("one", &usual, 0.1);
    add_sweep("two", &usual, 0.2);
    add_sweep("three", &third, 0.3);
    char *text = page("one two three");
    CHECK_CONTAINS(text,
                   "| | CPU One, 2 threads, ref, one | CPU One, 2 threads, ref, two | Maker Two 7, 1 thread, "
                   "fast\\_isa |\n");
    free(text);
    add_sweep("x/one", &usual, 0.1);
    text = page("one x/one");
    CHECK_CONTAINS(text, "labels/one | CPU One, 2 threads, ref, ");
    CHECK_CONTAINS(text, "labels/x/one |\n");
    free(text);
    /* Another setting of the same machine and folder is a curve of its own. */
    add("two", &fourth, "mlp", 2, "mlp:3,4", 1.9);
    text = page("two three");
    CHECK_CONTAINS(text, "| | CPU One, 2 threads, ref, 6/6 blocks, 5 timings, ");
    CHECK_CONTAINS(text, "| CPU One, 2 threads, ref, 2/6 blocks, 5 timings, ");
    CHECK_CONTAINS(text, "predicted 1.250 | 1.900 (1.890-1.920), predicted 1.950 | 1.300");
    free(text);
}

static void test_other_modules(void) {
    begin("modules");
    const machine second = other();
    add_sweep("one", &usual, 0.1);
    add_sweep("two", &second, 0.2);
    add("one", &usual, "joint", 2, "attn:1,2", 1.2);
    add("two", &second, "joint", 2, "attn:1+mlp:3", 1.3);
    char *text = page("one two");
    CHECK_CONTAINS(text, "\nNot the same modules on every machine: joint 2.\n");
    free(text);
}

/* Replaces the first `from` of two/speed.csv by `to`, as long. */
static void spoil(const char *from, const char *to) {
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/two/speed.csv", root);
    char *text = ll_test_read(path, &length), *at = text ? strstr(text, from) : NULL;
    CHECK_MSG(at && strlen(from) == strlen(to), "no %s in %s", from, path);
    if (at) {
        memcpy(at, to, strlen(to));
        ll_test_write(path, text, length);
    }
    free(text);
}

static void refused(const char *names, ll_status expected, const char *part) {
    ll_error error;
    const ll_status status = compare(names, NULL, &error);
    CHECK_MSG(status == expected, "%s: status %d, \"%s\"", names, (int)status, error.text);
    CHECK_CONTAINS(error.text, part);
    CHECK(!strchr(error.text, '\n') && access(out, F_OK) != 0);
}

static void test_refused(void) {
    ll_error error;
    char path[400];
    begin("refused");
    const machine second = other();
    add_sweep("one", &usual, 0.1);
    refused("one nowhere", LL_BAD_INPUT, "nowhere/speed.csv: cannot be opened");
    refused("one one/../one", LL_BAD_USAGE, "are one folder; give it once");
    snprintf(path, sizeof path, "%s/empty", root);
    CHECK(ll_folder_make(path, &error) == LL_OK);
    refused("empty one", LL_BAD_INPUT, "empty/speed.csv: cannot be opened");
    snprintf(path, sizeof path, "%s/empty/speed.csv", root);
    ll_test_write(path, "", 0);
    refused("empty one", LL_BAD_INPUT, "empty/speed.csv: has no row");
    add_sweep("two", &second, 0.2);
    spoil("\nmodel-a,int8,128", "\nmodel-a,int8\",12");
    refused("one two", LL_BAD_INPUT, "two/speed.csv: line 2");
    spoil("\nmodel-a,int8\",12", "\nmodel-a,int8,128");
    spoil(",mlp,2,", ",mlp,x,");
    refused("one two", LL_BAD_INPUT, "two/speed.csv: row 2 drops \"x\" of kind \"mlp\"");
    spoil(",mlp,x,", ",mlp,2,");
    spoil(",attn,2,\"attn:2,3\"", ",attn,4,\"attn:1-4\"");
    refused("one two", LL_BAD_INPUT, "two/speed.csv: lines 4 and 5 measure the same thing");
    spoil("model_sha256", "model_sha257");
    refused("one two", LL_BAD_INPUT, "two/speed.csv: the header is of another version: column 1");
}

static void test_too_many(void) {
    begin("too-many");
    machine m = usual;
    for (m.threads = 1; m.threads <= 257; m.threads++)
        add("one", &m, "none", 0, "none", 1);
    add_sweep("two", &usual, 0.1);
    refused("one two", LL_BAD_INPUT, "one/speed.csv: row 257 begins curve 257; expected at most 256");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("compare/two machines", test_two);
    ll_test_run("compare/pictures", test_pictures);
    ll_test_run("compare/settings", test_settings);
    ll_test_run("compare/labels", test_labels);
    ll_test_run("compare/other modules", test_other_modules);
    ll_test_run("compare/refused", test_refused);
    ll_test_run("compare/too many", test_too_many);
    return ll_test_end();
}
