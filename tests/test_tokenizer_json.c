/* tokenizer.json from memory: its forms, what is refused by name, damage, long texts. */
#include "sampler.h"
#include "test.h"
#include "tokenizer_parts.h"
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 1 << 20 };

static ll_status load(ll_tokenizer **out, const char *json, size_t rows, ll_error *error) {
    return ll_tokenizer_from_json(out, json, strlen(json), "tokenizer.json", rows, error);
}

static ll_tokenizer *sound(const char *json) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    if (load(&tokenizer, json, ROWS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return tokenizer;
}

/* The ids of text, as "1 2 3". */
static void check_ids(const ll_tokenizer *tokenizer, const char *text, size_t length, const char *expected) {
    ll_ids ids = {0};
    ll_error error = {{0}};
    char got[256] = "";
    if (!tokenizer)
        return;
    CHECK_MSG(ll_tokenizer_encode(tokenizer, text, length, &ids, &error) == LL_OK, "%s", error.text);
    for (size_t i = 0; i < ids.count && i < 40; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? " " : "", ids.data[i]);
    CHECK_MSG(strcmp(got, expected) == 0, "\"%s\" became %s, expected %s", text, got, expected);
    ll_ids_free(&ids);
}
#define CHECK_IDS(tokenizer, text, expected) check_ids(tokenizer, text, sizeof(text) - 1, expected)

#define BPE(vocab, merges, more)                                                                             \
    "{\"model\":{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]" more "}}"

/* ---- merges ---- */

static void test_merge_order(void) {
    ll_tokenizer *tokenizer =
        sound(BPE("\"a\":0,\"b\":1,\"c\":2,\"bc\":3,\"ab\":4,\"aa\":5", "\"b c\",\"a b\",\"a a\"", ""));
    CHECK_IDS(tokenizer, "abc", "0 3");
    CHECK_IDS(tokenizer, "ab", "4");
    CHECK_IDS(tokenizer, "aaa", "5 0");
    CHECK_IDS(tokenizer, "", "");
    CHECK_IDS(tokenizer, "axb", "4"); /* without an unknown token: left out before anything merges */
    ll_tokenizer_destroy(tokenizer);
}

/* A file with its merges in the older form: "a b" for ["a", "b"]. */
static char *with_text_merges(const char *text) {
    json_t *root = json_loads(text, 0, NULL);
    json_t *merges = json_object_get(json_object_get(root, "model"), "merges");
    for (size_t i = 0; i < json_array_size(merges); i++) {
        const json_t *pair = json_array_get(merges, i);
        json_array_set_new(merges, i,
                           json_sprintf("%s %s", json_string_value(json_array_get(pair, 0)),
                                        json_string_value(json_array_get(pair, 1))));
    }
    char *out = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return out;
}

static void test_merge_forms(void) {
    static const char text[] = "The quick brown fox's 1234567 words\n\n  and <both> whole 'LL \xE4\xB8\xAD";
    char *pairs = ll_test_read("tests/golden/tokenizer-llama3/tokenizer.json", &(size_t){0});
    REQUIRE(pairs);
    char *texts = with_text_merges(pairs);
    ll_tokenizer *one = sound(pairs), *other = sound(texts);
    ll_ids a = {0}, b = {0};
    REQUIRE(one && other);
    CHECK(strstr(pairs, "[\"") && strstr(texts, "\"Ġ t\""));
    CHECK(ll_tokenizer_encode(one, text, strlen(text), &a, NULL) == LL_OK);
    CHECK(ll_tokenizer_encode(other, text, strlen(text), &b, NULL) == LL_OK);
    CHECK(a.count > 10 && a.count == b.count && memcmp(a.data, b.data, a.count * sizeof *a.data) == 0);
    ll_ids_free(&a);
    ll_ids_free(&b);
    ll_tokenizer_destroy(one);
    ll_tokenizer_destroy(other);
    free(pairs);
    free(texts);
    /* Halves with spaces and newlines can only be pairs. */
    ll_tokenizer *spaced = sound(
        BPE("\" \":0,\"\\n\":1,\" \\n\":2,\"a\":3,\" \\na\":4", "[\" \",\"\\n\"],[\" \\n\",\"a\"]", ""));
    CHECK_IDS(spaced, " \na\n a", "4 1 0 3");
    ll_tokenizer_destroy(spaced);
}

/* ---- unknown characters ---- */

#define BYTES ",\"<0xC3>\":2,\"<0xA9>\":3,\"<0xFF>\":4,\"<0x00>\":5"
static void test_unknown(void) {
    ll_tokenizer *fused = sound(BPE("\"<unk>\":0,\"a\":1", "", ",\"unk_token\":\"<unk>\",\"fuse_unk\":true"));
    CHECK_IDS(fused, "xxaxéx", "0 1 0");
    CHECK_IDS(fused, "\xFF", "0");
    ll_tokenizer_destroy(fused);
    ll_tokenizer *single = sound(BPE("\"<unk>\":0,\"a\":1", "", ",\"unk_token\":\"<unk>\""));
    CHECK_IDS(single, "xxa", "0 0 1");
    ll_tokenizer_destroy(single);
    ll_tokenizer *bytes =
        sound(BPE("\"<unk>\":0,\"a\":1" BYTES, "", ",\"unk_token\":\"<unk>\",\"byte_fallback\":true"));
    CHECK_IDS(bytes, "aé", "1 2 3");
    CHECK_IDS(bytes, "a\xFF\0", "1 4 5");
    CHECK_IDS(bytes, "è", "0");         /* only whole characters fall back */
    CHECK_IDS(bytes, "xéa", "2 3 0 1"); /* as tokenizers does: bytes pass an unknown one that waits */
    CHECK(bytes && ll_tokenizer_decode(bytes, 4).length == 1 &&
          ll_tokenizer_decode(bytes, 4).data[0] == '\xFF');
    ll_tokenizer_destroy(bytes);
    ll_tokenizer *whole = sound(BPE("\"a\":0,\"b\":1,\"ab\":2", "", ",\"ignore_merges\":true"));
    CHECK_IDS(whole, "ab", "2");
    CHECK_IDS(whole, "aba", "0 1 0");
    ll_tokenizer_destroy(whole);
}

/* ---- splitting ---- */

#define DIGITS "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[0-9]\"},\"behavior\":\""
#define INVERTED                                                                                             \
    "{\"pre_tokenizer\":{\"type\":\"Split\",\"invert\":true,\"pattern\":{\"Regex\":\"[0-9]\"},\"behavior\":" \
    "\""
#define PAIRS                                                                                                \
    "\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"1\":1,\"a1\":2,\"1a\":3,\"11\":4,\"aa\":5},"       \
    "\"merges\":["                                                                                           \
    "\"1 1\",\"a 1\",\"1 a\",\"a a\"]}}"

/* Where a split falls, nothing merges. */
static void test_behaviors(void) {
    static const char *const cases[][2] = {
        {DIGITS "Isolated" PAIRS, "0 1 1 5 1"},
        {DIGITS "Removed" PAIRS, "0 5"},
        {DIGITS "MergedWithPrevious" PAIRS, "2 1 0 2"},
        {DIGITS "MergedWithNext" PAIRS, "0 1 3 0 1"},
        {DIGITS "Contiguous" PAIRS, "0 4 5 1"},
        {INVERTED "Removed" PAIRS, "1 1 1"},
        {INVERTED "MergedWithPrevious" PAIRS, "0 1 3 0 1"},
        {INVERTED "MergedWithNext" PAIRS, "2 1 0 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_tokenizer *tokenizer = sound(cases[i][0]);
        CHECK_IDS(tokenizer, "a11aa1", cases[i][1]);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* A script is a character's own: U+0342 is used in Greek, but inherits its script. U+180E is no white space. */
static void test_patterns(void) {
#define MARKS                                                                                                \
    "\"\xCE\xB1\":0,\"\xCD\x82\":1,\"\xCE\xB1\xCD\x82\":2,\"\xE1\xA0\x8E\":3,\" \":4,\" \xE1\xA0\x8E\":5"
#define MARKED(pattern)                                                                                      \
    "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" pattern                               \
    "\"},\"behavior\":\"Isolated\"},"                                                                        \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{" MARKS                                                          \
    "},\"merges\":[[\"\xCE\xB1\",\"\xCD\x82\"],[\" \",\"\xE1\xA0\x8E\"]]}}"
    ll_tokenizer *script = sound(MARKED("\\\\p{Greek}+")), *category = sound(MARKED("[\\\\p{L}\\\\p{Mn}]+")),
                 *space = sound(MARKED("\\\\s+")), *point = sound(MARKED("\\\\u0342|\\\\x{20}"));
    CHECK_IDS(script, "\xCE\xB1\xCD\x82", "0 1");
    CHECK_IDS(category, "\xCE\xB1\xCD\x82", "2");
    CHECK_IDS(space, "\xCE\xB1\xCD\x82 \xE1\xA0\x8E", "2 4 3");
    CHECK_IDS(point, "\xCE\xB1\xCD\x82 \xE1\xA0\x8E", "0 1 4 3");
    CHECK_IDS(category, " \xE1\xA0\x8E", "5");
    ll_tokenizer_destroy(script);
    ll_tokenizer_destroy(category);
    ll_tokenizer_destroy(space);
    ll_tokenizer_destroy(point);
}

/* ---- rows ---- */

static void test_rows(void) {
    static const char json[] = "{\"added_tokens\":[{\"id\":2,\"content\":\"[PAD]\",\"special\":true}],"
                               "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    for (size_t rows = 3; rows < 5; rows++) {
        CHECK_MSG(load(&tokenizer, json, rows, &error) == LL_OK, "%s", error.text);
        CHECK(tokenizer && ll_tokenizer_size(tokenizer) == 3 &&
              ll_tokenizer_decode(tokenizer, 3).length == 0);
        ll_tokenizer_destroy(tokenizer);
    }
    CHECK(load(&tokenizer, json, 2, &error) == LL_BAD_INPUT && !tokenizer);
    CHECK_CONTAINS(error.text, "\"[PAD]\" has id 2");
    CHECK_CONTAINS(error.text, "2 rows");
}

/* ---- refusals ---- */

#define MODEL "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define NORMAL(text) "{\"normalizer\":" text "," MODEL "}"
#define PRE(text) "{\"pre_tokenizer\":" text "," MODEL "}"
#define SPLIT(pattern, more)                                                                                 \
    PRE("{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"Isolated\"" more "}")
#define REGEX(pattern) SPLIT("{\"Regex\":\"" pattern "\"}", "")
#define POST(text) "{\"post_processor\":" text "," MODEL "}"
#define ADDED(text) "{\"added_tokens\":[" text "]," MODEL "}"

static const char *const refusals[][3] = {
    {"{\"model\":{}}", "model.type is absent", "\"BPE\""},
    {"{}", "model.type is absent", "\"BPE\""},
    {"{\"model\":{\"type\":\"Unigram\"}}", "model.type is \"Unigram\"", "\"BPE\""},
    {"{\"new\":1," MODEL "}", "the file has the key \"new\"", "may change token ids"},
    {"{\"a\":1,\"a\":2}", "\"a\"", "twice"},
    {BPE("\"a\":0", "", ",\"new\":true"), "model has the key \"new\"", "may change"},
    {BPE("\"a\":0", "", ",\"dropout\":0.1"), "model.dropout is 0.1", "null"},
    {BPE("\"a\":0", "", ",\"end_of_word_suffix\":\"</w>\""), "model.end_of_word_suffix is \"</w>\"", "null"},
    {BPE("\"a\":0", "", ",\"continuing_subword_prefix\":\"##\""), "model.continuing_subword_prefix", "null"},
    {BPE("\"a\":0", "", ",\"unk_token\":\"u\""), "model.unk_token is \"u\"", "model.vocab"},
    {BPE("\"a\":0", "", ",\"fuse_unk\":1"), "model.fuse_unk is 1", "true or false"},
    {BPE("", "", ""), "model.vocab is empty", ""},
    {BPE("\"a\":\"0\"", "", ""), "id of \"a\" is \"0\"", "a number"},
    {BPE("\"a\":-1", "", ""), "\"a\" has id -1", "rows"},
    {BPE("\"a\":1000000", "", ""), "\"a\" has id 1000000", "far beyond the 1 tokens"},
    {BPE("\"a\":9000000000", "", ""), "\"a\" has id 9000000000", "rows"},
    {BPE("\"a\":0,\"b\":0", "", ""), "have the same id 0", ""},
    {BPE("\"a\":0", "\"a\"", ""), "model.merges[0] is \"a\"", "two tokens"},
    {BPE("\"a\":0", "[\"a\"]", ""), "model.merges[0] is a list of 1", "two tokens"},
    {BPE("\"a\":0", "[\"a\",1]", ""), "model.merges[0]", "two tokens"},
    {BPE("\"a\":0", "\"a a\"", ""), "model.merges[0] \"a a\"", "makes what is no token"},
    {BPE("\"a\":0", "\"a x\"", ""), "model.merges[0] \"a x\"", "ends with what is no token"},
    {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}", "model.merges is absent", "a list"},
    {NORMAL("{\"type\":\"Lowercase\"}"), "normalizer is a \"Lowercase\"", "NFKC"},
    {NORMAL("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}"), "normalizer is a \"Precompiled\"",
     ""},
    {NORMAL("{\"type\":\"NFC\",\"x\":1}"), "normalizer has the key \"x\"", ""},
    {NORMAL("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Strip\"}]}"),
     "normalizer.normalizers[1] is a \"Strip\"", ""},
    {NORMAL("{\"type\":\"Sequence\",\"normalizers\":[null]}"), "normalizer.normalizers[0] is null",
     "an object"},
    {NORMAL("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"b\"}"), "normalizer.pattern",
     "a Regex"},
    {NORMAL("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"b\"}"), "normalizer.pattern",
     "not empty"},
    {NORMAL("{\"type\":\"Prepend\",\"prepend\":\"12345678901234567\"}"), "normalizer puts 17 bytes", "16"},
    {NORMAL("3"), "normalizer is 3", "an object"},
    {PRE("{\"type\":\"Whitespace\"}"), "pre_tokenizer is a \"Whitespace\"", "ByteLevel"},
    {PRE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Punctuation\"}]}"),
     "pre_tokenizer.pretokenizers[0] is a \"Punctuation\"", ""},
    {PRE("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"Digits\"}]}"),
     "pre_tokenizer.pretokenizers[1]", "after a ByteLevel"},
    {PRE("{\"type\":\"Digits\",\"individual_digits\":\"yes\"}"), "individual_digits is \"yes\"",
     "true or false"},
    {PRE("{\"type\":\"Metaspace\",\"replacement\":\"_\"}"), "pre_tokenizer.replacement is \"_\"", ""},
    {PRE("{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"last\"}"),
     "prepend_scheme is \"last\"", "never"},
    {PRE("{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"add_prefix_space\":false,\"prepend_scheme\":"
         "\"first\"}"),
     "add_prefix_space is false", "contradict"},
    {PRE("{\"type\":\"Split\",\"pattern\":{\"String\":\"a\"},\"behavior\":\"Odd\"}"), "behavior is \"Odd\"",
     "Contiguous"},
    {SPLIT("{\"Glob\":\"*\"}", ""), "pre_tokenizer.pattern has the key \"Glob\"", ""},
    {SPLIT("{\"String\":\"a\"}", ",\"x\":1"), "pre_tokenizer has the key \"x\"", ""},
    {REGEX("("), "pre_tokenizer", "PCRE2"},
    {REGEX("a\\\\w"), "pre_tokenizer: the pattern holds \"\\w\" at byte 1", "different libraries"},
    {REGEX("\\\\p{Nonsense}"), "pre_tokenizer", "PCRE2"},
    {REGEX("^a"), "holds \"^\"", "anchor"},
    {REGEX("[a[b]]"), "a class within a class", ""},
    {REGEX("(?x)a"), "kind of group", ""},
    {REGEX("(*ACCEPT)a"), "kind of group", ""},
    {REGEX("a\\\\"), "escapes nothing", ""},
    {REGEX("\\\\p{L"), "no end", ""},
    {POST("{\"type\":\"RobertaProcessing\"}"), "post_processor is a \"RobertaProcessing\"",
     "TemplateProcessing"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[],\"pair\":[],\"special_tokens\":{}}"),
     "post_processor.single", "no Sequence"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}],\"special_"
          "tokens\":{}}"),
     "no single id for \"x\"", ""},
    {POST(
         "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}],\"special_tokens\":"
         "{\"x\":{\"ids\":[9]}}}"),
     "post_processor.special_tokens is 9", "3 tokens"},
    {POST("{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},{\"SpecialToken\":{"
          "\"id\":"
          "\"x\"}}],\"special_tokens\":{\"x\":{\"ids\":[1]}}}"),
     "post_processor.single[1]", "a second SpecialToken"},
    {"{\"added_tokens\":3," MODEL "}", "added_tokens is 3", "a list"},
    {ADDED("7"), "added_tokens is 7", "an object"},
    {ADDED("{\"id\":3}"), "content is absent", "a text"},
    {ADDED("{\"content\":\"x\"}"), "id of \"x\" is absent", "a number"},
    {ADDED("{\"id\":3,\"content\":\"\"}"), "id 3 has 0 bytes", "256"},
    {ADDED("{\"id\":4,\"content\":\"x\"}"), "id of \"x\" is 4, expected 3", "next one"},
    {ADDED("{\"id\":1,\"content\":\"a\"}"), "id of \"a\" is 1, expected 0", "model.vocab"},
    {ADDED("{\"id\":3,\"content\":\"x\",\"lstrip\":1}"), "lstrip is 1", "true or false"},
    {ADDED("{\"id\":3,\"content\":\"x\",\"trim\":true}"), "has the key \"trim\"", ""},
    {ADDED("{\"id\":3,\"content\":\"x\"},{\"id\":4,\"content\":\"x\"}"), "\"x\"", "same as token 3"},
};

