#include "toy_task.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 1 << 20 };

/* malloc'd, with " for '. */
static char *quoted(const char *text) {
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return copy;
}

json_t *ll_toy_json(const char *text) {
    char *copy = quoted(text);
    json_error_t reason;
    json_t *value = json_loads(copy ? copy : "", JSON_DECODE_ANY, &reason);
    if (!value)
        ll_test_fail(__FILE__, __LINE__, "%s: %s", text, reason.text);
    free(copy);
    return value;
}

/* A file below the test program's folder; quotes are written as they are. */
static void write_below(const char *folder, const char *name, const char *text, char path[512]) {
    ll_error error;
    snprintf(path, 512, "%s/%s/%s", ll_test_folder(), folder, name);
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (ll_folder_make(path, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    *slash = '/';
    ll_test_write(path, text, strlen(text));
}

void ll_toy_data(const char *name, const char *text) {
    char path[512], data[256];
    char *copy = quoted(text);
    snprintf(data, sizeof data, "%s/data", ll_test_folder());
    setenv("LAYERLAB_DATA", data, 1);
    write_below("data/toy", name, copy ? copy : "", path);
    free(copy);
}

bool ll_toy_task(ll_task *out, const char *definition) {
    char path[512];
    ll_error error;
    char *copy = quoted(definition);
    write_below("definitions", "toy.json", copy ? copy : "", path);
    free(copy);
    if (ll_task_read(out, path, &error) == LL_OK)
        return true;
    ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return false;
}

ll_tokenizer *ll_toy_tokenizer(const char *name, const char *config) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error;
    char folder[256], file[320], path[512];
    snprintf(folder, sizeof folder, "tests/golden/tokenizer-%s", name);
    if (config) {
        snprintf(file, sizeof file, "%s/tokenizer.json", folder);
        char *json = ll_test_read(file, NULL), *text = quoted(config);
        snprintf(folder, sizeof folder, "tokenizer-%s", name);
        write_below(folder, "tokenizer_config.json", text ? text : "", path);
        write_below(folder, "tokenizer.json", json ? json : "", path);
        free(json);
        free(text);
        *strrchr(path, '/') = 0;
    } else {
        snprintf(path, sizeof path, "%s", folder);
    }
    if (ll_tokenizer_from_folder(&tokenizer, path, ROWS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return tokenizer;
}

void ll_toy_ask_by(ll_toy_asked *out, const char *definition, const ll_tokenizer *tokenizer,
                   const ll_question_options *options) {
    ll_question_options asked =
        options ? *options : (ll_question_options){.shots = SIZE_MAX, .context = 1000};
    ll_progress progress;
    asked.keep_text = true;
    ll_progress_begin(&progress, "test", 1, true);
    *out = (ll_toy_asked){.status = LL_BAD_USAGE};
    if (tokenizer && ll_toy_task(&out->task, definition))
        out->status = ll_questions_make(&out->set, &out->task, tokenizer, &asked, &progress, &out->error);
}

void ll_toy_ask(ll_toy_asked *out, const char *definition, const char *tokenizer,
                const ll_question_options *options) {
    ll_tokenizer *own = ll_toy_tokenizer(tokenizer, NULL);
    ll_toy_ask_by(out, definition, own, options);
    out->own = own;
}

void ll_toy_asked_free(ll_toy_asked *asked) {
    ll_questions_free(&asked->set);
    ll_task_free(&asked->task);
    ll_tokenizer_destroy(asked->own);
}
