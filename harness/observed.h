/* What every token of a sequence adds to every module's sums: added up in the tokens' order, so that the sums have the same bits at
 * any thread count. */
#ifndef LL_OBSERVED_H
#define LL_OBSERVED_H
#include "importance.h"

typedef struct {
    size_t hidden, layers, length;
    double *changed; /* [LL_METRICS][LL_MODULE_KINDS][layers][length] */
} ll_observed;

/* For sequences of length tokens at most. */
ll_status ll_observed_create(ll_observed *out, const ll_config *config, size_t length, ll_error *error);
void ll_observed_free(ll_observed *observed);
void ll_observed_clear(ll_observed *observed);
/* An ll_observer's module, whose context is the ll_observed: rows tokens from first on. */
void ll_observed_note(void *observed, ll_module module, size_t first, const float *before, const float *after,
                      size_t rows);
/* Adds the sums over a sequence of tokens tokens to those of the layers from first_layer on. */
void ll_observed_add(const ll_observed *observed, size_t tokens, size_t first_layer, ll_tally *tally);
#endif
