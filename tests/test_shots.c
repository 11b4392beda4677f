/* Which questions of a file are asked, and which examples come before each. */
#include "test.h"
#include "toy_task.h"

#include <stdlib.h>
#include <string.h>

/* A task with more keys behind those that all have. */
#define TOY(more)                                                                                            \
    "{'task':'toy','questions':['q.jsonl'],'shots_from':['s.jsonl'],'doc_to_text':'Q{{q}}',"                 \
    "'doc_to_target':'{{k}}','fewshot_delimiter':';','metric':'acc'" more "}"
#define XY ",'doc_to_choice':['x','y'],'targets':['0','1']"

/* ---- examples ---- */

#define LETTERS                                                                                              \
    "{'q':'a','k':0,'c':'x'}\n{'q':'b','k':1,'c':'x'}\n{'q':'c','k':0,'c':'y'}\n{'q':'d','k':1,'c':'z'}\n"   \
    "{'q':'e','k':0,'c':'x'}\n{'q':'f','k':1,'c':'y'}\n"
#define DOUBLED                                                                                              \
    "{'q':'a','k':0}\n{'q':'a','k':0}\n{'q':'b','k':1}\n{'q':'c','k':0}\n{'q':'d','k':1}\n{'q':'a','k':0}\n"

/* Examples of every question by their letters: "cb/da/..."; count SIZE_MAX: as the task says. */
static void check_shots(const char *more, const char *questions, const char *examples, size_t count,
                        const char *expected) {
    char definition[1024], found[256] = "";
    const ll_question_options options = {.shots = count, .context = 1000};
    snprintf(definition, sizeof definition, TOY(XY "%s"), more);
    ll_toy_data("q.jsonl", questions);
    ll_toy_data("s.jsonl", examples);
    ll_toy_asked a;
    ll_toy_ask(&a, definition, "llama2", &options);
    CHECK_MSG(a.status == LL_OK, "%s", a.error.text);
    for (size_t i = 0; i < a.set.count; i++) {
        const char *text = a.set.requests[a.set.questions[i].first].text;
        for (const char *end; (end = strchr(text, ';')); text = end + 1) { /* "Qa x;" of 0, "Qb y;" of 1 */
            strncat(found, text + 1, 1);
            CHECK(end - text == 4 && text[3] == (strchr("ace", text[1]) ? 'x' : 'y'));
        }
        strcat(found, "/");
    }
    CHECK_MSG(strcmp(found, expected) == 0, "%s: %s", more, found);
    CHECK(count == SIZE_MAX || a.set.shots == count);
    ll_toy_asked_free(&a);
}

/* The draws are those of Python's random.Random(1234).sample, as the harness uses it. */
static void test_shots(void) {
    check_shots("", LETTERS, LETTERS, 0, "//////");
    check_shots(",'num_fewshot':2", LETTERS, LETTERS, SIZE_MAX, "da/af/ea/fa/ac/ba/");
    check_shots(",'num_fewshot':2", LETTERS, LETTERS, 6, "daefcb/acbfed/cedfba/abfdec/aedfcb/ceafbd/");
    check_shots(",'num_fewshot':2,'shots':'spare'", LETTERS, LETTERS, SIZE_MAX, "de/ae/fa/cb/af/ed/");
    check_shots(",'num_fewshot':2,'shots':'spare'", DOUBLED, DOUBLED, SIZE_MAX, "cd/db/aa/aa/bc/dc/");
    check_shots(",'num_fewshot':2,'shots':'first'", LETTERS, LETTERS, SIZE_MAX, "ab/ab/ab/ab/ab/ab/");
    check_shots(",'num_fewshot':2,'shots':'first'", "{'q':'a','k':0}\n", LETTERS, 6, "abcdef/");
#define ROUNDS ",'num_fewshot':2,'shots':'rounds','rounds_of':'c'"
    check_shots(ROUNDS, "{'q':'1','k':0}\n{'q':'2','k':0}\n", LETTERS, SIZE_MAX, "ca/ca/");
    check_shots(ROUNDS, "{'q':'1','k':0}\n", LETTERS, 4, "cadb/");
    check_shots(ROUNDS, "{'q':'1','k':0}\n", LETTERS, 6, "cadbfe/");
    /* Where too many are the question itself. */
    ll_toy_data("q.jsonl", "{'q':'a','k':0}\n");
    ll_toy_data("s.jsonl", "{'q':'a','k':0}\n{'q':'a','k':0}\n{'q':'b','k':0}\n");
    ll_toy_asked a;
    ll_toy_ask(&a, TOY(XY ",'num_fewshot':2,'shots':'spare'"), "llama2", NULL);
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "s.jsonl: 2 examples are asked, 1 are not the question");
    ll_toy_asked_free(&a);
    /* A damaged example is named by its own place. */
    ll_toy_data("s.jsonl", "{'q':'b','k':0}\n\n{'q':'c','k':3}\n");
    ll_toy_ask(&a, TOY(XY ",'num_fewshot':2,'shots':'first'"), "llama2", NULL);
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "s.jsonl: line 3: the right answer \"3\" is none");
    ll_toy_asked_free(&a);
}

