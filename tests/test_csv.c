/* The CSV writer and reader: round trips, and that no file, however damaged, loses a row that was whole. */
#include "csv.h"
#include "rows.h"
#include "test.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const columns[] = {"kind", "count", "note", "value"};
static const ll_csv_schema schema = {"toy", columns, 4, 2};
#define HEADER "kind,count,note,value\n"

static char path[256];

/* A fresh file for every test, named after it, holding text (NULL: no file). */
static void begin(const char *name, const char *text) {
    snprintf(path, sizeof path, "%s/%s.csv", ll_test_folder(), name);
    if (text)
        ll_test_write(path, text, strlen(text));
}

static bool file_is(const char *expected) {
    size_t length;
    char *text = ll_test_read(path, &length);
    const bool same = text && length == strlen(expected) && memcmp(text, expected, length) == 0;
    if (!same)
        printf("  the file holds: %s\n", text ? text : "(nothing)");
    free(text);
    return same;
}

static ll_row toy_row(const char *kind, uint64_t count, const char *note, double value) {
    ll_row row;
    ll_row_begin(&row, &schema);
    ll_row_text(&row, "kind", kind);
    ll_row_int(&row, "count", count);
    ll_row_text(&row, "note", note);
    ll_row_real(&row, "value", value, 6);
    return row;
}

/* Opens the file as it is for appending: must fail, name part, and leave the file alone. */
static void check_refused(const char *text, const char *part) {
    ll_error error;
    ll_csv *csv;
    bool recovered;
    CHECK(ll_csv_open(&csv, path, &schema, &recovered, &error) == LL_BAD_INPUT);
    CHECK(csv == NULL);
    CHECK_CONTAINS(error.text, part);
    CHECK_CONTAINS(error.text, path);
    CHECK(ll_csv_read(&csv, path, &schema, &error) == LL_BAD_INPUT);
    if (text)
        CHECK(file_is(text));
}

