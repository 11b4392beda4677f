#include "golden.h"
#include "sampler.h"
#include "test.h"
#include "tokenizer.h"
#include "toy_gguf.h"
#include "toy_vocabulary.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 64 };

static ll_tokenizer *sound(const char *pre) {
    ll_tokenizer *tokenizer;
    ll_error error = {{0}};
    if (ll_toy_vocabulary_load(&tokenizer, &(ll_toy_vocabulary){.pre = pre, .adds_bos = &(bool){false}}, ROWS,
                               &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return tokenizer;
}

/* The texts of the ids of a text, with | between them, are expected. */
static void check_split(const ll_tokenizer *tokenizer, const char *text, const char *expected) {
    ll_ids ids = {0};
    ll_error error = {{0}};
    char got[1024] = "";
    if (!tokenizer)
        return;
    CHECK_MSG(ll_tokenizer_encode(tokenizer, text, strlen(text), &ids, &error) == LL_OK, "%s", error.text);
    for (size_t i = 0; i < ids.count; i++) {
        const ll_text piece = ll_tokenizer_decode(tokenizer, ids.data[i]);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? "|" : "", (int)piece.length,
                 piece.data);
    }
    CHECK_MSG(strcmp(got, expected) == 0, "\"%s\" became \"%s\", expected \"%s\"", text, got, expected);
    ll_ids_free(&ids);
}

/* ---- merging and splitting ---- */

static void test_merge_order(void) {
    ll_tokenizer *tokenizer = sound("gpt-2");
    check_split(tokenizer, "abc", "a|bc");
    check_split(tokenizer, "ab", "ab");
    check_split(tokenizer, "aaa", "aa|a");
    check_split(tokenizer, "aaaaa", "aa|aa|a");
    check_split(tokenizer, "aab", "a|ab"); /* "aab" is a token that no merge makes */
    check_split(tokenizer, "abab", "ab|ab");
    check_split(tokenizer, "abcab", "a|bc|ab");
    check_split(tokenizer, "", "");
    ll_tokenizer_destroy(tokenizer);
}

static void test_pre_gpt2(void) {
    ll_tokenizer *tokenizer = sound("gpt-2");
    check_split(tokenizer, "1212", "12|12");
    check_split(tokenizer, "  1", " | 1");
    check_split(tokenizer, "a1", "a|1");
    check_split(tokenizer, "  ", "  ");
    check_split(tokenizer, "a'La", "a|'|La");
    check_split(tokenizer, "\n\na", "\n|\n|a");
    check_split(tokenizer, "!\xE1\xA0\x8E", "!\xE1"); /* U+180E is no white space; A0 and 8E have no token */
    ll_tokenizer_destroy(tokenizer);
}

static void test_pre_smollm(void) {
    ll_tokenizer *tokenizer = sound("smollm");
    check_split(tokenizer, "1212", "1|2|1|2");
    check_split(tokenizer, "  1", "  |1");
    check_split(tokenizer, " 1", " |1");
    check_split(tokenizer, "  a", " | |a");
    check_split(tokenizer, "ab12", "ab|1|2");
    ll_tokenizer_destroy(tokenizer);
}

static void test_pre_llama(void) {
    ll_tokenizer *tokenizer = sound("llama-bpe");
    check_split(tokenizer, "12121", "12|1|2|1"); /* three digits, then the rest */
    check_split(tokenizer, "aab", "aab");        /* a word that is a token stays whole */
    check_split(tokenizer, "aabc", "aa|bc");
    check_split(tokenizer, "\n\na", "\n\n|a");
    check_split(tokenizer, "a'LLa", "a|'L|L|a"); /* the contraction ends before "La", in capitals too */
    check_split(tokenizer, "!a", "!|a");
    ll_tokenizer_destroy(tokenizer);
}

static void test_specials(void) {
    ll_tokenizer *tokenizer = sound("gpt-2");
    check_split(tokenizer, "ab<s>bc", "ab|<s>|bc");
    check_split(tokenizer, "<s>ab", "<s>a|b"); /* the longest */
    check_split(tokenizer, "<s><s>a<s>", "<s>|<s>a|<s>");
    check_split(tokenizer, "a->a", "a|->|a");
    check_split(tokenizer, "a\xE2\x86\x92 xa", "a|\xE2\x86\x92 x|a");
    check_split(tokenizer, "a<s", "a"); /* "<" and "s" have no token */
    check_split(tokenizer, "\xFF<s>\xFF", "\xFF|<s>|\xFF");
    ll_tokenizer_destroy(tokenizer);
}

static void test_odd_bytes(void) {
    ll_tokenizer *tokenizer = sound("gpt-2");
    check_split(tokenizer,
                "a\xFF"
                "b",
                "a|\xFF|b"); /* a byte outside UTF-8 merges with nothing */
    check_split(tokenizer, "\xFF\xFF", "\xFF|\xFF");
    check_split(tokenizer, "aZb",
                "ab"); /* a byte without a token is left out before merging, as in Hugging Face */
    check_split(tokenizer, "\xC3", "");
    ll_tokenizer_destroy(tokenizer);
}

static void test_ids(void) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    const ll_toy_vocabulary plain = {0}, ends = {.bos = &(uint32_t){6}, .eos = &(uint32_t){7}},
                            adding = {.bos = &(uint32_t){6}, .adds_bos = &(bool){true}},
                            llama = {.pre = "llama-bpe", .bos = &(uint32_t){6}};
    REQUIRE(ll_toy_vocabulary_load(&tokenizer, &plain, ROWS, &error) == LL_OK);
    CHECK(ll_tokenizer_size(tokenizer) == LL_TOY_TOKENS);
    CHECK(ll_tokenizer_bos(tokenizer) == -1 && ll_tokenizer_eos(tokenizer) == -1 &&
          !ll_tokenizer_adds_bos(tokenizer));
    CHECK(ll_tokenizer_decode(tokenizer, -1).length == 0 &&
          ll_tokenizer_decode(tokenizer, LL_TOY_UNUSED_ID).length == 0);
    CHECK(ll_tokenizer_decode(tokenizer, INT32_MAX).length == 0);
    ll_tokenizer_destroy(tokenizer);
    REQUIRE(ll_toy_vocabulary_load(&tokenizer, &ends, ROWS, &error) == LL_OK);
    CHECK(ll_tokenizer_bos(tokenizer) == 6 && ll_tokenizer_eos(tokenizer) == 7 &&
          !ll_tokenizer_adds_bos(tokenizer));
    ll_tokenizer_destroy(tokenizer);
    REQUIRE(ll_toy_vocabulary_load(&tokenizer, &adding, ROWS, &error) == LL_OK);
    CHECK(ll_tokenizer_adds_bos(tokenizer));
    check_split(tokenizer, "a", "a"); /* BOS is the caller's */
    ll_tokenizer_destroy(tokenizer);
    REQUIRE(ll_toy_vocabulary_load(&tokenizer, &llama, ROWS, &error) == LL_OK);
    CHECK(ll_tokenizer_adds_bos(tokenizer));
    ll_tokenizer_destroy(tokenizer);
    ll_tokenizer_destroy(NULL);
}

