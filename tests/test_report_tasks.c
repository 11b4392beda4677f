/* The report's section on tasks: averages, gamma, paired differences and what can tell anything, worked out by hand. */
#include "documents.h"
#include "page.h"
#include "report/report.h"
#include "rows.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char folder[256];
static ll_error error;

static void append(const ll_row *row) {
    char path[400];
    snprintf(path, sizeof path, "%s/%s.csv", folder, row->schema->name);
    ll_page_append(path, row);
}

static void fill_key(ll_row *row, const ll_csv_schema *schema, const char *kind, uint64_t dropped,
                     const char *drop) {
    ll_row_begin(row, schema);
    ll_row_text(row, "model_sha256", SHA);
    ll_row_text(row, "model", "toy");
    ll_row_text(row, "weights", "int8");
    ll_row_text(row, "group", "128");
    ll_row_text(row, "kv", "bf16");
    ll_row_text(row, "kind", kind);
    ll_row_int(row, "dropped", dropped);
    ll_row_text(row, "drop", drop);
}

static void add_task(const char *task, const char *limit, const char *kind, uint64_t dropped,
                     const char *drop, double value, double deviation, double difference,
                     double difference_error, double p) {
    ll_row row;
    fill_key(&row, &ll_tasks_schema, kind, dropped, drop);
    ll_row_text(&row, "task", task);
    ll_row_text(&row, "limit", limit);
    ll_row_text(&row, "task_sha256", task);
    ll_row_int(&row, "num_fewshot", 5);
    ll_row_int(&row, "questions", 100);
    ll_row_int(&row, "whole", 1172);
    ll_row_real(&row, "value", value, 9);
    ll_row_real(&row, "stderr", deviation, 9);
    ll_row_real(&row, "chance", strcmp(task, "arc_challenge") == 0 ? 0.25 : 0.5, 9);
    if (dropped) {
        ll_row_real(&row, "difference", difference, 9);
        ll_row_real(&row, "difference_stderr", difference_error, 9);
        ll_row_real(&row, "p_value", p, 9);
    }
    append(&row);
}

static void add_speed(const char *kind, uint64_t dropped, const char *drop, double speedup) {
    ll_row row;
    fill_key(&row, &ll_speed_schema, kind, dropped, drop);
    ll_row_real(&row, "speedup", speedup, 6);
    ll_row_text(&row, "source", "real");
    append(&row);
}

static void add_quality(const char *kind, uint64_t dropped, const char *drop) {
    ll_row row;
    fill_key(&row, &ll_quality_schema, kind, dropped, drop);
    ll_row_real(&row, "perplexity", 10, 6);
    append(&row);
}

/* A full model, four attention layers less, and a task that is none of the paper's. */
static void write_rows(void) {
    snprintf(folder, sizeof folder, "%s/tasks", ll_test_folder());
    CHECK(ll_folder_make(folder, &error) == LL_OK);
    add_quality("none", 0, "none");
    add_quality("attn", 4, "attn:1-4");
    add_speed("none", 0, "none", 1);
    add_speed("attn", 4, "attn:1-4", 1.25);
    add_task("arc_challenge", "all", "none", 0, "none", 0.40, 0.03, 0, 0, 0);
    add_task("boolq", "all", "none", 0, "none", 0.52, 0.04, 0, 0, 0);
    add_task("mine", "all", "none", 0, "none", 0.90, 0.01, 0, 0, 0);
    add_task("arc_challenge", "all", "attn", 4, "attn:1-4", 0.30, 0.02, -0.10, 0.012, 0.001);
    add_task("boolq", "all", "attn", 4, "attn:1-4", 0.50, 0.04, -0.02, 0.016, 0.3);
    add_task("mine", "all", "attn", 4, "attn:1-4", 0.90, 0.01, 0, 0.005, 1);
    add_task("boolq", "first 10", "none", 0, "none", 0.99, 0.01, 0, 0, 0); /* another setting */
}

static char *report(void) {
    char path[400];
    size_t length;
    CHECK_MSG(ll_report_write(folder, folder, NULL, NULL, &error) == LL_OK, "%s", error.text);
    snprintf(path, sizeof path, "%s/report.md", folder);
    return ll_test_read(path, &length);
}

/* Spaces, of which the table's width decides, count as one. */
static void squeeze(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != ' ' || to == text || to[-1] != ' ')
            *to++ = *from;
    *to = 0;
}

static void test_tables(void) {
    write_rows();
    char *text = report();
    REQUIRE(text);
    squeeze(text);
    CHECK_CONTAINS(text, "| kind | dropped | ARC-C | BoolQ | mine | average | speedup | gamma |");
    /* (40 + 52) / 2, and half the root of 9 + 16 */
    CHECK_CONTAINS(text, "| full model | 0 | 40.0 | 52.0 | 90.0 | 46.0 ± 2.5 | 1.00 | NA |");
    /* 6 points for 25 percent; half the root of 4 + 16 is 2.2 */
    CHECK_CONTAINS(text, "| attn | 4 | 30.0 | 50.0 | 90.0 | 40.0 ± 2.2 | 1.25 | 0.24 |");
    CHECK_CONTAINS(text, "| guessing | NA | 25.0 | 50.0 | 50.0 | 37.5 | NA | NA |");
    /* (58.2 + 80.5) / 2; (59.9 + 80.7) / 2 is 0.95 points more, for 13 percent */
    CHECK_CONTAINS(text, "| paper: llama2-13b | attn-8 | 58.2 | 80.5 | NA | 69.3 | 1.13 | 0.07 |");
    CHECK_CONTAINS(text, "| attn | 4 | **-10.0 ± 1.2** | -2.0 ± 1.6 | +0.0 ± 0.5 | **-6.0 ± 1.0** |");
    CHECK_CONTAINS(
        text, "above guessing by more than two standard errors on ARC-C (40.0 ± 3.0, guessing 25.0), mine");
    CHECK_CONTAINS(text, "It is not on BoolQ (52.0 ± 4.0, guessing 50.0)");
    CHECK_CONTAINS(text, "**average** over the 2 of the paper's tasks");
    CHECK(!strstr(text, "99.0"));
    free(text);
}

static void test_pictures(void) {
    static const char *const names[] = {"accuracy.png", "accuracy.svg", "tasks.png", "tasks.svg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        CHECK_MSG(access(path, R_OK) == 0, "%s is not drawn", names[i]);
    }
    size_t length;
    char path[400];
    snprintf(path, sizeof path, "%s/accuracy.svg", folder);
    char *text = ll_test_read(path, &length);
    REQUIRE(text);
    CHECK_CONTAINS(text, "guessing");
    free(text);
}

/* Without a task of the paper's there is no average. */
static void test_other_tasks(void) {
    snprintf(folder, sizeof folder, "%s/others", ll_test_folder());
    CHECK(ll_folder_make(folder, &error) == LL_OK);
    add_quality("none", 0, "none");
    add_quality("attn", 4, "attn:1-4");
    add_task("mine", "all", "none", 0, "none", 0.90, 0.01, 0, 0, 0);
    add_task("mine", "all", "attn", 4, "attn:1-4", 0.90, 0.01, 0, 0.005, 1);
    char *text = report();
    REQUIRE(text);
    squeeze(text);
    CHECK_CONTAINS(text, "| attn | 4 | +0.0 ± 0.5 | NA |");
    CHECK(!strstr(text, "nan"));
    free(text);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("report tasks/tables by hand", test_tables);
    ll_test_run("report tasks/pictures", test_pictures);
    ll_test_run("report tasks/none of the paper's", test_other_tasks);
    return ll_test_end();
}
