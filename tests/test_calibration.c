/* Importance maps compared: rank correlation and overlap, what is computed and what is taken from rows, table and plots. */
#include "calibration.h"
#include "cmd.h"
#include "documents.h"
#include "drop_orders.h"
#include "families.h"
#include "page.h"
#include "rank.h"
#include "rows.h"
#include "test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_error error;

/* ---- rank.h ---- */
static void test_by_hand(void) {
    static const double up[5] = {1, 2, 3, 4, 5}, down[5] = {9, 7, 5, 3, 1}, mixed[5] = {2, 1, 4, 3, 5},
                        tied[5] = {1, 2, 2, 3, 4}, equal[5] = {7, 7, 7, 7, 7};
    CHECK(fabs(ll_rank_correlation(up, up, 5) - 1) < 1e-15);
    CHECK(fabs(ll_rank_correlation(up, down, 5) + 1) < 1e-15);
    CHECK(fabs(ll_rank_correlation(up, mixed, 5) - 0.8) < 1e-15); /* 1 - 6 x 4 / (5 x 24) */
    CHECK(fabs(ll_rank_correlation(up, tied, 5) - 9.5 / sqrt(10 * 9.5)) < 1e-15);
    CHECK(isnan(ll_rank_correlation(up, equal, 5)) && isnan(ll_rank_correlation(up, up, 1)));
    CHECK(ll_rank_overlap(up, down, 5, 2) == 0 && ll_rank_overlap(up, down, 5, 3) == 1);
    CHECK(ll_rank_overlap(up, down, 5, 5) == 5 && ll_rank_overlap(up, mixed, 5, 1) == 0);
    CHECK(ll_rank_overlap(equal, up, 5, 2) == 2); /* of equal ones the earlier */
}

static void take(const json_t *metrics, const char *metric, ll_drop_kind kind, size_t layers, double *out) {
    for (size_t i = 0; i < ll_kind_modules(kind, layers); i++) {
        const ll_module module = ll_kind_module(kind, i);
        const json_t *values =
            json_object_get(json_object_get(metrics, metric), ll_drop_kind_name(module.kind));
        out[i] = json_number_value(json_array_get(values, module.layer));
    }
}

/* key: "cosine magnitude joint". */
static void check_likeness(const json_t *model, const char *key, const json_t *expected) {
    const size_t layers = (size_t)json_integer_value(json_object_get(model, "layers"));
    double a[2 * LL_MAX_LAYERS], b[2 * LL_MAX_LAYERS];
    char first[16], second[16], name[8];
    ll_drop_kind kind = LL_ATTN;
    REQUIRE(sscanf(key, "%15s %15s %7s", first, second, name) == 3);
    REQUIRE(ll_drop_kind_parse(name, strlen(name), &kind) == LL_OK);
    take(json_object_get(model, "metrics"), first, kind, layers, a);
    take(json_object_get(model, "metrics"), second, kind, layers, b);
    const size_t n = ll_kind_modules(kind, layers);
    CHECK_MSG(fabs(ll_rank_correlation(a, b, n) - json_number_value(json_array_get(expected, 0))) < 1e-9,
              "%s: %.12g", key, ll_rank_correlation(a, b, n));
    CHECK((json_int_t)ll_rank_overlap(a, b, n, 3) == json_integer_value(json_array_get(expected, 1)));
    CHECK((json_int_t)ll_rank_overlap(a, b, n, 8) == json_integer_value(json_array_get(expected, 2)));
}

static void test_golden(void) {
    size_t length = 0, i, checked = 0;
    char *text = ll_test_read("tests/golden/orders.json", &length);
    json_t *root = text ? json_loadb(text, length, 0, NULL) : NULL, *model, *expected;
    const char *key;
    json_array_foreach(json_object_get(root, "models"), i, model) {
        json_object_foreach(json_object_get(model, "likeness"), key, expected) {
            check_likeness(model, key, expected);
            checked++;
        }
    }
    CHECK_MSG(checked == 2 * 3 * 4, "%zu comparisons were there", checked);
    json_decref(root);
    free(text);
}

/* ---- the command ---- */
enum { PATH = 400 };
static char folder[PATH], set_a[PATH], set_b[PATH];

