/* Regular expressions of task definitions (PCRE2, UTF), with what Python's re gives for them. */
#ifndef LL_REGEX_H
#define LL_REGEX_H
#include "template.h"

typedef struct ll_regex ll_regex;

/* LL_BAD_INPUT: no regular expression. */
ll_status ll_regex_compile(ll_regex **out, const char *pattern, ll_error *error);
void ll_regex_free(ll_regex *regex); /* NULL is fine */
/* re.sub: every match becomes with, which is taken as it is. */
ll_status ll_regex_replace(const ll_regex *regex, ll_string *text, const char *with, ll_error *error);
/* Of re.findall the first or the last: the match's first group that is not empty, without groups the match itself. *found: false:
 * there is none, or all its groups are empty. */
ll_status ll_regex_find(const ll_regex *regex, const ll_string *text, bool last, ll_string *out, bool *found,
                        ll_error *error);
#endif
