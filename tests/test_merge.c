/* Folders merged: what is the same, what contradicts itself, what is missing, and files that someone else wrote. */
#include "merge.h"
#include "parts.h"
#include "rows.h"
#include "test.h"
#include "toy_sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ONE "two/shard-1-of-2"
#define TWO "two/shard-2-of-2"
#define LONG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" /* LL_PARTS_FILES bytes */

/* ---- hand-made folders ---- */
/* A row of quality.csv; perplexity and so on as given. */
typedef struct {
    const char *model, *kind, *drop, *perplexity, *isa, *date;
} quality;

static const quality full = {"m1", "none", "none", "25.5", "isa_a", "2025-01-01T00:00:00Z"};

static void write_quality(const char *folder, const quality *rows, size_t count) {
    char *text = NULL, path[128];
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    ll_csv_print_header(stream, &ll_quality_schema);
    for (size_t i = 0; i < count; i++) {
        ll_row row;
        ll_row_begin(&row, &ll_quality_schema);
        ll_row_text(&row, "model_sha256", rows[i].model);
        ll_row_text(&row, "kind", rows[i].kind);
        ll_row_int(&row, "dropped", strcmp(rows[i].kind, "none") != 0);
        ll_row_text(&row, "drop", rows[i].drop);
        ll_row_text(&row, "perplexity", rows[i].perplexity);
        ll_row_text(&row, "isa", rows[i].isa);
        ll_row_text(&row, "date", rows[i].date);
        ll_row_text(&row, "model", "toy, \"the\" model");
        ll_csv_print_row(stream, &row);
    }
    fclose(stream);
    mkdir(ll_toy_sweep_path(folder), 0777);
    snprintf(path, sizeof path, "%s/quality.csv", folder);
    ll_test_write(ll_toy_sweep_path(path), text, length);
    free(text);
}

static void write_text(const char *path, const char *text) {
    ll_test_write(ll_toy_sweep_path(path), text, strlen(text));
}

static bool is_there(const char *path) {
    return access(ll_toy_sweep_path(path), F_OK) == 0;
}

/* Merges a and b into a folder that must not come to be there. */
static void refused(const char *a, const char *b, const char *says) {
    CHECK_MSG(ll_toy_merge("refused", a, b, NULL) == 1, "%s and %s: %s", a, b, says);
    CHECK_CONTAINS(ll_toy_said(), says);
    CHECK(!is_there("refused"));
}

static void test_union(void) {
    REQUIRE(ll_toy_sweep_begin());
    quality attn = {"m1", "attn", "attn:1", "30", "isa_a", "2025-01-01T00:00:01Z"}, later = full,
            mlp = {"m1", "mlp", "mlp:1", "31", "isa_a", "2025-01-01T00:00:02Z"};
    later.date = "2025-02-02T00:00:00Z";
    later.isa = "isa_b";
    write_quality("a", (quality[]){full, attn}, 2);
    write_quality("b", (quality[]){mlp, later}, 2);
    CHECK_MSG(ll_toy_merge("union", "a", "b", NULL) == 0, "%s", ll_toy_said());
    write_quality("expected", (quality[]){full, attn, mlp}, 3);
    char *found = ll_test_read(ll_toy_sweep_path("union/quality.csv"), &(size_t){0}),
         *expected = ll_test_read(ll_toy_sweep_path("expected/quality.csv"), &(size_t){0});
    CHECK(found && expected && strcmp(found, expected) == 0);
    free(found);
    free(expected);
    CHECK(is_there("union/report.md") && is_there("union/parts.json") && !is_there("union/speed.csv"));
}

static void test_conflict(void) {
    REQUIRE(ll_toy_sweep_begin());
    quality other = full;
    other.perplexity = "25.6";
    write_quality("a", &full, 1);
    write_quality("b", &other, 1);
    refused("a", "b", "a/quality.csv: line 2 and ");
    refused(
        "a", "b",
        "b/quality.csv: line 2 measure the same (none 0), and perplexity is 25.5 there, 25.6 here; leave");
    other.isa = "isa_b";
    write_quality("b", &other, 1);
    refused("a", "b", "their ISAs are isa_a and isa_b, which round otherwise: run all with one --isa");
    CHECK(ll_toy_merge("refused", "a", "b", "--first", NULL) == 1); /* is for timings */
}

static void test_models(void) {
    REQUIRE(ll_toy_sweep_begin());
    quality other = full;
    other.model = "m2";
    write_quality("a", &full, 1);
    write_quality("b", &other, 1);
    refused("a", "b", "a/quality.csv: line 2 is of model toy, \"the\" model (m1), ");
    refused("a", "b", "b/quality.csv: line 2 of toy, \"the\" model (m2); a merge is of one model");
    write_quality("b", (quality[]){full, other}, 2);
    refused("b", "b", "b/quality.csv: line 3 of ");
}