/* Of several contexts an example has the right one. */
static void test_contexts(void) {
    ll_toy_data("q.jsonl", "{'k':1,'q':'a'}\n");
    ll_toy_data("s.jsonl", "{'k':0,'q':'b'}\n{'k':1,'q':'c'}\n");
    ll_toy_asked a;
    ll_toy_ask(
        &a,
        "{'task':'toy','questions':['q.jsonl'],'shots_from':['s.jsonl'],'shots':'first','num_fewshot':2,"
        "'doc_to_text':['N{{q}}','Y{{q}}'],'doc_to_choice':'is','doc_to_target':'{{k}}','targets':['0','1'],"
        "'target_delimiter':'-','fewshot_delimiter':';','metric':'acc'}",
        "llama2", NULL);
    REQUIRE(a.status == LL_OK && a.set.request_count == 2);
    CHECK_MSG(strcmp(a.set.requests[0].text, "Nb-is;Yc-is;Na-is") == 0, "%s", a.set.requests[0].text);
    CHECK_MSG(strcmp(a.set.requests[1].text, "Nb-is;Yc-is;Ya-is") == 0, "%s", a.set.requests[1].text);
    ll_toy_asked_free(&a);
}

/* Examples may be the program's where questions are the user's. */
static void test_samples(void) {
    char folder[300];
    ll_error error;
    snprintf(folder, sizeof folder, "%s/data/boolq", ll_test_folder());
    CHECK(ll_folder_make(folder, &error) == LL_OK);
    strcat(folder, "/q.csv");
    ll_test_write(folder, "q,label\n1,x\n", 12);
    for (size_t shots = 0; shots < 2; shots++) {
        ll_toy_asked a;
        ll_toy_ask(&a,
                   "{'task':'boolq','questions':['q.csv'],'shots_from':['val.jsonl'],'doc_to_text':'Q','"
                   "metric':'acc',"
                   "'doc_to_target':'0'" XY "}",
                   "llama2", &(ll_question_options){.shots = shots, .context = 100});
        CHECK_MSG(a.status == LL_OK && !a.set.sample && a.set.sample_shots == (shots > 0), "%s",
                  a.error.text);
        ll_toy_asked_free(&a);
    }
}

/* What was drawn for a question moves the next one's; every file of a task with subjects begins anew. */
static void test_subjects(void) {
    ll_toy_data("b_q.jsonl", LETTERS);
    ll_toy_data("b_s.jsonl", LETTERS);
    ll_toy_data("c_q.jsonl", "{'q':'a','k':0,'c':'x'}\n{'q':'9','k':0}\n");
    ll_toy_data("c_s.jsonl", LETTERS);
    ll_toy_asked a;
    ll_toy_ask(&a,
               "{'task':'toy','questions':['{subject}_q.jsonl'],'shots_from':['{subject}_s.jsonl'],"
               "'subjects':{'g':['not_there','b'],'h':['c']},'shots':'spare','num_fewshot':1,"
               "'description':'On {{subject}}: ','doc_to_text':'{{subject}}{{q}}','doc_to_target':'{{k}}',"
               "'fewshot_delimiter':';','metric':'acc'" XY "}",
               "llama2", NULL);
    CHECK_MSG(a.status == LL_OK, "%s", a.error.text);
    REQUIRE(a.set.subject_count == 2 && a.set.count == 8);
    const ll_question_subject *s = a.set.subjects;
    CHECK(strcmp(s[0].name, "b") == 0 && strcmp(s[0].group, "g") == 0 && strcmp(s[1].group, "h") == 0);
    CHECK(s[0].first == 0 && s[0].count == 6 && s[1].first == 6 && s[1].count == 2 && s[1].available == 2);
    CHECK(a.set.questions[5].subject == 0 && a.set.questions[6].subject == 1 &&
          a.set.questions[6].document == 0);
    /* random.Random(1234): samples of 2 of "abcdef", six and then two, the question itself taken out. */
    static const char *const expected[] = {"d", "a", "e", "f", "a", "b", "d", "a"};
    for (size_t i = 0; i < 8; i++) {
        char text[64];
        const char *subject = i < 6 ? "b" : "c";
        snprintf(text, sizeof text, "On %s: %s%s %c;", subject, subject, expected[i],
                 strchr("ace", *expected[i]) ? 'x' : 'y');
        CHECK_MSG(strncmp(a.set.requests[2 * i].text, text, strlen(text)) == 0, "%zu: %s", i,
                  a.set.requests[2 * i].text);
    }
    ll_toy_asked_free(&a);
}

