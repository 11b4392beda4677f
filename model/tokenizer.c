#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdlib.h>
#include <string.h>

static ll_status check_kind(const ll_gguf *gguf, ll_error *error) {
    ll_text name;
    LL_TRY(ll_gguf_get_text(gguf, "tokenizer.ggml.model", &name, NULL, error));
    if (name.length == 4 && memcmp(name.data, "gpt2", 4) == 0)
        return LL_OK;
    return ll_fail(
        error, LL_BAD_INPUT,
        "%s: tokenizer.ggml.model is \"%.*s\", expected \"gpt2\" (byte-level BPE); take a model with such a "
        "tokenizer",
        ll_gguf_path(gguf), (int)(name.length < 80 ? name.length : 80), name.data);
}

/* An id that may be absent (-1) but must be a token. */
static ll_status read_id(const ll_tokenizer *tokenizer, const ll_gguf *gguf, const char *key, int32_t *out,
                         ll_error *error) {
    uint64_t id;
    bool found;
    *out = -1;
    LL_TRY(ll_gguf_get_u64(gguf, key, &id, &found, error));
    if (!found)
        return LL_OK;
    if (id >= tokenizer->count)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %s is %llu, expected less than the %zu tokens; convert the model again",
                       ll_gguf_path(gguf), key, (unsigned long long)id, tokenizer->count);
    *out = (int32_t)id;
    return LL_OK;
}

static ll_status read_all(ll_tokenizer *tokenizer, const ll_gguf *gguf, size_t vocab, ll_error *error) {
    LL_TRY(check_kind(gguf, error));
    LL_TRY(ll_split_init(tokenizer, gguf, error));
    LL_TRY(ll_vocab_read(tokenizer, gguf, vocab, error));
    LL_TRY(ll_merges_read(tokenizer, gguf, error));
    LL_TRY(read_id(tokenizer, gguf, "tokenizer.ggml.bos_token_id", &tokenizer->bos, error));
    LL_TRY(read_id(tokenizer, gguf, "tokenizer.ggml.eos_token_id", &tokenizer->eos, error));
    bool found;
    LL_TRY(ll_gguf_get_bool(gguf, "tokenizer.ggml.add_bos_token", &tokenizer->adds_bos, &found, error));
    if (!found)
        tokenizer->adds_bos = tokenizer->pre->adds_bos;
    if (tokenizer->adds_bos && tokenizer->bos < 0)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: texts start with a BOS token, but key tokenizer.ggml.bos_token_id is missing; convert the "
            "model again",
            ll_gguf_path(gguf));
    return LL_OK;
}

ll_status ll_tokenizer_from_gguf(ll_tokenizer **out, const ll_gguf *gguf, size_t vocab, ll_error *error) {
    *out = NULL;
    ll_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a tokenizer", ll_gguf_path(gguf));
    const ll_status status = read_all(tokenizer, gguf, vocab, error);
    if (status == LL_OK)
        *out = tokenizer;
    else
        ll_tokenizer_destroy(tokenizer);
    return status;
}

void ll_tokenizer_destroy(ll_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    free(tokenizer->texts);
    free(tokenizer->bytes);
    free(tokenizer->storage);
    free(tokenizer->merged);
    free(tokenizer->specials);
    ll_map_free(&tokenizer->by_text);
    ll_map_free(&tokenizer->ranks);
    pcre2_code_free(tokenizer->split);
    free(tokenizer);
}

size_t ll_tokenizer_size(const ll_tokenizer *tokenizer) {
    return tokenizer->count;
}
bool ll_tokenizer_adds_bos(const ll_tokenizer *tokenizer) {
    return tokenizer->adds_bos;
}
int32_t ll_tokenizer_bos(const ll_tokenizer *tokenizer) {
    return tokenizer->bos;
}
int32_t ll_tokenizer_eos(const ll_tokenizer *tokenizer) {
    return tokenizer->eos;
}

ll_text ll_tokenizer_decode(const ll_tokenizer *tokenizer, int32_t id) {
    if (id < 0 || (size_t)id >= tokenizer->count)
        return (ll_text){"", 0};
    return tokenizer->bytes[id];
}

void ll_ids_free(ll_ids *ids) {
    free(ids->data);
    *ids = (ll_ids){0};
}

ll_status ll_ids_append(ll_ids *ids, int32_t id, ll_error *error) {
    if (ids->count == ids->capacity) {
        const size_t capacity = ids->capacity ? 2 * ids->capacity : 64;
        int32_t *data =
            capacity <= SIZE_MAX / sizeof *data ? realloc(ids->data, capacity * sizeof *data) : NULL;
        if (!data)
            return ll_fail(error, LL_NO_RESOURCE, "no memory for more than %zu token ids", ids->count);
        ids->data = data;
        ids->capacity = capacity;
    }
    ids->data[ids->count++] = id;
    return LL_OK;
}

/* Text without special tokens. */
static ll_status encode_plain(ll_encoding *encoding, const char *text, size_t length) {
    for (size_t start = 0, end; start < length; start = end) {
        LL_TRY(ll_split_next(encoding, text, length, start, &end));
        LL_TRY(ll_merge_word(encoding, text + start, end - start));
    }
    return LL_OK;
}

static ll_status encode_utf8(ll_encoding *encoding, const char *text, size_t length) {
    size_t start = 0, at = 0;
    while (at < length) {
        const ll_special *special = ll_special_at(encoding->tokenizer, text + at, length - at);
        if (!special) {
            at++;
            continue;
        }
        LL_TRY(encode_plain(encoding, text + start, at - start));
        LL_TRY(ll_ids_append(encoding->ids, special->id, encoding->error));
        start = at += special->text.length;
    }
    return encode_plain(encoding, text + start, length - start);
}

static ll_status encode_bytes(ll_encoding *encoding, const char *text, size_t length) {
    size_t start = 0, at = 0;
    while (at < length) {
        const int step = ll_utf8_char(text + at, length - at);
        if (step > 0) {
            at += (size_t)step;
            continue;
        }
        LL_TRY(encode_utf8(encoding, text + start, at - start));
        const int32_t id = encoding->tokenizer->byte_ids[(unsigned char)text[at]];
        if (id >= 0)
            LL_TRY(ll_ids_append(encoding->ids, id, encoding->error));
        start = ++at;
    }
    return encode_utf8(encoding, text + start, length - start);
}

ll_status ll_tokenizer_encode(const ll_tokenizer *tokenizer, const char *text, size_t length, ll_ids *ids,
                              ll_error *error) {
    ll_encoding encoding = {.tokenizer = tokenizer, .ids = ids, .error = error};
    const size_t before = ids->count;
    ll_status status = ll_split_begin(&encoding, length);
    if (status == LL_OK)
        status = encode_bytes(&encoding, text, length);
    if (status != LL_OK)
        ids->count = before;
    ll_split_end(&encoding);
    ll_merge_end(&encoding);
    return status;
}
