#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdlib.h>
#include <string.h>

/* How much of a token's text an error line quotes. */
#define QUOTED(text) (int)((text).length < 40 ? (text).length : 40), (text).data

static void alphabet_init(ll_alphabet *alphabet) {
    uint16_t spare = 256;
    memset(alphabet->byte, -1, sizeof alphabet->byte);
    for (int byte = 0; byte < 256; byte++) {
        const bool prints = (byte > ' ' && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
        alphabet->character[byte] = prints ? (uint16_t)byte : spare++;
        alphabet->byte[alphabet->character[byte]] = (int16_t)byte;
    }
}

/* The bytes that text spells, no more than text's own; false: a character spells no byte. */
static bool spelled_bytes(const ll_alphabet *alphabet, ll_text text, char *bytes, size_t *length) {
    *length = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned character = (unsigned char)text.data[i];
        if (character >= 0x80) {
            if (ll_utf8_char(text.data + i, text.length - i) != 2)
                return false;
            character = (character & 0x1F) << 6 | ((unsigned char)text.data[++i] & 0x3F);
        }
        if (character >= LL_ALPHABET_END || alphabet->byte[character] < 0)
            return false;
        bytes[(*length)++] = (char)alphabet->byte[character];
    }
    return true;
}

static bool is_utf8(ll_text text) {
    for (size_t i = 0; i < text.length;) {
        const int step = ll_utf8_char(text.data + i, text.length - i);
        if (step <= 0)
            return false;
        i += (size_t)step;
    }
    return true;
}

static bool is_special(int64_t type) {
    return type == LL_TOKEN_CONTROL || type == LL_TOKEN_USER_DEFINED;
}

typedef struct {
    ll_tokenizer *tokenizer;
    const char *path;
    ll_text *texts; /* in the file */
    int64_t *types;
    int32_t *specials;
    size_t special_count;
    char *free; /* rest of the storage */
    ll_error *error;
} vocab_reader;

static ll_status bad_token(const vocab_reader *reader, size_t id, const char *what) {
    return ll_fail(
        reader->error, LL_BAD_INPUT,
        "%s: tokenizer.ggml.tokens[%zu] \"%.*s\" %s; the vocabulary is damaged, convert the model again",
        reader->path, id, QUOTED(reader->texts[id]), what);
}

static ll_status read_special(vocab_reader *reader, size_t id) {
    const ll_text text = reader->texts[id];
    if (!is_utf8(text))
        return bad_token(reader, id, "is not UTF-8");
    if (text.length > LL_SPECIAL_MAX)
        return ll_fail(reader->error, LL_BAD_INPUT,
                       "%s: tokenizer.ggml.tokens[%zu] \"%.*s\" is a special token of %zu bytes, expected at "
                       "most %d; convert the model again",
                       reader->path, id, QUOTED(text), text.length, LL_SPECIAL_MAX);
    reader->specials[reader->special_count++] = (int32_t)id;
    reader->tokenizer->bytes[id] = reader->tokenizer->texts[id];
    return LL_OK;
}

static ll_status read_token(vocab_reader *reader, size_t id) {
    ll_tokenizer *tokenizer = reader->tokenizer;
    const ll_text text = reader->texts[id];
    if (reader->types[id] < LL_TOKEN_NORMAL || reader->types[id] > LL_TOKEN_BYTE)
        return ll_fail(reader->error, LL_BAD_INPUT,
                       "%s: tokenizer.ggml.token_type[%zu] is %lld, expected 1 to 6; convert the model again",
                       reader->path, id, (long long)reader->types[id]);
    if (reader->types[id] == LL_TOKEN_UNUSED)
        return LL_OK;
    if (!text.length)
        return bad_token(reader, id, "is empty");
    const int32_t twin = ll_vocab_find(tokenizer, text.data, text.length);
    if (twin >= 0)
        return ll_fail(reader->error, LL_BAD_INPUT,
                       "%s: tokenizer.ggml.tokens[%zu] \"%.*s\" is the same as token %d; each token must be "
                       "another text, convert the model again",
                       reader->path, id, QUOTED(text), twin);
    tokenizer->texts[id] = (ll_text){memcpy(reader->free, text.data, text.length), text.length};
    reader->free += text.length;
    ll_map_add(&tokenizer->by_text, ll_map_text_key(&tokenizer->by_text, text.data, text.length),
               (uint32_t)id);
    if (is_special(reader->types[id]))
        return read_special(reader, id);
    tokenizer->bytes[id].data = reader->free;
    if (!spelled_bytes(&tokenizer->alphabet, text, reader->free, &tokenizer->bytes[id].length))
        return bad_token(reader, id, "holds a character outside the byte alphabet");
    reader->free += tokenizer->bytes[id].length;
    return LL_OK;
}

