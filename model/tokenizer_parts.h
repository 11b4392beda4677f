/* The tokenizer's inside, private to model/tokenizer*.c: vocabulary, special tokens, splitting, merging. */
#ifndef LL_TOKENIZER_PARTS_H
#define LL_TOKENIZER_PARTS_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include "hash.h"
#include "tokenizer.h"
#include <pcre2.h>

/* Byte-level vocabularies spell bytes as printable characters: a byte that prints in Latin-1 is itself, the
 * 68 others are U+0100 and on, in their order. */
enum { LL_ALPHABET_END = 256 + 68 };
typedef struct {
    uint16_t character[256];
    int16_t byte[LL_ALPHABET_END]; /* -1: spells none */
} ll_alphabet;

/* Values of tokenizer.ggml.token_type. */
typedef enum {
    LL_TOKEN_NORMAL = 1,
    LL_TOKEN_UNKNOWN = 2,
    LL_TOKEN_CONTROL = 3,
    LL_TOKEN_USER_DEFINED = 4,
    LL_TOKEN_UNUSED = 5,
    LL_TOKEN_BYTE = 6,
} ll_token_type;

typedef struct {
    ll_text text;
    int32_t id;
} ll_special;

typedef struct {
    const char *name;    /* tokenizer.ggml.pre */
    const char *pattern; /* each match is a word */
    bool whole_words;    /* a word that is a token stays whole, whatever the merges make of it */
    bool adds_bos;       /* where tokenizer.ggml.add_bos_token is absent */
} ll_pre;

struct ll_tokenizer {
    size_t count;
    ll_text *texts; /* as the file spells them */
    ll_text *bytes; /* as they read; length 0 for unused tokens */
    char *storage;  /* of both */
    ll_map by_text; /* key of a spelling -> id */
    ll_alphabet alphabet;
    int32_t byte_ids[256]; /* -1: this byte has no token */

    ll_map ranks;    /* (left id, right id) -> rank of their merge */
    int32_t *merged; /* rank -> token */

    ll_special *specials; /* sorted by text */
    size_t special_count;
    size_t special_first[257]; /* by first byte: where its texts start */

    const ll_pre *pre;
    pcre2_code *split;

    bool adds_bos;
    int32_t bos, eos;
};

/* ---- vocabulary: tokenizer_vocab.c, tokenizer_merges.c ---- */
/* Tokens and their types; fills everything up to byte_ids. */
ll_status ll_vocab_read(ll_tokenizer *tokenizer, const ll_gguf *gguf, size_t vocab, ll_error *error);
ll_status ll_merges_read(ll_tokenizer *tokenizer, const ll_gguf *gguf, ll_error *error);
/* -1: no token is spelled so. */
int32_t ll_vocab_find(const ll_tokenizer *tokenizer, const char *text, size_t length);

static inline uint64_t ll_pair_key(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* ---- special tokens: tokenizer_special.c ---- */
enum { LL_SPECIAL_MAX = 256 }; /* bytes: every place of a text may cost this many steps */
/* ids: the special tokens; their texts are not empty and at most LL_SPECIAL_MAX long. */
ll_status ll_specials_init(ll_tokenizer *tokenizer, const int32_t *ids, size_t count, ll_error *error);
/* The longest special token that text starts with; NULL: none. */
const ll_special *ll_special_at(const ll_tokenizer *tokenizer, const char *text, size_t length);

/* ---- one call of encode ---- */
typedef struct {
    int32_t id;
    uint32_t previous, next; /* LL_MAP_NONE: none */
    uint32_t rank; /* of the merge with the next symbol; LL_MAP_NONE: none, or the symbol is merged away */
} ll_symbol;

typedef struct {
    const ll_tokenizer *tokenizer;
    ll_ids *ids;
    ll_error *error;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    ll_symbol *symbols;
    uint64_t *heap; /* rank << 32 | symbol, the least first */
    size_t heap_count;
    size_t capacity; /* symbols; the heap holds twice as many */
    char *spelling;  /* of a word, while it is looked up whole */
} ll_encoding;

/* ---- splitting: tokenizer_split.c ---- */
/* Finds pre by its name, compiles its pattern. */
ll_status ll_split_init(ll_tokenizer *tokenizer, const ll_gguf *gguf, ll_error *error);
ll_status ll_split_begin(ll_encoding *encoding, size_t length);
/* The word that starts at start of valid UTF-8; *end is its end. */
ll_status ll_split_next(ll_encoding *encoding, const char *text, size_t length, size_t start, size_t *end);
void ll_split_end(ll_encoding *encoding);

/* ---- merging: tokenizer_merge.c ---- */
/* Appends a word's ids. */
ll_status ll_merge_word(ll_encoding *encoding, const char *word, size_t length);
void ll_merge_end(ll_encoding *encoding);
#endif
