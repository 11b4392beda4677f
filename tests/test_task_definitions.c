/* The definitions of tasks: what is read, what is refused, and those that come with the program. */
#include "eval/task_list.h"
#include "test.h"
#include "toy_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char path[256];
static ll_error error;

static const char *file(const char *name) {
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), name);
    return path;
}

typedef enum { CHOICES, CONTEXTS, GENERATE, KINDS } kind;
static const char *const sound[KINDS] = {
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_choice':['a','b'],'doc_to_target':'{"
    "{k}}',"
    "'targets':['0','1'],'metric':'acc'}",
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':['{{q}}','{{r}}'],'doc_to_choice':'{{s}}','doc_to_"
    "target':'{{k}}',"
    "'targets':['0','1'],'metric':'acc_norm'}",
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_target':'{{a}}','until':['.'],'max_"
    "gen_toks':9,"
    "'filters':[{'metric':'m','pattern':'x','take':'last'}],'metric':'m'}"};

/* The definition with a key set to value (JSON; NULL: without it), in path. */
static void write_changed(kind base, const char *key, const char *value) {
    json_t *root = ll_toy_json(sound[base]);
    if (value)
        json_object_set_new(root, key, ll_toy_json(value));
    else
        json_object_del(root, key);
    char *text = json_dumps(root, 0);
    ll_test_write(file("task.json"), text, strlen(text));
    free(text);
    json_decref(root);
}

/* Accepted where sentence is NULL. */
static void check_definition(int line, kind base, const char *key, const char *value, const char *sentence) {
    ll_task task;
    write_changed(base, key, value);
    error.text[0] = 0;
    const ll_status status = ll_task_read(&task, path, &error);
    if (status != (sentence ? LL_BAD_INPUT : LL_OK))
        ll_test_fail(__FILE__, line, "\"%s\": %.60s %s %s", key, value ? value : "missing",
                     status == LL_OK ? "was accepted" : "was refused:", error.text);
    if (sentence) {
        ll_check_contains(__FILE__, line, error.text, path);
        ll_check_contains(__FILE__, line, error.text, sentence);
    }
    CHECK(status == LL_OK || (!task.root && !task.filters && !task.rewrites && !task.subjects));
    ll_task_free(&task);
}
#define READS_TASK(base, key, value) check_definition(__LINE__, base, key, value, NULL)
#define REFUSES_TASK(base, key, value, sentence) check_definition(__LINE__, base, key, value, sentence)

/* Keys of a kind of value, each with values that are none of it. */
static void test_kinds(void) {
    static const char *const texts[] = {"title",
                                        "paper_column",
                                        "about",
                                        "get",
                                        "licence",
                                        "labels",
                                        "shots_labels",
                                        "id",
                                        "description",
                                        "target_delimiter",
                                        "fewshot_delimiter",
                                        "rounds_of",
                                        "shots"},
                             *const sizes[] = {"whole", "num_fewshot", "max_gen_toks"},
                             *const lists[] = {"questions", "shots_from", "columns", "until", "ignore"},
                             *const no_texts[] = {"7", "null", "['a']", "{}", "true"},
                             *const no_sizes[] = {"-1", "1073741825", "5.0", "'5'", "true", "null", "[1]"},
                             *const no_lists[] = {"'a'", "7", "[]", "['a',7]", "[['a']]", "{}", "null"};
    char sentence[128];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < sizeof no_texts / sizeof *no_texts; k++) {
            snprintf(sentence, sizeof sentence, "\"%s\" holds something else; expected a text", texts[i]);
            REFUSES_TASK(CHOICES, texts[i], no_texts[k], sentence);
        }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof no_sizes / sizeof *no_sizes; k++) {
            snprintf(sentence, sizeof sentence,
                     "\"%s\" holds something else; expected a number from 0 to 2^30", sizes[i]);
            REFUSES_TASK(CHOICES, sizes[i], no_sizes[k], sentence);
        }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t k = 0; k < sizeof no_lists / sizeof *no_lists; k++) {
            snprintf(sentence, sizeof sentence, "\"%s\" holds something else; expected a list of texts",
                     lists[i]);
            REFUSES_TASK(GENERATE, lists[i], no_lists[k], sentence);
        }
    READS_TASK(CHOICES, "whole", "1073741824");
}

