/* Files of documents, and the reading and writing of whole files. */
#include "documents.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

static void begin(const char *name, const char *text, size_t length) {
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), name);
    ll_test_write(path, text, length);
}

/* Loads name with the text; the documents must be the expected ones, each ended by '|'. */
static void check_loads(const char *name, const char *text, size_t length, const char *expected,
                        size_t size) {
    begin(name, text, length);
    ll_documents documents;
    ll_error error = {""};
    CHECK_MSG(ll_documents_load(&documents, path, &error) == LL_OK, "%s: %s", name, error.text);
    char joined[512];
    size_t used = 0;
    for (size_t i = 0; i < documents.count; i++) {
        REQUIRE(used + documents.texts[i].length + 1 < sizeof joined);
        memcpy(joined + used, documents.texts[i].data, documents.texts[i].length);
        used += documents.texts[i].length;
        joined[used++] = '|';
    }
    CHECK_MSG(used == size && memcmp(joined, expected, size) == 0, "%s: found %.*s", name, (int)used, joined);
    ll_documents_free(&documents);
    CHECK(documents.count == 0 && !documents.texts);
}
#define LOADS(name, text, expected) check_loads(name, text, sizeof(text) - 1, expected, sizeof(expected) - 1)

static void test_loads(void) {
    LOADS("a.txt", "one\ndocument\n", "one\ndocument\n|");
    LOADS("b.txt", "any \xff\0 bytes", "any \xff\0 bytes|");
    LOADS("c.json",
          "[{\"text\": \"a\"}, {\"id\": 7, \"text\": \"\"}, {\"text\": \"\\u00e9\\ud83d\\ude00\\u0000\"}]",
          "a||\xc3\xa9\xf0\x9f\x98\x80\0|");
    LOADS("d.jsonl", "{\"text\": \"a\"}\n\n \t\r\n{\"text\": \"b\\nc\"}\r\n{\"text\": \"d\"}", "a|b\nc|d|");
    LOADS("e.f.jsonl", "{\"text\":\"[]\"}\n", "[]|");
    /* Instructions and their answers. */
    LOADS("g.json",
          "[{\"instruction\": \"ask\", \"input\": \"\", \"output\": \"say\"}, {\"output\": \"z\", \"input\": "
          "\"y\", "
          "\"instruction\": \"x\"}]",
          "ask\nsay|x\ny\nz|");
    LOADS("h.jsonl", "{\"question\":\"2+2?\",\"answer\":\"4\"}\n{\"instruction\":\"\",\"response\":\"r\"}\n",
          "2+2?\n4|r|");
    LOADS("i.jsonl", "{\"conversations\":[\"a\",\"b\",\"\",\"c\"],\"source\":\"s\"}", "a\nb\nc|");
    LOADS("j.jsonl", "{\"text\":\"t\",\"answer\":\"no\"}", "t|");
}

static void test_many(void) {
    char text[40 * 32] = "";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), 32, "{\"text\":\"%02d\"}\n", i);
    begin("many.jsonl", text, strlen(text));
    ll_documents documents;
    ll_error error;
    REQUIRE(ll_documents_load(&documents, path, &error) == LL_OK);
    CHECK(documents.count == 40);
    for (size_t i = 0; i < documents.count; i++) {
        char digits[24];
        snprintf(digits, sizeof digits, "%02zu", i);
        CHECK(documents.texts[i].length == 2 && memcmp(documents.texts[i].data, digits, 2) == 0);
    }
    ll_documents_free(&documents);
}

