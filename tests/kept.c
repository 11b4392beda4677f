#include "kept.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 5 };

ll_error ll_kept_error;

/* A new folder for each test, which is not there yet. */
void ll_kept_new_cache(ll_kept *s) {
    static int number;
    snprintf(s->folder, sizeof s->folder, "%s/cache%d", ll_test_folder(), number++);
    s->options.cache = s->folder;
}

const ll_toy *ll_kept_the_toy(void) {
    static ll_toy toy;
    toy = ll_toy_default();
    return &toy;
}

void ll_kept_begin_toy(ll_kept *s) {
    *s = (ll_kept){.options = {.group = 32, .threads = 2}};
    snprintf(s->source, sizeof s->source, "%s/toy.gguf", ll_test_folder());
    ll_toy_write(s->source, ll_kept_the_toy(), NULL);
    ll_kept_new_cache(s);
}

/* Some 10 MB, which are three chunks of the kept file. */
void ll_kept_begin_synthetic(ll_kept *s) {
    *s = (ll_kept){.options = {.group = 128, .threads = 3, .seed = 5},
                   .shape = {.layers = 4,
                             .hidden = 64,
                             .heads = 4,
                             .kv_heads = 2,
                             .head_dim = 16,
                             .mlp = 96,
                             .vocab = 50000,
                             .context = 64,
                             .rope_theta = 10000,
                             .eps = 1e-5f}};
    ll_kept_new_cache(s);
}

ll_status ll_kept_load(const ll_kept *s, const ll_model_options *options, ll_model **model) {
    ll_kept_error.text[0] = 0;
    return *s->source ? ll_model_load(model, s->source, options, &ll_kept_error)
                      : ll_model_synthesize(model, &s->shape, options, &ll_kept_error);
}

/* Logits of the last token, malloc'd; NULL after having failed the test. */
static float *ll_kept_logits_of(const ll_kept *s, const ll_model_options *options, size_t *vocab, bool *hit) {
    static const int32_t ids[TOKENS] = {3, 1, 200, 7, 99};
    ll_model *model;
    ll_session *session = NULL;
    ll_status status = ll_kept_load(s, options, &model);
    float *logits = NULL;
    if (status == LL_OK) {
        const ll_config *c = ll_model_config(model);
        *vocab = c->vocab;
        *hit = ll_model_from_cache(model);
        float *residual = calloc(TOKENS * c->hidden, sizeof *residual);
        logits = calloc(c->vocab, sizeof *logits);
        status = ll_session_create(&session, model, &(ll_mask){0}, TOKENS, &ll_kept_error);
        if (status == LL_OK)
            status = ll_session_forward(session, ids, TOKENS, residual, NULL, &ll_kept_error);
        if (status == LL_OK)
            status =
                ll_session_logits(session, residual + (TOKENS - 1) * c->hidden, 1, logits, &ll_kept_error);
        free(residual);
    }
    CHECK_MSG(status == LL_OK, "%s", ll_kept_error.text);
    ll_session_destroy(session);
    ll_model_destroy(model);
    return logits;
}

/* The logits of a load that knows no cache. */
static float *ll_kept_logits_without(const ll_kept *s, size_t *vocab) {
    ll_model_options options = s->options;
    options.cache = NULL;
    bool hit = false;
    float *logits = ll_kept_logits_of(s, &options, vocab, &hit);
    CHECK(!hit);
    return logits;
}

/* Whether it comes from the kept file, and in any case these logits. */
static void ll_kept_compare(const ll_kept *s, bool hit, const float *expected, size_t count,
                            const char *what) {
    size_t vocab = 0;
    bool found = false;
    float *logits = ll_kept_logits_of(s, &s->options, &vocab, &found);
    CHECK_MSG(found == hit, "%s: %s", what, hit ? "the kept file is not used" : "the kept file is used");
    CHECK_MSG(expected && logits && count == vocab && memcmp(expected, logits, vocab * sizeof *logits) == 0,
              "%s: the logits are others", what);
    free(logits);
}

void ll_kept_expect(const ll_kept *s, bool hit, const char *what) {
    size_t vocab = 0;
    float *expected = ll_kept_logits_without(s, &vocab);
    ll_kept_compare(s, hit, expected, vocab, what);
    free(expected);
}

/* Made again, then used. */
void ll_kept_expect_remade(const ll_kept *s, const char *what) {
    size_t vocab = 0;
    float *expected = ll_kept_logits_without(s, &vocab);
    ll_kept_compare(s, false, expected, vocab, what);
    ll_kept_compare(s, true, expected, vocab, what);
    free(expected);
}

/* How many files the folder holds; out: the path of one. Anything that is no kept file fails the test. */
size_t ll_kept_count_files(const char *folder, char out[LL_KEPT_PATH]) {
    DIR *entries = opendir(folder);
    size_t count = 0;
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        if (entry->d_name[0] == '.')
            continue;
        const char *dot = strrchr(entry->d_name, '.');
        CHECK_MSG(dot && strcmp(dot, ".packed") == 0, "%s is left", entry->d_name);
        snprintf(out, LL_KEPT_PATH, "%.250s/%.250s", folder, entry->d_name);
        count++;
    }
    if (entries)
        closedir(entries);
    return count;
}

/* The one kept file of a subject that was loaded. */
bool ll_kept_kept_file(const ll_kept *s, char out[LL_KEPT_PATH]) {
    const size_t count = ll_kept_count_files(s->folder, out);
    CHECK_MSG(count == 1, "%zu files in the folder, expected one", count);
    return count == 1;
}

/* The weights are good, and what is said of keeping them has the part. */
void ll_kept_expect_not_kept(const ll_kept *s, const char *part) {
    ll_model *model = NULL;
    CHECK_MSG(ll_kept_load(s, &s->options, &model) == LL_OK && model, "%s", ll_kept_error.text);
    if (!model)
        return;
    const char *note = ll_model_cache_note(model);
    CHECK(!ll_model_from_cache(model));
    CHECK_CONTAINS(note ? note : "nothing said", part);
    CHECK_MSG(!note || !strchr(note, '\n'), "more than one line: %s", note);
    ll_model_destroy(model);
}
