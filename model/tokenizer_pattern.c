/* Regular expressions of tokenizer files. They are written for Oniguruma, with Unicode; PCRE2 runs them. What both read
 * alike is kept, what reads otherwise is translated (white space, scripts) or refused by name. */
#include "tokenizer_parts.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* \s is Unicode's White_Space; PCRE2's own \s has U+180E too. Both libraries know the characters of the Unicode
 * version they were built for: what was assigned later counts as a mark. */
#define SPACE "\\p{White_Space}"
#define NO_SPACE "\\P{White_Space}"

const char ll_pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef struct {
    ll_text pattern;
    const char *place;
    size_t at;
    bool in_class;
    ll_buffer *out;
    ll_error *error;
} translator;

static ll_status refuse(const translator *t, size_t length, const char *why) {
    const size_t left = t->pattern.length - t->at;
    return ll_fail(t->error, LL_BAD_INPUT,
                   "%s: the pattern holds \"%.*s\" at byte %zu, %s; take a tokenizer with a simpler pattern",
                   t->place, (int)(length < left ? length : left), t->pattern.data + t->at, t->at, why);
}

static ll_status copy(translator *t, size_t length) {
    LL_TRY(ll_buffer_append(t->out, t->pattern.data + t->at, length, t->error));
    t->at += length;
    return LL_OK;
}

static ll_status put(translator *t, const char *text, size_t skip) {
    t->at += skip;
    return ll_buffer_append(t->out, text, strlen(text), t->error);
}

static bool looking_at(const translator *t, const char *text) {
    const size_t length = strlen(text);
    return t->pattern.length - t->at >= length && memcmp(t->pattern.data + t->at, text, length) == 0;
}

/* \p{...} and \P{...}: general categories and binary properties stay, a script is one of a character's own script. */
static ll_status property(translator *t) {
    const char *close = memchr(t->pattern.data + t->at, '}', t->pattern.length - t->at);
    if (!looking_at(t, "\\p{") && !looking_at(t, "\\P{"))
        return refuse(t, 3, "expected a name in braces");
    if (!close)
        return refuse(t, 8, "which has no end");
    const size_t length = (size_t)(close - (t->pattern.data + t->at)) + 1, name = length - 4;
    if (name > 2 && !looking_at(t, SPACE) && !looking_at(t, NO_SPACE)) {
        LL_TRY(copy(t, 3));
        LL_TRY(put(t, "sc:", 0));
        return copy(t, length - 3);
    }
    return copy(t, length);
}

static ll_status escape(translator *t) {
    if (t->pattern.length - t->at < 2)
        return refuse(t, 1, "which escapes nothing");
    const char letter = t->pattern.data[t->at + 1];
    switch (letter) {
    case 's':
        return put(t, SPACE, 2);
    case 'S':
        return put(t, NO_SPACE, 2);
    case 'p':
    case 'P':
        return property(t);
    case 'd':
    case 'D':
    case 'r':
    case 'n':
    case 't':
    case 'f':
    case 'x':
        return copy(t, 2);
    case 'u':
        if (t->pattern.length - t->at < 6)
            return refuse(t, 2, "expected four digits after it");
        LL_TRY(put(t, "\\x{", 2));
        LL_TRY(copy(t, 4));
        return put(t, "}", 0);
    default:
        if (isalnum((unsigned char)letter))
            return refuse(t, 2, "which means different things to different libraries");
        return copy(t, 2);
    }
}

static ll_status in_class(translator *t) {
    const char c = t->pattern.data[t->at];
    if (c == '[' || looking_at(t, "&&"))
        return refuse(t, 2, "a class within a class, which is not supported");
    t->in_class = c != ']';
    return copy(t, 1);
}

static ll_status group(translator *t) {
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?i)"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (looking_at(t, known[i]))
            return copy(t, strlen(known[i]));
    if (looking_at(t, "(?") || looking_at(t, "(*"))
        return refuse(t, 4, "a kind of group that is not supported");
    return copy(t, 1);
}

static ll_status outside(translator *t) {
    const char c = t->pattern.data[t->at];
    if (c == '(')
        return group(t);
    if (c == '^' || c == '$')
        return refuse(t, 1, "an anchor, which is not supported");
    if (looking_at(t, "}+"))
        return refuse(t, 2, "which means different things to different libraries");
    if (c == '[') {
        t->in_class = true;
        LL_TRY(copy(t, looking_at(t, "[^") ? 2 : 1));
        return looking_at(t, "]") ? refuse(t, 1, "an empty class") : LL_OK;
    }
    return copy(t, 1);
}

static ll_status translate(translator *t) {
    while (t->at < t->pattern.length) {
        if (t->pattern.data[t->at] == '\\')
            LL_TRY(escape(t));
        else
            LL_TRY(t->in_class ? in_class(t) : outside(t));
    }
    return LL_OK;
}

/* Nested repetitions are written out when compiled: 41 bytes can become 49,000, and more as machine code. Patterns of
 * published tokenizers stay below 4 times their length and 200 bytes. */
static ll_status check_size(pcre2_code *pattern, ll_text text, const char *place, ll_error *error) {
    enum { TIMES = 16, ALWAYS = 1024 };
    size_t bytes = 0;
    (void)pcre2_pattern_info(pattern, PCRE2_INFO_SIZE, &bytes);
    if (bytes <= TIMES * text.length + ALWAYS)
        return LL_OK;
    return ll_fail(
        error, LL_BAD_INPUT,
        "%s: the pattern \"%.*s\" has %zu bytes and becomes %zu when compiled, expected at most %zu; "
        "take another tokenizer",
        place, LL_QUOTED(text), text.length, bytes, TIMES * text.length + ALWAYS);
}

static ll_status compile(pcre2_code **out, ll_text pattern, uint32_t options, const char *place,
                         ll_error *error) {
    int code;
    size_t offset;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a pattern", place);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    *out = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.length, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!*out) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(code, why, sizeof why);
        return ll_fail(error, LL_BAD_INPUT, "%s: PCRE2 cannot compile the pattern \"%.*s\": %s (at %zu)",
                       place, LL_QUOTED(pattern), (const char *)why, offset);
    }
    LL_TRY(check_size(*out, pattern, place, error));
    /* Where the system forbids just-in-time code, PCRE2 interprets: slower, with the same result. */
    (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return LL_OK;
}

ll_status ll_pattern_compile(pcre2_code **out, ll_text pattern, const char *place, ll_error *error) {
    ll_buffer translated = {0};
    translator t = {.pattern = pattern, .place = place, .out = &translated, .error = error};
    ll_status status = ll_buffer_reserve(&translated, pattern.length + 1, error);
    if (status == LL_OK)
        status = translate(&t);
    if (status == LL_OK)
        status = compile(out, (ll_text){translated.data, translated.length},
                         PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, place, error);
    free(translated.data);
    return status;
}

ll_status ll_pattern_literal(pcre2_code **out, ll_text text, const char *place, ll_error *error) {
    return compile(out, text, PCRE2_UTF | PCRE2_LITERAL, place, error);
}
