/* The report's section on calibration sets: a line a pair of maps, of the report's model alone, names quoted as text. */
#include "documents.h"
#include "page.h"
#include "report/report.h"
#include "rows.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static ll_error error;
static char folder[256], inner[300];

static void append(const char *where, const ll_row *row) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s.csv", where, row->schema->name);
    ll_page_append(path, row);
}

static void add_quality(void) {
    ll_row row;
    ll_row_begin(&row, &ll_quality_schema);
    ll_row_text(&row, "model_sha256", "ours");
    ll_row_text(&row, "model", "toy");
    ll_row_text(&row, "weights", "int8");
    ll_row_text(&row, "kind", "none");
    ll_row_int(&row, "dropped", 0);
    ll_row_text(&row, "drop", "none");
    ll_row_real(&row, "perplexity", 10, 6);
    append(folder, &row);
}

static void compare(const char *compared, const char *model, const char *file, uint64_t samples,
                    const char *kind, double correlation, uint64_t overlap) {
    ll_row row;
    ll_row_begin(&row, &ll_calibration_schema);
    ll_row_text(&row, "compared", compared);
    ll_row_text(&row, "model_sha256", model);
    ll_row_text(&row, "other_model_sha256", model);
    ll_row_text(&row, "data_sha256", file);
    ll_row_text(&row, "data_file", file);
    ll_row_text(&row, "other_data_file", "c4.jsonl");
    ll_row_int(&row, "samples", samples);
    ll_row_int(&row, "other_samples", 64);
    ll_row_text(&row, "kind", kind);
    ll_row_int(&row, "lowest", 8);
    ll_row_int(&row, "overlap", overlap);
    ll_row_real(&row, "rank_correlation", correlation, 7);
    append(inner, &row);
}

static char *page(const char *name) {
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = ll_test_read(path, &length), *to = text;
    /* Spaces, of which the table's width decides, count as one. */
    for (const char *from = text; text && *from; from++)
        if (*from != ' ' || to == text || to[-1] != ' ')
            *to++ = *from;
    if (text)
        *to = 0;
    return text;
}

static void begin(const char *name) {
    snprintf(folder, sizeof folder, "%s/%s", ll_test_folder(), name);
    snprintf(inner, sizeof inner, "%s/calibration", folder);
    CHECK(ll_folder_make(inner, &error) == LL_OK);
    add_quality();
}

static void test_table(void) {
    begin("table");
    compare("samples", "ours", "c4.jsonl", 4, "attn", 0.9731, 7);
    compare("samples", "ours", "c4.jsonl", 4, "mlp", 0.5, 3);
    compare("set", "theirs", "other.jsonl", 64, "attn", 0.1111, 1);
    compare("set", "ours", "<script>|.txt", 64, "attn", 0.25, 2);
    compare("set", "ours", "<script>|.txt", 64, "joint", -1, 0);
    CHECK_MSG(ll_report_write(folder, folder, NULL, NULL, &error) == LL_OK, "%s", error.text);
    char *text = page("report.md"), *html = page("report.html");
    REQUIRE(text && html);
    CHECK_CONTAINS(text,
                   "| samples | c4.jsonl, 4 | c4.jsonl, 64 | 0.973, 7 of 8 | 0.500, 3 of 8 | NA | NA |");
    CHECK_CONTAINS(text, ", 64 | c4.jsonl, 64 | 0.250, 2 of 8 | NA | NA | -1.000, 0 of 8 |");
    CHECK(!strstr(text, "0.111"));
    CHECK_CONTAINS(text, "\\<script>\\|.txt");
    CHECK(!strstr(html, "<script>"));
    CHECK_CONTAINS(html, "id=\"calibration\"");
    CHECK_CONTAINS(html, "0.973, 7 of 8");
    free(text);
    free(html);
}

static void test_none(void) {
    begin("none");
    CHECK_MSG(ll_report_write(folder, folder, NULL, NULL, &error) == LL_OK, "%s", error.text);
    char *text = page("report.md");
    REQUIRE(text);
    CHECK(!strstr(text, "How far the plans depend"));
    free(text);
}

static void test_damaged(void) {
    char path[400];
    begin("damaged");
    snprintf(path, sizeof path, "%s/calibration.csv", inner);
    CHECK(ll_file_write(path, "a,b\n", 4, &error) == LL_OK);
    CHECK(ll_report_write(folder, folder, NULL, NULL, &error) == LL_BAD_INPUT &&
          strstr(error.text, "calibration.csv"));
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("report calibration/a line a pair", test_table);
    ll_test_run("report calibration/nothing where there is none", test_none);
    ll_test_run("report calibration/another file's columns", test_damaged);
    return ll_test_end();
}
