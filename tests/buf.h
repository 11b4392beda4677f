/* Buffers between guard pages: one byte read or written outside dies at once, and its address names the
 * buffer. */
#ifndef LL_BUF_H
#define LL_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* Which end of a buffer lies on its guard page. Where the alignment leaves a gap, writes into it are found
 * afterwards. */
typedef enum { LL_BUF_AT_END, LL_BUF_AT_START } ll_buf_side;

/* The bytes of a fresh buffer: as floats they are NaN, as int8 they alternate. */
unsigned char ll_buf_pattern(size_t offset);

/* A buffer filled with the pattern; name is kept by address. untouched: no fill, so that a huge buffer costs
 * only the pages that are used. Exits when the machine has no memory. */
void *ll_buf_make(const char *name, size_t bytes, size_t align, ll_buf_side side, bool untouched);
/* Releases every buffer. */
void ll_buf_release_all(void);
/* The sentence for a byte written outside a buffer but short of its guard pages; NULL when there is none. */
const char *ll_buf_damage(void);
/* Where an address lies: "2 bytes past the end of weights", ...; static storage. */
const char *ll_buf_explain(const void *address);

#endif
