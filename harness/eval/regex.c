#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 1000000 }; /* of one match: a pattern that backtracks without end is told */

struct ll_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

ll_status ll_regex_compile(ll_regex **out, const char *pattern, ll_error *error) {
    int code;
    PCRE2_SIZE offset;
    *out = calloc(1, sizeof **out);
    if (!*out)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a regular expression");
    (*out)->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code,
                                 &offset, NULL);
    if ((*out)->code) {
        (*out)->match = pcre2_match_data_create_from_pattern((*out)->code, NULL);
        (*out)->limits = pcre2_match_context_create(NULL);
        (void)pcre2_jit_compile((*out)->code, PCRE2_JIT_COMPLETE);
    }
    if ((*out)->match && (*out)->limits) {
        pcre2_set_match_limit((*out)->limits, STEPS);
        return LL_OK;
    }
    PCRE2_UCHAR why[128] = "no memory";
    if (!(*out)->code)
        pcre2_get_error_message(code, why, sizeof why);
    ll_regex_free(*out);
    *out = NULL;
    return ll_fail(error, LL_BAD_INPUT, "\"%.80s\" is no regular expression: %s (at character %zu)", pattern,
                   (char *)why, (size_t)offset);
}

void ll_regex_free(ll_regex *regex) {
    if (!regex)
        return;
    pcre2_match_context_free(regex->limits);
    pcre2_match_data_free(regex->match);
    pcre2_code_free(regex->code);
    free(regex);
}

/* The next match from *at on: its begin and end, and *at behind it. False: none; *status says where that is a failure. */
static bool next_match(const ll_regex *regex, const ll_string *text, size_t *at, size_t *begin, size_t *end,
                       ll_status *status, ll_error *error) {
    if (*at > text->length)
        return false;
    const int rc = pcre2_match(regex->code, (PCRE2_SPTR)(text->data ? text->data : ""), text->length, *at, 0,
                               regex->match, regex->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return false;
    if (rc < 0) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(rc, why, sizeof why);
        *status = ll_fail(error, LL_BAD_INPUT, "a regular expression fails on \"%.60s\": %s", text->data,
                          (char *)why);
        return false;
    }
    const PCRE2_SIZE *const offsets = pcre2_get_ovector_pointer(regex->match);
    *begin = offsets[0];
    *end = offsets[1];
    *at = *end;
    if (*end == *begin) /* an empty match: on by a character */
        do
            ++*at;
        while (*at < text->length && ((unsigned char)text->data[*at] & 0xC0) == 0x80);
    return true;
}

ll_status ll_regex_replace(const ll_regex *regex, ll_string *text, const char *with, ll_error *error) {
    ll_string out = {0};
    size_t at = 0, begin, end, kept = 0;
    ll_status status = ll_string_append(&out, "", 0, error);
    while (status == LL_OK && next_match(regex, text, &at, &begin, &end, &status, error)) {
        status = ll_string_append(&out, text->data + kept, begin - kept, error);
        if (status == LL_OK)
            status = ll_string_append(&out, with, strlen(with), error);
        kept = end;
    }
    if (status == LL_OK)
        status = ll_string_append(&out, text->data ? text->data + kept : "", text->length - kept, error);
    if (status != LL_OK) {
        ll_string_free(&out);
        return status;
    }
    ll_string_free(text);
    *text = out;
    return LL_OK;
}

/* The first group that matched something; without groups the match. */
static void choose_group(const ll_regex *regex, size_t *begin, size_t *end) {
    const PCRE2_SIZE *const offsets = pcre2_get_ovector_pointer(regex->match);
    uint32_t groups = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    *begin = *end = groups ? 0 : offsets[0];
    if (!groups)
        *end = offsets[1];
    for (uint32_t g = 1; g <= groups && *begin == *end; g++)
        if (offsets[2 * g] != PCRE2_UNSET) {
            *begin = offsets[2 * g];
            *end = offsets[2 * g + 1];
        }
}

ll_status ll_regex_find(const ll_regex *regex, const ll_string *text, bool last, ll_string *out, bool *found,
                        ll_error *error) {
    size_t at = 0, begin, end, from = 0, to = 0;
    ll_status status = LL_OK;
    bool any = false;
    while ((last || !any) && next_match(regex, text, &at, &begin, &end, &status, error)) {
        choose_group(regex, &from, &to);
        any = true;
    }
    *found = any && to > from;
    if (status == LL_OK && *found)
        status = ll_string_append(out, text->data + from, to - from, error);
    return status;
}
