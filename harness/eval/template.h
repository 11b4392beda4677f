/* Texts with {{fields}} of a document, as task definitions have them.
 *
 * {{name}} is a field; {{a.b}} a field of an object, {{a[2]}} a list's element; {{name|strip|lower}} filters it:
 *   strip       without white space at both ends
 *   capitalize  the first character in upper case (title case), the others in lower case
 *   words       underscores become spaces
 *   before:X    what comes before the first X (which must be there); after:X what comes after it
 * A number is written as JSON has it, true and false as these words. Everything outside {{ }} stands for itself. */
#ifndef LL_TEMPLATE_H
#define LL_TEMPLATE_H
#include "error.h"
#include <jansson.h>

/* A text that grows. Starts zeroed. */
typedef struct {
    char *data; /* malloc'd, NUL after length bytes; NULL: empty */
    size_t length, capacity;
} ll_string;
ll_status ll_string_append(ll_string *string, const char *text, size_t length, ll_error *error);
void ll_string_free(ll_string *string);
/* Takes white space off both ends of what comes from byte from on (Python's str.strip). */
void ll_string_strip(ll_string *string, size_t from);
/* Where the text ends without the white space at its end (what Python's str.rstrip takes away). */
size_t ll_text_end(const char *text, size_t length);
/* Runs of white space (Python's \s+) in the text. */
size_t ll_text_spaces(const char *text, size_t length);

/* Appends what the template says of the document. Refused: a field that is not there or holds no text, number or truth value,
 * an unknown filter, {{ without }}. */
ll_status ll_template_render(const char *template, const json_t *document, ll_string *out, ll_error *error);
/* The texts of a list: of an array of templates; or of a path with [] for the element, "question.choices[].text". *out is
 * malloc'd, each text too. */
ll_status ll_template_list(const json_t *list, const json_t *document, ll_string **out, size_t *count,
                           ll_error *error);
void ll_strings_free(ll_string *strings, size_t count);
#endif
