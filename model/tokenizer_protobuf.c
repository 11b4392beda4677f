/* SentencePiece's tokenizer.model: a protobuf message of pieces with scores, and how the text was normalized. */
#include "tokenizer_parts.h"
#include <stdlib.h>

#define ADVICE "take a whole tokenizer.model, or put the model's tokenizer.json beside it"

/* Kinds of protobuf fields that occur; groups are long gone. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* The fields used, by message; the numbers are SentencePiece's. */
enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };
enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };
enum {
    TRAINER_MODEL_TYPE = 3,
    TRAINER_SUFFIX = 24,
    TRAINER_BYTE_FALLBACK = 35,
    TRAINER_UNKNOWN = 40,
    TRAINER_BOS = 41,
    TRAINER_EOS = 42
};
enum {
    NORMALIZER_NAME = 1,
    NORMALIZER_CHARACTERS = 2,
    NORMALIZER_PREFIX = 3,
    NORMALIZER_COLLAPSES = 4,
    NORMALIZER_ESCAPES = 5
};

typedef struct {
    uint64_t number;
    unsigned wire;
    uint64_t value; /* of VARINT and the fixed ones */
    ll_text bytes;  /* of BYTES */
} field;

typedef struct {
    const char *name;
    ll_tokenizer *tokenizer;
    ll_text file;
    ll_text *texts;
    int64_t *types;
    float *scores;
    size_t count, capacity;
    uint64_t model_type;
    bool suffix, byte_fallback;
    int64_t unknown, bos, eos;
    ll_text normalizer;
    bool has_characters, prefix, collapses, escapes;
    ll_error *error;
} reader;

static ll_status damaged(const reader *r, const char *at, const char *what) {
    return ll_fail(r->error, LL_BAD_INPUT,
                   "%s: at byte %zu %s: it is no SentencePiece model, or damaged; " ADVICE, r->name,
                   (size_t)(at - r->file.data), what);
}

