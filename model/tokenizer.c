#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdlib.h>

ll_tokenizer *ll_tokenizer_new(void) {
    ll_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer)
        tokenizer->bos = tokenizer->eos = tokenizer->unknown = -1;
    return tokenizer;
}

void ll_tokenizer_destroy(ll_tokenizer *tokenizer) {
    if (!tokenizer)
        return;
    free(tokenizer->texts);
    free(tokenizer->bytes);
    free(tokenizer->types);
    free(tokenizer->storage);
    free(tokenizer->merged);
    free(tokenizer->score_ranks);
    ll_specials_free(&tokenizer->raw);
    ll_specials_free(&tokenizer->normalized);
    ll_map_free(&tokenizer->by_text);
    ll_map_free(&tokenizer->ranks);
    ll_normal_free(tokenizer);
    ll_pre_free(tokenizer);
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

/* Normalized text without a token of the first kind; at_start: it begins the text. */
static ll_status encode_normalized(ll_encoding *encoding, ll_text text, bool at_start) {
    const ll_special_set *set = &encoding->tokenizer->normalized;
    size_t taken = 0, at = 0;
    ll_special_match match;
    while (ll_special_next(set, text.data, text.length, &at, taken, &match)) {
        if (match.start > taken)
            LL_TRY(ll_pre_encode(encoding, text.data + taken, match.start - taken, at_start && !taken));
        LL_TRY(ll_ids_append(encoding->ids, match.special->id, encoding->error));
        taken = match.end;
    }
    return taken < text.length
               ? ll_pre_encode(encoding, text.data + taken, text.length - taken, at_start && !taken)
               : LL_OK;
}

static ll_status encode_piece(ll_encoding *encoding, const char *piece, size_t length, bool at_start) {
    ll_text text;
    LL_TRY(ll_normalize(encoding, (ll_text){piece, length}, &text));
    return encode_normalized(encoding, text, at_start);
}

static ll_status encode_utf8(ll_encoding *encoding, const char *text, size_t length) {
    const ll_special_set *set = &encoding->tokenizer->raw;
    size_t taken = 0, at = 0;
    ll_special_match match;
    while (ll_special_next(set, text, length, &at, taken, &match)) {
        if (match.start > taken)
            LL_TRY(encode_piece(encoding, text + taken, match.start - taken, !taken));
        LL_TRY(ll_ids_append(encoding->ids, match.special->id, encoding->error));
        taken = match.end;
    }
    return taken < length ? encode_piece(encoding, text + taken, length - taken, !taken) : LL_OK;
}

static ll_status encode_byte(ll_encoding *encoding, unsigned char byte) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    const int32_t id = tokenizer->byte_ids[byte] >= 0 ? tokenizer->byte_ids[byte] : tokenizer->unknown;
    return id >= 0 ? ll_ids_append(encoding->ids, id, encoding->error) : LL_OK;
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
        LL_TRY(encode_byte(encoding, (unsigned char)text[at]));
        start = ++at;
    }
    return encode_utf8(encoding, text + start, length - start);
}

ll_status ll_tokenizer_encode(const ll_tokenizer *tokenizer, const char *text, size_t length, ll_ids *ids,
                              ll_error *error) {
    ll_encoding encoding = {.tokenizer = tokenizer, .ids = ids, .error = error};
    const size_t before = ids->count;
    ll_status status = ll_pre_begin(&encoding, length);
    if (status == LL_OK)
        status = encode_bytes(&encoding, text, length);
    if (status != LL_OK)
        ids->count = before;
    ll_pre_end(&encoding);
    ll_merge_end(&encoding);
    free(encoding.parts);
    return status;
}

bool ll_tokenizer_is_control(const ll_tokenizer *tokenizer, int32_t id) {
    return id >= 0 && (size_t)id < ll_tokenizer_size(tokenizer) && tokenizer->types[id] == LL_TOKEN_CONTROL;
}
