/* How alike two lists of numbers order the same things. */
#ifndef LL_RANK_H
#define LL_RANK_H
#include <stddef.h>

/* Spearman's rank correlation of a[n] and b[n]: Pearson's of the ranks, equal values sharing the mean of theirs. NAN for n < 2 and where
 * all of a or of b are equal. */
double ll_rank_correlation(const double *a, const double *b, size_t n);
/* Of the lowest lowest of a how many are among those of b; equal values: the earlier one is lower. lowest <= n. */
size_t ll_rank_overlap(const double *a, const double *b, size_t n, size_t lowest);
#endif
