/* Which kernel each operation uses on this machine, and why not a better one. */
#ifndef LL_INFO_KERNELS_H
#define LL_INFO_KERNELS_H
#include "kernels.h"
#include <jansson.h>

/* A line for each operation, below it a line for each stronger ISA that has a kernel of its own for it. cap: the ISA that was asked
 * for, or NULL. */
void ll_info_kernels_print(const ll_kernels *kernels, const char *cap);
/* An array of {"operation", "isa", "better": [{"isa", "why_not"}]}; for the caller to free. */
json_t *ll_info_kernels_json(const ll_kernels *kernels, const char *cap);

#endif
