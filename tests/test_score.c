/* From answers to right and wrong, to shares with their errors, and to the difference of two models. */
#include "eval/score.h"
#include "eval/task_list.h"
#include "test.h"
#include "toy_task.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_error error;

static bool near(double found, double expected) {
    return fabs(found - expected) <= 1e-12 * fmax(1, fabs(expected));
}

/* ---- choices ---- */

/* C04 of the list of bugs of others: sum, mean by code points of the choice, mean by bytes; the first of equals. */
static void test_choice(void) {
    static const struct {
        double ll[3];
        size_t acc, acc_norm, acc_bytes;
    } cases[] = {
        {{-1, -2, -3}, 0, 1, 2},   /* by one: -1 -0.5 -1; by bytes: -1 -0.5 -0.33 */
        {{-2, -2, -6}, 0, 1, 1},   /* -2 -0.5 -2; -2 -0.5 -0.67 */
        {{-1, -4, -9}, 0, 0, 0},   /* -1 -1 -3; -1 -1 -1 */
        {{-3, -2, -1.5}, 2, 1, 2}, /* norm: -3 -0.5 -0.5 */
        {{-7, -3, -3}, 1, 1, 2},   /* norm: -7 -0.75 -1 */
        {{-HUGE_VAL, -HUGE_VAL, -1e300}, 2, 2, 2},
        {{-HUGE_VAL, -HUGE_VAL, -HUGE_VAL}, 0, 0, 0},
    };
    ll_toy_data("q.jsonl", "{'q':'?','k':1}\n");
    ll_toy_asked a;
    ll_toy_ask(
        &a,
        "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_target':'{{k}}','metric':'acc',"
        "'doc_to_choice':['a','abcd','\u20ac\u20ac\u20ac'],'targets':['0','1','2']}",
        "llama2", NULL);
    REQUIRE(a.status == LL_OK && a.set.request_count == 3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_said said[3];
        for (size_t k = 0; k < 3; k++)
            said[k] = (ll_said){.ll = cases[i].ll[k]};
        const ll_question *q = a.set.questions;
        const size_t sum = ll_choice_of(&a.set, q, said, "acc"),
                     norm = ll_choice_of(&a.set, q, said, "acc_norm"),
                     bytes = ll_choice_of(&a.set, q, said, "acc_bytes");
        CHECK_MSG(sum == cases[i].acc && norm == cases[i].acc_norm && bytes == cases[i].acc_bytes,
                  "case %zu: %zu %zu %zu", i, sum, norm, bytes);
    }
    ll_toy_asked_free(&a);
}

/* A question's requests are its own, wherever they lie in the set. */
static void test_sheet(void) {
    ll_toy_data("q.jsonl", "{'q':'1','k':0}\n{'q':'2','k':1}\n{'q':'3','k':1}\n{'q':'4','k':0}\n");
    ll_toy_asked a;
    ll_toy_ask(&a,
               "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'Q{{q}}','doc_to_target':'{{k}}',"
               "'metric':'acc_norm','doc_to_choice':['ab','c'],'targets':['0','1']}",
               "llama2", NULL);
    REQUIRE(a.status == LL_OK);
    ll_answers answers;
    ll_score_sheet sheet;
    REQUIRE(ll_answers_open(&answers, &a.set, NULL, NULL, 0, &error) == LL_OK && answers.missing == 4);
    static const double ll[4][2] = {
        {-3, -2}, {-1, -2}, {-9, -1}, {-1, -3}}; /* sums: 1 0 1 0; norm: 0 0 1 0 */
    for (size_t i = 0; i < 8; i++)
        answers.said[i].ll = ll[i / 2][i % 2];
    REQUIRE(ll_score_sheet_make(&sheet, &a.set, &answers, &error) == LL_OK);
    CHECK(sheet.metrics == 3 && sheet.main == 1 && sheet.count == 4 &&
          strcmp(sheet.metric[2], "acc_bytes") == 0);
    static const unsigned char right[] = {0, 0, 1, 1, /* */ 1, 0, 1, 1, /* */ 1, 0, 1, 1};
    CHECK(memcmp(sheet.right, right, sizeof right) == 0);
    CHECK(near(sheet.total[0].mean, 0.5) && near(sheet.total[0].stderr_mean, sqrt(0.25 / 3)));
    CHECK(near(sheet.total[1].mean, 0.75) && near(sheet.total[1].stderr_mean, 0.25));
    CHECK(sheet.macro[1] == sheet.total[1].mean && sheet.subject_count == 0 && sheet.group_count == 0);
    ll_score_sheet_free(&sheet);
    ll_answers_close(&answers);
    ll_toy_asked_free(&a);
}

