/* Files of answers that are refused: of other values, damaged, in use, not to be written. */
#include "test.h"
#include "toy_answers.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Other values: of a refused key a sentence with both, of another one another file. */
static void test_keys(void) {
    ll_toy_asked a;
    ll_answers answers;
    const char *folder = ll_toy_folder("keys");
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    char *text = ll_toy_answered(&a.set, folder, 2, &answers);
    REQUIRE(text);
    ll_answers_close(&answers);
    const ll_answer_key changed[] = {ll_toy_keys[0], ll_toy_keys[1], {"data", "d1", true}},
                        other[] = {ll_toy_keys[0], {"limit", "first 3", false}, ll_toy_keys[2]},
                        more[] = {ll_toy_keys[0], ll_toy_keys[1], ll_toy_keys[2], {"task", "t0", true}};
    CHECK(ll_answers_open(&answers, &a.set, folder, changed, LL_TOY_KEYS, &ll_toy_error) == LL_BAD_INPUT);
    CHECK_CONTAINS(ll_toy_error.text, ll_toy_answer_file(folder));
    CHECK_CONTAINS(ll_toy_error.text, ": these answers are of data d0, which is now d1; put it back");
    CHECK(!answers.said && !answers.there && !answers.path && answers.file == -1);
    CHECK(ll_answers_open(&answers, &a.set, folder, more, 4, &ll_toy_error) == LL_BAD_INPUT);
    CHECK_CONTAINS(ll_toy_error.text, "these answers are of task (none), which is now t0");
    CHECK(ll_toy_open(&answers, &a.set, folder) == LL_OK &&
          answers.missing == 0); /* both left it as it was */
    ll_answers_close(&answers);
    CHECK(ll_answers_open(&answers, &a.set, folder, other, LL_TOY_KEYS, &ll_toy_error) == LL_OK &&
          answers.missing == 5);
    ll_answers_close(&answers);
    free(text);
    ll_toy_asked_free(&a);
}

static void check_damaged(const ll_question_set *set, const char *path, const char *text,
                          const char *sentence) {
    ll_answers answers;
    ll_test_write(path, text, strlen(text));
    CHECK_MSG(ll_toy_open(&answers, set, ll_toy_folder("damaged")) == LL_BAD_INPUT, "accepted: %s", text);
    CHECK_CONTAINS(ll_toy_error.text, path);
    CHECK_CONTAINS(ll_toy_error.text, sentence);
    CHECK(!answers.said && answers.file == -1);
    ll_answers_close(&answers);
    char *after = ll_test_read(path, NULL);
    CHECK(after && strcmp(after, text) == 0); /* nothing is taken away from a file that is refused */
    free(after);
}

