/* Texts as the token sequences that are run. */
#ifndef LL_TOKENS_H
#define LL_TOKENS_H
#include "documents.h"
#include "model.h"

/* The text's ids, with one BOS before them where the model adds one, cut to limit ids (0: no limit). */
ll_status ll_tokens_of_text(const ll_tokenizer *tokenizer, ll_text text, size_t limit, ll_ids *ids,
                            ll_error *error);
#endif
