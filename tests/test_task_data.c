/* Files of records: what of them is read, and what is refused. */
#include "eval/dataset.h"
#include "test.h"
#include "toy_task.h"

#include <stdlib.h>
#include <string.h>

static char path[256], labels[256];
static ll_error error;

static const char *file(const char *name) {
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), name);
    return path;
}

/* "LINE{record} LINE{record}", with ' for ". */
static void show(const ll_dataset *d, char *out, size_t capacity) {
    *out = 0;
    for (size_t i = 0; i < d->count; i++) {
        char *text = json_dumps(d->records[i], JSON_COMPACT | JSON_ENSURE_ASCII);
        for (char *c = text; *c; c++)
            *c = *c == '"' ? '\'' : *c;
        snprintf(out + strlen(out), capacity - strlen(out), "%s%zu%s", i ? " " : "", d->lines[i], text);
        free(text);
    }
}

static void check_reads(int line, const char *name, const char *text, size_t length,
                        const ll_dataset_form *form, const char *expected) {
    char found[1024];
    ll_dataset d;
    ll_test_write(file(name), text, length);
    if (ll_dataset_read(&d, path, form, &error) != LL_OK) {
        ll_test_fail(__FILE__, line, "%s", error.text);
        return;
    }
    show(&d, found, sizeof found);
    if (strcmp(found, expected) != 0)
        ll_test_fail(__FILE__, line, "found %s", found);
    ll_dataset_free(&d);
    CHECK(!d.records && !d.lines && d.count == 0);
}
static const ll_dataset_form plain = {0};
#define READS(name, text, form, expected) check_reads(__LINE__, name, text, sizeof(text) - 1, form, expected)

/* sentence: with @ for the path. */
static void check_refuses(int line, const char *name, const char *text, size_t length,
                          const ll_dataset_form *form, const char *sentence) {
    char expected[640] = "";
    ll_dataset d;
    ll_test_write(file(name), text, length);
    for (const char *c = sentence; *c; c++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%.*s", *c == '@' ? 255 : 1,
                 *c == '@' ? path : c);
    error.text[0] = 0;
    if (ll_dataset_read(&d, path, form, &error) != LL_BAD_INPUT)
        ll_test_fail(__FILE__, line, "accepted");
    ll_check_contains(__FILE__, line, error.text, expected);
    CHECK(!d.records && !d.lines && d.count == 0);
}
#define REFUSES(name, text, form, sentence)                                                                  \
    check_refuses(__LINE__, name, text, sizeof(text) - 1, form, sentence)

static void test_jsonl(void) {
    READS("mark.jsonl", "\xEF\xBB\xBF{\"a\":1}\n", &plain, "1{'a':1}");
    READS("a.jsonl", "{\"a\": 1}\n{\"a\": [true, null, \"\\u00e9\"]}", &plain,
          "1{'a':1} 2{'a':[true,null,'\\u00E9']}");
    READS("a.jsonl", "\r\n{\"a\": 1}\r\n \t\n\n{\"b\":\"x\"}\r\n\n", &plain, "2{'a':1} 5{'b':'x'}");
    READS("a.jsonl", "{\"a\":\"1\\n2\"} \n", &plain, "1{'a':'1\\n2'}");
    REFUSES("a.jsonl", "{\"a\": 1}\n\n{\"a\": 2, \"b", &plain, "@: line 3, column 11: broken JSON: ");
    REFUSES("a.jsonl", "{\"a\":\n1}\n", &plain, "@: line 1, column ");
    REFUSES("a.jsonl", "{\"a\":1} {\"a\":2}\n", &plain, "@: line 1, column 9: broken JSON");
    REFUSES("a.jsonl", "{\"a\":1}\n[1]\n", &plain, "@: line 2: expected an object, found another value");
    REFUSES("a.jsonl", "{\"a\":1}\n\"a\"\n", &plain, "@: line 2");
    REFUSES("a.jsonl", "{\"a\":1}\n{\"b\":1,\"b\":2}\n", &plain, "@: line 2, column ");
    CHECK_CONTAINS(error.text, "duplicate object key");
    REFUSES("a.jsonl", "{\"a\":\"\xff\"}\n", &plain, "@: line 1, column ");
    REFUSES("a.jsonl", "{\"a\":1}\0\n", &plain, "@: line 1");
    REFUSES("a.jsonl", "", &plain, "@: holds no record; expected at least one");
    REFUSES("a.jsonl", "\n \r\n", &plain, "@: holds no record");
    REFUSES("a.json", "{\"a\":1}\n", &plain, "@: expected a file .jsonl, .csv or .tsv");
    REFUSES("jsonl", "{\"a\":1}\n", &plain, "@: expected a file .jsonl");
}

