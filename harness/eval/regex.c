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
    (*out)->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
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

/* A walk over the matches of a text. */
typedef struct {
    const ll_regex *regex;
    const ll_string *text;
    size_t begin, end; /* of the last match; the search goes on behind it */
    bool any, empty;   /* there was one, and it was empty */
    ll_status status;
} walk;

/* A pattern that remembers more than the fast matcher has room for is matched by the other one. */
static int match_from(const walk *w, uint32_t options) {
    const ll_string *text = w->text;
    const PCRE2_SPTR data = (PCRE2_SPTR)(text->data ? text->data : "");
    const int rc =
        pcre2_match(w->regex->code, data, text->length, w->end, options, w->regex->match, w->regex->limits);
    return rc != PCRE2_ERROR_JIT_STACKLIMIT
               ? rc
               : pcre2_match(w->regex->code, data, text->length, w->end, options | PCRE2_NO_JIT,
                             w->regex->match, w->regex->limits);
}

/* As in Python, what follows an empty match may begin where that was, and then is not empty. The text is known to be UTF-8 from the
 * first search on: to look again at every match would take the square of its length. False: no more; w->status says where that is a
 * failure. */
static bool next_match(walk *w, ll_error *error) {
    const int rc = match_from(w, (w->any ? PCRE2_NO_UTF_CHECK : 0) | (w->empty ? PCRE2_NOTEMPTY_ATSTART : 0));
    if (rc == PCRE2_ERROR_NOMATCH)
        return false;
    if (rc < 0) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(rc, why, sizeof why);
        w->status = ll_fail(error, LL_BAD_INPUT, "a regular expression fails on \"%.60s\": %s", w->text->data,
                            (char *)why);
        return false;
    }
    const PCRE2_SIZE *const offsets = pcre2_get_ovector_pointer(w->regex->match);
    w->begin = offsets[0];
    w->end = offsets[1];
    w->any = true;
    w->empty = w->begin == w->end;
    return true;
}

ll_status ll_regex_replace(const ll_regex *regex, ll_string *text, const char *with, ll_error *error) {
    ll_string out = {0};
    walk w = {.regex = regex, .text = text};
    size_t kept = 0;
    ll_status status = ll_string_append(&out, "", 0, error);
    while (status == LL_OK && next_match(&w, error)) {
        status = ll_string_append(&out, text->data + kept, w.begin - kept, error);
        if (status == LL_OK)
            status = ll_string_append(&out, with, strlen(with), error);
        kept = w.end;
    }
    status = status == LL_OK ? w.status : status;
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
    walk w = {.regex = regex, .text = text};
    size_t from = 0, to = 0;
    while ((last || !w.any) && next_match(&w, error))
        choose_group(regex, &from, &to);
    *found = w.any && to > from;
    if (w.status == LL_OK && *found)
        w.status = ll_string_append(out, text->data + from, to - from, error);
    return w.status;
}
