/* One character of UTF-8 (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
 */
#ifndef LL_UTF8_CHAR_H
#define LL_UTF8_CHAR_H
#include <stddef.h>

/* What the text starts with: 1 .. 4: a character of that many bytes; 0: nothing but the beginning of one (or
 * nothing at all); -k: its first k bytes (1 .. 3) can be part of no character, whatever follows. */
int ll_utf8_char(const char *text, size_t length);
#endif