static void test_damaged(void) {
    static const char *const cases[][2] = {
        {"{}\n", ": line 1: expected {\"layerlab_answers\": 1, ...}"},
        {"{\"layerlab_answers\":2}\n", ": line 1: expected"},
        {"[]\n", ": line 1: broken JSON: expected an object; delete the file"},
        {"\n" LL_TOY_HEADER, ": line 1: broken JSON"},
        {LL_TOY_HEADER LL_TOY_SAID(0) "{\"doc\":1,\"ll\n" LL_TOY_SAID(2), ": line 3: broken JSON: "},
        {LL_TOY_HEADER LL_TOY_SAID(0) "\n" LL_TOY_SAID(2), ": line 3: broken JSON"},
        {LL_TOY_HEADER LL_TOY_SAID(0) "7\n" LL_TOY_SAID(2), ": line 3: broken JSON: "},
        {LL_TOY_HEADER LL_TOY_SAID(0) LL_TOY_SAID(3) LL_TOY_SAID(0),
         ": line 4: is about a question once more; delete the file"},
        {LL_TOY_HEADER LL_TOY_SAID(5), ": line 2: is about no question that is asked; delete the file"},
        {LL_TOY_HEADER LL_TOY_SAID(-1), ": line 2: is about no question"},
        {LL_TOY_HEADER LL_TOY_SAID(1.0), ": line 2: is about no question"},
        {LL_TOY_HEADER "{\"ll\":[-1,-2,-3],\"greedy\":[true,true,true]}\n", ": line 2: is about no question"},
        {LL_TOY_HEADER "{\"subject\":\"s\",\"doc\":0,\"ll\":[-1,-2,-3],\"greedy\":[true,true,true]}\n",
         ": line 2: is about no"},
        {LL_TOY_HEADER LL_TOY_SAID(0) "{\"doc\":1,\"ll\":[-1,-2],\"greedy\":[true,true]}\n",
         ": line 3: is no answer to its question; delete the file"},
        {LL_TOY_HEADER "{\"doc\":1,\"ll\":[-1,-2,-3],\"greedy\":[true,true]}\n", ": line 2: is no answer"},
        {LL_TOY_HEADER "{\"doc\":1,\"ll\":[-1,-2,-3],\"greedy\":[true,true,true,true]}\n",
         ": line 2: is no answer"},
        {LL_TOY_HEADER "{\"doc\":1,\"ll\":[-1,\"-2\",-3],\"greedy\":[true,true,true]}\n",
         ": line 2: is no answer"},
        {LL_TOY_HEADER "{\"doc\":1,\"ll\":[-1,-2,-3],\"greedy\":[true,1,true]}\n", ": line 2: is no answer"},
        {LL_TOY_HEADER "{\"doc\":1,\"ll\":[-1,-2,-1e999],\"greedy\":[true,true,true]}\n",
         ": line 2: broken JSON"},
        {LL_TOY_HEADER "{\"doc\":1,\"text\":\"a\",\"tokens\":1}\n", ": line 2: is no answer"},
        {LL_TOY_HEADER "{\"doc\":1,\"doc\":1,\"ll\":[-1,-2,-3],\"greedy\":[true,true,true]}\n",
         "duplicate object key"},
    };
    ll_toy_asked a;
    ll_answers answers;
    char path[600];
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    REQUIRE(ll_toy_open(&answers, &a.set, ll_toy_folder("damaged")) == LL_OK);
    ll_answers_close(&answers);
    snprintf(path, sizeof path, "%s", ll_toy_answer_file(ll_toy_folder("damaged")));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_damaged(&a.set, path, cases[i][0], cases[i][1]);
    static const char mixed[] = LL_TOY_HEADER LL_TOY_SAID(4) LL_TOY_SAID(1) LL_TOY_SAID(3) LL_TOY_SAID(0);
    ll_test_write(path, mixed, sizeof mixed - 1);
    REQUIRE(ll_toy_open(&answers, &a.set, ll_toy_folder("damaged")) == LL_OK && answers.missing == 1 &&
            !answers.there[2]);
    CHECK(answers.said[13].ll == -2.5 && answers.said[0].greedy && !answers.said[1].greedy);
    ll_answers_close(&answers);
    ll_toy_asked_free(&a);
}

/* ---- what the system refuses ---- */