/* ---- MMLU: C07 ---- */

/* The program's own definition with other subjects, in the notation of toy_task.h. */
static void small_mmlu(char out[4096]) {
    ll_task task;
    if (ll_task_find(&task, "mmlu", &error) != LL_OK) {
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
        return;
    }
    json_t *root = json_deep_copy(task.root);
    json_object_set_new(root, "task", json_string("toy"));
    json_object_set_new(root, "subjects",
                        ll_toy_json("{'stem':['high_school_physics'],'other':['law','not_there']}"));
    json_object_set_new(root, "num_fewshot", json_integer(1));
    char *text = json_dumps(root, 0);
    snprintf(out, 4096, "%s", text);
    free(text);
    json_decref(root);
    ll_task_free(&task);
}

#define SHOT                                                                                                 \
    "The following are multiple choice questions (with answers) about high school physics.\n\n"              \
    "What, \"here\"?\nA. a\nB. b\nC. c\nD. d\nAnswer: D\n\n"

static const char *const first_prompt = SHOT "Two\nlines?\nA. 1\nB.  2\nC. 3\nD. 4\nAnswer: A";

static void make_mmlu(ll_toy_asked *out) {
    char definition[4096] = "";
    ll_toy_data("dev/high_school_physics_dev.csv", "' What, ''here''?  ',a,b,c,d,D\nnever,a,b,c,d,A\n");
    ll_toy_data("dev/law_dev.csv", "L?,a,b,c,d,B\r\n");
    ll_toy_data("test/high_school_physics_test.csv",
                "'Two\nlines?',1, 2,3,4,C\nQ2?,1,2,3,4,A\nQ3?,1,2,3,4,B\n");
    ll_toy_data("test/law_test.csv",
                "L1?,1,2,3,4,A\r\nL2?,1,2,3,4,A\r\nL3?,1,2,3,4,A\r\nL4?,1,2,3,4,B\r\nL5?,1,2,3,4,D\r\n");
    small_mmlu(definition);
    ll_toy_ask(out, definition, "llama2", NULL);
    CHECK_MSG(out->status == LL_OK, "%s", out->error.text);
}

static void test_mmlu_prompt(void) {
    ll_toy_asked a;
    make_mmlu(&a);
    REQUIRE(a.status == LL_OK && a.set.count == 8 && a.set.request_count == 32);
    CHECK_MSG(strcmp(a.set.requests[0].text, first_prompt) == 0, "%s", a.set.requests[0].text);
    CHECK(a.set.requests[0].text_context == strlen(first_prompt) - 2 && a.set.questions[0].gold == 2);
    CHECK(strcmp(a.set.requests[31].text,
                 "The following are multiple choice questions (with answers) about law.\n\n"
                 "L?\nA. a\nB. b\nC. c\nD. d\nAnswer: B\n\nL5?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: D") == 0);
    CHECK(a.set.requests[31].continuation == 1 && a.set.shots == 1 && a.set.chance == 0.25);
    ll_toy_asked_free(&a);
}