static bool take_varint(ll_text *rest, uint64_t *out) {
    *out = 0;
    for (unsigned shift = 0; shift < 64 && rest->length; shift += 7) {
        const unsigned char byte = (unsigned char)*rest->data++;
        rest->length--;
        *out |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static ll_status take_fixed(const reader *r, ll_text *rest, size_t bytes, uint64_t *out) {
    if (rest->length < bytes)
        return damaged(r, rest->data, "a number is cut");
    *out = 0;
    for (size_t i = 0; i < bytes; i++)
        *out |= (uint64_t)(unsigned char)rest->data[i] << 8 * i;
    rest->data += bytes;
    rest->length -= bytes;
    return LL_OK;
}

/* The next field of a message; rest is not empty. */
static ll_status take_field(const reader *r, ll_text *rest, field *out) {
    uint64_t key;
    const char *start = rest->data;
    if (!take_varint(rest, &key))
        return damaged(r, start, "a field is cut");
    *out = (field){.number = key >> 3, .wire = (unsigned)(key & 7)};
    switch (out->wire) {
    case WIRE_VARINT:
        return take_varint(rest, &out->value) ? LL_OK : damaged(r, start, "a number is cut");
    case WIRE_64:
        return take_fixed(r, rest, 8, &out->value);
    case WIRE_32:
        return take_fixed(r, rest, 4, &out->value);
    case WIRE_BYTES:
        if (!take_varint(rest, &out->value) || out->value > rest->length)
            return damaged(r, start, "a field is longer than the file");
        out->bytes = (ll_text){rest->data, (size_t)out->value};
        rest->data += out->bytes.length;
        rest->length -= out->bytes.length;
        return LL_OK;
    default:
        return damaged(r, start, "a field is of no known kind");
    }
}

static bool is(const field *f, uint64_t number, unsigned wire) {
    return f->number == number && f->wire == wire;
}

/* ---- the three messages ---- */

static ll_status grow(reader *r) {
    if (r->count < r->capacity)
        return LL_OK;
    const size_t capacity = r->capacity ? 2 * r->capacity : 1024;
    ll_text *texts = realloc(r->texts, capacity * sizeof *texts);
    r->texts = texts ? texts : r->texts;
    int64_t *types = realloc(r->types, capacity * sizeof *types);
    r->types = types ? types : r->types;
    float *scores = realloc(r->scores, capacity * sizeof *scores);
    r->scores = scores ? scores : r->scores;
    r->capacity = texts && types && scores ? capacity : r->capacity;
    return r->capacity == capacity
               ? LL_OK
               : ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for its pieces", r->name);
}

static ll_status read_piece(reader *r, ll_text rest) {
    LL_TRY(grow(r));
    const size_t id = r->count++;
    r->texts[id] = (ll_text){rest.data, 0};
    r->types[id] = LL_TOKEN_NORMAL;
    r->scores[id] = 0;
    while (rest.length) {
        field f;
        LL_TRY(take_field(r, &rest, &f));
        if (is(&f, PIECE_TEXT, WIRE_BYTES)) {
            r->texts[id] = f.bytes;
        } else if (is(&f, PIECE_SCORE, WIRE_32)) {
            const uint32_t bits = (uint32_t)f.value;
            memcpy(&r->scores[id], &bits, sizeof bits);
        } else if (is(&f, PIECE_TYPE, WIRE_VARINT)) {
            r->types[id] = f.value <= INT32_MAX ? (int64_t)f.value : 0;
        }
    }
    return LL_OK;
}

/* Negative numbers are written as the 64 bits of their complement. */
static int64_t to_id(uint64_t value) {
    return value <= INT32_MAX ? (int64_t)value : -1;
}

static ll_status read_trainer(reader *r, ll_text rest) {
    while (rest.length) {
        field f;
        LL_TRY(take_field(r, &rest, &f));
        if (f.wire != WIRE_VARINT)
            continue;
        if (f.number == TRAINER_MODEL_TYPE)
            r->model_type = f.value;
        else if (f.number == TRAINER_SUFFIX)
            r->suffix = f.value;
        else if (f.number == TRAINER_BYTE_FALLBACK)
            r->byte_fallback = f.value;
        else if (f.number == TRAINER_UNKNOWN)
            r->unknown = to_id(f.value);
        else if (f.number == TRAINER_BOS)
            r->bos = to_id(f.value);
        else if (f.number == TRAINER_EOS)
            r->eos = to_id(f.value);
    }
    return LL_OK;
}

static ll_status read_normalizer(reader *r, ll_text rest) {
    while (rest.length) {
        field f;
        LL_TRY(take_field(r, &rest, &f));
        if (is(&f, NORMALIZER_NAME, WIRE_BYTES))
            r->normalizer = f.bytes;
        else if (is(&f, NORMALIZER_CHARACTERS, WIRE_BYTES))
            r->has_characters = f.bytes.length > 0;
        else if (is(&f, NORMALIZER_PREFIX, WIRE_VARINT))
            r->prefix = f.value;
        else if (is(&f, NORMALIZER_COLLAPSES, WIRE_VARINT))
            r->collapses = f.value;
        else if (is(&f, NORMALIZER_ESCAPES, WIRE_VARINT))
            r->escapes = f.value;
    }
    return LL_OK;
}

static ll_status read_file(reader *r) {
    ll_text rest = r->file;
    while (rest.length) {
        field f;
        LL_TRY(take_field(r, &rest, &f));
        if (is(&f, MODEL_PIECE, WIRE_BYTES))
            LL_TRY(read_piece(r, f.bytes));
        else if (is(&f, MODEL_TRAINER, WIRE_BYTES))
            LL_TRY(read_trainer(r, f.bytes));
        else if (is(&f, MODEL_NORMALIZER, WIRE_BYTES))
            LL_TRY(read_normalizer(r, f.bytes));
    }
    return LL_OK;
}

/* ---- what they make ---- */

static ll_status check_kind(const reader *r) {
    static const char *const names[] = {"0", "unigram", "BPE", "word", "char"};
    enum { BPE = 2 };
    if (!r->count)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: holds no pieces, so it is no SentencePiece model (a list of ranks, as of Llama 3, is "
            "another format); put the model's tokenizer.json beside it",
            r->name);
    if (r->model_type != BPE)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: its model_type is %s, expected BPE; take a model with such a tokenizer", r->name,
                       r->model_type < 5 ? names[r->model_type] : "unknown");
    if (r->has_characters)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: its normalizer \"%.*s\" maps characters, expected \"identity\"; put the model's "
                       "tokenizer.json beside it",
                       r->name, LL_QUOTED(r->normalizer));
    if (r->suffix)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: treat_whitespace_as_suffix is set, expected not; take another tokenizer",
                       r->name);
    return LL_OK;
}

