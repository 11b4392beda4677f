/* The tokenizer's inside, private to model/tokenizer*.c. A text goes through these rooms, in this order: added
 * tokens as they stand (special), the normalizer (normalize), added tokens in normalized text (special), the
 * pre-tokenizer (pretokenize), merging (merge). Readers fill them from a GGUF file (gguf), from tokenizer.json (json,
 * json_text) or from tokenizer.model (protobuf), over the same vocabulary (vocab) and merges (merges). */
#ifndef LL_TOKENIZER_PARTS_H
#define LL_TOKENIZER_PARTS_H
#define PCRE2_CODE_UNIT_WIDTH 8
#include "hash.h"
#include "tokenizer.h"
#include <pcre2.h>
#include <string.h>

/* Byte-level vocabularies spell bytes as printable characters: a byte that prints in Latin-1 is itself, the
 * 68 others are U+0100 and on, in their order. */
enum { LL_ALPHABET_END = 256 + 68 };
typedef struct {
    uint16_t character[256];
    int16_t byte[LL_ALPHABET_END]; /* -1: spells none */
} ll_alphabet;

/* Values of tokenizer.ggml.token_type, and of a piece's type in tokenizer.model. */
typedef enum {
    LL_TOKEN_NORMAL = 1,
    LL_TOKEN_UNKNOWN = 2,
    LL_TOKEN_CONTROL = 3,
    LL_TOKEN_USER_DEFINED = 4,
    LL_TOKEN_UNUSED = 5,
    LL_TOKEN_BYTE = 6,
    LL_TOKEN_ADDED = 7, /* in no file: a token of added_tokens that the model itself does not have */
} ll_token_type;

/* SentencePiece's mark for a space: U+2581. */
#define LL_SPACE_MARK "\xE2\x96\x81"

/* How many bytes of a file's text an error line quotes. */
#define LL_QUOTED(quoted) (int)((quoted).length < 40 ? (quoted).length : 40), (quoted).data

static inline bool ll_text_is(ll_text text, const char *name) {
    return text.length == strlen(name) && memcmp(text.data, name, text.length) == 0;
}

typedef struct {
    ll_text text; /* what is looked for */
    int32_t id;
    bool single_word; /* only where no word character touches it */
    bool left_strip;  /* takes the white space before it along */
    bool right_strip; /* and after it */
} ll_special;

typedef struct {
    ll_special *items; /* sorted by text, each text once */
    size_t count;
    size_t first[257]; /* by first byte: where its texts start */
    char *storage;     /* of the texts; NULL: they are the vocabulary's */
} ll_special_set;

typedef enum {
    LL_NORMAL_PREPEND,  /* text, where there is any */
    LL_NORMAL_REPLACE,  /* text by content */
    LL_NORMAL_COLLAPSE, /* runs of spaces to one, none at either end */
    LL_NORMAL_UNICODE,  /* utf8proc's options */
} ll_normal_kind;

typedef struct {
    ll_normal_kind kind;
    char *text, *content; /* malloc'd */
    size_t text_length, content_length;
    int options;
} ll_normal_step;

typedef enum {
    LL_SPLIT_ISOLATED,
    LL_SPLIT_REMOVED,
    LL_SPLIT_WITH_PREVIOUS,
    LL_SPLIT_WITH_NEXT,
    LL_SPLIT_CONTIGUOUS,
} ll_split_behavior;

typedef enum {
    LL_PRE_SPLIT,
    LL_PRE_SPACE,     /* a space before a piece that has none */
    LL_PRE_METASPACE, /* spaces become marks, and one goes before the text */
} ll_pre_kind;

typedef enum { LL_PREPEND_NEVER, LL_PREPEND_FIRST, LL_PREPEND_ALWAYS } ll_prepend;

typedef struct {
    ll_pre_kind kind;
    pcre2_code *pattern; /* of SPLIT */
    ll_split_behavior behavior;
    bool inverted;      /* what lies between matches counts as the match */
    ll_prepend prepend; /* of METASPACE */
} ll_pre_step;

enum { LL_STEPS = 16 }; /* of a normalizer or a pre-tokenizer */

struct ll_tokenizer {
    size_t count;
    ll_text *texts; /* as the file spells them */
    ll_text *bytes; /* as they read; length 0 for unused tokens */
    uint8_t *types; /* ll_token_type; 0: no token has this id */
    char *storage;  /* of both */
    ll_map by_text; /* key of a spelling -> id */
    ll_alphabet alphabet;
    int32_t byte_ids[256]; /* -1: this byte has no token */