/* Every question the same, every subject the same; the pooled error by hand. */
static void test_mmlu_means(void) {
    ll_toy_asked a;
    ll_answers answers;
    ll_score_sheet sheet;
    make_mmlu(&a);
    REQUIRE(a.status == LL_OK && ll_answers_open(&answers, &a.set, NULL, NULL, 0, &error) == LL_OK);
    for (size_t i = 0; i < 8; i++) /* the model says C for all of physics, A for all of law */
        for (size_t k = 0; k < 4; k++)
            answers.said[4 * i + k].ll = k == (i < 3 ? 2 : 0) ? -1 : -2;
    REQUIRE(ll_score_sheet_make(&sheet, &a.set, &answers, &error) == LL_OK);
    CHECK(sheet.main == 0 && sheet.subject_count == 2 && sheet.group_count == 2);
    /* 1 of 3, 3 of 5; squares about each mean 2/3 and 6/5: root of (2/3 + 6/5) / (8 - 2) / 8, as pooled by the harness with n of
     * each subject beside its error: (2 (1/9) 3 + 4 (0.06) 5) / 6 / 8. */
    CHECK(near(sheet.total[0].mean, 0.5) && near(sheet.macro[0], (1.0 / 3 + 0.6) / 2));
    CHECK(near(sheet.total[0].stderr_mean, sqrt((2.0 / 3 + 1.2) / 6 / 8)));
    CHECK(near(sheet.subjects[0].metric[0].mean, 1.0 / 3) &&
          near(sheet.subjects[0].metric[0].stderr_mean, 1.0 / 3));
    CHECK(near(sheet.subjects[1].metric[0].mean, 0.6) &&
          near(sheet.subjects[1].metric[0].stderr_mean, sqrt(0.06)));
    CHECK(strcmp(sheet.subjects[1].name, "law") == 0 && strcmp(sheet.groups[0].name, "stem") == 0);
    CHECK(sheet.groups[1].count == 5 && near(sheet.groups[1].metric[0].stderr_mean, sqrt(0.06)));
    ll_score_sheet_free(&sheet);
    ll_answers_close(&answers);
    ll_toy_asked_free(&a);
}

/* A group of two subjects, and what is not defined. */
static void test_groups(void) {
    ll_toy_data("a.jsonl", "{'k':0}\n{'k':1}\n");
    ll_toy_data("b.jsonl", "{'k':0}\n{'k':0}\n{'k':0}\n{'k':1}\n");
    ll_toy_data("c.jsonl", "{'k':0}\n");
    ll_toy_asked a;
    ll_answers answers;
    ll_score_sheet sheet;
    ll_toy_ask(
        &a,
        "{'task':'toy','questions':['{subject}.jsonl'],'subjects':{'g':['a','b'],'h':['c']},'metric':'acc',"
        "'doc_to_text':'Q','doc_to_choice':['x','y'],'doc_to_target':'{{k}}','targets':['0','1']}",
        "llama2", NULL);
    REQUIRE(a.status == LL_OK && ll_answers_open(&answers, &a.set, NULL, NULL, 0, &error) == LL_OK);
    REQUIRE(ll_score_sheet_make(&sheet, &a.set, &answers, &error) == LL_OK); /* all equal: the first choice */
    CHECK(sheet.group_count == 2 && sheet.groups[0].count == 6);
    CHECK(near(sheet.groups[0].metric[0].mean, 4.0 / 6));
    CHECK(near(sheet.groups[0].metric[0].stderr_mean, sqrt((0.5 + 0.75) / 4 / 6)));
    CHECK(near(sheet.macro[0], (0.5 + 0.75 + 1) / 3) && near(sheet.total[0].mean, 5.0 / 7));
    CHECK(isnan(sheet.subjects[2].metric[0].stderr_mean) && isnan(sheet.total[0].stderr_mean));
    ll_score_sheet_free(&sheet);
    ll_answers_close(&answers);
    ll_toy_asked_free(&a);
}

