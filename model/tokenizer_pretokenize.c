/* Pre-tokenizers: each step cuts a piece or changes it, and hands what it makes to the next one, piece by piece; after the
 * last one a piece is a word. */
#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdlib.h>

ll_pre_step *ll_pre_add(ll_tokenizer *tokenizer, ll_pre_kind kind) {
    if (tokenizer->pre_count == LL_STEPS)
        return NULL;
    ll_pre_step *step = &tokenizer->pre[tokenizer->pre_count++];
    *step = (ll_pre_step){.kind = kind};
    return step;
}

void ll_pre_free(ll_tokenizer *tokenizer) {
    for (size_t i = 0; i < tokenizer->pre_count; i++)
        pcre2_code_free(tokenizer->pre[i].pattern);
}

ll_status ll_pre_begin(ll_encoding *encoding, size_t length) {
    enum { HEAP_KIB = 64 * 1024 };
    encoding->limits = pcre2_match_context_create(NULL);
    bool good = encoding->limits;
    for (size_t i = 0; i < encoding->tokenizer->pre_count; i++)
        if (encoding->tokenizer->pre[i].kind == LL_PRE_SPLIT)
            good = (encoding->match[i] = pcre2_match_data_create(1, NULL)) && good;
    if (!good)
        return ll_fail(encoding->error, LL_NO_RESOURCE, "no memory for splitting a text");
    /* One word can take as many steps back as it has characters, a few times over; more would be a fault in a
     * pattern. */
    const size_t steps = 1000000 + 8 * (length < UINT32_MAX / 16 ? length : UINT32_MAX / 16);
    pcre2_set_match_limit(encoding->limits, (uint32_t)steps);
    pcre2_set_heap_limit(encoding->limits, HEAP_KIB);
    return LL_OK;
}

void ll_pre_end(ll_encoding *encoding) {
    for (size_t i = 0; i < LL_STEPS; i++) {
        pcre2_match_data_free(encoding->match[i]);
        free(encoding->pieces[i].data);
    }
    pcre2_match_context_free(encoding->limits);
    free(encoding->normal.data);
    free(encoding->spare.data);
}

static ll_status run_step(ll_encoding *encoding, size_t index, const char *piece, size_t length,
                          bool at_start);

/* What a pattern cuts a piece into, while it is gathered into the parts that the behavior wants. */
typedef struct {
    ll_encoding *encoding;
    size_t index; /* of the step */
    const char *piece;
    bool at_start;
    size_t start, end; /* the part that waits for its end; empty: none */
    bool was_match;
} cutter;

static ll_status flush(cutter *c) {
    const size_t start = c->start;
    c->start = c->end;
    if (start == c->end)
        return LL_OK;
    return run_step(c->encoding, c->index + 1, c->piece + start, c->end - start, c->at_start && start == 0);
}

/* The next stretch, up to end, is a match or what lies between two. */
static ll_status cut(cutter *c, size_t end, bool is_match, ll_split_behavior behavior) {
    bool joins = false; /* the part that waits */
    switch (behavior) {
    case LL_SPLIT_REMOVED:
        LL_TRY(flush(c));
        c->end = end;
        c->start = is_match ? end : c->start;
        return LL_OK;
    case LL_SPLIT_ISOLATED:
        break;
    case LL_SPLIT_WITH_PREVIOUS:
        joins = is_match && !c->was_match;
        break;
    case LL_SPLIT_WITH_NEXT:
        joins = !is_match && c->was_match;
        break;
    case LL_SPLIT_CONTIGUOUS:
        joins = is_match == c->was_match;
        break;
    }
    if (!joins)
        LL_TRY(flush(c));
    c->end = end;
    c->was_match = is_match;
    return LL_OK;
}

static ll_status refuse_match(const ll_encoding *encoding, int code, size_t length, size_t at) {
    PCRE2_UCHAR why[128];
    if (pcre2_get_error_message(code, why, sizeof why) < 0)
        strcpy((char *)why, "unknown error");
    return ll_fail(
        encoding->error, LL_NO_RESOURCE,
        "a text of %zu bytes cannot be split at byte %zu: PCRE2 says: %s; the tokenizer's pattern may be "
        "damaged",
        length, at, (const char *)why);
}

/* Where the search for the next match goes on after an empty one at at. */
static size_t character_after(const char *piece, size_t length, size_t at) {
    const int step = at < length ? ll_utf8_char(piece + at, length - at) : 1;
    return at + (step > 0 ? (size_t)step : 1);
}

