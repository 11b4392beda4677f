/* float32 weights to symmetric int8 (design: Numbers). Private to model/. */
#ifndef LL_QUANTIZE_H
#define LL_QUANTIZE_H
#include "error.h"

/* One row of k weights: per group, scale = amax / 127 and q = round to even of w * 127 / amax, in [-127,
 * 127], computed in double so that rows of subnormal size keep their values. amax 0: q = 0, scale = 0. False
 * when a weight is not finite. */
bool ll_quantize_row(const float *w, size_t k, size_t group, int8_t *q, float *scale);
#endif