static void test_round_trip(void) {
    begin("round", NULL);
    ll_error error = {""};
    ll_csv *csv;
    bool recovered;
    REQUIRE(ll_csv_open(&csv, path, &schema, &recovered, &error) == LL_OK);
    CHECK(!recovered && ll_csv_rows(csv) == 0);
    const ll_row rows[] = {toy_row("attn", 4, "a \"quoted\" word, and a comma", 0.1),
                           toy_row("mlp", UINT64_MAX, "NUL-free \n\t\r\x7f end", INFINITY)};
    for (int i = 0; i < 2; i++)
        CHECK_MSG(ll_csv_append(csv, &rows[i], &error) == LL_OK, "%s", error.text);
    const char *kept = ll_csv_cell(csv, 0, "kind");
    CHECK(ll_csv_append(csv, &rows[0], &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "line 2");
    CHECK(strcmp(kept, "attn") == 0);
    ll_csv_close(csv);
    CHECK(file_is(HEADER "attn,4,\"a \"\"quoted\"\" word, and a comma\",0.1\n"
                         "mlp,18446744073709551615,NUL-free ???? end,NA\n"));

    REQUIRE(ll_csv_open(&csv, path, &schema, &recovered, &error) == LL_OK);
    CHECK(!recovered && ll_csv_rows(csv) == 2);
    CHECK(strcmp(ll_csv_cell(csv, 0, "note"), "a \"quoted\" word, and a comma") == 0);
    CHECK(ll_csv_number(csv, 0, "value") == 0.1);
    CHECK(isnan(ll_csv_number(csv, 1, "value")) && isnan(ll_csv_number(csv, 1, "note")));
    CHECK(ll_csv_find(csv, &rows[1]) == 1);
    const ll_row other = toy_row("mlp", 4, "", 0);
    CHECK(ll_csv_find(csv, &other) == SIZE_MAX);
    CHECK(ll_csv_append(csv, &other, &error) == LL_OK && ll_csv_find(csv, &other) == 2);
    ll_csv_close(csv);
    ll_csv_close(NULL);
}

static void test_long_cells(void) {
    ll_row row = toy_row("k", 0, "", 0);
    char text[300];
    memset(text, 'a', sizeof text);
    memcpy(text + LL_CSV_CELL - 2, "\xc3\xa9", 2); /* a character that the limit would cut in two */
    text[299] = 0;
    ll_row_text(&row, "note", text);
    CHECK(strlen(row.cell[2]) == LL_CSV_CELL - 2);
    ll_row_real(&row, "value", NAN, 4);
    CHECK(strcmp(row.cell[3], "NA") == 0);
    ll_row_real(&row, "value", 12345.678, 3);
    CHECK(strcmp(row.cell[3], "1.23e+04") == 0);
}

static void test_quoted_newlines(void) {
    begin("newlines", HEADER "a,1,\"two\nlines, one \"\"cell\"\"\",2.5\nb,2,,3\n");
    ll_csv *csv;
    ll_error error;
    REQUIRE(ll_csv_read(&csv, path, &schema, &error) == LL_OK);
    REQUIRE(ll_csv_rows(csv) == 2);
    CHECK(strcmp(ll_csv_cell(csv, 0, "note"), "two\nlines, one \"cell\"") == 0);
    CHECK(strcmp(ll_csv_cell(csv, 1, "note"), "") == 0 && ll_csv_number(csv, 1, "value") == 3);
    ll_csv_close(csv);
}

/* Cuts the file after every one of its bytes: the rows that are whole stay, the rest goes, and an append
 * gives a good file again. */
static void test_cut_everywhere(void) {
    static const char whole[] = HEADER "a,1,\"x, \"\"y\"\"\",2.5\nb,2,\"\",3\n";
    const size_t first = strlen(HEADER), second = first + strlen("a,1,\"x, \"\"y\"\"\",2.5\n");
    const ll_row row = toy_row("c", 3, "new", 4);
    for (size_t size = 0; size < sizeof whole; size++) {
        begin("cut", "");
        ll_test_write(path, whole, size);
        const size_t rows = size == sizeof whole - 1 ? 2 : size >= second ? 1 : 0;
        const size_t kept = rows == 2 ? size : rows == 1 ? second : size >= first ? first : 0;
        ll_csv *csv;
        ll_error error = {""};
        REQUIRE(ll_csv_read(&csv, path, &schema, &error) == LL_OK);
        CHECK_MSG(ll_csv_rows(csv) == rows, "read, %zu bytes", size);
        ll_csv_close(csv);
        bool recovered;
        CHECK_MSG(ll_csv_open(&csv, path, &schema, &recovered, &error) == LL_OK, "%zu: %s", size, error.text);
        REQUIRE(csv);
        CHECK_MSG(ll_csv_rows(csv) == rows && recovered == (kept != size), "open, %zu bytes", size);
        CHECK(ll_csv_append(csv, &row, &error) == LL_OK);
        ll_csv_close(csv);
        char expected[256];
        snprintf(expected, sizeof expected, "%.*sc,3,new,4\n", (int)(kept ? kept : first), whole);
        CHECK_MSG(file_is(expected), "after %zu bytes", size);
    }
}

static void test_damaged(void) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {HEADER "a,1,x\nb,2,y,3\n", "line 2 is damaged: it has 3 cells, the header has 4"},
        {HEADER "a,1,x,1\n\nb,2,y,3\n", "line 3 is damaged: it has 1 cells"},
        {HEADER "a,1,x,1\nb,2,y,3,4\n", "line 3 is damaged: it has more cells"},
        {HEADER "a,1,\"x,1\nb,2,y,3\n", "line 2 is damaged: a quoted cell is never closed"},
        {HEADER "a,1,\"x\ny\"z,1\nb,2,y,3\n", "line 2 is damaged: text follows a closing quote"},
        {HEADER "a,1,\"x\ny\",1\nb,2,y\n", "line 4 is damaged: it has 3 cells"},
        {HEADER "a,1,x\"y,1\n", "line 2 is damaged: a quote inside a cell"},
        {HEADER "a,1,x,1\r\n", "line 2 is damaged: a carriage return"},
        {HEADER "a,1,x,1\nb,1,x,1\na,1,y,2\n", "lines 2 and 4 measure the same thing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin("damaged", cases[i].text);
        check_refused(cases[i].text, cases[i].part);
    }
    begin("nul", "");
    ll_test_write(path, HEADER "a,1,\0,1\n", strlen(HEADER) + 8);
    check_refused(NULL, "byte 26 is NUL");
}

static void test_other_version(void) {
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"kind,count,remark,value\n", "column 3 is \"remark\", this version's toy.csv has \"note\""},
        {"kind,count,note\n", "column 4 is \"nothing\", this version's toy.csv has \"value\""},
        {"kind,count,note,value,unit\na,1,x,1,m\n", "column 5 is \"another\""},
        {"a,1,x,1\n", "column 1 is \"a\""},
        {"some words without a line end", "column 1"},
        {"\"kind", "column 1"},
        {"kind,count,other", "column 3"},
        {"{\"kind\":\n1}\n", "line 1 is damaged: a quote"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin("version", cases[i].text);
        check_refused(cases[i].text, cases[i].part);
    }
}