/* Another process has the file: true when it could open it and was refused in the meantime here. */
static void test_locked(void) {
    ll_toy_asked a;
    ll_answers answers, own;
    int there[2], done[2];
    char byte = 0;
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    REQUIRE(pipe(there) == 0 && pipe(done) == 0);
    const pid_t child = fork();
    if (child == 0) {
        byte = ll_toy_open(&own, &a.set, ll_toy_folder("locked")) == LL_OK;
        _exit(write(there[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 1 ? 0 : 1);
    }
    CHECK(child > 0 && read(there[0], &byte, 1) == 1 && byte);
    CHECK(ll_toy_open(&answers, &a.set, ll_toy_folder("locked")) == LL_BAD_INPUT);
    CHECK_CONTAINS(ll_toy_error.text, ".jsonl: another program writes there");
    CHECK(write(done[1], &byte, 1) == 1 && waitpid(child, NULL, 0) == child);
    CHECK_MSG(ll_toy_open(&answers, &a.set, ll_toy_folder("locked")) == LL_OK && answers.missing == 5, "%s",
              ll_toy_error.text);
    ll_answers_close(&answers);
    for (size_t i = 0; i < 2; i++) {
        close(there[i]);
        close(done[i]);
    }
    ll_toy_asked_free(&a);
}

static void test_folders(void) {
    ll_toy_asked a;
    ll_answers answers;
    char path[600];
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    ll_test_write(ll_toy_folder("a_file"), "x", 1);
    CHECK(ll_toy_open(&answers, &a.set, ll_toy_folder("a_file")) == LL_BAD_INPUT);
    CHECK_CONTAINS(ll_toy_error.text, "/a_file: is a file; expected a folder");
    CHECK(ll_toy_open(&answers, &a.set, "/proc/self/none") != LL_OK);
    CHECK_CONTAINS(ll_toy_error.text, "/proc/self/none");
    CHECK(ll_toy_open(&answers, &a.set, "/proc/self") == LL_BAD_INPUT); /* is there, takes no files */
    CHECK_CONTAINS(ll_toy_error.text, "cannot be opened: ");
    REQUIRE(ll_toy_open(&answers, &a.set, ll_toy_folder("new/deep")) == LL_OK);
    ll_answers_close(&answers);
    snprintf(path, sizeof path, "%s", ll_toy_answer_file(ll_toy_folder("new/deep")));
    CHECK(remove(path) == 0 && mkdir(path, 0777) == 0);
    CHECK(ll_toy_open(&answers, &a.set, ll_toy_folder("new/deep")) == LL_BAD_INPUT);
    CHECK_CONTAINS(ll_toy_error.text, ".jsonl: cannot be opened: Is a directory");
    CHECK(!answers.said && answers.file == -1);
    ll_toy_asked_free(&a);
}

/* No room for a line: the file keeps the whole ones before it, and goes on when there is room. */
static void test_full(void) {
    ll_toy_asked a;
    ll_answers answers;
    struct rlimit limit, before;
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    char *text = ll_toy_answered(&a.set, ll_toy_folder("whole"), 1, &answers);
    REQUIRE(text && getrlimit(RLIMIT_FSIZE, &before) == 0);
    ll_answers_close(&answers);
    signal(SIGXFSZ, SIG_IGN);
    limit = before;
    limit.rlim_cur = strlen(text) - 20;
    REQUIRE(ll_toy_open(&answers, &a.set, ll_toy_folder("full")) == LL_OK &&
            setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(ll_toy_answer(&answers, 1) == LL_NO_RESOURCE);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK_CONTAINS(ll_toy_error.text, ".jsonl: cannot be written: File too large");
    ll_answers_close(&answers);
    char *kept = ll_test_read(ll_toy_answer_file(ll_toy_folder("full")), NULL);
    CHECK(kept && strncmp(kept, text, strlen(kept)) == 0 && kept[strlen(kept) - 1] == '\n');
    CHECK(ll_toy_open(&answers, &a.set, ll_toy_folder("full")) == LL_OK && answers.missing == 1);
    CHECK(ll_toy_answer(&answers, 1) == LL_OK);
    ll_answers_close(&answers);
    free(kept);
    kept = ll_test_read(ll_toy_answer_file(ll_toy_folder("full")), NULL);
    CHECK(kept && strcmp(kept, text) == 0);
    free(kept);
    free(text);
    ll_toy_asked_free(&a);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("answer files/keys", test_keys);
    ll_test_run("answer files/damaged", test_damaged);
    ll_test_run("answer files/locked", test_locked);
    ll_test_run("answer files/folders", test_folders);
    ll_test_run("answer files/full", test_full);
    ll_toy_model_free();
    return ll_test_end();
}
