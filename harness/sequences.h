/* A calibration set as the token sequences that are run. */
#ifndef LL_SEQUENCES_H
#define LL_SEQUENCES_H
#include "tokens.h"

typedef struct {
    ll_ids *ids; /* [count] */
    size_t count;
    size_t tokens;  /* of all */
    size_t longest; /* tokens of one */
} ll_sequences;

/* The first samples documents (0: all; fewer where there are fewer), each cut to length tokens. LL_BAD_INPUT where they hold no
 * tokens at all. */
ll_status ll_sequences_make(ll_sequences *out, const ll_tokenizer *tokenizer, const ll_documents *documents,
                            size_t samples, size_t length, ll_error *error);
void ll_sequences_free(ll_sequences *sequences);
#endif
