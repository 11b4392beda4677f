#include "metric.h"

#include <math.h>
#include <string.h>

static const char *const names[LL_METRICS] = {"cosine", "no-residual", "magnitude"};

const char *ll_metric_name(ll_metric metric) {
    return names[metric];
}

bool ll_metric_parse(const char *text, ll_metric *out) {
    for (int metric = 0; metric < LL_METRICS; metric++)
        if (strcmp(text, names[metric]) == 0) {
            *out = (ll_metric)metric;
            return true;
        }
    return false;
}

/* From a.b, a.a and b.b. */
static double one_minus_cosine(double ab, double aa, double bb) {
    if (aa == 0 || bb == 0)
        return aa == bb ? 0 : 1;
    return 1 - ab / (sqrt(aa) * sqrt(bb));
}

void ll_metric_measure(const float *x, const float *y, size_t n, double out[LL_METRICS]) {
    double xy = 0, xx = 0, yy = 0, xf = 0, ff = 0;
#pragma omp simd reduction(+ : xy, xx, yy, xf, ff)
    for (size_t i = 0; i < n; i++) {
        const double a = x[i], b = y[i], f = b - a;
        xy += a * b;
        xx += a * a;
        yy += b * b;
        xf += a * f;
        ff += f * f;
    }
    out[LL_COSINE] = one_minus_cosine(xy, xx, yy);
    out[LL_NO_RESIDUAL] = one_minus_cosine(xf, xx, ff);
    out[LL_MAGNITUDE] = ff == 0 ? 0 : yy == 0 ? 1 : sqrt(ff) / sqrt(yy);
}