/* The next match at or after search: what pcre2_match returns. */
static int match(const ll_encoding *encoding, size_t index, const char *piece, size_t length, size_t search) {
    const pcre2_code *pattern = encoding->tokenizer->pre[index].pattern;
    const int found = pcre2_match(pattern, (PCRE2_SPTR)piece, length, search, PCRE2_NO_UTF_CHECK,
                                  encoding->match[index], encoding->limits);
    /* Compiled code has a small stack of its own; the interpreter takes the heap. */
    return found == PCRE2_ERROR_JIT_STACKLIMIT
               ? pcre2_match(pattern, (PCRE2_SPTR)piece, length, search, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                             encoding->match[index], encoding->limits)
               : found;
}

static ll_status split(ll_encoding *encoding, size_t index, const char *piece, size_t length, bool at_start) {
    const ll_pre_step *step = &encoding->tokenizer->pre[index];
    cutter c = {.encoding = encoding, .index = index, .piece = piece, .at_start = at_start};
    size_t search = 0, done = 0;
    bool any = false;
    while (search <= length) {
        const int found = match(encoding, index, piece, length, search);
        if (found == PCRE2_ERROR_NOMATCH)
            break;
        if (found < 0)
            return refuse_match(encoding, found, length, search);
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(encoding->match[index]);
        const size_t start = place[0], end = place[1];
        search = end > start ? end : character_after(piece, length, end);
        if (start < done || end < start || (end == start && any && start == done))
            continue; /* an empty match right after another is none */
        if (start > done)
            LL_TRY(cut(&c, start, step->inverted, step->behavior));
        LL_TRY(cut(&c, end, !step->inverted, step->behavior));
        done = end;
        any = true;
    }
    if (done < length)
        LL_TRY(cut(&c, length, step->inverted, step->behavior));
    return flush(&c);
}

static bool starts_with(const char *piece, size_t length, const char *text, size_t text_length) {
    return length >= text_length && memcmp(piece, text, text_length) == 0;
}

static ll_status add_space(ll_encoding *encoding, size_t index, const char *piece, size_t length,
                           bool at_start) {
    ll_buffer *buffer = &encoding->pieces[index];
    if (starts_with(piece, length, " ", 1))
        return run_step(encoding, index + 1, piece, length, at_start);
    buffer->length = 0;
    LL_TRY(ll_buffer_append(buffer, " ", 1, encoding->error));
    LL_TRY(ll_buffer_append(buffer, piece, length, encoding->error));
    return run_step(encoding, index + 1, buffer->data, buffer->length, at_start);
}

static ll_status mark_spaces(ll_encoding *encoding, size_t index, const char *piece, size_t length,
                             bool at_start) {
    const ll_pre_step *step = &encoding->tokenizer->pre[index];
    ll_buffer *buffer = &encoding->pieces[index];
    const bool marked = piece[0] == ' ' || starts_with(piece, length, LL_SPACE_MARK, 3);
    buffer->length = 0;
    if (!marked && (step->prepend == LL_PREPEND_ALWAYS || (step->prepend == LL_PREPEND_FIRST && at_start)))
        LL_TRY(ll_buffer_append(buffer, LL_SPACE_MARK, 3, encoding->error));
    for (size_t i = 0; i < length; i++)
        LL_TRY(piece[i] == ' ' ? ll_buffer_append(buffer, LL_SPACE_MARK, 3, encoding->error)
                               : ll_buffer_append(buffer, piece + i, 1, encoding->error));
    return run_step(encoding, index + 1, buffer->data, buffer->length, at_start);
}

static ll_status run_step(ll_encoding *encoding, size_t index, const char *piece, size_t length,
                          bool at_start) {
    if (index == encoding->tokenizer->pre_count)
        return ll_word_encode(encoding, piece, length);
    switch (encoding->tokenizer->pre[index].kind) {
    case LL_PRE_SPLIT:
        return split(encoding, index, piece, length, at_start);
    case LL_PRE_SPACE:
        return add_space(encoding, index, piece, length, at_start);
    case LL_PRE_METASPACE:
        return mark_spaces(encoding, index, piece, length, at_start);
    }
    return LL_OK;
}

ll_status ll_pre_encode(ll_encoding *encoding, const char *piece, size_t length, bool at_start) {
    return length ? run_step(encoding, 0, piece, length, at_start) : LL_OK;
}
