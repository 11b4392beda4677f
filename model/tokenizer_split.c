#include "tokenizer_parts.h"
#include <stdio.h>
#include <string.h>

/* The regex engine of Hugging Face's tokenizers takes \s for Unicode's White_Space. PCRE2's own \s has U+180E
 * too. Both know the characters of the Unicode version they were built for: what was assigned later counts as
 * a mark. */
#define SPACE "\\p{White_Space}"
#define WORD_CHARACTERS "\\p{L}\\p{N}"
#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define MARKS " ?[^" SPACE WORD_CHARACTERS "]+"

static const ll_pre known[] = {
    {"gpt-2", CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+|" MARKS "|" SPACE "+(?!\\P{White_Space})|" SPACE "+", false,
     false},
    /* First every digit stands alone, then the GPT-2 pattern splits what lies between, so a digit ends a
     * text: white space before it stays whole, and no space joins it. */
    {"smollm", "\\p{N}|" CONTRACTIONS "| ?\\p{L}+|" MARKS "|" SPACE "+(?![^" SPACE "\\p{N}])|" SPACE "+",
     false, false},
    {"llama-bpe",
     "(?i:" CONTRACTIONS ")|[^\\r\\n" WORD_CHARACTERS "]?\\p{L}+|\\p{N}{1,3}|" MARKS "[\\r\\n]*|" SPACE
     "*[\\r\\n]+|" SPACE "+(?!\\P{White_Space})|" SPACE "+",
     true, true},
};
enum { KNOWN = sizeof known / sizeof *known };

static ll_status unknown_pre(const ll_gguf *gguf, bool found, ll_text name, ll_error *error) {
    char list[128] = "";
    for (size_t i = 0; i < KNOWN; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i].name);
    }
    if (!found)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: key tokenizer.ggml.pre is missing, so nothing says how text is split; expected one of %s; "
            "convert the model again",
            ll_gguf_path(gguf), list);
    return ll_fail(
        error, LL_BAD_INPUT,
        "%s: tokenizer.ggml.pre is \"%.*s\", expected one of %s; take a model with one of these tokenizers",
        ll_gguf_path(gguf), (int)(name.length < 80 ? name.length : 80), name.data, list);
}

ll_status ll_split_init(ll_tokenizer *tokenizer, const ll_gguf *gguf, ll_error *error) {
    ll_text name = {"", 0};
    bool found;
    LL_TRY(ll_gguf_get_text(gguf, "tokenizer.ggml.pre", &name, &found, error));
    for (size_t i = 0; i < KNOWN; i++)
        if (found && strlen(known[i].name) == name.length &&
            memcmp(known[i].name, name.data, name.length) == 0)
            tokenizer->pre = &known[i];
    if (!tokenizer->pre)
        return unknown_pre(gguf, found, name, error);
    int code;
    size_t offset;
    tokenizer->split = pcre2_compile((PCRE2_SPTR)tokenizer->pre->pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &offset, NULL);
    if (!tokenizer->split)
        return ll_fail(
            error, LL_NO_RESOURCE,
            "PCRE2 cannot compile the split pattern of %s: error %d at %zu; version 10.40 or later is needed",
            tokenizer->pre->name, code, offset);
    /* Where the system forbids just-in-time code, PCRE2 interprets: slower, with the same result. */
    (void)pcre2_jit_compile(tokenizer->split, PCRE2_JIT_COMPLETE);
    return LL_OK;
}

ll_status ll_split_begin(ll_encoding *encoding, size_t length) {
    enum { HEAP_KIB = 64 * 1024 };
    encoding->match = pcre2_match_data_create(1, NULL);
    encoding->limits = pcre2_match_context_create(NULL);
    if (!encoding->match || !encoding->limits)
        return ll_fail(encoding->error, LL_NO_RESOURCE, "no memory for splitting a text");
    /* One word can take as many steps back as it has characters, a few times over; more would be a fault in a
     * pattern. */
    const size_t steps = 1000000 + 8 * (length < UINT32_MAX / 16 ? length : UINT32_MAX / 16);
    pcre2_set_match_limit(encoding->limits, (uint32_t)steps);
    pcre2_set_heap_limit(encoding->limits, HEAP_KIB);
    return LL_OK;
}

ll_status ll_split_next(ll_encoding *encoding, const char *text, size_t length, size_t start, size_t *end) {
    const pcre2_code *pattern = encoding->tokenizer->split;
    const int matched = pcre2_match(pattern, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK,
                                    encoding->match, encoding->limits);
    *end = matched > 0 ? pcre2_get_ovector_pointer(encoding->match)[1] : start;
    if (*end > start)
        return LL_OK;
    PCRE2_UCHAR why[128];
    if (pcre2_get_error_message(matched, why, sizeof why) < 0)
        strcpy((char *)why, "an empty word");
    return ll_fail(encoding->error, LL_NO_RESOURCE,
                   "a text of %zu bytes cannot be split at byte %zu: PCRE2 says: %s", length, start,
                   (const char *)why);
}

void ll_split_end(ll_encoding *encoding) {
    pcre2_match_data_free(encoding->match);
    pcre2_match_context_free(encoding->limits);
}