static void test_sha256(void) {
    begin("abc.txt", "abc", 3);
    ll_documents documents;
    ll_error error;
    REQUIRE(ll_documents_load(&documents, path, &error) == LL_OK);
    CHECK(strcmp(documents.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
    ll_documents_free(&documents);
}

static void test_refused(void) {
    static const char *const cases[][3] = {
        {"a.txt", "", "the file is empty"},
        {"a.json", "", "the file is empty"},
        {"a.json", "[]", "holds no documents"},
        {"a.jsonl", "\n\n", "holds no documents"},
        {"a.jsonl", "{\"text\":\"\"}\n{\"text\":\"\"}", "all of its documents are empty"},
        {"a.json", "{\"text\": \"a\"}", "expected an array"},
        {"a.json", "[{\"text\": \"a\"},\n {\"tex\": \"a\"}]",
         "document (counted from 0) 1: the object has no \"text\""},
        {"a.json", "[\"a\"]", "document (counted from 0) 0: expected an object"},
        {"a.json", "[{\"text\": \"a\"},\n{\"text\": \"b\",}]", "line 2, column 14: broken JSON"},
        {"a.json", "[{\"text\": \"a\"", "broken JSON"},
        {"a.json", "[{\"text\": \"a\", \"text\": \"b\"}]", "broken JSON: duplicate object key"},
        {"a.json", "[{\"text\": \"\xff\"}]", "broken JSON: unable to decode byte 0xff"},
        {"a.jsonl", "{\"text\": \"a\"}\n\n{\"text\": 7}\n", "line 3: \"text\" is not a string"},
        {"a.jsonl", "{\"text\": \"a\"}\n{\"body\": \"b\"}\n", "line 2: the object has no \"text\""},
        {"a.jsonl", "{\"text\": \"a\"} {\"text\": \"b\"}\n", "line 1, column 15: broken JSON"},
        {"a.jsonl", "{\"text\": \"a\"}\n[1]\n", "line 2: expected an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(cases[i][0], cases[i][1], strlen(cases[i][1]));
        ll_documents documents;
        ll_error error = {""};
        CHECK_MSG(ll_documents_load(&documents, path, &error) == LL_BAD_INPUT, "case %zu was accepted", i);
        CHECK_CONTAINS(error.text, cases[i][2]);
        CHECK_CONTAINS(error.text, path);
        CHECK(documents.count == 0 && !documents.texts && !documents.storage);
    }
    ll_documents documents;
    ll_error error;
    CHECK(ll_documents_load(&documents, "no/such/file.txt", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "no/such/file.txt: cannot be opened: No such file");
}

/* Brackets without end must be refused, not recursed into. */
static void test_deep(void) {
    const size_t depth = 1000000;
    char *text = malloc(depth);
    REQUIRE(text);
    memset(text, '[', depth);
    begin("deep.json", text, depth);
    free(text);
    ll_documents documents;
    ll_error error;
    CHECK(ll_documents_load(&documents, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "broken JSON: maximum parsing depth");
}

static void test_files(void) {
    char *data;
    size_t length;
    ll_error error;
    const char *folder = ll_test_folder();
    CHECK(ll_file_read(folder, &data, &length, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is a folder");
    CHECK(ll_file_read("/dev/zero", &data, &length, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is no regular file");
    char inner[300];
    snprintf(inner, sizeof inner, "%s/one/two//three", folder);
    CHECK(ll_folder_make(inner, &error) == LL_OK && ll_folder_make(inner, &error) == LL_OK);
    snprintf(path, sizeof path, "%s/one/file", folder);
    CHECK(ll_file_write(path, "old", 3, &error) == LL_OK &&
          ll_file_write(path, "newer\0", 6, &error) == LL_OK);
    REQUIRE(ll_file_read(path, &data, &length, &error) == LL_OK);
    CHECK(length == 6 && memcmp(data, "newer\0", 7) == 0);
    free(data);
    CHECK(ll_folder_make(path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "one/file: is a file; expected a folder");
    snprintf(inner, sizeof inner, "%s/below", path);
    CHECK(ll_folder_make(inner, &error) == LL_BAD_INPUT);
    CHECK(ll_file_write(inner, "x", 1, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "cannot be written: Not a directory");
    CHECK(ll_file_write(folder, "x", 1, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is a folder");
    CHECK(ll_folder_make("", &error) == LL_BAD_USAGE);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("documents/loads", test_loads);
    ll_test_run("documents/many", test_many);
    ll_test_run("documents/sha256", test_sha256);
    ll_test_run("documents/refused", test_refused);
    ll_test_run("documents/deep", test_deep);
    ll_test_run("documents/files", test_files);
    return ll_test_end();
}