/* ---- generated answers: what the harness's RegexFilter and exact_match give in Python ---- */

#define EIGHTEEN "He has 9 * 2 = <<9*2=18>>18.\n#### 18"

static void check_answer(const ll_task *task, const ll_answer_filter *filter, const char *text,
                         const char *target, const char *answer, bool right) {
    ll_string found = {0};
    bool is = !right;
    CHECK(ll_answer_take(filter, text, &found, &error) == LL_OK);
    CHECK_MSG(found.data && strcmp(found.data, answer) == 0, "\"%s\" says %s", text, found.data);
    CHECK(ll_answer_is_right(task, found.data, target, &is, &error) == LL_OK);
    CHECK_MSG(is == right, "\"%s\" is %s", text, is ? "right" : "wrong");
    ll_string_free(&found);
}

static void test_gsm8k(void) {
    static const struct {
        const char *text, *target, *strict;
        bool strict_right;
        const char *flexible;
        bool flexible_right;
    } cases[] = {
        {"He has 9 * 2 = 18.\n#### 18", EIGHTEEN, "18", true, "18", true},
        {"The answer is 18.", EIGHTEEN, "[invalid]", false, "18.", true},
        {"#### 1,818", "so\n#### 1818", "1,818", true, "1,818", true},
        {"makes $1,818.00", "so\n#### 1,818", "[invalid]", false, "$1,818.00", false},
        {"#### 12 or #### 18", EIGHTEEN, "12", false, "18", true},
        {"####18", EIGHTEEN, "[invalid]", false, "18", true},
        {"none", EIGHTEEN, "[invalid]", false, "[invalid]", false},
        {"", EIGHTEEN, "[invalid]", false, "[invalid]", false},
        {"18 apples...", EIGHTEEN, "[invalid]", false, "...", false},
        {"#### -5 and 5", "#### -5", "-5", true, "5", false},
        {"#### 18.", EIGHTEEN, "18.", true, "18.", true},
        {"#### $18", EIGHTEEN, "[invalid]", false, "$18", true},
        {"a 18 b 19", EIGHTEEN, "[invalid]", false, "19", false},
        {"#### 18\n\n#### 19 #### x", "#### 17 #### 18", "18", true, "19", false},
        {"18 \u0661\u0668", EIGHTEEN, "[invalid]", false, "18", true},
        {"#### ,", EIGHTEEN, ",", false, "[invalid]", false},
    };
    ll_task task;
    REQUIRE(ll_task_find(&task, "gsm8k", &error) == LL_OK && task.filter_count == 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_answer(&task, &task.filters[0], cases[i].text, cases[i].target, cases[i].strict,
                     cases[i].strict_right);
        check_answer(&task, &task.filters[1], cases[i].text, cases[i].target, cases[i].flexible,
                     cases[i].flexible_right);
    }
    ll_task_free(&task);
}

#define WORDS                                                                                                \
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_target':'{{k}}','until':['.'],"     \
    "'max_gen_toks':9,'filters':[{'metric':'any','pattern':'.*','take':'first'},"                            \
    "{'metric':'word','pattern':'\\\\w+','take':'last'}],'metric':'word'"