static ll_status add_steps(const reader *r) {
    const ll_text space = {" ", 1}, mark = {LL_SPACE_MARK, 3}, none = {"", 0};
    if (r->collapses)
        LL_TRY(ll_normal_add(r->tokenizer, LL_NORMAL_COLLAPSE, r->escapes ? mark : none, none, r->error));
    if (r->prefix)
        LL_TRY(ll_normal_add(r->tokenizer, LL_NORMAL_PREPEND, space, none, r->error));
    if (r->escapes)
        LL_TRY(ll_normal_add(r->tokenizer, LL_NORMAL_REPLACE, space, mark, r->error));
    return LL_OK;
}

/* User-defined pieces are never taken apart; control pieces never come from a text. */
static ll_status add_specials(const reader *r) {
    size_t count = 0;
    ll_special *specials = calloc(r->count + 1, sizeof *specials);
    if (!specials)
        return ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for its pieces", r->name);
    ll_status status = LL_OK;
    for (size_t id = 0; id < r->count && status == LL_OK; id++) {
        if (r->types[id] != LL_TOKEN_USER_DEFINED)
            continue;
        const ll_text text = r->tokenizer->texts[id];
        if (text.length > LL_SPECIAL_MAX || (r->collapses && memchr(text.data, ' ', text.length)))
            status =
                ll_fail(r->error, LL_BAD_INPUT, "%s: pieces[%zu] \"%.*s\" is user-defined and %s; " ADVICE,
                        r->name, id, LL_QUOTED(text),
                        text.length > LL_SPECIAL_MAX ? "longer than 256 bytes" : "holds a space");
        specials[count++] = (ll_special){.text = text, .id = (int32_t)id};
    }
    if (status == LL_OK)
        status = ll_specials_init(&r->tokenizer->normalized, specials, count, NULL, r->error);
    free(specials);
    return status;
}

static ll_status build(reader *r, size_t vocab) {
    ll_tokenizer *tokenizer = r->tokenizer;
    const ll_vocab_source source = {.path = r->name,
                                    .list = "pieces",
                                    .advice = ADVICE,
                                    .texts = r->texts,
                                    .types = r->types,
                                    .count = r->count,
                                    .rows = vocab};
    tokenizer->byte_fallback = r->byte_fallback;
    tokenizer->marks_spaces = r->escapes;
    LL_TRY(check_kind(r));
    LL_TRY(add_steps(r));
    LL_TRY(ll_vocab_build(tokenizer, &source, r->error));
    LL_TRY(ll_vocab_scores(tokenizer, &source, r->scores, r->error));
    LL_TRY(add_specials(r));
    LL_TRY(ll_vocab_check_id(tokenizer, r->name, "unk_id", r->unknown, &tokenizer->unknown, r->error));
    LL_TRY(ll_vocab_check_id(tokenizer, r->name, "bos_id", r->bos, &tokenizer->bos, r->error));
    LL_TRY(ll_vocab_check_id(tokenizer, r->name, "eos_id", r->eos, &tokenizer->eos, r->error));
    if (tokenizer->unknown < 0 || tokenizer->types[tokenizer->unknown] != LL_TOKEN_UNKNOWN)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: unk_id is %lld, which is no unknown piece, expected one; " ADVICE, r->name,
                       (long long)r->unknown);
    tokenizer->adds_bos = tokenizer->bos >= 0;
    return LL_OK;
}

ll_status ll_tokenizer_from_protobuf(ll_tokenizer **out, const char *data, size_t length, const char *name,
                                     size_t vocab, ll_error *error) {
    *out = NULL;
    ll_tokenizer *tokenizer = ll_tokenizer_new();
    if (!tokenizer)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a tokenizer", name);
    reader r = {.name = name,
                .tokenizer = tokenizer,
                .file = {data, length},
                .model_type = 1,
                .unknown = 0,
                .bos = 1,
                .eos = 2,
                .prefix = true,
                .collapses = true,
                .escapes = true,
                .error = error};
    ll_status status = read_file(&r);
    if (status == LL_OK)
        status = build(&r, vocab);
    free(r.texts);
    free(r.types);
    free(r.scores);
    if (status == LL_OK)
        *out = tokenizer;
    else
        ll_tokenizer_destroy(tokenizer);
    return status;
}
