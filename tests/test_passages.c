/* What of a text is scored: 40 tokens in windows of 8, by each recipe, with BOS and without; what is left at the end. */
#include "passages.h"
#include "test.h"
#include "toy_vocabulary.h"

#include <string.h>

enum { TOKENS = 40, WINDOW = 8, BOS = 6, EOS = 11 };

static ll_error error;
static char letters[TOKENS + 1];
static int32_t ids[TOKENS]; /* of letters */

/* A letter is a token, neighbours that do not merge. */
static void make_text(void) {
    static const char cycle[] = "cLbL";
    static const int32_t of[] = {2, 24, 1, 24};
    for (size_t i = 0; i < TOKENS; i++) {
        letters[i] = cycle[i % 4];
        ids[i] = of[i % 4];
    }
}

static ll_tokenizer *tokenizer(bool adds_bos, bool has_bos) {
    const uint32_t bos = BOS, eos = EOS;
    ll_toy_vocabulary vocabulary = {.bos = has_bos ? &bos : NULL, .eos = &eos, .adds_bos = &adds_bos};
    ll_tokenizer *out = NULL;
    if (ll_toy_vocabulary_load(&out, &vocabulary, LL_TOY_TOKENS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return out;
}

static ll_documents documents_of(ll_text *texts, size_t count) {
    return (ll_documents){.texts = texts, .count = count};
}

/* Passage i is prefix (-1: none) and the text's ids [begin, end); scored of them count. */
static void check(const ll_passages *p, size_t i, int32_t prefix, size_t begin, size_t end, size_t scored) {
    const size_t before = prefix >= 0;
    REQUIRE(i < p->count);
    const ll_passage *one = &p->passage[i];
    CHECK_MSG(one->count == before + end - begin && one->scored == scored, "passage %zu: %zu ids, %zu scored",
              i, one->count, one->scored);
    const int32_t *found = p->ids.data + one->begin;
    CHECK(one->count == before + end - begin &&
          memcmp(found + before, ids + begin, (end - begin) * sizeof *ids) == 0);
    CHECK(!before || found[0] == prefix);
}

static ll_passages cut(ll_recipe recipe, const ll_tokenizer *t, size_t length, size_t window, size_t first,
                       size_t max) {
    ll_text text = {letters, length};
    const ll_documents documents = documents_of(&text, 1);
    ll_passages p;
    CHECK_MSG(ll_passages_cut(&p, recipe, t, &documents, window, first, max, &error) == LL_OK, "%s",
              error.text);
    return p;
}

static void test_whole(void) {
    for (int bos = 0; bos < 2; bos++) {
        ll_tokenizer *t = tokenizer(bos, true);
        REQUIRE(t);
        ll_passages p =
            cut(LL_RECIPE_WHOLE, t, TOKENS - 1, WINDOW, 1, 0); /* 39: the last window is not whole */
        CHECK(p.count == 3 && p.longest == WINDOW + (size_t)bos &&
              ll_passages_scored(&p) == 3 * (WINDOW - 1) &&
              ll_passages_run(&p) == 3 * (WINDOW - 1 + (size_t)bos));
        for (size_t i = 0; i < p.count; i++)
            check(&p, i, bos ? BOS : -1, (i + 1) * WINDOW, (i + 2) * WINDOW, WINDOW - 1);
        ll_passages_free(&p);
        p = cut(LL_RECIPE_WHOLE, t, TOKENS, WINDOW, 0, 2);
        CHECK(p.count == 2);
        ll_passages_free(&p);
        ll_tokenizer_destroy(t);
    }
}

/* With BOS the text has 41 tokens, so that windows begin one letter earlier, and BOS stands for the first of each. */
static void test_second_half(void) {
    ll_tokenizer *plain = tokenizer(false, true), *adding = tokenizer(true, true);
    REQUIRE(plain && adding);
    ll_passages p = cut(LL_RECIPE_SECOND_HALF, plain, TOKENS, WINDOW, 0, 0);
    CHECK(p.count == 5 && ll_passages_scored(&p) == 5 * 3);
    for (size_t i = 0; i < p.count; i++)
        check(&p, i, -1, i * WINDOW, (i + 1) * WINDOW, 3);
    ll_passages_free(&p);
    p = cut(LL_RECIPE_SECOND_HALF, adding, TOKENS - 1, WINDOW, 0, 0);
    CHECK(p.count == 5);
    for (size_t i = 0; i < p.count; i++)
        check(&p, i, BOS, i * WINDOW, (i + 1) * WINDOW - 1, 3);
    ll_passages_free(&p);
    ll_tokenizer_destroy(plain);
    ll_tokenizer_destroy(adding);
}

/* Documents of 19 and 8 letters, and one of none between: all of their tokens are scored once. */
static void test_rolling(void) {
    char spaced[] = " a b\n\n \xC2\xA0"
                    "c ";
    ll_text texts[] = {{letters, 19}, {letters, 0}, {letters, 8}, {spaced, sizeof spaced - 1}};
    ll_documents documents = documents_of(texts, 3);
    ll_passages p;
    for (int has_bos = 0; has_bos < 2; has_bos++) {
        ll_tokenizer *t = tokenizer(false, has_bos);
        const int32_t prefix = has_bos ? BOS : EOS;
        REQUIRE(t && ll_passages_cut(&p, LL_RECIPE_ROLLING, t, &documents, WINDOW, 0, 0, &error) == LL_OK);
        CHECK(p.count == 4 && ll_passages_scored(&p) == 27 && p.bytes == 27 && p.words == 3);
        check(&p, 0, prefix, 0, 8, 8);
        check(&p, 1, -1, 7, 16, 8);
        check(&p, 2, -1, 10, 19, 3); /* what is left sees a whole window too */
        check(&p, 3, prefix, 0, 8, 8);
        ll_passages_free(&p);
        REQUIRE(ll_passages_cut(&p, LL_RECIPE_ROLLING, t, &documents, WINDOW, 1, 1, &error) == LL_BAD_INPUT);
        CHECK(strstr(error.text, "no token from document 1"));
        documents.count = 4;
        REQUIRE(ll_passages_cut(&p, LL_RECIPE_ROLLING, t, &documents, WINDOW, 3, 0, &error) == LL_OK);
        CHECK_MSG(p.words == 5 && p.bytes == sizeof spaced - 1, "%zu words",
                  p.words); /* as re.split has it: two are empty */
        documents.count = 3;
        ll_passages_free(&p);
        ll_tokenizer_destroy(t);
    }
}

static void refuse(ll_recipe recipe, const ll_tokenizer *t, size_t length, size_t window, ll_status status,
                   const char *part) {
    ll_text text = {letters, length};
    const ll_documents documents = documents_of(&text, 1);
    ll_passages p;
    CHECK_MSG(ll_passages_cut(&p, recipe, t, &documents, window, 0, 0, &error) == status &&
                  strstr(error.text, part) && !p.passage,
              "expected \"%s\", found \"%s\"", part, error.text);
}

static void test_refused(void) {
    ll_tokenizer *t = tokenizer(false, true);
    REQUIRE(t);
    refuse(LL_RECIPE_WHOLE, t, 7, 8, LL_BAD_INPUT, "7 tokens: no whole window of 8");
    refuse(LL_RECIPE_SECOND_HALF, t, 15, 8, LL_BAD_INPUT, "at least two");
    refuse(LL_RECIPE_WHOLE, t, 7, 1, LL_BAD_USAGE, "at least 2");
    refuse(LL_RECIPE_SECOND_HALF, t, 40, 3, LL_BAD_USAGE, "at least 4");
    refuse(LL_RECIPE_ROLLING, t, 0, 8, LL_BAD_INPUT, "no token from document 0");
    ll_tokenizer_destroy(t);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    make_text();
    ll_test_run("passages/whole windows", test_whole);
    ll_test_run("passages/second halves", test_second_half);
    ll_test_run("passages/rolling documents", test_rolling);
    ll_test_run("passages/what is refused", test_refused);
    return ll_test_end();
}
