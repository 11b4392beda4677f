#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdio.h>
#include <stdlib.h>

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

typedef struct {
    ll_tokenizer *tokenizer;
    const ll_vocab_source *source;
    ll_special *specials;
    size_t special_count;
    char *free; /* rest of the storage */
    ll_error *error;
} builder;

static ll_status bad_token(const builder *b, size_t id, const char *what) {
    return ll_fail(b->error, LL_BAD_INPUT, "%s: %s[%zu] \"%.*s\" %s; the vocabulary is damaged, %s",
                   b->source->path, b->source->list, id, LL_QUOTED(b->source->texts[id]), what,
                   b->source->advice);
}

static ll_status add_special(builder *b, size_t id) {
    const ll_text text = b->source->texts[id];
    if (text.length > LL_SPECIAL_MAX)
        return ll_fail(b->error, LL_BAD_INPUT,
                       "%s: %s[%zu] \"%.*s\" is a special token of %zu bytes, expected at most %d; %s",
                       b->source->path, b->source->list, id, LL_QUOTED(text), text.length, LL_SPECIAL_MAX,
                       b->source->advice);
    b->specials[b->special_count++] = (ll_special){.text = b->tokenizer->texts[id], .id = (int32_t)id};
    return LL_OK;
}

static bool is_special(int64_t type) {
    return type == LL_TOKEN_CONTROL || type == LL_TOKEN_USER_DEFINED || type == LL_TOKEN_UNKNOWN ||
           type == LL_TOKEN_ADDED;
}