static void test_no_file(void) {
    ll_error error;
    ll_csv *csv;
    bool recovered;
    begin("absent", NULL);
    CHECK(ll_csv_read(&csv, path, &schema, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "absent.csv: cannot be opened: No such file");
    CHECK(access(path, F_OK) != 0);
    CHECK(ll_csv_open(&csv, "/dev/full", &schema, &recovered, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "/dev/full: is no regular file");
    CHECK(ll_csv_open(&csv, ll_test_folder(), &schema, &recovered, &error) == LL_BAD_INPUT);
    CHECK(ll_csv_read(&csv, ll_test_folder(), &schema, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is a folder");
}

static void test_lock(void) {
    begin("lock", NULL);
    ll_error error;
    ll_csv *first, *second, *looking;
    bool recovered;
    REQUIRE(ll_csv_open(&first, path, &schema, &recovered, &error) == LL_OK);
    CHECK(ll_csv_open(&second, path, &schema, &recovered, &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "another program has it open");
    REQUIRE(ll_csv_read(&looking, path, &schema, &error) == LL_OK);
    const ll_row row = toy_row("a", 1, "", 0);
    CHECK(ll_csv_append(looking, &row, &error) == LL_BAD_USAGE);
    ll_csv_close(looking);
    ll_csv_close(first);
    REQUIRE(ll_csv_open(&second, path, &schema, &recovered, &error) == LL_OK);
    unlink(path);
    CHECK(ll_csv_append(second, &row, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "changed or deleted");
    ll_csv_close(second);
}

/* In a child, because a limit on file size that was lowered stays. The exit code counts what went wrong. */
static int fill_disk(size_t room) {
    ll_error error = {""};
    ll_csv *csv;
    bool recovered;
    signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {room, room};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 100;
    const ll_status opened = ll_csv_open(&csv, path, &schema, &recovered, &error);
    if (room < strlen(HEADER))
        return opened != LL_NO_RESOURCE;
    if (opened != LL_OK)
        return 101;
    const ll_row rows[] = {toy_row("a", 1, "fits", 1), toy_row("b", 2, "fits not", 2)};
    int wrong = ll_csv_append(csv, &rows[0], &error) != LL_OK;
    wrong += ll_csv_append(csv, &rows[1], &error) != LL_NO_RESOURCE;
    wrong += !strstr(error.text, "could not be written: File too large");
    wrong += ll_csv_rows(csv) != 1;
    ll_csv_close(csv);
    return wrong;
}

static void test_full_disk(void) {
    const size_t rooms[] = {10, strlen(HEADER "a,1,fits,1\n") + 5};
    const char *left[] = {"", HEADER "a,1,fits,1\n"};
    for (int i = 0; i < 2; i++) {
        begin(i ? "full" : "full-header", NULL);
        fflush(NULL);
        const pid_t child = fork();
        if (child == 0)
            _exit(fill_disk(rooms[i]));
        int status = -1;
        waitpid(child, &status, 0);
        CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "room for %zu bytes: status %d", rooms[i],
                  status);
        CHECK(file_is(left[i]));
    }
}

/* The schemas that the program writes fit into a row, and their columns have one name each. */
static void test_schemas(void) {
    const ll_csv_schema *all[] = {&ll_importance_schema, &ll_quality_schema, &ll_tasks_schema,
                                  &ll_speed_schema,      &ll_samples_schema, &ll_modules_schema,
                                  &ll_plans_schema,      &ll_costs_schema,   &ll_calibration_schema};
    for (size_t s = 0; s < sizeof all / sizeof *all; s++) {
        REQUIRE(all[s]->count <= LL_CSV_MAX_COLUMNS);
        CHECK(all[s]->keys < all[s]->count);
        for (size_t i = 0; i < all[s]->count; i++)
            for (size_t j = 0; j < i; j++)
                CHECK_MSG(strcmp(all[s]->columns[i], all[s]->columns[j]) != 0, "%s: %s twice", all[s]->name,
                          all[s]->columns[i]);
    }
}

/* A column without its suffix: quartiles and standard errors are explained with what they belong to. */
static void base_name(const char *column, char *out, size_t capacity) {
    static const char *const suffixes[] = {"_q1", "_q3", "_stderr"};
    snprintf(out, capacity, "`%s`", column);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *const end = strstr(out, suffixes[i]);
        if (end)
            strcpy(end, "`");
    }
}

/* Nobody should have to guess what a column means. */
static void test_explained(void) {
    const ll_csv_schema *const schemas[] = {
        &ll_importance_schema, &ll_quality_schema, &ll_tasks_schema,
        &ll_speed_schema,      &ll_samples_schema, &ll_modules_schema,
        &ll_plans_schema,      &ll_costs_schema,   &ll_calibration_schema};
    size_t length;
    char *const readme = ll_test_read("harness/README.md", &length);
    REQUIRE(readme != NULL);
    for (size_t s = 0; s < sizeof schemas / sizeof *schemas; s++)
        for (size_t i = 0; i < schemas[s]->count; i++) {
            char name[LL_CSV_CELL];
            base_name(schemas[s]->columns[i], name, sizeof name);
            CHECK_MSG(strstr(readme, name), "harness/README.md does not explain %s of %s", name,
                      schemas[s]->name);
        }
    free(readme);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("csv/round trip", test_round_trip);
    ll_test_run("csv/long cells", test_long_cells);
    ll_test_run("csv/quoted newlines", test_quoted_newlines);
    ll_test_run("csv/cut everywhere", test_cut_everywhere);
    ll_test_run("csv/damaged", test_damaged);
    ll_test_run("csv/other version", test_other_version);
    ll_test_run("csv/no file", test_no_file);
    ll_test_run("csv/lock", test_lock);
    ll_test_run("csv/full disk", test_full_disk);
    ll_test_run("csv/schemas", test_schemas);
    ll_test_run("csv/every column is explained", test_explained);
    return ll_test_end();
}