static const struct {
    kind base;
    const char *key, *value, *sentence;
} refused[] = {
    {CHOICES, "task", NULL, "\"task\" is missing; expected a text"},
    {CHOICES, "task", "''", "\"task\" holds something else"},
    {CHOICES, "task", "'../toy'", "\"task\" holds something else; expected a name without /"},
    {CHOICES, "task", "'a/b'", "\"task\" holds something else"},
    {CHOICES, "task", "'..'", "\"task\" holds something else"},
    {CHOICES, "questions", NULL, "\"questions\" is missing"},
    {CHOICES, "doc_to_text", NULL, "\"doc_to_text\" is missing; expected a text"},
    {CHOICES, "doc_to_text", "7", "\"doc_to_text\" holds something else"},
    {CHOICES, "doc_to_choice", NULL, "\"doc_to_choice\" is missing"},
    {CHOICES, "doc_to_choice", "'words'", "expected a list of texts or a path with []"},
    {CHOICES, "doc_to_choice", "[]", "\"doc_to_choice\" holds something else"},
    {CHOICES, "doc_to_target", NULL, "\"doc_to_target\" is missing"},
    {CHOICES, "doc_to_target", "1", "\"doc_to_target\" holds something else"},
    {CHOICES, "targets", NULL, "\"targets\" is missing; expected it for this kind of task"},
    {CHOICES, "targets", "'x'", "\"targets\" holds something else"},
    {CONTEXTS, "doc_to_text", "['a',1]", "\"doc_to_text\" holds something else"},
    {CONTEXTS, "doc_to_choice", "['a','b']", "\"doc_to_choice\" holds something else; expected a text"},
    {CONTEXTS, "targets", NULL, "\"targets\" is missing"},
    {GENERATE, "max_gen_toks", NULL, "\"max_gen_toks\" is missing; expected it for this kind of task"},
    {GENERATE, "max_gen_toks", "0", "\"max_gen_toks\" holds something else"},
    {GENERATE, "until", "['']", "\"until\" holds something else; expected texts that are not empty"},
    {GENERATE, "filters", NULL, "\"filters\" is missing"},
    {GENERATE, "filters", "'x'", "\"filters\" holds something else; expected a list of objects"},
    {CHOICES, "filters", "{}", "\"filters\" holds something else; expected a list of objects"},
    {GENERATE, "filters", "[{'metric':'m','pattern':'x'}]",
     "expected objects with metric, pattern, and take"},
    {GENERATE, "filters", "[{'metric':'m','pattern':'x','take':'any'}]", "\"filters\" holds something else"},
    {GENERATE, "filters", "[{'pattern':'x','take':'last'}]", "\"filters\" holds something else"},
    {GENERATE, "filters", "[{'metric':'m','pattern':7,'take':'last'}]", "expected regular expressions"},
    {GENERATE, "filters", "[{'metric':'m','pattern':'(','take':'last'}]", "\"filters\": \"(\" is no regular"},
    {GENERATE, "filters", "[7]", "\"filters\" holds something else"},
    {GENERATE, "filters",
     "[{'metric':'m','pattern':'x','take':'last'},{'metric':'m','pattern':'y','take':'last'}]",
     "\"filters\" holds something else; expected metrics of different names, 8 at most"},
    {GENERATE, "ignore", "['a','[']", "\"ignore\": \"[\" is no regular expression"},
    {GENERATE, "ignore_case", "'no'", "\"ignore_case\" holds something else; expected true or false"},
    {GENERATE, "metric", "'acc'", "\"metric\" holds something else; expected acc, acc_norm or acc_bytes"},
    {GENERATE, "chance", "'x'", "\"chance\" holds something else; expected a number from 0 to 1"},
    {CHOICES, "chance", "1.5", "\"chance\" holds something else"},
    {CHOICES, "chance", "-0.1", "\"chance\" holds something else"},
    {CHOICES, "chance", "null", "\"chance\" holds something else"},
    {CHOICES, "metric", NULL, "\"metric\" is missing; expected a text"},
    {CHOICES, "metric", "'accuracy'", "\"metric\" holds something else"},
    {CHOICES, "rewrite", "'x'", "\"rewrite\" holds something else; expected pairs [pattern, text]"},
    {CHOICES, "rewrite", "[['a']]", "\"rewrite\" holds something else"},
    {CHOICES, "rewrite", "[['a','b','c']]", "\"rewrite\" holds something else"},
    {CHOICES, "rewrite", "[['a','b'],['a',7]]", "\"rewrite\" holds something else"},
    {CHOICES, "rewrite", "[['a','b'],[7,'a']]", "expected regular expressions"},
    {CHOICES, "rewrite", "[['a','b'],['*','b']]", "\"rewrite\": \"*\" is no regular expression: "},
    {CHOICES, "subjects", "['a']",
     "\"subjects\" holds something else; expected lists of texts by their group"},
    {CHOICES, "subjects", "{}", "\"subjects\" holds something else"},
    {CHOICES, "subjects", "{'g':'a'}", "\"subjects\" holds something else"},
    {CHOICES, "subjects", "{'g':['a'],'h':[1]}", "\"subjects\" holds something else"},
    {CHOICES, "subjects", "{'g':['a','b'],'h':['a']}",
     "\"subjects\" holds something else; expected each subject once"},
    {CHOICES, "shots", "'random'", "expected sampled, spare, first or rounds"},
    {CHOICES, "shots", "'rounds'", "\"rounds_of\" is missing; expected the field of the class"},
    {CHOICES, "rounds_of", "'k'", "\"rounds_of\" holds something else; expected the field of the class"},
    {CHOICES, "num_fewshot", "1", "\"shots_from\" is missing; expected file names where there are examples"},
    {CHOICES, "num_fewshots", "1", "unknown key \"num_fewshots\"; did you mean \"num_fewshot\"?"},
    {CHOICES, "lables", "'x'", "unknown key \"lables\"; did you mean \"labels\"?"},
    {CHOICES, "a_key_that_is_like_no_other", "1", "unknown key \"a_key_that_is_like_no_other\""},
};