/* "<0x0A>"; -1: no such spelling. */
static int spelled_byte(ll_text text) {
    static const char digits[] = "0123456789ABCDEF";
    if (text.length != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const char *high = memchr(digits, text.data[3], 16), *low = memchr(digits, text.data[4], 16);
    return high && low ? (int)((high - digits) << 4 | (low - digits)) : -1;
}

static size_t spaced(ll_text text, char *out) {
    size_t used = 0;
    for (size_t i = 0; i < text.length; i++) {
        const bool mark = text.length - i >= 3 && memcmp(text.data + i, LL_SPACE_MARK, 3) == 0;
        out[used++] = mark ? ' ' : text.data[i];
        i += mark ? 2 : 0;
    }
    return used;
}

/* What a token reads as, once its text is known. */
static ll_status read_bytes(builder *b, size_t id) {
    ll_tokenizer *tokenizer = b->tokenizer;
    const ll_text text = tokenizer->texts[id];
    tokenizer->bytes[id] = text;
    if (is_special(tokenizer->types[id]) &&
        (tokenizer->byte_level || tokenizer->types[id] != LL_TOKEN_USER_DEFINED))
        return LL_OK;
    const int byte = tokenizer->byte_fallback ? spelled_byte(text) : -1;
    size_t length = 0;
    if (byte >= 0) {
        b->free[length++] = (char)byte;
    } else if (tokenizer->byte_level) {
        if (!spelled_bytes(&tokenizer->alphabet, text, b->free, &length))
            return b->source->strict ? bad_token(b, id, "holds a character outside the byte alphabet")
                                     : LL_OK;
    } else if (tokenizer->marks_spaces) {
        length = spaced(text, b->free);
    } else {
        return LL_OK;
    }
    tokenizer->bytes[id] = (ll_text){b->free, length};
    b->free += length;
    return LL_OK;
}

static ll_status read_token(builder *b, size_t id) {
    ll_tokenizer *tokenizer = b->tokenizer;
    const ll_vocab_source *source = b->source;
    const ll_text text = source->texts[id];
    const int64_t type = source->types[id];
    if (type < LL_TOKEN_NORMAL || type > (source->has_added ? LL_TOKEN_ADDED : LL_TOKEN_BYTE))
        return ll_fail(b->error, LL_BAD_INPUT, "%s: the type of %s[%zu] is %lld, expected 1 to 6; %s",
                       source->path, source->list, id, (long long)type, source->advice);
    /* Where merges go by score, an unused token is a step on the way to others. */
    if (type == LL_TOKEN_UNUSED && tokenizer->byte_level)
        return LL_OK;
    if (!text.length)
        return bad_token(b, id, "is empty");
    /* It is looked for in texts, and would cut a character in two. */
    if (is_special(type) && !is_utf8(text))
        return bad_token(b, id, "is not UTF-8");
    const int32_t twin = ll_vocab_find_any(tokenizer, text.data, text.length);
    if (twin >= 0)
        return ll_fail(b->error, LL_BAD_INPUT,
                       "%s: %s[%zu] \"%.*s\" is the same as token %d; each token must be another text, %s",
                       source->path, source->list, id, LL_QUOTED(text), twin, source->advice);
    tokenizer->types[id] = (uint8_t)type;
    tokenizer->texts[id] = (ll_text){memcpy(b->free, text.data, text.length), text.length};
    b->free += text.length;
    ll_map_add(&tokenizer->by_text, ll_map_text_key(&tokenizer->by_text, text.data, text.length),
               (uint32_t)id);
    LL_TRY(read_bytes(b, id));
    if (source->raw_tokens && is_special(type) && (type != LL_TOKEN_UNKNOWN || !tokenizer->byte_level))
        return add_special(b, id);
    return LL_OK;
}

int32_t ll_vocab_find_any(const ll_tokenizer *tokenizer, const char *text, size_t length) {
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

int32_t ll_vocab_find(const ll_tokenizer *tokenizer, const char *text, size_t length) {
    const int32_t id = ll_vocab_find_any(tokenizer, text, length);
    return id >= 0 && tokenizer->types[id] != LL_TOKEN_ADDED ? id : -1;
}

static int32_t find_byte(const ll_tokenizer *tokenizer, int byte) {
    char text[8];
    if (!tokenizer->byte_level) {
        snprintf(text, sizeof text, "<0x%02X>", (unsigned)byte);
        return tokenizer->byte_fallback ? ll_vocab_find(tokenizer, text, 6) : -1;
    }
    const unsigned character = tokenizer->alphabet.character[byte];
    text[0] = (char)(character < 0x80 ? character : 0xC0 | character >> 6);
    text[1] = (char)(0x80 | (character & 0x3F));
    const int32_t id = ll_vocab_find(tokenizer, text, character < 0x80 ? 1 : 2);
    /* A special token is spelled as it reads: such a one is no byte. */
    const bool is_byte =
        id >= 0 && tokenizer->bytes[id].length == 1 && (unsigned char)tokenizer->bytes[id].data[0] == byte;
    return is_byte ? id : -1;
}

static ll_status allocate(builder *b) {
    ll_tokenizer *tokenizer = b->tokenizer;
    size_t bytes = 1;
    for (size_t i = 0; i < tokenizer->count; i++)
        bytes += 2 * b->source->texts[i].length;
    tokenizer->texts = calloc(tokenizer->count, sizeof *tokenizer->texts);
    tokenizer->bytes = calloc(tokenizer->count, sizeof *tokenizer->bytes);
    tokenizer->types = calloc(tokenizer->count, sizeof *tokenizer->types);
    b->specials = calloc(tokenizer->count, sizeof *b->specials);
    b->free = tokenizer->storage = malloc(bytes);
    if (!tokenizer->texts || !tokenizer->bytes || !tokenizer->types || !b->specials || !tokenizer->storage ||
        !ll_map_init(&tokenizer->by_text, tokenizer->count))
        return ll_fail(b->error, LL_NO_RESOURCE, "%s: no memory for a vocabulary of %zu tokens",
                       b->source->path, tokenizer->count);
    return LL_OK;
}

static ll_status check_counts(const ll_vocab_source *source, ll_error *error) {
    if (!source->count)
        return ll_fail(error, LL_BAD_INPUT, "%s: %s is empty; take another file", source->path, source->list);
    if (source->count > source->rows)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %s[%zu] \"%.*s\" has no row: the embedding has %zu rows for %zu tokens; "
                       "tokenizer and weights belong to different models",
                       source->path, source->list, source->rows, LL_QUOTED(source->texts[source->rows]),
                       source->rows, source->count);
    if (source->count > INT32_MAX)
        return ll_fail(error, LL_BAD_INPUT, "%s: %s has %zu entries, at most %d can be used", source->path,
                       source->list, source->count, INT32_MAX);
    return LL_OK;
}

ll_status ll_vocab_build(ll_tokenizer *tokenizer, const ll_vocab_source *source, ll_error *error) {
    builder b = {.tokenizer = tokenizer, .source = source, .error = error};
    LL_TRY(check_counts(source, error));
    tokenizer->count = source->count;
    ll_status status = allocate(&b);
    alphabet_init(&tokenizer->alphabet);
    for (size_t id = 0; id < tokenizer->count && status == LL_OK; id++)
        if (source->texts[id].data)
            status = read_token(&b, id);
    for (int byte = 0; byte < 256 && status == LL_OK; byte++)
        tokenizer->byte_ids[byte] = find_byte(tokenizer, byte);
    if (status == LL_OK && source->raw_tokens)
        status = ll_specials_init(&tokenizer->raw, b.specials, b.special_count, NULL, error);
    free(b.specials);
    return status;
}

ll_status ll_vocab_check_id(const ll_tokenizer *tokenizer, const char *path, const char *key, int64_t id,
                            int32_t *out, ll_error *error) {
    *out = -1;
    if (id < 0)
        return LL_OK;
    if ((uint64_t)id >= tokenizer->count)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %s is %lld, expected less than the %zu tokens; convert the model again", path,
                       key, (long long)id, tokenizer->count);
    *out = (int32_t)id;
    return LL_OK;
}