static void write_set(char path[PATH], const char *name, size_t documents, char letter) {
    char text[4096] = "";
    snprintf(path, PATH, "%s/%s", ll_test_folder(), name);
    for (size_t i = 0; i < documents; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "{\"instruction\": \"%c%zu the %c\", \"output\": \"%zu a%c of\"}\n", letter, i, letter,
                 7 * i, letter);
    ll_test_write(path, text, strlen(text));
}

/* The toy model of ten blocks as a folder; of the same numbers in two forms, which are two files. */
static bool write_model(const char *name, ll_form form, char path[LL_FAMILY_PATH]) {
    ll_family family;
    if (!ll_family_load(&family, name))
        return false;
    const bool good = ll_family_write(&family, form, &(ll_family_change){0}, path);
    ll_family_free(&family);
    return good;
}

static ll_options options_of(const char *model) {
    ll_options options = {.command = "calibration",
                          .which = LL_COMMAND_CALIBRATION,
                          .model = model,
                          .folders = {model},
                          .folder_count = 1,
                          .weights = LL_WEIGHTS_F32,
                          .threads = 2,
                          .quiet = true,
                          .calibs = {set_a, set_b},
                          .calib_count = 2,
                          .counts = {8, 2, 4, 99},
                          .count_total = 4,
                          .length = 24,
                          .lowest = 4};
    return options;
}

static void begin(const char *name) {
    snprintf(folder, sizeof folder, "%s/%s", ll_test_folder(), name);
    write_set(set_a, "a.jsonl", 9, 'e');
    write_set(set_b, "b.jsonl", 3, 's');
    error.text[0] = 0;
}

/* Status of a run; the caller frees. */
static ll_status run(ll_calibration *out, const ll_options *options, size_t *computed) {
    *computed = 0;
    *out = (ll_calibration){0};
    return ll_calibration_run(out, options, folder, computed, &error);
}

static size_t lines_of(const char *name) {
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = ll_test_read(path, NULL);
    size_t lines = 0;
    for (const char *c = text; c && *c; c++)
        lines += *c == '\n';
    free(text);
    return lines;
}

static void test_run(void) {
    enum { ROWS = LL_METRICS * LL_MODULE_KINDS * 10 };
    char model[LL_FAMILY_PATH];
    ll_calibration c;
    size_t computed, pairs = 0;
    begin("run");
    REQUIRE(write_model("deep", LL_FORM_HF_F32, model));
    const ll_options options = options_of(model);
    REQUIRE(run(&c, &options, &computed) == LL_OK);
    /* a: 2, 4, 8 and all 9; b: 2 and all 3. */
    CHECK(c.count == 6 && computed == 6 * ROWS && lines_of("importance.csv") == 6 * ROWS + 1);
    static const size_t samples[] = {2, 4, 8, 9, 2, 3};
    for (size_t i = 0; i < c.count; i++)
        CHECK(c.maps[i].samples == samples[i] && c.maps[i].layers == 10 && c.maps[i].tokens > 0);
    ll_map_pair *list = NULL;
    REQUIRE(ll_calibration_pairs(&c, &list, &pairs, &error) == LL_OK);
    CHECK(pairs == 3 + 1 + 1 && strcmp(list[4].compared, "set") == 0 && list[4].map->samples == 9 &&
          list[4].other->samples == 3);
    const ll_likeness joint = ll_map_compare(&c, &list[0], LL_JOINT);
    CHECK(joint.modules == 20 && joint.lowest == 4 && joint.overlap <= 4 && joint.correlation < 1 &&
          joint.correlation > -1);
    free(list);
    ll_calibration_free(&c);

    /* Again: nothing is computed; with one number more, only that. */
    REQUIRE(run(&c, &options, &computed) == LL_OK);
    CHECK(computed == 0);
    ll_calibration_free(&c);
    ll_options more = options;
    more.counts[1] = 3;
    REQUIRE(run(&c, &more, &computed) == LL_OK);
    CHECK_MSG(computed == ROWS, "%zu rows computed", computed); /* b's 3 are there */
    ll_calibration_free(&c);
}