/* ---- which questions ---- */

#define EIGHT                                                                                                \
    "{'q':'0','k':0}\n{'q':'1','k':0}\n{'q':'2','k':0}\n{'q':'3','k':0}\n\n{'q':'4','k':0}\n"                \
    "{'q':'5','k':0}\n{'q':'6','k':0}\n{'q':'7','k':0}\n"

static void check_limit(size_t limit, bool subset, uint64_t seed, const char *expected) {
    char found[16] = "";
    const ll_question_options options = {.limit = limit, .subset = subset, .seed = seed, .context = 100};
    ll_toy_asked a;
    ll_toy_ask(&a, TOY(XY), "digits", &options);
    for (size_t i = 0; a.status == LL_OK && i < a.set.count; i++) {
        const ll_question *q = &a.set.questions[i];
        strncat(found, a.set.requests[q->first].text + 1, 1);
        CHECK(q->document == (size_t)(found[i] - '0') && q->line == q->document + (q->document < 4 ? 1 : 2));
    }
    CHECK_MSG(strcmp(found, expected) == 0, "limit %zu, seed %zu: %s", limit, (size_t)seed, found);
    CHECK(a.set.available == 8 && a.set.subjects[0].available == 8 && a.set.subjects[0].count == a.set.count);
    ll_toy_asked_free(&a);
}

/* Drawn ones are sorted(random.Random(seed).sample(range(8), limit)). */
static void test_limit(void) {
    ll_toy_data("q.jsonl", EIGHT);
    check_limit(0, false, 0, "01234567");
    check_limit(3, false, 5, "012");
    check_limit(3, true, 0, "367");
    check_limit(3, true, 1234, "067");
    check_limit(3, true, 8589934597, "145");
    check_limit(7, true, 0, "0123567");
    check_limit(8, true, 0, "01234567");
    check_limit(99, true, 0, "01234567");
    check_limit(99, false, 0, "01234567");
    check_limit(0, true, 0, "01234567");
}

/* The data's hash is that of all files that were read. */
static void test_hash(void) {
    const ll_question_options with = {.shots = 1, .context = 100}, without = {.context = 100};
    char hashes[4][LL_SHA256_TEXT];
    for (size_t i = 0; i < 4; i++) {
        ll_toy_data("q.jsonl", i == 3 ? LETTERS "\n" : LETTERS);
        ll_toy_data("s.jsonl", i == 2 ? DOUBLED : LETTERS);
        ll_toy_asked a;
        ll_toy_ask(&a, TOY(XY), "digits", i ? &with : &without);
        CHECK(a.status == LL_OK && strlen(a.set.data_sha256) == 64);
        memcpy(hashes[i], a.set.data_sha256, sizeof *hashes);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(hashes[i], hashes[k]) != 0);
        ll_toy_asked_free(&a);
    }
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("shots/examples", test_shots);
    ll_test_run("shots/contexts", test_contexts);
    ll_test_run("shots/samples", test_samples);
    ll_test_run("shots/subjects", test_subjects);
    ll_test_run("shots/limit", test_limit);
    ll_test_run("shots/hash", test_hash);
    return ll_test_end();
}