static void test_refused_keys(void) {
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_definition(__LINE__, refused[i].base, refused[i].key, refused[i].value, refused[i].sentence);
    CHECK(!strstr(error.text, "did you mean"));
}

/* As many metrics as a task may have, and one more. */
static void test_metrics(void) {
    for (size_t count = 8; count <= 9; count++) {
        char filters[512] = "[";
        for (size_t i = 0; i < count; i++)
            snprintf(filters + strlen(filters), 48, "%s{'metric':'%.1s','pattern':'x','take':'last'}",
                     i ? "," : "", &"mnopqrstu"[i]);
        strcat(filters, "]");
        check_definition(__LINE__, GENERATE, "filters", filters,
                         count == 8 ? NULL : "expected metrics of different names, 8 at most");
    }
}

/* What is not said, and what is. */
static void test_standards(void) {
    ll_task t;
    write_changed(CHOICES, "title", NULL);
    REQUIRE(ll_task_read(&t, path, &error) == LL_OK);
    CHECK(t.kind == LL_TASK_CHOICES && strcmp(t.name, "toy") == 0 && strcmp(t.title, "toy") == 0);
    CHECK(!*t.about && !*t.get && !*t.licence && !*t.description && !t.paper_column && !t.labels && !t.id);
    CHECK(strcmp(t.target_delimiter, " ") == 0 && strcmp(t.fewshot_delimiter, "\n\n") == 0);
    CHECK(t.shots == 0 && t.shot_order == LL_SHOTS_SAMPLED && !t.shots_from && t.whole == 0);
    CHECK(isnan(t.chance) && !t.subjects && t.subject_count == 0 && !t.ignore_case);
    ll_task_free(&t);
    write_changed(CONTEXTS, "subjects", "{'g':['b','a'],'h':['c']}");
    REQUIRE(ll_task_read(&t, path, &error) == LL_OK);
    CHECK(t.kind == LL_TASK_CONTEXTS && json_array_size(t.texts) == 2 &&
          strcmp(t.continuation, "{{s}}") == 0);
    CHECK(t.subject_count == 3 && strcmp(t.subjects[0].name, "b") == 0 &&
          strcmp(t.subjects[2].group, "h") == 0);
    ll_task_free(&t);
    write_changed(GENERATE, "ignore_case", "true");
    REQUIRE(ll_task_read(&t, path, &error) == LL_OK);
    CHECK(t.kind == LL_TASK_GENERATE && t.max_tokens == 9 && t.filter_count == 1 && t.filters[0].last);
    CHECK(t.chance == 0 && t.ignore_case);
    ll_task_free(&t);
    ll_task_free(&t);
}

