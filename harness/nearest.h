/* What may have been meant by a name that nothing has. */
#ifndef LL_NEAREST_H
#define LL_NEAREST_H
#include <stddef.h>

/* The distance from which on no advice helps. */
size_t ll_nearest_patience(const char *name);
/* Keeps candidate in *best when it is nearer to name; *nearest starts as the patience. */
void ll_nearest_keep(const char *name, const char *candidate, size_t *nearest, const char **best);
#endif
