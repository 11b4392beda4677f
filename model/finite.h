/* Private to model/. */
#ifndef LL_FINITE_H
#define LL_FINITE_H
#include <stdbool.h>
#include <stddef.h>

/* Whether all n values are finite. */
bool ll_all_finite(const float *x, size_t n);
#endif