int32_t ll_vocab_find(const ll_tokenizer *tokenizer, const char *text, size_t length) {
    const uint64_t key = ll_map_text_key(&tokenizer->by_text, text, length);
    size_t cursor = 0;
    uint32_t id;
    while ((id = ll_map_next(&tokenizer->by_text, key, &cursor)) != LL_MAP_NONE) {
        const ll_text *found = &tokenizer->texts[id];
        if (found->length == length && memcmp(found->data, text, length) == 0)
            return (int32_t)id;
    }
    return -1;
}

static void find_byte_ids(ll_tokenizer *tokenizer) {
    for (int byte = 0; byte < 256; byte++) {
        const unsigned character = tokenizer->alphabet.character[byte];
        const char text[2] = {(char)(character < 0x80 ? character : 0xC0 | character >> 6),
                              (char)(0x80 | (character & 0x3F))};
        const int32_t id = ll_vocab_find(tokenizer, text, character < 0x80 ? 1 : 2);
        /* A special token is spelled as it reads: such a one is no byte. */
        const bool is_byte = id >= 0 && tokenizer->bytes[id].length == 1 &&
                             (unsigned char)tokenizer->bytes[id].data[0] == byte;
        tokenizer->byte_ids[byte] = is_byte ? id : -1;
    }
}

static ll_status allocate(vocab_reader *reader) {
    ll_tokenizer *tokenizer = reader->tokenizer;
    size_t bytes = 1;
    for (size_t i = 0; i < tokenizer->count; i++)
        bytes += 2 * reader->texts[i].length;
    tokenizer->texts = calloc(tokenizer->count, sizeof *tokenizer->texts);
    tokenizer->bytes = calloc(tokenizer->count, sizeof *tokenizer->bytes);
    reader->specials = calloc(tokenizer->count, sizeof *reader->specials);
    reader->free = tokenizer->storage = malloc(bytes);
    if (!tokenizer->texts || !tokenizer->bytes || !reader->specials || !tokenizer->storage ||
        !ll_map_init(&tokenizer->by_text, tokenizer->count))
        return ll_fail(reader->error, LL_NO_RESOURCE, "%s: no memory for a vocabulary of %zu tokens",
                       reader->path, tokenizer->count);
    return LL_OK;
}

static ll_status check_counts(const vocab_reader *reader, size_t types, size_t vocab) {
    const size_t count = reader->tokenizer->count;
    if (!count)
        return ll_fail(reader->error, LL_BAD_INPUT, "%s: tokenizer.ggml.tokens is empty; take another file",
                       reader->path);
    if (types != count)
        return ll_fail(
            reader->error, LL_BAD_INPUT,
            "%s: tokenizer.ggml.token_type has %zu entries, tokenizer.ggml.tokens has %zu; they must be "
            "as many, convert the model again",
            reader->path, types, count);
    if (count > vocab)
        return ll_fail(
            reader->error, LL_BAD_INPUT,
            "%s: tokenizer.ggml.tokens[%zu] \"%.*s\" has no row: the embedding has %zu rows for %zu tokens; "
            "tokenizer and weights belong to different models",
            reader->path, vocab, QUOTED(reader->texts[vocab]), vocab, count);
    if (count > INT32_MAX)
        return ll_fail(reader->error, LL_BAD_INPUT,
                       "%s: tokenizer.ggml.tokens has %zu entries, at most %d can be used", reader->path,
                       count, INT32_MAX);
    return LL_OK;
}

static ll_status read_tokens(vocab_reader *reader, const ll_gguf *gguf, size_t vocab) {
    ll_tokenizer *tokenizer = reader->tokenizer;
    size_t types;
    LL_TRY(ll_gguf_get_text_array(gguf, "tokenizer.ggml.tokens", &reader->texts, &tokenizer->count, NULL,
                                  reader->error));
    LL_TRY(ll_gguf_get_i64_array(gguf, "tokenizer.ggml.token_type", &reader->types, &types, NULL,
                                 reader->error));
    LL_TRY(check_counts(reader, types, vocab));
    LL_TRY(allocate(reader));
    alphabet_init(&tokenizer->alphabet);
    for (size_t id = 0; id < tokenizer->count; id++)
        LL_TRY(read_token(reader, id));
    find_byte_ids(tokenizer);
    return ll_specials_init(tokenizer, reader->specials, reader->special_count, reader->error);
}

ll_status ll_vocab_read(ll_tokenizer *tokenizer, const ll_gguf *gguf, size_t vocab, ll_error *error) {
    vocab_reader reader = {.tokenizer = tokenizer, .path = ll_gguf_path(gguf), .error = error};
    const ll_status status = read_tokens(&reader, gguf, vocab);
    free(reader.texts);
    free(reader.types);
    free(reader.specials);
    return status;
}
