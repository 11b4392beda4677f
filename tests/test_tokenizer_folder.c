/* Tokenizers of folders, by the ids that other people's code gives; what configurations say; what is refused. */
#include "golden.h"
#include "ranks.h"
#include "test.h"
#include "tokenizer_parts.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 1 << 20 };
#define GOLDEN "tests/golden/"

/* ---- golden ids ---- */

static ll_tokenizer *open_folder(const char *folder) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    if (ll_tokenizer_from_folder(&tokenizer, folder, ROWS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return tokenizer;
}

static ll_tokenizer *open_small(const char *name) {
    char folder[128];
    snprintf(folder, sizeof folder, GOLDEN "tokenizer-%s", name);
    return open_folder(folder);
}

/* The tokenizer gives the ids of tokens-<name>.jsonl. */
static void check_golden(const ll_tokenizer *tokenizer, const char *name) {
    ll_golden_tokens golden = {0};
    if (!tokenizer || !ll_golden_tokens_load_pre(&golden, name))
        return;
    CHECK_MSG(golden.count >= 600, "only %zu texts", golden.count);
    for (size_t i = 0; i < golden.count; i++) {
        const ll_golden_text *text = &golden.texts[i];
        ll_ids ids = {0};
        ll_error error = {{0}};
        CHECK_MSG(ll_tokenizer_encode(tokenizer, text->bytes, text->length, &ids, &error) == LL_OK, "%s",
                  error.text);
        CHECK_MSG(ids.count == text->count &&
                      (!ids.count || memcmp(ids.data, text->ids, ids.count * sizeof *ids.data) == 0),
                  "line %zu of tokens-%s.jsonl: other ids for \"%.40s\"", i + 1, name, text->bytes);
        ll_ids_free(&ids);
    }
    ll_golden_tokens_free(&golden);
}

static void test_small(void) {
    static const char *const names[] = {"spm",     "spm-collapsing", "spm-unused", "llama2",
                                        "mistral", "llama3",         "digits",     "characters"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ll_tokenizer *tokenizer = open_small(names[i]);
        check_golden(tokenizer, names[i]);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* The same vocabulary as GGUF merges by score what tokenizer.json merges by rank. */
static void test_gguf(void) {
    ll_gguf *gguf = NULL;
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    REQUIRE(ll_gguf_open(&gguf, GOLDEN "vocab-spm.gguf", &error) == LL_OK);
    CHECK_MSG(ll_tokenizer_from_gguf(&tokenizer, gguf, ROWS, &error) == LL_OK, "%s", error.text);
    ll_gguf_close(gguf);
    check_golden(tokenizer, "llama2");
    CHECK(tokenizer && ll_tokenizer_adds_bos(tokenizer) && ll_tokenizer_bos(tokenizer) == 1 &&
          ll_tokenizer_eos(tokenizer) == 2);
    ll_tokenizer_destroy(tokenizer);
}

/* Llama 3 in its makers' own form. */
static ll_tokenizer *open_ranks(const char *path) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    char *json = ll_ranks_to_json(path);
    if (json && ll_tokenizer_from_json(&tokenizer, json, strlen(json), path, ROWS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    free(json);
    return tokenizer;
}

/* One row of tokenizers.list; false: the tokenizer is not there. */
static bool check_published(const char *row) {
    const char *set = getenv("LAYERLAB_TOKENIZERS"), *base = set && *set ? set : "models/tokenizers";
    char name[64], file[64], folder[512], path[640];
    if (sscanf(row, "%63[^|]|%*[^|]|%*[^|]|%63[^|]|", name, file) != 2) {
        ll_test_fail(__FILE__, __LINE__, "tokenizers.list: \"%.60s\" is no row", row);
        return true;
    }
    snprintf(folder, sizeof folder, "%s/%s", base, name);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (access(path, F_OK) != 0)
        return false;
    ll_tokenizer *tokenizer = strcmp(file, "ranks.txt") == 0 ? open_ranks(path) : open_folder(folder);
    check_golden(tokenizer, name);
    ll_tokenizer_destroy(tokenizer);
    return true;
}

static void test_published(void) {
    char *list = ll_test_read(GOLDEN "tokenizers.list", &(size_t){0});
    size_t there = 0, missing = 0;
    REQUIRE(list);
    for (char *row = strtok(list, "\n"); row; row = strtok(NULL, "\n"))
        if (*row != '#')
            (*(check_published(row) ? &there : &missing))++;
    free(list);
    CHECK(there + missing >= 7);
    if (missing)
        ll_test_skip("tokenizers",
                     "some are not in models/tokenizers; tools/fetch_tokenizers.sh fetches them");
}

/* ---- tokens read as text ---- */

static void check_text(const ll_tokenizer *tokenizer, const char *text, const char *expected) {
    ll_ids ids = {0};
    char got[256] = "";
    CHECK(ll_tokenizer_encode(tokenizer, text, strlen(text), &ids, NULL) == LL_OK);
    for (size_t i = 0; i < ids.count; i++) {
        const ll_text piece = ll_tokenizer_decode(tokenizer, ids.data[i]);
        strncat(got, piece.data, piece.length);
    }
    CHECK_MSG(strcmp(got, expected) == 0, "\"%s\" reads as \"%s\", expected \"%s\"", text, got, expected);
    ll_ids_free(&ids);
}

static void test_decode(void) {
    static const char text[] = "Hello \xF0\x9F\x98\x80\n<tool>  \xE4\xB8\xAD 12\xFF!";
    static const char *const prefixed[] = {"spm", "llama2", "mistral"};
    for (size_t i = 0; i < 3; i++) {
        char expected[64];
        /* Each run of UTF-8 is a text of its own, and so is what follows a token in Llama 2's way. */
        snprintf(expected, sizeof expected,
                 i == 1 ? " Hello \xF0\x9F\x98\x80\n<tool>   \xE4\xB8\xAD 12\xFF !"
                        : " Hello \xF0\x9F\x98\x80\n<tool>  \xE4\xB8\xAD 12\xFF !");
        ll_tokenizer *tokenizer = open_small(prefixed[i]);
        REQUIRE(tokenizer);
        check_text(tokenizer, text, expected);
        ll_tokenizer_destroy(tokenizer);
    }
    ll_tokenizer *llama3 = open_small("llama3");
    REQUIRE(llama3);
    check_text(llama3, text, text);
    CHECK(ll_tokenizer_decode(llama3, 1 << 19).length == 0);
    ll_tokenizer_destroy(llama3);
}

/* ---- configurations ---- */

static const char *const config_files[] = {"tokenizer.json", "tokenizer.model", "tokenizer_config.json",
                                           "config.json", "generation_config.json"};

static void put(const char *folder, const char *file, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (text)
        ll_test_write(path, text, strlen(text));
    else
        unlink(path);
}

static const char *fresh_folder(void) {
    static char folder[300];
    snprintf(folder, sizeof folder, "%s/model", ll_test_folder());
    mkdir(folder, 0700);
    for (size_t i = 0; i < sizeof config_files / sizeof *config_files; i++)
        put(folder, config_files[i], NULL);
    return folder;
}

typedef struct {
    bool template; /* of tokenizer.json puts "<s>" (id 1) before a text */
    const char *tokenizer_config, *config, *generation;
    int32_t bos, eos;
    bool adds_bos;
} setting;

#define TINY(post)                                                                                           \
    "{\"added_tokens\":[],\"post_processor\":" post ",\"model\":{\"type\":\"BPE\",\"vocab\":{\"<unk>\":0,"   \
    "\"<s>\":1,\"</s>\":2,\"a\":3,\"b\":4,\"ab\":5},\"merges\":[\"a b\"]}}"
#define TEMPLATE                                                                                             \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},"        \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}],"       \
    "\"pair\":[],\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1],\"tokens\":[\"<s>\"]},"             \
    "\"</s>\":{\"id\":\"</s>\",\"ids\":[2],\"tokens\":[\"</s>\"]}}}"

static const setting settings[] = {
    {false, NULL, NULL, NULL, -1, -1, false},
    {true, NULL, NULL, NULL, 1, -1, true},
    {true, "{}", "{\"bos_token_id\":3,\"eos_token_id\":[2,3]}", NULL, 1, 2, true},
    {false, NULL, "{\"bos_token_id\":1,\"eos_token_id\":null}", "{\"eos_token_id\":4}", 1, 4, false},
    {false, "{\"bos_token\":\"a\",\"eos_token\":{\"content\":\"b\",\"lstrip\":false}}",
     "{\"bos_token_id\":1,\"eos_token_id\":2}", NULL, 3, 4, false},
    {false, "{\"bos_token\":null,\"eos_token\":null}", "{\"bos_token_id\":1,\"eos_token_id\":2}", NULL, -1,
     -1, false},
    {true, "{\"bos_token\":\"a\"}", NULL, NULL, 1, -1, true}, /* the template's stands before the text */
    {true, "{\"bos_token\":\"<s>\",\"add_bos_token\":false}", NULL, NULL, 1, -1, false},
    {false, "{\"bos_token\":\"<s>\",\"add_bos_token\":true}", NULL, NULL, 1, -1, true},
    {false, "{\"bos_token\":\"<s>\",\"add_bos_token\":null}", NULL, NULL, 1, -1, false},
    {false, "{\"bos_token\":\"<s>\",\"tokenizer_class\":\"LlamaTokenizer\"}", NULL, NULL, 1, -1, true},
    {true, "{\"bos_token\":\"a\",\"tokenizer_class\":\"LlamaTokenizerFast\"}", NULL, NULL, 3, -1, true},
    {true, "{\"bos_token\":\"<s>\",\"tokenizer_class\":\"LlamaTokenizerFast\",\"add_bos_token\":false}", NULL,
     NULL, 1, -1, false},
    {false, "{\"bos_token\":\"<s>\",\"tokenizer_class\":\"PreTrainedTokenizerFast\"}", NULL, NULL, 1, -1,
     false},
};

static void test_settings(void) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const setting *s = &settings[i];
        const char *folder = fresh_folder();
        put(folder, "tokenizer.json", s->template ? TINY(TEMPLATE) : TINY("null"));
        put(folder, "tokenizer_config.json", s->tokenizer_config);
        put(folder, "config.json", s->config);
        put(folder, "generation_config.json", s->generation);
        ll_tokenizer *tokenizer = open_folder(folder);
        REQUIRE(tokenizer);
        CHECK_MSG(ll_tokenizer_bos(tokenizer) == s->bos && ll_tokenizer_eos(tokenizer) == s->eos &&
                      ll_tokenizer_adds_bos(tokenizer) == s->adds_bos,
                  "case %zu: bos %d, eos %d, adds %d", i, ll_tokenizer_bos(tokenizer),
                  ll_tokenizer_eos(tokenizer), ll_tokenizer_adds_bos(tokenizer));
        ll_tokenizer_destroy(tokenizer);
    }
}

typedef struct {
    const char *file, *text, *place, *what;
} refusal;

static const refusal refusals[] = {
    {"tokenizer.json", NULL, "neither tokenizer.json", "nor tokenizer.model"},
    {"tokenizer.json", "", "tokenizer.json", "empty"},
    {"tokenizer.json", "[]", "tokenizer.json", "no object"},
    {"tokenizer.json", "{", "tokenizer.json", "line 1"},
    {"tokenizer_config.json", "[]", "tokenizer_config.json", "no object"},
    {"tokenizer_config.json", "{\"bos_token\":7}", "bos_token is 7", "expected a token"},
    {"tokenizer_config.json", "{\"bos_token\":\"x\"}", "bos_token is \"x\"", "does not have"},
    {"tokenizer_config.json", "{\"eos_token\":{\"content\":\"x\"}}", "eos_token is \"x\"", "does not have"},
    {"tokenizer_config.json", "{\"eos_token\":{}}", "eos_token is an object", "expected a token"},
    {"tokenizer_config.json", "{\"add_bos_token\":1}", "add_bos_token is 1", "true or false"},
    {"tokenizer_config.json", "{\"add_bos_token\":true}", "bos_token is absent", "expected a token"},
    {"tokenizer_config.json", "{\"added_tokens_decoder\":{\"6\":{\"content\":\"<new>\"}}}", "token 6",
     "\"<new>\""},
    {"config.json", "{\"eos_token_id\":6}", "config.json: eos_token_id is 6", "6 tokens"},
    {"config.json", "{\"bos_token_id\":\"<s>\"}", "bos_token_id is \"<s>\"", "expected a token id"},
    {"generation_config.json", "{\"bos_token_id\":-1}", "generation_config.json: bos_token_id is -1",
     "expected a token id"},
};

static void test_refusals(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        const char *folder = fresh_folder();
        ll_tokenizer *tokenizer = NULL;
        ll_error error = {{0}};
        put(folder, "tokenizer.json", TINY("null"));
        put(folder, r->file, r->text);
        CHECK_MSG(ll_tokenizer_from_folder(&tokenizer, folder, ROWS, &error) == LL_BAD_INPUT && !tokenizer,
                  "case %zu", i);
        CHECK_CONTAINS(error.text, folder);
        CHECK_CONTAINS(error.text, r->place);
        CHECK_CONTAINS(error.text, r->what);
        ll_tokenizer_destroy(tokenizer);
    }
}

/* Where both are there, tokenizer.json counts. */
static void test_json_first(void) {
    const char *folder = fresh_folder();
    put(folder, "tokenizer.json", TINY("null"));
    put(folder, "tokenizer.model", "no model at all");
    ll_tokenizer *tokenizer = open_folder(folder);
    CHECK(tokenizer && ll_tokenizer_size(tokenizer) == 6);
    ll_tokenizer_destroy(tokenizer);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("tokenizer folder/golden ids of small ones", test_small);
    ll_test_run("tokenizer folder/golden ids from GGUF scores", test_gguf);
    ll_test_run("tokenizer folder/golden ids of published ones", test_published);
    ll_test_run("tokenizer folder/ids read as text", test_decode);
    ll_test_run("tokenizer folder/bos and eos", test_settings);
    ll_test_run("tokenizer folder/refusals", test_refusals);
    ll_test_run("tokenizer folder/tokenizer.json before tokenizer.model", test_json_first);
    return ll_test_end();
}
