#include "rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Values that are lower, and half of those that are equal. */
static double rank_of(const double *values, size_t n, size_t at) {
    double rank = 0;
    for (size_t i = 0; i < n; i++)
        rank += values[i] < values[at] ? 1 : values[i] == values[at] ? 0.5 : 0;
    return rank;
}

double ll_rank_correlation(const double *a, const double *b, size_t n) {
    const double mean = (double)n / 2; /* of ranks so counted */
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = rank_of(a, n, i) - mean, y = rank_of(b, n, i) - mean;
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : (double)NAN;
}

static bool is_among_lowest(const double *values, size_t n, size_t at, size_t lowest) {
    size_t before = 0;
    for (size_t i = 0; i < n; i++)
        before += values[i] < values[at] || (values[i] == values[at] && i < at);
    return before < lowest;
}

size_t ll_rank_overlap(const double *a, const double *b, size_t n, size_t lowest) {
    size_t both = 0;
    for (size_t i = 0; i < n; i++)
        both += is_among_lowest(a, n, i, lowest) && is_among_lowest(b, n, i, lowest);
    return both;
}
