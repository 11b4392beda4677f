/* The sentence for the user that goes with a status: one line that names file, place, found and expected. */
#ifndef LL_ERROR_H
#define LL_ERROR_H
#include "kernels.h"

typedef struct {
    char text[768];
} ll_error;

/* Writes the formatted sentence into error (may be NULL; control characters become '?') and returns status.
 */
ll_status ll_fail(ll_error *error, ll_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the sentence that is already there; returns status. */
ll_status ll_fail_in(ll_error *error, ll_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif
