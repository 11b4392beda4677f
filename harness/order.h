/* For qsort. */
#ifndef LL_ORDER_H
#define LL_ORDER_H

/* Numbers of type size_t, ascending. */
int ll_order_sizes(const void *a, const void *b);
#endif