static void test_bad_folders(void) {
    REQUIRE(ll_toy_sweep_begin());
    write_quality("a", &full, 1);
    refused("a", "nowhere", "nowhere: is no folder");
    refused("a", "toy.gguf", "toy.gguf: is no folder");
    mkdir(ll_toy_sweep_path("empty"), 0777);
    refused("a", "empty", "empty: holds no rows of a sweep");
    write_quality("b", &full, 0);
    refused("a", "b", "b: holds no rows of a sweep");
    write_text("b/quality.csv", "model_sha256,weights,other\n");
    refused("a", "b", "b/quality.csv: the header is of another version: column 3 is \"other\"");
    write_quality("b", &full, 1);
    write_text("b/speed.csv", "nonsense");
    refused("a", "b", "b/speed.csv: ");
    unlink(ll_toy_sweep_path("b/speed.csv"));
    write_quality("b", (quality[]){full, full}, 2);
    refused("a", "b", "b/quality.csv: lines 2 and 3 measure the same thing");
}

/* What only the report looks at. */
static void test_bad_rows(void) {
    REQUIRE(ll_toy_sweep_begin());
    quality odd = full;
    odd.kind = "nonsense";
    write_quality("a", &full, 1);
    write_quality("b", &odd, 1);
    refused("a", "b", "the rows merged: ");
    refused("a", "b", "quality.csv: row 2 drops");
}

static void test_bad_parts(void) {
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"layerlab parts\": 2, \"sweeps\": []}",
        "{\"layerlab parts\": 1}",
        "{\"layerlab parts\": 1, \"sweeps\": {}}",
        "{\"layerlab parts\": 1, \"sweeps\": [3]}",
#define SWEEP(of, part, finished, settings, rows)                                                            \
    "{\"layerlab parts\": 1, \"sweeps\": [{\"of\": " of ", \"part\": " part ", \"finished\": " finished      \
    ", \"settings\": " settings ", \"rows\": " rows "}]}"
        SWEEP("0", "0", "[]", "{}", "[]"),
        SWEEP("1000000000000", "1", "[]", "{}", "[]"),
        SWEEP("2", "3", "[]", "{}", "[]"),
        SWEEP("2", "1", "[3]", "{}", "[]"),
        SWEEP("2", "1", "[0]", "{}", "[]"),
        SWEEP("2", "1", "[\"1\"]", "{}", "[]"),
        SWEEP("2", "1", "[1]", "{\"a\": 1}", "[]"),
        SWEEP("2", "1", "[1]", "[]", "[]"),
        SWEEP("2", "1", "{}", "{}", "[]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", \"attn\", 1, \"attn:1\", 1]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", \"attn\", 1, \"attn:1\", 3, \"\"]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", \"attn\", 1, \"attn:1\", 0, \"\"]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", \"attn\", -1, \"attn:1\", 1, \"\"]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", 1, 1, \"attn:1\", 1, \"\"]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"f32 NA f32\", \"attn\", 1, \"attn:1\", 1, \"" LONG "\"]]"),
        SWEEP("2", "1", "[1]", "{}", "[[\"" LONG LONG "\", \"attn\", 1, \"attn:1\", 1, \"\"]]"),
        SWEEP("2", "1", "[1]", "{}", "{}"),
    };
    REQUIRE(ll_toy_sweep_begin());
    write_quality("a", &full, 1);
    write_quality("b", &full, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text("b/parts.json", wrong[i]);
        refused("a", "b", "b/parts.json: ");
    }
    write_text("b/parts.json", SWEEP("1", "1", "[1]", "{}", "[]"));
    CHECK_MSG(ll_toy_merge("good", "a", "b", NULL) == 0, "%s", ll_toy_said());
    unlink(ll_toy_sweep_path("b/parts.json"));
}

