/* Tokens end in the middle of characters; a terminal wants whole ones. */
#ifndef LL_UTF8_H
#define LL_UTF8_H
#include <stddef.h>

typedef struct {
    char pending[4]; /* the beginning of a character */
    size_t count;
} ll_utf8; /* starts zeroed */

/* What ll_utf8_feed may write for length bytes. */
#define LL_UTF8_ROOM(length) (3 * ((size_t)(length) + 3))

/* Takes the next bytes, writes the characters that are whole by now, returns their bytes. What can be part of
 * no character becomes U+FFFD, one for each longest beginning of a character, or else for each byte (as the
 * Unicode standard recommends in 3.9). */
size_t ll_utf8_feed(ll_utf8 *stream, const char *bytes, size_t length, char *out);
/* The end: writes U+FFFD for a character that has only begun; at most 3 bytes. The stream is then as new. */
size_t ll_utf8_flush(ll_utf8 *stream, char *out);
#endif