static void check_hostile(const char *text, size_t length, const char *sentence) {
    ll_task task;
    ll_test_write(file("hostile.json"), text, length);
    CHECK(ll_task_read(&task, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, path);
    CHECK_CONTAINS(error.text, sentence);
    CHECK(!task.root);
}
#define HOSTILE(text, sentence) check_hostile(text, sizeof(text) - 1, sentence)

static void test_hostile(void) {
    enum { DEEP = 1000000 };
    ll_task task;
    char *deep = malloc(DEEP);
    REQUIRE(deep);
    memset(deep, '[', DEEP);
    memcpy(deep, "{\"task\":", 8);
    check_hostile(deep, DEEP, "maximum parsing depth");
    memset(deep, 'a', DEEP);
    memcpy(deep, "{\"", 2);
    memcpy(deep + DEEP - 4, "\":1}", 4);
    check_hostile(deep, DEEP, "unknown key \"aaaaaaaa");
    free(deep);
    HOSTILE("", "line ");
    HOSTILE("[]", "expected an object");
    HOSTILE("{\"task\":\"a\"\n,\"whole\":99999999999999999999}", "line 2, column");
    CHECK_CONTAINS(error.text, "too big integer");
    HOSTILE("{\"chance\":1e999}", "real number overflow");
    HOSTILE("{\"task\":\"a\",\"task\":\"b\"}", "duplicate object key");
    HOSTILE("{\"task\":\"a\\u0000b\"}", "line 1, column");
    HOSTILE("{\"task\":\"\xff\"}", "unable to decode byte 0xff");
    HOSTILE("{\"task\":\"a\"} x", "line 1, column");
    CHECK(ll_task_read(&task, "no/such.json", &error) == LL_BAD_INPUT && !task.root);
    CHECK(ll_task_read(&task, ll_test_folder(), &error) == LL_BAD_INPUT && !task.root);
}

/* ---- the program's own ---- */

static void test_built_in(void) {
    char **names;
    size_t count, of_the_paper = 0;
    REQUIRE(ll_task_names(&names, &count, &error) == LL_OK);
    CHECK(count >= 10);
    for (size_t i = 0; i < count; i++) {
        ll_task task;
        CHECK(i == 0 || strcmp(names[i - 1], names[i]) < 0);
        CHECK_MSG(ll_task_find(&task, names[i], &error) == LL_OK, "%s", error.text);
        CHECK_MSG(task.name && strcmp(task.name, names[i]) == 0 && *task.about && *task.get &&
                      *task.licence && task.whole > 0 && task.shots_from,
                  "%s: something is missing", names[i]);
        of_the_paper += task.paper_column != NULL;
        ll_task_free(&task);
    }
    CHECK(of_the_paper == 8);
    ll_names_free(names, count);
}

static void test_find(void) {
    ll_task task;
    CHECK(ll_task_find(&task, "mmul", &error) == LL_BAD_USAGE && !task.root);
    CHECK_CONTAINS(error.text, "no task is called \"mmul\"; did you mean mmlu?");
    CHECK(ll_task_find(&task, "../tasks/mmlu", &error) == LL_BAD_USAGE);
    CHECK(ll_task_find(&task, "", &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "layerlab tasks lists them");
    write_changed(GENERATE, "title", "'T'");
    REQUIRE(ll_task_find(&task, path, &error) == LL_OK);
    CHECK(strcmp(task.title, "T") == 0 && strlen(task.sha256) == 64);
    ll_task_free(&task);
    CHECK(ll_task_find(&task, "no/such.json", &error) == LL_BAD_INPUT);
}
/* ---- where data lies ---- */

/* Makes the file TASK/name of the user's folder, and says which one is then found; "" for none, "*" for a sample. */
static const char *located(const ll_task *task, const char *name, const json_t *files, const char *subject) {
    static char found[LL_TASK_PATH];
    char folder[512];
    bool sample;
    if (name) {
        snprintf(folder, sizeof folder, "%s/data/%s/%s", ll_test_folder(), task->name, name);
        ll_test_write(folder, "x", 1);
    }
    if (!ll_task_locate(task, files, subject, found, &sample))
        return "";
    return sample ? "*" : strrchr(found, '/') + 1;
}

static void test_locate(void) {
    char data[300], folder[400];
    ll_task task;
    json_t *files = ll_toy_json("['s/{subject}_x.csv','{subject}.csv','plain.csv']");
    snprintf(data, sizeof data, "%s/data", ll_test_folder());
    REQUIRE(ll_task_find(&task, "boolq", &error) == LL_OK);
    unsetenv("LAYERLAB_DATA");
    CHECK(strcmp(located(&task, NULL, task.questions, NULL), "*") == 0);
    CHECK(strcmp(located(&task, NULL, files, "a"), "") == 0);
    CHECK(ll_task_fail_missing(&task, files, "a", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "boolq: its data is not there: expected $LAYERLAB_DATA/boolq/s/a_x.csv "
                               "(LAYERLAB_DATA names a folder of yours); get it from BoolQ.zip");
    setenv("LAYERLAB_DATA", data, 1);
    snprintf(folder, sizeof folder, "mkdir -p '%s/boolq/s'", data);
    REQUIRE(system(folder) == 0);
    CHECK(ll_task_fail_missing(&task, files, "a", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "/data/boolq/s/a_x.csv; get it from");
    CHECK(strcmp(located(&task, NULL, task.questions, NULL), "*") == 0); /* not there: the sample */
    CHECK(strcmp(located(&task, "plain.csv", files, "a"), "plain.csv") == 0);
    CHECK(strcmp(located(&task, "a.csv", files, "a"), "a.csv") == 0);
    CHECK(strcmp(located(&task, "s/a_x.csv", files, "a"), "a_x.csv") == 0);
    CHECK(strcmp(located(&task, NULL, files, "b"), "plain.csv") == 0);
    CHECK(strcmp(located(&task, "val.first800.jsonl", task.questions, NULL), "val.first800.jsonl") == 0);
    CHECK(strcmp(located(&task, "val.jsonl", task.questions, NULL), "val.jsonl") == 0);
    setenv("LAYERLAB_DATA", "", 1);
    CHECK(strcmp(located(&task, NULL, task.questions, NULL), "*") == 0);
    json_decref(files);
    ll_task_free(&task);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("task definition/kinds of value", test_kinds);
    ll_test_run("task definition/refused", test_refused_keys);
    ll_test_run("task definition/metrics", test_metrics);
    ll_test_run("task definition/standards", test_standards);
    ll_test_run("task definition/hostile", test_hostile);
    ll_test_run("task definition/built in", test_built_in);
    ll_test_run("task definition/find", test_find);
    ll_test_run("task definition/locate", test_locate);
    return ll_test_end();
}
