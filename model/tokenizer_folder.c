/* The tokenizer of a folder in Hugging Face form, with what its configuration files say of BOS and EOS. */
#include "json.h"
#include "mapping.h"
#include "tokenizer_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATH = 4096 };

typedef struct {
    const char *folder;
    ll_tokenizer *tokenizer;
    ll_error *error;
} reader;

static ll_status join(const reader *r, const char *file, char path[PATH]) {
    const int length = snprintf(path, PATH, "%s/%s", r->folder, file);
    return length < PATH
               ? LL_OK
               : ll_fail(r->error, LL_BAD_INPUT, "%.200s...: the path is too long, expected at most %d bytes",
                         r->folder, PATH - 1);
}

/* *out is NULL where the folder has no such file. */
static ll_status read_json(const reader *r, const char *file, char path[PATH], json_t **out) {
    ll_mapping mapping = {0};
    *out = NULL;
    LL_TRY(join(r, file, path));
    if (access(path, F_OK) != 0)
        return LL_OK;
    LL_TRY(ll_mapping_open(&mapping, path, r->error));
    const ll_status status = ll_json_parse(out, (const char *)mapping.data, mapping.bytes, path, r->error);
    ll_mapping_close(&mapping);
    return status;
}

typedef ll_status (*read_memory)(ll_tokenizer **, const char *, size_t, const char *, size_t, ll_error *);

static ll_status read_file(reader *r, const char *path, read_memory read, size_t vocab) {
    ll_mapping mapping = {0};
    LL_TRY(ll_mapping_open(&mapping, path, r->error));
    const ll_status status =
        read(&r->tokenizer, (const char *)mapping.data, mapping.bytes, path, vocab, r->error);
    ll_mapping_close(&mapping);
    return status;
}

/* ---- tokenizer_config.json ---- */

/* A token is a text, or an object that has it as content; *given is false where the key is absent. null: no token. */
static ll_status read_token(const reader *r, const json_t *config, const char *path, const char *key,
                            int32_t *out, bool *given) {
    const json_t *value = json_object_get(config, key);
    *given = value;
    if (!value)
        return LL_OK;
    *out = -1;
    if (json_is_null(value))
        return LL_OK;
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;
    if (!json_is_string(text))
        return ll_fail(r->error, LL_BAD_INPUT, "%s: %s is %s, expected a token; the file is damaged", path,
                       key, ll_json_show(value).text);
    *out = ll_vocab_find_any(r->tokenizer, json_string_value(text), json_string_length(text));
    if (*out < 0)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: %s is %s, which the tokenizer does not have; the files belong to different models", path,
            key, ll_json_show(text).text);
    return LL_OK;
}

/* Whether a BOS goes before a text: add_bos_token says so outright; Llama's own class adds one unless it says not, whatever
 * the template does; else the template rules. first: the template's, -1: none. */
static ll_status read_adds_bos(const reader *r, const json_t *config, const char *path, int32_t first) {
    ll_tokenizer *tokenizer = r->tokenizer;
    const json_t *adds = json_object_get(config, "add_bos_token");
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
    const bool is_llama =
        class && (strcmp(class, "LlamaTokenizer") == 0 || strcmp(class, "LlamaTokenizerFast") == 0);
    if (adds && !json_is_boolean(adds) && !json_is_null(adds))
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: add_bos_token is %s, expected true or false; the file is damaged", path,
                       ll_json_show(adds).text);
    if (json_is_boolean(adds) || is_llama)
        tokenizer->adds_bos = !json_is_false(adds);
    else if (first >= 0)
        tokenizer->bos = first; /* whatever the name bos_token stands for */
    if (tokenizer->adds_bos && tokenizer->bos < 0)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: a BOS goes before texts and bos_token is %s, expected a token; the file is damaged", path,
            ll_json_show(json_object_get(config, "bos_token")).text);
    return LL_OK;
}

/* Tokens that the class would add to the file's: they would change ids. */
static ll_status check_added(const reader *r, const json_t *config, const char *path) {
    const char *id;
    json_t *token;
    json_object_foreach(json_object_get(config, "added_tokens_decoder"), id, token) {
        const json_t *content = json_object_get(token, "content");
        if (json_is_string(content) &&
            ll_vocab_find_any(r->tokenizer, json_string_value(content), json_string_length(content)) < 0)
            return ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: added_tokens_decoder has token %.20s %s, which the tokenizer's own file lacks; save the "
                "tokenizer again",
                path, id, ll_json_show(content).text);
    }
    return LL_OK;
}

static ll_status apply_tokenizer_config(const reader *r, const json_t *config, const char *path,
                                        bool *bos_given, bool *eos_given) {
    const int32_t first = r->tokenizer->adds_bos ? r->tokenizer->bos : -1;
    LL_TRY(read_token(r, config, path, "bos_token", &r->tokenizer->bos, bos_given));
    LL_TRY(read_token(r, config, path, "eos_token", &r->tokenizer->eos, eos_given));
    LL_TRY(check_added(r, config, path));
    return read_adds_bos(r, config, path, first);
}

/* ---- config.json, generation_config.json ---- */

/* A number, or the first of a list of them. */
static ll_status read_id(const reader *r, const json_t *config, const char *path, const char *key,
                         int32_t *out) {
    const json_t *value = json_object_get(config, key);
    if (json_is_array(value))
        value = json_array_get(value, 0);
    if (!value || json_is_null(value) || *out >= 0)
        return LL_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: %s is %s, expected a token id; the file is damaged", path,
                       key, ll_json_show(value).text);
    return ll_vocab_check_id(r->tokenizer, path, key, (int64_t)json_integer_value(value), out, r->error);
}

static ll_status apply_ids(const reader *r, const char *file, bool bos_given, bool eos_given) {
    char path[PATH];
    json_t *config;
    LL_TRY(read_json(r, file, path, &config));
    ll_status status = LL_OK;
    if (config && !bos_given)
        status = read_id(r, config, path, "bos_token_id", &r->tokenizer->bos);
    if (config && !eos_given && status == LL_OK)
        status = read_id(r, config, path, "eos_token_id", &r->tokenizer->eos);
    json_decref(config);
    return status;
}

static ll_status apply_configs(const reader *r) {
    char path[PATH];
    json_t *config;
    bool bos_given = false, eos_given = false;
    LL_TRY(read_json(r, "tokenizer_config.json", path, &config));
    const ll_status status = config ? apply_tokenizer_config(r, config, path, &bos_given, &eos_given) : LL_OK;
    json_decref(config);
    LL_TRY(status);
    LL_TRY(apply_ids(r, "config.json", bos_given, eos_given));
    return apply_ids(r, "generation_config.json", bos_given, eos_given);
}

ll_status ll_tokenizer_from_folder(ll_tokenizer **out, const char *folder, size_t vocab, ll_error *error) {
    reader r = {.folder = folder, .error = error};
    char json[PATH], model[PATH];
    *out = NULL;
    LL_TRY(join(&r, "tokenizer.json", json));
    LL_TRY(join(&r, "tokenizer.model", model));
    if (access(json, F_OK) == 0)
        LL_TRY(read_file(&r, json, ll_tokenizer_from_json, vocab));
    else if (access(model, F_OK) == 0)
        LL_TRY(read_file(&r, model, ll_tokenizer_from_protobuf, vocab));
    else
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: holds neither tokenizer.json nor tokenizer.model, expected one of them; copy the "
                       "model's there",
                       folder);
    const ll_status status = apply_configs(&r);
    if (status == LL_OK)
        *out = r.tokenizer;
    else
        ll_tokenizer_destroy(r.tokenizer);
    return status;
}