    bool byte_level;    /* tokens are spelled in the byte alphabet; else in characters */
    bool byte_fallback; /* a character without a token becomes its bytes' tokens */
    bool whole_words;   /* a word that is a token stays whole, whatever the merges make of it */
    bool marks_spaces;  /* a token's LL_SPACE_MARK reads as a space */
    bool fuse_unknown;  /* neighbouring unknown characters are one unknown token */
    int32_t unknown;    /* -1: unknown characters are left out */

    /* Merges by rank ... */
    ll_map ranks;    /* (left id, right id) -> rank of their merge */
    int32_t *merged; /* rank -> token */
    /* ... or by score: any two neighbours that make a token. */
    uint32_t *
        score_ranks; /* by id: 0 for the highest score, equal scores have equal ranks; NULL: merges by rank */
    size_t longest;  /* token that merges make, in bytes */
    bool has_unused; /* tokens that are only steps on the way to others */

    ll_special_set raw, normalized;
    ll_normal_step normal[LL_STEPS];
    size_t normal_count;
    ll_pre_step pre[LL_STEPS];
    size_t pre_count;

    bool adds_bos;
    int32_t bos, eos;
};

/* A tokenizer without anything; NULL: no memory. */
ll_tokenizer *ll_tokenizer_new(void);

/* ---- vocabulary: tokenizer_vocab.c, tokenizer_merges.c ---- */
typedef struct {
    const char *path;     /* of the file */
    const char *list;     /* what errors call the list of tokens: "tokenizer.ggml.tokens" */
    const char *advice;   /* what to do about a damaged one */
    const ll_text *texts; /* NULL data: no token has this id */
    const int64_t *types; /* ll_token_type */
    size_t count;
    size_t rows;    /* of the embedding */
    bool has_added; /* LL_TOKEN_ADDED may occur among types */
    bool strict;    /* a byte-level token must be spelled in the byte alphabet */
    bool
        raw_tokens; /* control and user-defined tokens (by characters: unknown ones too) are found in the text */
} ll_vocab_source;

/* Fills everything up to byte_ids, and raw where the source asks; byte_level, byte_fallback and marks_spaces are set
 * before. */
ll_status ll_vocab_build(ll_tokenizer *tokenizer, const ll_vocab_source *source, ll_error *error);
/* scores: one of each token. */
ll_status ll_vocab_scores(ll_tokenizer *tokenizer, const ll_vocab_source *source, const float *scores,
                          ll_error *error);
/* -1: no token is spelled so. The second one leaves out what the model cannot make (LL_TOKEN_ADDED). */
int32_t ll_vocab_find_any(const ll_tokenizer *tokenizer, const char *text, size_t length);
int32_t ll_vocab_find(const ll_tokenizer *tokenizer, const char *text, size_t length);
/* An id that may be absent (negative: yes) must be a token. */
ll_status ll_vocab_check_id(const ll_tokenizer *tokenizer, const char *path, const char *key, int64_t id,
                            int32_t *out, ll_error *error);

typedef struct {
    ll_text left, right;
} ll_merge;
/* list, path, advice: as in ll_vocab_source. */
ll_status ll_merges_build(ll_tokenizer *tokenizer, const ll_vocab_source *source, const char *list,
                          const ll_merge *merges, size_t count, ll_error *error);
/* "a b"; false: not two tokens with one space between them. */
bool ll_merge_parse(ll_text text, ll_merge *out);

