#include "toy_answers.h"
#include "test.h"
#include "toy_gguf.h"

#include <dirent.h>
#include <stdlib.h>

const ll_answer_key ll_toy_keys[LL_TOY_KEYS] = {
    {"model_sha256", "0123", false}, {"limit", "all", false}, {"data", "d0", true}};
ll_error ll_toy_error;

static ll_model *model;

ll_model *ll_toy_model(void) {
    char path[300];
    const ll_toy toy = ll_toy_default();
    const ll_model_options options = {.weights = LL_WEIGHTS_F32, .threads = 2};
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    if (!model &&
        (!ll_toy_write(path, &toy, NULL) || ll_model_load(&model, path, &options, &ll_toy_error) != LL_OK))
        ll_test_fail(__FILE__, __LINE__, "%s", ll_toy_error.text);
    return model;
}

void ll_toy_model_free(void) {
    ll_model_destroy(model);
    model = NULL;
}

const char *ll_toy_folder(const char *name) {
    static char folder[256];
    snprintf(folder, sizeof folder, "%s/%s", ll_test_folder(), name);
    return folder;
}

const char *ll_toy_answer_file(const char *folder) {
    static char path[600];
    *path = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        if (*entry->d_name != '.') {
            CHECK(!*path);
            snprintf(path, sizeof path, "%.255s/%s", folder, entry->d_name);
        }
    if (dir)
        closedir(dir);
    CHECK(*path);
    return path;
}

ll_status ll_toy_open(ll_answers *out, const ll_question_set *set, const char *folder) {
    ll_toy_error.text[0] = 0;
    return ll_answers_open(out, set, folder, ll_toy_keys, LL_TOY_KEYS, &ll_toy_error);
}

ll_status ll_toy_answer(ll_answers *answers, size_t batch) {
    ll_progress progress;
    const ll_mask mask = {0};
    ll_progress_begin(&progress, "test", 1, true);
    return ll_answers_ask(answers, ll_toy_model(), &mask, batch, &progress, &ll_toy_error);
}

bool ll_toy_begin(ll_toy_asked *out, const char *definition, const char *questions) {
    ll_toy_data("q.jsonl", questions);
    ll_toy_ask_by(out, definition, ll_toy_model() ? ll_model_tokenizer(ll_toy_model()) : NULL, NULL);
    CHECK_MSG(out->status == LL_OK, "%s", out->error.text);
    return out->status == LL_OK;
}

char *ll_toy_answered(const ll_question_set *set, const char *folder, size_t batch, ll_answers *out) {
    ll_answers first;
    if (ll_toy_open(&first, set, folder) != LL_OK || first.missing != set->count ||
        ll_toy_answer(&first, batch) != LL_OK || first.missing != 0) {
        ll_test_fail(__FILE__, __LINE__, "%s", ll_toy_error.text);
        return NULL;
    }
    ll_answers_close(&first);
    if (ll_toy_open(out, set, folder) != LL_OK || out->missing != 0) {
        ll_test_fail(__FILE__, __LINE__, "%s", ll_toy_error.text);
        return NULL;
    }
    return ll_test_read(ll_toy_answer_file(folder), NULL);
}
