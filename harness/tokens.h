/* Texts as the token sequences that are run. */
#ifndef LL_TOKENS_H
#define LL_TOKENS_H
#include "documents.h"
#include "model.h"

/* The text's ids, with one BOS before them where the model adds one, cut to limit ids (0: no limit). */
ll_status ll_tokens_of_text(const ll_tokenizer *tokenizer, ll_text text, size_t limit, ll_ids *ids,
                            ll_error *error);

/* Windows of a text that do not overlap: window i starts at token window * (first + i). */
typedef struct {
    ll_ids ids;    /* of the whole text, without BOS */
    size_t window; /* tokens of one */
    size_t first, count;
} ll_windows;

/* Several documents are joined by two newlines, as the usual perplexity recipes do. The whole windows from first on, max of
 * them at most (0: all); out->count says how many. LL_BAD_INPUT when the text has none. */
ll_status ll_windows_cut(ll_windows *out, const ll_tokenizer *tokenizer, const ll_documents *documents,
                         size_t window, size_t first, size_t max, ll_error *error);
void ll_windows_free(ll_windows *windows);
#endif