/* ---- refusals ---- */

typedef struct {
    ll_toy_vocabulary vocab;
    size_t rows; /* 0: enough */
    const char *place, *what;
} refusal;

#define TOKENS(...)                                                                                          \
    (const ll_toy_token[]) {                                                                                 \
        {"a", 0}, {"b", 0}, __VA_ARGS__, {                                                                   \
            NULL, 0                                                                                          \
        }                                                                                                    \
    }
#define MERGES(merge)                                                                                        \
    (const char *const[]) {                                                                                  \
        "b c", merge, NULL                                                                                   \
    }
static const char *const no_merges[] = {NULL};
#define LONG_64 "----------------------------------------------------------------"

static const refusal refusals[] = {
    {{.model = "t5"}, 0, "tokenizer.ggml.model is \"t5\"", "expected \"gpt2\" (byte-level BPE) or \"llama\""},
    {{.missing = "tokenizer.ggml.model"}, 0, "tokenizer.ggml.model", ""},
    {{.pre = "qwen2"}, 0, "tokenizer.ggml.pre is \"qwen2\"", "gpt-2, smollm, llama-bpe"},
    {{.missing = "tokenizer.ggml.pre"}, 0, "tokenizer.ggml.pre", "gpt-2, smollm, llama-bpe"},
    {{.missing = "tokenizer.ggml.tokens"}, 0, "tokenizer.ggml.tokens", ""},
    {{.missing = "tokenizer.ggml.token_type"}, 0, "tokenizer.ggml.token_type", ""},
    {{.missing = "tokenizer.ggml.merges"}, 0, "tokenizer.ggml.merges", ""},
    {{.tokens = (const ll_toy_token[]){{NULL, 0}}, .merges = no_merges}, 0, "tokenizer.ggml.tokens", "empty"},
    {{.less_types = 1}, 0, "tokenizer.ggml.token_type has 29", "tokens has 30"},
    {{0}, 29, "tokenizer.ggml.tokens[29]", "29 rows for 30 tokens"},
    {{.tokens = TOKENS({"c", 7}), .merges = no_merges}, 0, "type of tokenizer.ggml.tokens[2] is 7", "1 to 6"},
    {{.tokens = TOKENS({"a", 0}), .merges = no_merges}, 0, "tokens[2] \"a\"", "same as token 0"},
    {{.tokens = TOKENS({"b", LL_TOY_CONTROL}), .merges = no_merges}, 0, "tokens[2] \"b\"", "same as token 1"},
    {{.tokens = TOKENS({"", 0}), .merges = no_merges}, 0, "tokens[2] \"\"", "empty"},
    {{.tokens = TOKENS({"", LL_TOY_CONTROL}), .merges = no_merges}, 0, "tokens[2] \"\"", "empty"},
    {{.tokens = TOKENS({"a b", 0}), .merges = no_merges}, 0, "tokens[2] \"a b\"", "byte alphabet"},
    {{.tokens = TOKENS({"\xE2\x86\x92", 0}), .merges = no_merges}, 0, "tokens[2]", "byte alphabet"},
    {{.tokens = TOKENS({"x\xC5", 0}), .merges = no_merges}, 0, "tokens[2]", "byte alphabet"},
    {{.tokens = TOKENS({"\xC1\xA1", 0}), .merges = no_merges}, 0, "tokens[2]", "byte alphabet"},
    {{.tokens = TOKENS({"x\xC5", LL_TOY_CONTROL}), .merges = no_merges}, 0, "tokens[2]", "UTF-8"},
    {{.tokens = TOKENS({LONG_64 LONG_64 LONG_64 LONG_64 "-", LL_TOY_CONTROL}), .merges = no_merges},
     0,
     "tokens[2]",
     "256"},
    {{.merges = MERGES("ab")}, 0, "tokenizer.ggml.merges[1] \"ab\"", "one space"},
    {{.merges = MERGES("a b c")}, 0, "tokenizer.ggml.merges[1] \"a b c\"", "one space"},
    {{.merges = MERGES("")}, 0, "tokenizer.ggml.merges[1] \"\"", "one space"},
    {{.merges = MERGES(" a")}, 0, "tokenizer.ggml.merges[1] \" a\"", "starts with what is no token"},
    {{.merges = MERGES("a ")}, 0, "tokenizer.ggml.merges[1] \"a \"", "ends with what is no token"},
    {{.merges = MERGES("x a")}, 0, "tokenizer.ggml.merges[1] \"x a\"", "starts with what is no token"},
    {{.merges = MERGES("a pad")}, 0, "tokenizer.ggml.merges[1] \"a pad\"", "ends with what is no token"},
    {{.merges = MERGES("b a")}, 0, "tokenizer.ggml.merges[1] \"b a\"", "makes what is no token"},
    {{.merges = MERGES("b c")}, 0, "tokenizer.ggml.merges[1] \"b c\"", "twice"},
    {{.tokens = TOKENS({"á", 0}, {"aá", LL_TOY_USER}), .merges = (const char *const[]){"a á", NULL}},
     0,
     "tokenizer.ggml.merges[0]",
     "reads otherwise"},
    {{.bos = &(uint32_t){30}}, 0, "tokenizer.ggml.bos_token_id is 30", "less than the 30 tokens"},
    {{.eos = &(uint32_t){4000000000}}, 0, "tokenizer.ggml.eos_token_id is 4000000000", "30 tokens"},
    {{.adds_bos = &(bool){true}}, 0, "tokenizer.ggml.bos_token_id", "missing"},
    {{.pre = "llama-bpe"}, 0, "tokenizer.ggml.bos_token_id", "missing"},
};

