#include "error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A sentence may quote a hostile file: what a terminal would obey must not reach it, nor may it break the one
 * line. Besides the control characters of ASCII these are U+0080 to U+009F, in UTF-8 0xc2 and one more byte.
 */
static void make_printable(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        const bool upper_control = c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f;
        if (*c < 0x20 || *c == 0x7f || upper_control)
            *c = '?';
        if (upper_control)
            *++c = '?';
    }
}

ll_status ll_fail(ll_error *error, ll_status status, const char *format, ...) {
    if (!error)
        return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    make_printable(error->text);
    return status;
}

ll_status ll_fail_in(ll_error *error, ll_status status, const char *format, ...) {
    if (!error)
        return status;
    const ll_error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    const size_t used = length < 0 ? 0 : strnlen(error->text, sizeof error->text);
    snprintf(error->text + used, sizeof error->text - used, ": %s", inner.text);
    make_printable(error->text);
    return status;
}
