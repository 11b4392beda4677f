/* What a module does to one token's residual stream, as a number: the ways of measuring importance. */
#ifndef LL_METRIC_H
#define LL_METRIC_H
#include <stdbool.h>
#include <stddef.h>

/* X and Y are the residual stream before and after a module, F = Y - X what it adds: of an attention layer or MLP layer
 * f(Norm(X)), of a block what both of its layers add. Importance is the mean over tokens of
 * - cosine: 1 - cos(X, Y), the paper's (arXiv 2406.15786, equation 2);
 * - no-residual: 1 - cos(X, F), as its table 6 leaves the residual out. (Its published code has Norm(X) in X's place there, which
 *   differs by the norm's weights.)
 * - magnitude: |F| / |Y|, the relative magnitude that its table 7 and ShortGPT (arXiv 2403.03853) compare with, after
 *   arXiv 2312.09299. */
typedef enum { LL_COSINE = 0, LL_NO_RESIDUAL = 1, LL_MAGNITUDE = 2, LL_METRICS } ll_metric;

const char *ll_metric_name(ll_metric metric); /* "cosine", "no-residual", "magnitude" */
bool ll_metric_parse(const char *text, ll_metric *out);
/* All of them for one token: x[n], y[n], finite. A vector of zeros has no direction: it counts as turned, unless both are zero; and
 * what takes all away has magnitude 1. */
void ll_metric_measure(const float *x, const float *y, size_t n, double out[LL_METRICS]);
#endif
