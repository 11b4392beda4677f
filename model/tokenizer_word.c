/* A word: which symbols it starts as, and which ids its merged symbols are. */
#include "tokenizer_parts.h"
#include "utf8_char.h"

/* The token that the whole word is, or -1. */
static int32_t whole_word(ll_encoding *encoding, const char *word, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    if (!tokenizer->byte_level)
        return ll_vocab_find(tokenizer, word, length);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned character = tokenizer->alphabet.character[(unsigned char)word[i]];
        if (character < 0x80) {
            encoding->spelling[used++] = (char)character;
        } else {
            encoding->spelling[used++] = (char)(0xC0 | character >> 6);
            encoding->spelling[used++] = (char)(0x80 | (character & 0x3F));
        }
    }
    const int32_t id = ll_vocab_find(tokenizer, encoding->spelling, used);
    return id >= 0 && tokenizer->bytes[id].length == length ? id : -1;
}

/* The symbols a word starts as. */
typedef struct {
    ll_encoding *encoding;
    const char *word;
    uint32_t count;
    bool unknown; /* one waits to be written: others may join it */
} beginning;

static void add(beginning *b, int32_t id, size_t start, size_t length) {
    b->encoding->symbols[b->count] =
        (ll_symbol){id, (uint32_t)start, (uint32_t)length, b->count - 1, b->count + 1, LL_MAP_NONE, -1};
    b->count++;
}

static void flush_unknown(beginning *b) {
    if (b->unknown)
        add(b, b->encoding->tokenizer->unknown, 0, 0);
    b->unknown = false;
}

static bool add_bytes(beginning *b, size_t start, size_t length) {
    const ll_tokenizer *tokenizer = b->encoding->tokenizer;
    for (size_t i = 0; i < length; i++)
        if (tokenizer->byte_ids[(unsigned char)b->word[start + i]] < 0)
            return false;
    for (size_t i = 0; i < length; i++)
        add(b, tokenizer->byte_ids[(unsigned char)b->word[start + i]], start + i, 1);
    return true;
}

/* A byte or character that may have no token, as Hugging Face does: bytes do not end a run of unknown ones, and without
 * an unknown token it is left out before anything is merged. */
static void add_unit(beginning *b, size_t start, size_t length) {
    const ll_tokenizer *tokenizer = b->encoding->tokenizer;
    const int32_t id = tokenizer->byte_level ? tokenizer->byte_ids[(unsigned char)b->word[start]]
                                             : ll_vocab_find(tokenizer, b->word + start, length);
    if (id >= 0) {
        flush_unknown(b);
        add(b, id, start, length);
        return;
    }
    if (!tokenizer->byte_level && tokenizer->byte_fallback && add_bytes(b, start, length))
        return;
    if (tokenizer->unknown < 0)
        return;
    if (!tokenizer->fuse_unknown)
        flush_unknown(b);
    b->unknown = true;
}

/* By score, characters without a token are symbols too: what they are part of may be one. */
static void add_character(beginning *b, size_t start, size_t length) {
    const ll_tokenizer *tokenizer = b->encoding->tokenizer;
    const int32_t id = ll_vocab_find(tokenizer, b->word + start, length);
    add(b, id >= 0 && tokenizer->score_ranks[id] != LL_MAP_NONE ? id : -1, start, length);
}

static uint32_t begin(ll_encoding *encoding, const char *word, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    beginning b = {.encoding = encoding, .word = word};
    for (size_t at = 0; at < length;) {
        const size_t step = tokenizer->byte_level ? 1 : (size_t)ll_utf8_char(word + at, length - at);
        if (tokenizer->score_ranks)
            add_character(&b, at, step);
        else
            add_unit(&b, at, step);
        at += step;
    }
    flush_unknown(&b);
    if (b.count)
        encoding->symbols[0].previous = encoding->symbols[b.count - 1].next = LL_MAP_NONE;
    return b.count;
}

/* Characters that no token has: their bytes, or the unknown token, once for neighbours. */
static ll_status put_unknown(ll_encoding *encoding, const char *text, size_t length, bool *was_unknown) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    if (tokenizer->byte_fallback) {
        for (size_t i = 0; i < length; i++) {
            const int32_t id = tokenizer->byte_ids[(unsigned char)text[i]];
            LL_TRY(ll_ids_append(encoding->ids, id >= 0 ? id : tokenizer->unknown, encoding->error));
        }
        return LL_OK;
    }
    if (!*was_unknown)
        LL_TRY(ll_ids_append(encoding->ids, tokenizer->unknown, encoding->error));
    *was_unknown = true;
    return LL_OK;
}

/* A token by score; an unused one as the two that made it. */
static ll_status put_text(ll_encoding *encoding, const char *text, size_t length, bool *was_unknown) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    const int32_t id = ll_vocab_find(tokenizer, text, length);
    if (id < 0 || tokenizer->score_ranks[id] == LL_MAP_NONE)
        return put_unknown(encoding, text, length, was_unknown);
    const uint32_t left =
        encoding->parts && tokenizer->types[id] == LL_TOKEN_UNUSED ? encoding->parts[id] : 0;
    if (left && left < length) {
        LL_TRY(put_text(encoding, text, left, was_unknown));
        return put_text(encoding, text + left, length - left, was_unknown);
    }
    *was_unknown = false;
    return ll_ids_append(encoding->ids, id, encoding->error);
}

ll_status ll_word_encode(ll_encoding *encoding, const char *word, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    LL_TRY(ll_merge_reserve(encoding, length));
    if (tokenizer->whole_words) {
        const int32_t whole = whole_word(encoding, word, length);
        if (whole >= 0)
            return ll_ids_append(encoding->ids, whole, encoding->error);
    }
    const uint32_t count = begin(encoding, word, length);
    if (!count)
        return LL_OK;
    ll_merge_symbols(encoding, word, count);
    bool was_unknown = false;
    for (uint32_t at = 0; at != LL_MAP_NONE; at = encoding->symbols[at].next) {
        const ll_symbol *symbol = &encoding->symbols[at];
        if (tokenizer->score_ranks)
            LL_TRY(put_text(encoding, word + symbol->start, symbol->length, &was_unknown));
        else
            LL_TRY(ll_ids_append(encoding->ids, symbol->id, encoding->error));
    }
    return LL_OK;
}