/* What the first documents add up to does not depend on how many more are run. */
static void test_prefix(void) {
    char model[LL_FAMILY_PATH];
    ll_calibration many, few;
    size_t computed;
    REQUIRE(write_model("deep", LL_FORM_HF_F32, model));
    ll_options options = options_of(model);
    begin("many");
    REQUIRE(run(&many, &options, &computed) == LL_OK);
    begin("few");
    options.counts[0] = 4;
    options.count_total = 1;
    REQUIRE(run(&few, &options, &computed) == LL_OK);
    CHECK(few.count == 2 && few.maps[0].samples == 4 && many.maps[1].samples == 4);
    CHECK(memcmp(few.maps[0].importance, many.maps[1].importance, sizeof few.maps[0].importance) == 0);
    CHECK(memcmp(few.maps[0].importance, many.maps[0].importance, sizeof few.maps[0].importance) != 0);
    ll_calibration_free(&many);
    ll_calibration_free(&few);
}

static void test_checkpoints(void) {
    char first[LL_FAMILY_PATH], second[LL_FAMILY_PATH], path[PATH + 32], *text;
    ll_calibration c;
    size_t computed, length = 0;
    begin("checkpoints");
    REQUIRE(write_model("deep", LL_FORM_HF_F32, first) && write_model("deep", LL_FORM_HF_BF16, second));
    ll_options options = options_of(first);
    options.folders[1] = second;
    options.folder_count = 2;
    options.count_total = 1;
    REQUIRE(run(&c, &options, &computed) == LL_OK);
    CHECK(c.count == 4 && c.maps[2].model_number == 1);
    FILE *stream = open_memstream(&text, &length);
    const ll_status status = ll_calibration_write(&c, folder, stream, &error);
    CHECK_MSG(status == LL_OK || status == LL_NO_RESOURCE, "%s", error.text); /* the table needs no gnuplot */
    fclose(stream);
    CHECK_CONTAINS(text, "## Checkpoints, against the last");
    CHECK_CONTAINS(text, "| 1.000, 4/4 | 1.000, 4/4 | 1.000, 4/4 | 1.000, 4/4 |"); /* the same numbers */
    CHECK(lines_of("calibration.csv") == 1 + 4 * (2 + 2));
    snprintf(path, sizeof path, "%s/calibration.csv", folder);
    ll_csv *csv = NULL;
    CHECK_MSG(ll_csv_read(&csv, path, &ll_calibration_schema, &error) == LL_OK, "%s", error.text);
    ll_csv_close(csv);
    if (ll_page_have_gnuplot())
        CHECK(ll_page_has_plot(folder, "calibration-sets") &&
              ll_page_has_plot(folder, "calibration-checkpoints") &&
              !ll_page_has_plot(folder, "calibration-samples"));
    free(text);
    ll_calibration_free(&c);
}

static void expect_refused(const ll_options *options, ll_status expected, const char *part) {
    ll_calibration c;
    size_t computed;
    const ll_status status = run(&c, options, &computed);
    CHECK_MSG(status == expected, "status %d for %s", (int)status, part);
    CHECK_CONTAINS(error.text, part);
    CHECK(!c.maps);
}

static void test_refused(void) {
    char model[LL_FAMILY_PATH], other[LL_FAMILY_PATH];
    begin("refused");
    REQUIRE(write_model("deep", LL_FORM_HF_F32, model) && write_model("llama2", LL_FORM_HF_F32, other));
    ll_options options = options_of(model);
    options.calibs[1] = set_a;
    expect_refused(&options, LL_BAD_INPUT, "hold the same text");
    ll_test_write(set_b, "", 0);
    options.calibs[1] = set_b;
    expect_refused(&options, LL_BAD_INPUT, "b.jsonl: the file is empty");
    options.calib_count = 1;
    options.folder_count = 2;
    options.folders[1] = other;
    expect_refused(&options, LL_BAD_INPUT, "checkpoints of one model are compared");
    options.folders[1] = model;
    expect_refused(&options, LL_BAD_INPUT, "holds the same weights as");
    options.folder_count = 1;
    options.length = 513;
    expect_refused(&options, LL_BAD_USAGE, "--length 513 is more than the context");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("calibration/ranks by hand", test_by_hand);
    ll_test_run("calibration/ranks equal numpy's", test_golden);
    ll_test_run("calibration/sets and numbers of documents", test_run);
    ll_test_run("calibration/first documents", test_prefix);
    ll_test_run("calibration/checkpoints", test_checkpoints);
    ll_test_run("calibration/refused", test_refused);
    return ll_test_end();
}
