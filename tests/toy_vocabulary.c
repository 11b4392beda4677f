#include "toy_vocabulary.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>

/* A token for each character of the text below; merges come out of alphabetical order, so that order shows.
 */
static const ll_toy_token sound_tokens[] = {{"a", 0},
                                            {"b", 0},
                                            {"c", 0},
                                            {"bc", 0},
                                            {"ab", 0},
                                            {"aa", 0},
                                            {"<s>", LL_TOY_CONTROL},
                                            {"<s>a", LL_TOY_USER},
                                            {"1", 0},
                                            {"2", 0},
                                            {"12", 0},
                                            {"Ġ", 0},
                                            {"ĠĠ", 0},
                                            {"Ġ1", 0},
                                            {"\xC3\xBF", 0},
                                            {"\xC3\xBF\x62", 0},
                                            {"!", 0},
                                            {"!á", 0},
                                            {"á", 0},
                                            {"->", LL_TOY_USER},
                                            {"\xE2\x86\x92 x", LL_TOY_USER},
                                            {"pad", LL_TOY_UNUSED},
                                            {"pad", LL_TOY_UNUSED},
                                            {"'", 0},
                                            {"L", 0},
                                            {"'L", 0},
                                            {"aab", 0},
                                            {"\xC4\x8A", 0},
                                            {"\xC4\x8A\xC4\x8A", 0},
                                            {"La", 0},
                                            {NULL, 0}};
static const char *const sound_merges[] = {
    "b c", "a b", "a a", "1 2", "Ġ Ġ", "Ġ 1", "\xC3\xBF b", "! á", "' L", "\xC4\x8A \xC4\x8A", "L a", NULL};

static void put_array(ll_bytes *out, const char *key, uint32_t kind, size_t count) {
    ll_put_text(out, key);
    ll_put_u32(out, 9);
    ll_put_u32(out, kind);
    ll_put_u64(out, count);
}

static bool has(const ll_toy_vocabulary *vocab, const char *key, uint64_t *count) {
    const bool there = !vocab->missing || strcmp(vocab->missing, key) != 0;
    *count += there;
    return there;
}

static void put_lists(ll_bytes *keys, const ll_toy_vocabulary *vocab, uint64_t *count) {
    const ll_toy_token *tokens = vocab->tokens ? vocab->tokens : sound_tokens;
    const char *const *merges = vocab->merges ? vocab->merges : sound_merges;
    size_t n = 0, n_merges = 0;
    while (tokens[n].text)
        n++;
    while (merges[n_merges])
        n_merges++;
    if (has(vocab, "tokenizer.ggml.tokens", count)) {
        put_array(keys, "tokenizer.ggml.tokens", 8, n);
        for (size_t i = 0; i < n; i++)
            ll_put_text(keys, tokens[i].text);
    }
    if (has(vocab, "tokenizer.ggml.token_type", count)) {
        put_array(keys, "tokenizer.ggml.token_type", 5, n - vocab->less_types);
        for (size_t i = 0; i < n - vocab->less_types; i++)
            ll_put_u32(keys, tokens[i].type ? tokens[i].type : 1);
    }
    if (has(vocab, "tokenizer.ggml.merges", count)) {
        put_array(keys, "tokenizer.ggml.merges", 8, n_merges);
        for (size_t i = 0; i < n_merges; i++)
            ll_put_text(keys, merges[i]);
    }
}

ll_bytes ll_toy_vocabulary_file(const ll_toy_vocabulary *vocab) {
    ll_bytes keys = {0}, file = {0};
    uint64_t count = 0;
    if (has(vocab, "tokenizer.ggml.model", &count))
        ll_put_key_text(&keys, "tokenizer.ggml.model", vocab->model ? vocab->model : "gpt2");
    if (has(vocab, "tokenizer.ggml.pre", &count))
        ll_put_key_text(&keys, "tokenizer.ggml.pre", vocab->pre ? vocab->pre : "gpt-2");
    put_lists(&keys, vocab, &count);
    count += (vocab->bos ? 1u : 0u) + (vocab->eos ? 1u : 0u) + (vocab->adds_bos ? 1u : 0u);
    if (vocab->bos)
        ll_put_key_u32(&keys, "tokenizer.ggml.bos_token_id", *vocab->bos);
    if (vocab->eos)
        ll_put_key_u32(&keys, "tokenizer.ggml.eos_token_id", *vocab->eos);
    if (vocab->adds_bos)
        ll_put_key_bool(&keys, "tokenizer.ggml.add_bos_token", *vocab->adds_bos);
    ll_put(&file, "GGUF", 4);
    ll_put_u32(&file, 3);
    ll_put_u64(&file, 1);
    ll_put_u64(&file, count);
    ll_put(&file, keys.data, keys.length);
    free(keys.data);
    ll_put_text(&file, "t");
    ll_put_u32(&file, 1); /* dimensions */
    ll_put_u64(&file, 8);
    ll_put_u32(&file, LL_TYPE_F32);
    ll_put_u64(&file, 0);
    while (file.length % 32)
        ll_put(&file, "", 1);
    ll_put(&file, (const float[8]){0}, 32);
    return file;
}

ll_status ll_toy_vocabulary_load_bytes(ll_tokenizer **out, ll_bytes file, size_t rows, ll_error *error) {
    char path[256];
    snprintf(path, sizeof path, "%s/vocabulary.gguf", ll_test_folder());
    ll_test_write(path, file.data, file.length);
    ll_gguf *gguf = NULL;
    *out = NULL;
    ll_status status = ll_gguf_open(&gguf, path, error);
    if (status == LL_OK)
        status = ll_tokenizer_from_gguf(out, gguf, rows, error);
    ll_gguf_close(gguf); /* the tokenizer lives without the file */
    return status;
}

ll_status ll_toy_vocabulary_load(ll_tokenizer **out, const ll_toy_vocabulary *vocab, size_t rows,
                                 ll_error *error) {
    ll_bytes file = ll_toy_vocabulary_file(vocab);
    const ll_status status = ll_toy_vocabulary_load_bytes(out, file, rows, error);
    free(file.data);
    return status;
}