/* Case, where it counts and where it does not; the sheet of a generation. */
static void test_words(void) {
    ll_toy_data("q.jsonl", "{'q':'1','k':'\u00c9t\u00e9'}\n{'q':'2','k':'b'}\n");
    ll_toy_asked a;
    ll_answers answers;
    ll_score_sheet sheet;
    ll_toy_ask(&a, WORDS ",'ignore_case':true}", "llama2", NULL);
    REQUIRE(a.status == LL_OK && ll_answers_open(&answers, &a.set, NULL, NULL, 0, &error) == LL_OK);
    check_answer(&a.task, a.task.filters, "\u00c9T\u00c9 \u0130", "\u00e9t\u00e9 i", "\u00c9T\u00c9 \u0130",
                 true);
    check_answer(&a.task, a.task.filters, "YES", "no", "YES", false);
    check_answer(&a.task, a.task.filters, "\u00a0 yes \t", "yes", "yes", true); /* as RegexFilter strips */
    answers.said[0].text = strdup("an \u00e9T\u00c9");
    answers.said[1].text = strdup("b");
    REQUIRE(ll_score_sheet_make(&sheet, &a.set, &answers, &error) == LL_OK);
    CHECK(sheet.metrics == 2 && sheet.main == 1 && strcmp(sheet.metric[0], "any") == 0);
    CHECK(sheet.total[0].mean == 0.5 && sheet.total[1].mean == 1 && sheet.right[0] == 0 &&
          sheet.right[1] == 1);
    ll_score_sheet_free(&sheet);
    ll_answers_close(&answers);
    ll_toy_asked_free(&a);
    ll_toy_ask(&a, WORDS "}", "llama2", NULL);
    REQUIRE(a.status == LL_OK);
    check_answer(&a.task, a.task.filters, "yes", "Yes", "yes", false);
    check_answer(&a.task, a.task.filters, "Yes", "Yes", "Yes", true);
    ll_toy_asked_free(&a);
}

/* ---- pairs ---- */

static void test_pair(void) {
    static const unsigned char first[] = {1, 0, 0, 1}, second[] = {0, 1, 1, 1};
    ll_paired p = ll_pair(first, second, 4);
    CHECK(p.only_first == 1 && p.only_second == 2 && near(p.difference, 0.25));
    CHECK(near(p.stderr_difference, sqrt(2.75 / 3 / 4))); /* -1 1 1 0 about 1/4 */
    CHECK(near(p.p, 1));
    p = ll_pair(second, first, 4);
    CHECK(p.only_first == 2 && near(p.difference, -0.25) && near(p.stderr_difference, sqrt(2.75 / 3 / 4)));
    p = ll_pair(second, second, 4);
    CHECK(p.only_first == 0 && p.difference == 0 && p.stderr_difference == 0 && near(p.p, 1));
    p = ll_pair(first, second, 1);
    CHECK(p.difference == -1 && isnan(p.stderr_difference) && near(p.p, 1));
}

/* p of b questions that only the first has right and 7 that only the second has, of 20; exact fractions of Python's. */
static void test_exact(void) {
    static const double p7[] = {0.015625,         0.0703125, 0.1796875, 0.34375, 0.548828125,
                                0.7744140625,     1,         1,         1,       0.803619384765625,
                                0.629058837890625};
    unsigned char first[90], second[90];
    for (size_t b = 0; b <= 10; b++) {
        for (size_t i = 0; i < 20; i++) {
            first[i] = i < b || i == 19;
            second[i] = (i >= b && i < b + 7) || i == 19;
        }
        const ll_paired p = ll_pair(first, second, 20), q = ll_pair(second, first, 20);
        CHECK_MSG(near(p.p, p7[b]) && p.p <= 1, "%zu and 7: %.15f", b, p.p);
        CHECK(p.only_first == b && p.only_second == 7 && q.p == p.p);
    }
    for (size_t i = 0; i < 90; i++) {
        first[i] = i < 30;
        second[i] = i >= 30;
    }
    CHECK(near(ll_pair(first, second, 90).p / 0.002060265680963076, 1));
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("score/choice", test_choice);
    ll_test_run("score/sheet", test_sheet);
    ll_test_run("score/MMLU prompt", test_mmlu_prompt);
    ll_test_run("score/MMLU means", test_mmlu_means);
    ll_test_run("score/groups", test_groups);
    ll_test_run("score/GSM8K", test_gsm8k);
    ll_test_run("score/words", test_words);
    ll_test_run("score/pair", test_pair);
    ll_test_run("score/exact", test_exact);
    return ll_test_end();
}