static void test_csv(void) {
    READS("mark.csv",
          "\xEF\xBB\xBF"
          "a,b\n1,2\n",
          &plain, "2{'a':'1','b':'2'}");
    json_t *columns = ll_toy_json("['q', 'A']");
    const ll_dataset_form named = {.columns = columns};
    READS("a.csv", "q,A\n1,\n,2\n", &plain, "2{'q':'1','A':''} 3{'q':'','A':'2'}");
    READS("a.csv", "q,A\n1,\n,2\n", &named, "1{'q':'q','A':'A'} 2{'q':'1','A':''} 3{'q':'','A':'2'}");
    READS("a.csv", "q,A\r\n1,\"x\"\r\n\r\n\"y\",z\r\n", &plain, "2{'q':'1','A':'x'} 4{'q':'y','A':'z'}");
    READS("a.csv", "\"a\nb,\"\"c\"\"\",d\n\"\",e\n\nf,g", &named,
          "1{'q':'a\\nb,\\'c\\'','A':'d'} 3{'q':'','A':'e'} 5{'q':'f','A':'g'}");
    READS("a.csv", "a \"b\", \"c\"\n", &named, "1{'q':'a \\'b\\'','A':' \\'c\\''}");
    READS("a.csv", "\"a\r\nb\"\"\",c\td", &named, "1{'q':'a\\r\\nb\\'','A':'c\\td'}");
    READS("a.tsv", "q\tA\n1,5\t\"x\ty\"\n", &plain, "2{'q':'1,5','A':'x\\ty'}");
    READS("a.tsv", "\xc3\xa9\t\n\xf0\x9f\x98\x80\t,\n", &named,
          "1{'q':'\\u00E9','A':''} 2{'q':'\\uD83D\\uDE00','A':','}");
    READS("one.csv", "q\na\n\nb\n", &plain, "2{'q':'a'} 4{'q':'b'}");
    REFUSES("a.csv", "q,A\n\n1,2,3\n", &plain, "@: line 3 has 3 columns, expected 2");
    REFUSES("a.csv", "\"1\n2\",3\n4\n", &named, "@: line 3 has 1 columns, expected 2");
    REFUSES("a.csv", "1,\n4,,\n", &named, "@: line 2 has 3 columns, expected 2");
    REFUSES("a.csv", "1,2\n3,\"4\n5,6\n", &named, "@: line 2: a quoted cell is never closed");
    REFUSES("a.csv", "1,2\n3,\"4\"\"\n", &named, "@: line 2: a quoted cell is never closed");
    REFUSES("a.csv", "1,\"2\"3\n", &named, "@: line 1: text follows a quoted cell");
    REFUSES("a.csv", "1,2\n3,\xc3(\n", &named, "@: line 2: column 2 is not UTF-8");
    REFUSES("a.csv", "1,\xff\n3,4\n", &plain, "@: the name of column 2 is not UTF-8");
    REFUSES("a.csv", "q,A,q\n1,2,3\n", &plain, "@: two columns are called \"q\"");
    REFUSES("a.csv", "q,A\n", &plain, "@: holds no record");
    REFUSES("a.csv", "", &plain, "@: holds no record");
    REFUSES("a.csv", "\n\n", &named, "@: holds no record");
    json_decref(columns);
}

/* As many columns as there is room for, and one more. */
static void test_wide(void) {
    ll_dataset d;
    for (size_t columns = 64; columns <= 65; columns++) {
        char text[512] = "";
        for (size_t line = 0; line < 2; line++)
            for (size_t i = 0; i < columns; i++)
                snprintf(text + strlen(text), 8, "%zu%s", i, i + 1 < columns ? "," : "\n");
        ll_test_write(file("wide.csv"), text, strlen(text));
        const ll_status status = ll_dataset_read(&d, path, &plain, &error);
        CHECK(status == (columns == 64 ? LL_OK : LL_BAD_INPUT));
        if (status == LL_OK)
            CHECK(strcmp(json_string_value(json_object_get(d.records[0], "63")), "63") == 0);
        ll_dataset_free(&d);
    }
    CHECK_CONTAINS(error.text, "line 1 has more than 64 columns");
}

static void test_many(void) {
    char *text = malloc(1000 * 16);
    REQUIRE(text);
    size_t length = 0;
    for (size_t i = 0; i < 1000; i++)
        length += (size_t)snprintf(text + length, 16, "{\"n\":%zu}\n", i);
    ll_test_write(file("many.jsonl"), text, length);
    free(text);
    ll_dataset d;
    REQUIRE(ll_dataset_read(&d, path, &plain, &error) == LL_OK);
    CHECK(d.count == 1000);
    for (size_t i = 0; i < d.count; i++)
        CHECK(d.lines[i] == i + 1 && (size_t)json_integer_value(json_object_get(d.records[i], "n")) == i);
    ll_dataset_free(&d);
}