static inline uint64_t ll_pair_key(int32_t left, int32_t right) {
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* ---- added tokens: tokenizer_special.c ---- */
enum { LL_SPECIAL_MAX = 256 }; /* bytes: every place of a text may cost this many steps */
/* Copies items; their texts (not empty, at most LL_SPECIAL_MAX long) must live on, or be storage's, which the set then
 * owns. Of equal texts the first item stays. */
ll_status ll_specials_init(ll_special_set *set, const ll_special *items, size_t count, char *storage,
                           ll_error *error);
void ll_specials_free(ll_special_set *set);

typedef struct {
    size_t start, end; /* of the match, white space that it takes along included */
    const ll_special *special;
} ll_special_match;
/* The first match at or after at; taken: where the last one ended. false: none. */
bool ll_special_next(const ll_special_set *set, const char *text, size_t length, size_t *at, size_t taken,
                     ll_special_match *out);

/* ---- one call of encode ---- */
typedef struct {
    int32_t id;              /* -1: these characters are no token (yet) */
    uint32_t start, length;  /* in the word */
    uint32_t previous, next; /* LL_MAP_NONE: none */
    uint32_t rank; /* of the merge with the next symbol; LL_MAP_NONE: none, or the symbol is merged away */
    int32_t makes; /* what that merge makes */
} ll_symbol;

typedef struct {
    char *data;
    size_t length, capacity;
} ll_buffer;

typedef struct {
    const ll_tokenizer *tokenizer;
    ll_ids *ids;
    ll_error *error;
    pcre2_match_data *match[LL_STEPS]; /* of each pre-tokenizer step */
    pcre2_match_context *limits;
    ll_buffer pieces[LL_STEPS]; /* a piece as a step has changed it */
    ll_buffer normal, spare;    /* normalized text, and the one before it */
    ll_symbol *symbols;
    uint64_t *heap; /* rank << 32 | symbol, the least first */
    size_t heap_count;
    size_t capacity; /* symbols; the heap holds twice as many, and as many more as there are */
    char *spelling;  /* of a word, while it is looked up whole */
    uint32_t
        *parts; /* of each unused token: the length of the left of the two that make it; NULL: none needed */
} ll_encoding;

/* Makes room for length bytes; what the buffer holds stays. */
ll_status ll_buffer_reserve(ll_buffer *buffer, size_t length, ll_error *error);
ll_status ll_buffer_append(ll_buffer *buffer, const char *data, size_t length, ll_error *error);

/* ---- normalizing: tokenizer_normalize.c ---- */
/* Adds a step; content may be NULL. */
ll_status ll_normal_add(ll_tokenizer *tokenizer, ll_normal_kind kind, ll_text text, ll_text content,
                        ll_error *error);
/* name: NFC, NFD, NFKC, NFKD; false: another. */
bool ll_normal_add_unicode(ll_tokenizer *tokenizer, const char *name);
/* text as every step has left it, in *out until the next call: text itself or the encoding's. */
ll_status ll_normalize(ll_encoding *encoding, ll_text text, ll_text *out);
void ll_normal_free(ll_tokenizer *tokenizer);

/* ---- splitting: tokenizer_pattern.c, tokenizer_pretokenize.c ---- */
extern const char ll_pattern_gpt2[];
/* Compiles a regular expression of Hugging Face's tokenizers (Oniguruma's dialect; what reads otherwise in PCRE2 is
 * translated or refused). place: what the sentence calls it. */
ll_status ll_pattern_compile(pcre2_code **out, ll_text pattern, const char *place, ll_error *error);
ll_status ll_pattern_literal(pcre2_code **out, ll_text text, const char *place, ll_error *error);
/* NULL: there are LL_STEPS already. */
ll_pre_step *ll_pre_add(ll_tokenizer *tokenizer, ll_pre_kind kind);
ll_status ll_pre_begin(ll_encoding *encoding, size_t length);
/* Appends the ids of a piece; at_start: it begins the text. */
ll_status ll_pre_encode(ll_encoding *encoding, const char *piece, size_t length, bool at_start);
void ll_pre_end(ll_encoding *encoding);
void ll_pre_free(ll_tokenizer *tokenizer);

/* ---- merging: tokenizer_merge.c, tokenizer_word.c ---- */
/* Room for a word of length bytes. */
ll_status ll_merge_reserve(ll_encoding *encoding, size_t length);
/* Merges the first count symbols of encoding->symbols (linked, ranks not yet looked up) as far as they go. */
void ll_merge_symbols(ll_encoding *encoding, const char *word, uint32_t count);
void ll_merge_end(ll_encoding *encoding);
/* Appends a word's ids. */
ll_status ll_word_encode(ll_encoding *encoding, const char *word, size_t length);

/* ---- readers from memory; name: the file's in the sentences ---- */
/* A tokenizer.json alone: bos and eos are only known as far as it tells. */
ll_status ll_tokenizer_from_json(ll_tokenizer **out, const char *data, size_t length, const char *name,
                                 size_t vocab, ll_error *error);
/* A tokenizer.model (SentencePiece). */
ll_status ll_tokenizer_from_protobuf(ll_tokenizer **out, const char *data, size_t length, const char *name,
                                     size_t vocab, ll_error *error);
#endif
