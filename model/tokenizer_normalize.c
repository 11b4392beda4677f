#include "tokenizer_parts.h"
#include <stdlib.h>
#include <utf8proc.h>

ll_status ll_buffer_reserve(ll_buffer *buffer, size_t length, ll_error *error) {
    if (length <= buffer->capacity)
        return LL_OK;
    const size_t capacity = length < SIZE_MAX / 2 ? length + length / 2 + 64 : length;
    char *data = realloc(buffer->data, capacity);
    if (!data)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to tokenize %zu bytes", length);
    buffer->data = data;
    buffer->capacity = capacity;
    return LL_OK;
}

ll_status ll_buffer_append(ll_buffer *buffer, const char *data, size_t length, ll_error *error) {
    LL_TRY(ll_buffer_reserve(buffer, buffer->length + length, error));
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    return LL_OK;
}

static char *copy(ll_text text) {
    char *data = malloc(text.length + 1);
    if (data && text.length)
        memcpy(data, text.data, text.length);
    return data;
}

ll_status ll_normal_add(ll_tokenizer *tokenizer, ll_normal_kind kind, ll_text text, ll_text content,
                        ll_error *error) {
    if (tokenizer->normal_count == LL_STEPS)
        return ll_fail(error, LL_BAD_INPUT, "the normalizer has more than %d steps; take a simpler one",
                       LL_STEPS);
    ll_normal_step *step = &tokenizer->normal[tokenizer->normal_count++];
    *step = (ll_normal_step){kind, copy(text), copy(content), text.length, content.length, 0};
    return step->text && step->content ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for a normalizer");
}

bool ll_normal_add_unicode(ll_tokenizer *tokenizer, const char *name) {
    static const struct {
        const char *name;
        int options;
    } forms[] = {
        {"NFC", UTF8PROC_STABLE | UTF8PROC_COMPOSE},
        {"NFD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
        {"NFKC", UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
        {"NFKD", UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].name, name) != 0 || tokenizer->normal_count == LL_STEPS)
            continue;
        tokenizer->normal[tokenizer->normal_count++] =
            (ll_normal_step){.kind = LL_NORMAL_UNICODE, .options = forms[i].options};
        return true;
    }
    return false;
}

/* Replacements of replacements could make a text longer without end. */
static ll_status check_growth(size_t from, size_t to, ll_error *error) {
    enum { FACTOR = 32, ALWAYS = 256 };
    if (to / FACTOR <= from + ALWAYS)
        return LL_OK;
    return ll_fail(
        error, LL_BAD_INPUT,
        "the tokenizer's normalizer makes more than %d times as long a text of %zu bytes; take another "
        "tokenizer",
        FACTOR, from);
}

static ll_status replace(const ll_normal_step *step, ll_text text, size_t original, ll_buffer *out,
                         ll_error *error) {
    const char *at = text.data, *end = text.data + text.length, *found;
    while (at < end && (found = memmem(at, (size_t)(end - at), step->text, step->text_length))) {
        LL_TRY(ll_buffer_append(out, at, (size_t)(found - at), error));
        LL_TRY(ll_buffer_append(out, step->content, step->content_length, error));
        LL_TRY(check_growth(original, out->length, error));
        at = found + step->text_length;
    }
    return ll_buffer_append(out, at, (size_t)(end - at), error);
}

/* The step's text is what a space becomes later on: SentencePiece takes that off the end, too. */
static ll_status collapse(const ll_normal_step *step, ll_text text, ll_buffer *out, ll_error *error) {
    const size_t mark = step->text_length;
    LL_TRY(ll_buffer_reserve(out, text.length, error));
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] != ' ' || (out->length && out->data[out->length - 1] != ' '))
            out->data[out->length++] = text.data[i];
    for (;;) {
        if (out->length && out->data[out->length - 1] == ' ')
            out->length--;
        else if (mark && out->length >= mark && memcmp(out->data + out->length - mark, step->text, mark) == 0)
            out->length -= mark;
        else
            return LL_OK;
    }
}

static ll_status unicode(int options, ll_text text, ll_buffer *out, ll_error *error) {
    utf8proc_uint8_t *mapped = NULL;
    const utf8proc_ssize_t length =
        utf8proc_map((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)text.length, &mapped,
                     (utf8proc_option_t)options);
    if (length < 0)
        return ll_fail(error, LL_NO_RESOURCE, "a text of %zu bytes cannot be normalized: %s", text.length,
                       utf8proc_errmsg(length));
    const ll_status status = ll_buffer_append(out, (const char *)mapped, (size_t)length, error);
    free(mapped);
    return status;
}

static ll_status apply(const ll_normal_step *step, ll_text text, size_t original, ll_buffer *out,
                       ll_error *error) {
    switch (step->kind) {
    case LL_NORMAL_PREPEND:
        if (text.length)
            LL_TRY(ll_buffer_append(out, step->text, step->text_length, error));
        return ll_buffer_append(out, text.data, text.length, error);
    case LL_NORMAL_REPLACE:
        return replace(step, text, original, out, error);
    case LL_NORMAL_COLLAPSE:
        return collapse(step, text, out, error);
    case LL_NORMAL_UNICODE:
        return unicode(step->options, text, out, error);
    }
    return LL_OK;
}

ll_status ll_normalize(ll_encoding *encoding, ll_text text, ll_text *out) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    *out = text;
    for (size_t i = 0; i < tokenizer->normal_count; i++) {
        encoding->spare.length = 0;
        LL_TRY(apply(&tokenizer->normal[i], *out, text.length, &encoding->spare, encoding->error));
        const ll_buffer done = encoding->spare;
        encoding->spare = encoding->normal;
        encoding->normal = done;
        *out = (ll_text){done.length ? done.data : "", done.length};
    }
    return LL_OK;
}

void ll_normal_free(ll_tokenizer *tokenizer) {
    for (size_t i = 0; i < tokenizer->normal_count; i++) {
        free(tokenizer->normal[i].text);
        free(tokenizer->normal[i].content);
    }
}