static void test_files(void) {
    ll_dataset d;
    CHECK(ll_dataset_read(&d, "no/such.jsonl", &plain, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "no/such.jsonl: cannot be opened: No such file");
    CHECK(ll_dataset_read(&d, ll_test_folder(), &plain, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is a folder");
    CHECK(!d.records && !d.lines);
}

static void test_ids(void) {
    const ll_dataset_form id = {.id = "id"};
    READS("a.jsonl", "{\"id\":1}\n{\"id\":\"\"}\n{\"id\":\"\"}\n{}\n{}\n{\"id\":\"2\"}\n{\"id\":null}", &id,
          "1{'id':1} 2{'id':''} 3{'id':''} 4{} 5{} 6{'id':'2'} 7{'id':null}");
    READS("a.jsonl", "{\"id\":1}\n{\"id\":1}\n", &plain, "1{'id':1} 2{'id':1}");
    REFUSES("a.jsonl", "{\"id\":1}\n\n{\"id\":2}\n{\"id\":1}\n", &id,
            "@: line 4: id \"1\" was in line 1 already");
    REFUSES("a.jsonl", "{\"id\":7}\n{\"id\":\"7\"}\n", &id, "@: line 2: id \"7\" was in line 1 already");
    REFUSES("a.jsonl", "{\"id\":\"a b\"}\n{\"id\":\"c\"}\n{\"id\":\"a b\"}\n", &id, "@: line 3: id \"a b\"");
    REFUSES("a.csv", "id,x\n\"1\n\",2\n\"1\n\",3\n", &id, "@: line 4: id \"1?\" was in line 2 already");
    /* Long ones, that differ at the end or do not. */
    char text[2 * 700];
    snprintf(text, sizeof text, "{\"id\":\"%0600d\"}\n{\"id\":\"%0600d\"}\n", 1, 2);
    ll_dataset d;
    ll_test_write(file("long.jsonl"), text, strlen(text));
    CHECK_MSG(ll_dataset_read(&d, path, &id, &error) == LL_OK, "%s", error.text);
    ll_dataset_free(&d);
    snprintf(text, sizeof text, "{\"id\":\"%0600d\"}\n{\"id\":\"%0600d\"}\n", 1, 1);
    ll_test_write(file("long.jsonl"), text, strlen(text));
    CHECK(ll_dataset_read(&d, path, &id, &error) == LL_BAD_INPUT);
}

static const ll_dataset_form *labelled(const char *text, size_t length) {
    static const ll_dataset_form form = {.labels = labels};
    snprintf(labels, sizeof labels, "%s/labels.lst", ll_test_folder());
    ll_test_write(labels, text, length);
    return &form;
}
#define LABELS(text) labelled(text, sizeof(text) - 1)
#define TWO "{\"a\":1}\n\n{\"a\":2,\"label\":\"old\"}\n"

static void test_labels(void) {
    ll_dataset one, other;
    READS("a.jsonl", TWO, LABELS("0\n1"), "1{'a':1,'label':'0'} 3{'a':2,'label':'1'}");
    READS("a.jsonl", TWO, LABELS("yes no \r\n\xc3\xa9\r\n\r\n"),
          "1{'a':1,'label':'yes no'} 3{'a':2,'label':'\\u00E9'}");
    REFUSES("a.jsonl", TWO, LABELS("0\n"), "labels.lst: has 1 labels, expected one for each of 2 records");
    REFUSES("a.jsonl", TWO, LABELS("0\n1\n\xff\n"), "labels.lst: has 3 labels, expected one for each of 2");
    REFUSES("a.jsonl", TWO, LABELS(""), "labels.lst: has 0 labels");
    REFUSES("a.jsonl", TWO, LABELS("0\n\xff\n"), "labels.lst: line 2 is not UTF-8");
    REFUSES("a.jsonl", TWO, LABELS("\n\n0\n\xff\n"), "labels.lst: line 4 is not UTF-8");
    const ll_dataset_form missing = {.labels = "no/labels.lst"};
    REFUSES("a.jsonl", TWO, &missing, "no/labels.lst: cannot be opened");
    /* Other labels are other data; the hash of a file alone is sha256sum's. */
    ll_test_write(file("abc.csv"), "abc\nabc", 7);
    REQUIRE(ll_dataset_read(&one, path, LABELS("0"), &error) == LL_OK);
    REQUIRE(ll_dataset_read(&other, path, LABELS("1"), &error) == LL_OK);
    CHECK(strlen(one.sha256) == 64 && strcmp(one.sha256, other.sha256) != 0);
    ll_dataset_free(&one);
    ll_dataset_free(&other);
    REQUIRE(ll_dataset_read(&one, path, &plain, &error) == LL_OK);
    CHECK_MSG(strcmp(one.sha256, "8805d2466f4ff27a9d1a81c4f400d902b02f5ce657fbaa696126d8947b20d442") == 0,
              "%s", one.sha256);
    ll_dataset_free(&one);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("task data/jsonl", test_jsonl);
    ll_test_run("task data/csv", test_csv);
    ll_test_run("task data/wide csv", test_wide);
    ll_test_run("task data/many records", test_many);
    ll_test_run("task data/files", test_files);
    ll_test_run("task data/ids", test_ids);
    ll_test_run("task data/labels", test_labels);
    return ll_test_end();
}