static void test_refusals(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        ll_tokenizer *tokenizer = NULL;
        ll_error error = {{0}};
        const ll_status status = load(&tokenizer, refusals[i][0], ROWS, &error);
        CHECK_MSG(status == LL_BAD_INPUT && !tokenizer, "case %zu (%s): status %d", i, refusals[i][1],
                  status);
        CHECK_CONTAINS(error.text, "tokenizer.json");
        CHECK_CONTAINS(error.text, refusals[i][1]);
        CHECK_CONTAINS(error.text, refusals[i][2]);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* ---- hostile files ---- */

static void test_damaged(void) {
    static const char *const files[] = {"tests/golden/tokenizer-llama3/tokenizer.json",
                                        "tests/golden/tokenizer-characters/tokenizer.json"};
    static const char text[] = "abcab 1212 <both> a whole ->\n\n'LL \xFF \xE2\x86\x92 norm al <left> x";
    ll_random random = {17};
    size_t loaded = 0;
    for (size_t i = 0; i < 400; i++) {
        size_t length;
        char *json = ll_test_read(files[i % 2], &length);
        REQUIRE(json);
        for (size_t j = 0; j <= i % 3; j++)
            json[ll_random_next(&random) % (i % 5 ? length : 2500)] =
                (char)(32 + ll_random_next(&random) % 95);
        ll_tokenizer *tokenizer = NULL;
        ll_ids ids = {0};
        ll_error error = {{0}};
        if (ll_tokenizer_from_json(&tokenizer, json, length, "tokenizer.json", ROWS, &error) == LL_OK) {
            CHECK_MSG(ll_tokenizer_encode(tokenizer, text, sizeof text, &ids, &error) == LL_OK, "%s",
                      error.text);
            loaded++;
        } else {
            CHECK(error.text[0]);
        }
        ll_ids_free(&ids);
        ll_tokenizer_destroy(tokenizer);
        free(json);
    }
    CHECK_MSG(loaded > 0 && loaded < 395, "%zu loaded", loaded);
}

/* Patterns that take forever and normalizers that grow without end are stopped with a sentence. */
static void test_bombs(void) {
    char text[4001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ll_tokenizer *slow = sound(REGEX("(a+a+)+[b-z]"));
    ll_ids ids = {0};
    ll_error error = {{0}};
    REQUIRE(slow);
    CHECK(ll_tokenizer_encode(slow, text, strlen(text), &ids, &error) == LL_NO_RESOURCE && !ids.count);
    CHECK_CONTAINS(error.text, "cannot be split");
    ll_tokenizer_destroy(slow);
    ll_tokenizer *large = NULL;
    CHECK(load(&large, REGEX("(?:(?:(?:a{99}){9}){9}){9}"), ROWS, &error) == LL_BAD_INPUT && !large);
    CHECK_CONTAINS(error.text, "has 26 bytes and becomes");
#define DOUBLE "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":\"aaaaaaaaaaaaaaaa\"}"
    ll_tokenizer *growing = sound(
        NORMAL("{\"type\":\"Sequence\",\"normalizers\":[" DOUBLE "," DOUBLE "," DOUBLE "," DOUBLE "]}"));
    REQUIRE(growing);
    CHECK(ll_tokenizer_encode(growing, text, strlen(text), &ids, &error) == LL_BAD_INPUT && !ids.count);
    CHECK_CONTAINS(error.text, "normalizer makes more than");
    ll_ids_free(&ids);
    ll_tokenizer_destroy(growing);
}

/* A word that the compiled pattern has no stack for. */
static void test_deep(void) {
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH);
    ll_tokenizer *tokenizer = sound(REGEX("(?:a|b)+"));
    ll_ids ids = {0};
    ll_error error = {{0}};
    REQUIRE(text && tokenizer);
    memset(text, 'a', LENGTH);
    CHECK_MSG(ll_tokenizer_encode(tokenizer, text, LENGTH, &ids, &error) == LL_OK, "%s", error.text);
    CHECK(ids.count == LENGTH);
    ll_ids_free(&ids);
    ll_tokenizer_destroy(tokenizer);
    free(text);
}

/* A megabyte that is one word, or one mistake, takes no more than a moment. */
static void test_long(void) {
    enum { LENGTH = 1 << 20 };
    static const char *const names[] = {"llama2", "mistral", "llama3", "digits", "characters"};
    static const char *const units[] = {
        "a", " ", "\n", "1", "\xFF", "<left> ", " whole", "e\xCC\x81", "\xF0\x9F\x98\x80"};
    char *text = malloc(LENGTH);
    REQUIRE(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char folder[128];
        ll_tokenizer *tokenizer = NULL;
        snprintf(folder, sizeof folder, "tests/golden/tokenizer-%s", names[i]);
        CHECK(ll_tokenizer_from_folder(&tokenizer, folder, ROWS, NULL) == LL_OK);
        for (size_t j = 0; tokenizer && j < sizeof units / sizeof *units; j++) {
            for (size_t at = 0; at < LENGTH; at++)
                text[at] = units[j][at % strlen(units[j])];
            ll_ids ids = {0};
            ll_error error = {{0}};
            const clock_t start = clock();
            CHECK_MSG(ll_tokenizer_encode(tokenizer, text, LENGTH, &ids, &error) == LL_OK, "%s", error.text);
            const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
            CHECK_MSG(seconds < 10, "%s: 1 MB of \"%s\" took %.1f s", names[i], units[j], seconds);
            ll_ids_free(&ids);
        }
        ll_tokenizer_destroy(tokenizer);
    }
    free(text);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("tokenizer.json/lowest rank, then leftmost", test_merge_order);
    ll_test_run("tokenizer.json/merges as texts and as pairs", test_merge_forms);
    ll_test_run("tokenizer.json/unknown characters and bytes", test_unknown);
    ll_test_run("tokenizer.json/behaviors of a split", test_behaviors);
    ll_test_run("tokenizer.json/patterns as Oniguruma reads them", test_patterns);
    ll_test_run("tokenizer.json/rows of the embedding", test_rows);
    ll_test_run("tokenizer.json/refusals", test_refusals);
    ll_test_run("tokenizer.json/damaged files", test_damaged);
    ll_test_run("tokenizer.json/hostile patterns and normalizers", test_bombs);
    ll_test_run("tokenizer.json/a pattern that needs a large stack", test_deep);
    ll_test_run("tokenizer.json/a megabyte without end", test_long);
    return ll_test_end();
}