static void test_out(void) {
    REQUIRE(ll_toy_sweep_begin());
    write_quality("a", &full, 1);
    write_quality("b", &full, 1);
    CHECK(ll_toy_merge("a", "a", "b", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "a: is one of the folders that are merged");
    CHECK(ll_toy_merge("b", "a", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "b: is there already");
    CHECK(ll_toy_merge("b", "a", "--force", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "b: is not just what an earlier merge made");
    CHECK(ll_toy_merge("toy.json", "a", "--force", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "toy.json: is there already");
    CHECK(ll_toy_merge("deep/er", "a", NULL) == 0 && is_there("deep/er/quality.csv"));
    CHECK(ll_toy_merge("deep/er", "a", "b", NULL) == 1);
    CHECK(ll_toy_merge("deep/er", "a", "b", "--force", NULL) == 0 && is_there("deep/er/quality.csv"));
    mkdir(ll_toy_sweep_path("deep/er/mine"), 0777);
    CHECK(ll_toy_merge("deep/er", "a", "b", "--force", NULL) == 1 && is_there("deep/er/mine"));
    rmdir(ll_toy_sweep_path("deep/er/mine"));
    write_text("deep/er/calibration.csv", "measured here");
    CHECK(ll_toy_merge("deep/er", "a", "b", "--force", NULL) == 1 && is_there("deep/er/calibration.csv"));
    CHECK(ll_toy_merge("toy.json/x", "a", NULL) == 1);
}

/* ---- parts of a sweep ---- */
static bool make_parts(void) {
    static bool made;
    if (!made && ll_toy_sweep_begin())
        made = ll_toy_sweep("two", "--shard", "1/2", NULL) == 0 &&
               ll_toy_sweep("two", "--shard", "2/2", NULL) == 0;
    CHECK_MSG(made, "%s", ll_toy_said());
    return made;
}

/* A copy of a part's folder with sed's script done to one of its files. */
static void copy(const char *from, const char *to, const char *file, const char *script) {
    char command[4 * LL_TOY_PATH];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s' && sed -i '%s' '%s/%s'",
             ll_toy_sweep_path(to), ll_toy_sweep_path(from), ll_toy_sweep_path(to), script,
             ll_toy_sweep_path(to), file);
    CHECK(system(command) == 0);
}

static void test_missing_part(void) {
    REQUIRE(make_parts());
    refused(ONE, ONE,
            "of its sweep's 2 parts 1 is missing: 2; name its folder too; or merge without it by --partial");
    CHECK_MSG(ll_toy_merge("partial", TWO, "--partial", NULL) == 0, "%s", ll_toy_said());
    CHECK(is_there("partial/quality.csv"));
    /* The missing part later, beside what was merged: as if merged at once. */
    CHECK(ll_toy_merge("later", "partial", ONE, NULL) == 0 && ll_toy_merge("at-once", ONE, TWO, NULL) == 0);
    ll_toy_sweep_same("at-once", "later", false);
    refused("partial", "partial", "parts 1 is missing: 1;");
}

static void test_unfinished_part(void) {
    REQUIRE(make_parts());
    copy(TWO, "begun", "parts.json", "/\"finished\"/,/]/{/^ *[0-9]/d}");
    refused(ONE, "begun", "begun: part 2 of 2 is not finished; run it again");
    CHECK(ll_toy_merge("of-begun", ONE, "begun", "--partial", NULL) == 0);
    refused("of-begun", ONE, "is missing: 2");
    copy(TWO, "lacking", "quality.csv", "2d");
    refused(ONE, "lacking", "quality.csv: 0 of 1 rows of ");
    refused("lacking", ONE, "though part 2 of 2 of the sweep of ");
    copy(TWO, "lacking", "parts.json", "s/\"settings\": {/&\"task other\": \"asked too\",/");
    copy(ONE, "lacking-too", "parts.json", "s/\"settings\": {/&\"task other\": \"asked too\",/");
    refused("lacking", "lacking-too", "tasks.csv: 1 of 2 rows of ");
}

static void test_other_cuts(void) {
    REQUIRE(make_parts());
    CHECK(ll_toy_sweep("three", "--shard", "2/3", NULL) == 0);
    refused(ONE, "three/shard-2-of-3", "is of a sweep cut into 2 parts, ");
    CHECK(ll_toy_sweep("exact", "--exact", "--shard", "2/2", NULL) == 0);
    refused(ONE, "exact/shard-2-of-2", "is of another sweep: its exact is yes, not no");
    copy(TWO, "listed", "parts.json", "s/\"attn\",/\"mlp\",/");
    refused(ONE, "listed", "list other rows: attn 2 (");
}

static void add_row(const char *folder, size_t part) {
    ll_parts parts;
    REQUIRE(ll_parts_read(&parts, ll_toy_sweep_path(folder), NULL) == LL_OK && parts.count == 1);
    ll_parts_sweep *sweep = &parts.sweeps[0];
    sweep->rows = realloc(sweep->rows, (sweep->row_count + 1) * sizeof *sweep->rows);
    REQUIRE(sweep->rows);
    sweep->rows[sweep->row_count++] = (ll_parts_row){"int8 128 bf16", "joint", "attn:0+mlp:2", 2, part, ""};
    CHECK(ll_parts_write(parts.sweeps, 1, ll_toy_sweep_path(folder), NULL) == LL_OK);
    ll_parts_free(&parts);
}

/* Rows that follow from timings are listed by part 1 alone, at the end. */
static void test_rows_of_one_part(void) {
    ll_parts parts;
    REQUIRE(make_parts());
    copy(ONE, "more", "quality.csv", "");
    add_row("more", 1);
    CHECK_MSG(ll_toy_merge("of-more", TWO, "more", NULL) == 0, "%s", ll_toy_said());
    CHECK_MSG(ll_toy_merge("of-more-again", "of-more", TWO, NULL) == 0, "%s", ll_toy_said());
    REQUIRE(ll_parts_read(&parts, ll_toy_sweep_path("of-more-again"), NULL) == LL_OK);
    CHECK(parts.count == 1 && parts.sweeps[0].row_count == LL_TOY_SWEEP_ROWS + 1);
    ll_parts_free(&parts);
    copy(TWO, "mores", "quality.csv", "");
    add_row("mores", 2);
    refused(ONE, "mores",
            "list other rows: joint 2 (attn:0+mlp:2, int8 128 bf16) in one, no row 0 (, ) in the other");
    refused("more", "mores", "list other rows: joint 2 ");
}

/* Two complete sweeps of one model. */
static void test_two_sweeps(void) {
    REQUIRE(make_parts());
    CHECK(ll_toy_sweep("f32", "--no-speed", "--weights", "f32", "--shard", "1/1", NULL) == 0);
    CHECK_MSG(ll_toy_merge("both", ONE, TWO, "f32/shard-1-of-1", NULL) == 0, "%s", ll_toy_said());
    char *rows = ll_toy_sweep_rows("both", "quality", false);
    size_t lines = 0;
    for (const char *at = rows; at && (at = strchr(at, '\n')); at++)
        lines++;
    CHECK(lines == 2 * LL_TOY_SWEEP_ROWS);
    free(rows);
    CHECK_MSG(ll_toy_merge("both-again", "both", ONE, NULL) == 0, "%s", ll_toy_said());
    ll_toy_sweep_same("both", "both-again", false);
}

static void check_same_file(const char *folder, const char *other, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *a = ll_test_read(ll_toy_sweep_path(path), &(size_t){0});
    snprintf(path, sizeof path, "%s/%s", other, name);
    char *b = ll_test_read(ll_toy_sweep_path(path), &(size_t){0});
    CHECK_MSG(a && b && strcmp(a, b) == 0, "%s of %s and of %s differ", name, folder, other);
    free(a);
    free(b);
}

static void test_timings(void) {
    REQUIRE(make_parts());
    CHECK(ll_toy_merge("one", ONE, TWO, NULL) == 0);
    copy(ONE, "timed", "speed.csv", "s/T[0-9:]*Z$/T00:00:00Z/");
    CHECK(ll_toy_merge("dated", ONE, TWO, "timed", NULL) == 0); /* only the date differs: the same timing */
    copy(ONE, "timed", "speed.csv", "2s/,none,0,none,[0-9.e+]*,/,none,0,none,77,/");
    CHECK(ll_toy_merge("refused", ONE, TWO, "timed", NULL) == 1 && !is_there("refused"));
    CHECK_CONTAINS(ll_toy_said(), "(none 0), and prefill_tokens_per_s is ");
    CHECK_CONTAINS(ll_toy_said(), ", 77 here; --first keeps the timing of the folder named first");
    CHECK(ll_toy_merge("first", ONE, TWO, "timed", "--first", NULL) == 0);
    check_same_file("one", "first", "speed.csv");
    /* A timing that is not taken takes its samples along. */
    CHECK(ll_toy_sweep("other", "--shard", "1/2", NULL) == 0);
    CHECK(ll_toy_merge("first-again", ONE, TWO, "other/shard-1-of-2", "--first", NULL) == 0);
    check_same_file("one", "first-again", "speed.csv");
    check_same_file("one", "first-again", "samples.csv");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("merge/union", test_union);
    ll_test_run("merge/conflict", test_conflict);
    ll_test_run("merge/models", test_models);
    ll_test_run("merge/bad folders", test_bad_folders);
    ll_test_run("merge/bad rows", test_bad_rows);
    ll_test_run("merge/bad parts", test_bad_parts);
    ll_test_run("merge/out", test_out);
    ll_test_run("merge/missing part", test_missing_part);
    ll_test_run("merge/unfinished part", test_unfinished_part);
    ll_test_run("merge/other cuts", test_other_cuts);
    ll_test_run("merge/rows of one part", test_rows_of_one_part);
    ll_test_run("merge/two sweeps", test_two_sweeps);
    ll_test_run("merge/timings", test_timings);
    return ll_test_end();
}