static void test_refusals(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        ll_tokenizer *tokenizer = NULL;
        ll_error error = {{0}};
        const ll_status status =
            ll_toy_vocabulary_load(&tokenizer, &r->vocab, r->rows ? r->rows : ROWS, &error);
        CHECK_MSG(status == LL_BAD_INPUT && !tokenizer, "case %zu (%s): status %d", i, r->place, status);
        CHECK_CONTAINS(error.text, "vocabulary.gguf");
        CHECK_CONTAINS(error.text, r->place);
        CHECK_CONTAINS(error.text, r->what);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* As many rows as tokens, or more, are fine. */
static void test_rows(void) {
    for (size_t rows = LL_TOY_TOKENS; rows < LL_TOY_TOKENS + 2; rows++) {
        ll_tokenizer *tokenizer = NULL;
        ll_error error = {{0}};
        CHECK_MSG(ll_toy_vocabulary_load(&tokenizer, &(ll_toy_vocabulary){0}, rows, &error) == LL_OK, "%s",
                  error.text);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* Files with some bytes changed load or do not, and what loads encodes. */
static void test_damaged(void) {
    static const char text[] = "abcab aaa1212 !\xE1\xA0\x8E <s>a ->\n\n'LL \xFF \xE2\x86\x92 x";
    ll_bytes file = ll_toy_vocabulary_file(
        &(ll_toy_vocabulary){.pre = "llama-bpe", .bos = &(uint32_t){6}, .eos = &(uint32_t){7}});
    ll_random random = {11};
    size_t loaded = 0;
    for (size_t i = 0; i < 1500; i++) {
        ll_bytes copy = {0};
        ll_put(&copy, file.data, file.length);
        for (size_t j = 0; j <= i % 4; j++)
            copy.data[24 + ll_random_next(&random) % (copy.length - 24)] = (uint8_t)ll_random_next(&random);
        ll_tokenizer *tokenizer = NULL;
        ll_ids ids = {0};
        ll_error error = {{0}};
        if (ll_toy_vocabulary_load_bytes(&tokenizer, copy, ROWS, &error) == LL_OK) {
            CHECK(ll_tokenizer_encode(tokenizer, text, sizeof text, &ids, &error) == LL_OK);
            loaded++;
        } else {
            CHECK(error.text[0]);
        }
        ll_ids_free(&ids);
        ll_tokenizer_destroy(tokenizer);
        free(copy.data);
    }
    CHECK_MSG(loaded > 10 && loaded < 1490, "%zu loaded", loaded);
    free(file.data);
}

/* ---- long texts ---- */

/* A megabyte that is one word, or one mistake, for each way there is to be slow. */
static void test_long(void) {
    enum { LENGTH = 1 << 20 };
    static const char *const units[] = {"a",  " ",   "\n", "1",   "\xFF",    "\xE2\x86",
                                        "<s", "<s>", "-",  "!a ", "\xC3\xA9"};
    static const char *const pres[] = {"gpt-2", "smollm", "llama-bpe"};
    char *text = malloc(LENGTH);
    REQUIRE(text);
    for (size_t i = 0; i < sizeof pres / sizeof *pres; i++) {
        ll_tokenizer *tokenizer = sound(pres[i]);
        for (size_t j = 0; tokenizer && j < sizeof units / sizeof *units; j++) {
            for (size_t at = 0; at < LENGTH; at++)
                text[at] = units[j][at % strlen(units[j])];
            ll_ids ids = {0};
            ll_error error = {{0}};
            const clock_t start = clock();
            CHECK_MSG(ll_tokenizer_encode(tokenizer, text, LENGTH, &ids, &error) == LL_OK, "%s", error.text);
            const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            CHECK_MSG(seconds < 10, "%s: 1 MB of \"%s\" took %.1f s", pres[i], units[j], seconds);
            ll_ids_free(&ids);
        }
        ll_tokenizer_destroy(tokenizer);
    }
    free(text);
}

/* ---- the default model ---- */

static ll_tokenizer *default_tokenizer(void) {
    const char *path = ll_test_model();
    ll_gguf *gguf = NULL;
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    if (path && (ll_gguf_open(&gguf, path, &error) != LL_OK ||
                 ll_tokenizer_from_gguf(&tokenizer, gguf, 49152, &error) != LL_OK))
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    ll_gguf_close(gguf);
    return tokenizer;
}

/* The bytes of the ids are text. */
static bool decodes_to(const ll_tokenizer *tokenizer, const ll_ids *ids, const char *text, size_t length) {
    size_t at = 0;
    for (size_t i = 0; i < ids->count; i++) {
        const ll_text piece = ll_tokenizer_decode(tokenizer, ids->data[i]);
        if (piece.length > length - at || memcmp(text + at, piece.data, piece.length) != 0)
            return false;
        at += piece.length;
    }
    return at == length;
}

static void check_golden(const ll_tokenizer *tokenizer, const ll_golden_text *text, size_t number) {
    ll_ids ids = {0};
    ll_error error = {{0}};
    CHECK_MSG(ll_tokenizer_encode(tokenizer, text->bytes, text->length, &ids, &error) == LL_OK, "%s",
              error.text);
    const bool same = ids.count == text->count &&
                      (!ids.count || memcmp(ids.data, text->ids, ids.count * sizeof *ids.data) == 0);
    CHECK_MSG(same, "line %zu of tokens.jsonl: other ids for \"%.40s\"", number + 1, text->bytes);
    CHECK_MSG(decodes_to(tokenizer, &ids, text->bytes, text->length) == text->lossless,
              "line %zu of tokens.jsonl: other bytes from the ids of \"%.40s\"", number + 1, text->bytes);
    ll_ids_free(&ids);
}

static void test_golden(void) {
    ll_tokenizer *tokenizer = default_tokenizer();
    ll_golden_tokens golden = {0};
    if (!tokenizer || !ll_golden_tokens_load(&golden))
        return;
    CHECK_MSG(golden.count >= 300, "only %zu texts", golden.count);
    for (size_t i = 0; i < golden.count; i++)
        check_golden(tokenizer, &golden.texts[i], i);
    ll_golden_tokens_free(&golden);
    ll_tokenizer_destroy(tokenizer);
}

static void test_threads(void) {
    ll_tokenizer *tokenizer = default_tokenizer();
    ll_golden_tokens golden = {0};
    if (!tokenizer || !ll_golden_tokens_load(&golden))
        return;
    size_t wrong = 0;
#pragma omp parallel for num_threads(4) schedule(dynamic) reduction(+ : wrong)
    for (size_t i = 0; i < 4 * golden.count; i++) {
        const ll_golden_text *text = &golden.texts[i % golden.count];
        ll_ids ids = {0};
        wrong += ll_tokenizer_encode(tokenizer, text->bytes, text->length, &ids, NULL) != LL_OK ||
                 ids.count != text->count ||
                 (ids.count && memcmp(ids.data, text->ids, ids.count * sizeof *ids.data) != 0);
        ll_ids_free(&ids);
    }
    CHECK_MSG(wrong == 0, "%zu texts wrong", wrong);
    ll_golden_tokens_free(&golden);
    ll_tokenizer_destroy(tokenizer);
}

/* Any bytes at all come back from a vocabulary that has them all. */
static void test_round_trip(void) {
    ll_toy toy = ll_toy_default();
    toy.vocab = 932;
    char path[256];
    snprintf(path, sizeof path, "%s/bytes.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &toy, NULL));
    ll_gguf *gguf = NULL;
    ll_tokenizer *tokenizer = NULL;
    REQUIRE(ll_gguf_open(&gguf, path, NULL) == LL_OK);
    CHECK(ll_tokenizer_from_gguf(&tokenizer, gguf, toy.vocab, NULL) == LL_OK);
    ll_gguf_close(gguf);
    ll_random random = {7};
    for (size_t i = 0; tokenizer && i < 3000; i++) {
        char text[64];
        const size_t length = (size_t)(ll_random_next(&random) % sizeof text);
        for (size_t j = 0; j < length; j++) {
            const uint64_t r = ll_random_next(&random);
            text[j] = i % 2 ? (char)(r >> 8) : "aabcz  \n1'\xC3\xA9\xE2\x82\xAC"[r % 15];
        }
        ll_ids ids = {0};
        CHECK(ll_tokenizer_encode(tokenizer, text, length, &ids, NULL) == LL_OK);
        CHECK(decodes_to(tokenizer, &ids, text, length));
        ll_ids_free(&ids);
    }
    ll_tokenizer_destroy(tokenizer);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("tokenizer/lowest rank, then leftmost", test_merge_order);
    ll_test_run("tokenizer/pre gpt-2", test_pre_gpt2);
    ll_test_run("tokenizer/pre smollm", test_pre_smollm);
    ll_test_run("tokenizer/pre llama-bpe", test_pre_llama);
    ll_test_run("tokenizer/special tokens", test_specials);
    ll_test_run("tokenizer/bytes outside UTF-8 and without token", test_odd_bytes);
    ll_test_run("tokenizer/bos, eos, ids out of range", test_ids);
    ll_test_run("tokenizer/refusals", test_refusals);
    ll_test_run("tokenizer/more rows than tokens", test_rows);
    ll_test_run("tokenizer/damaged files", test_damaged);
    ll_test_run("tokenizer/a megabyte without end", test_long);
    ll_test_run("tokenizer/any bytes come back", test_round_trip);
    ll_test_run("tokenizer/golden ids", test_golden);
    ll_test_run("tokenizer/golden ids from four threads", test_threads);
    return ll_test_end();
}
