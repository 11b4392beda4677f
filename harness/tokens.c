#include "tokens.h"

ll_status ll_tokens_of_text(const ll_tokenizer *tokenizer, ll_text text, size_t limit, ll_ids *ids,
                            ll_error *error) {
    if (ll_tokenizer_adds_bos(tokenizer))
        LL_TRY(ll_ids_append(ids, ll_tokenizer_bos(tokenizer), error));
    LL_TRY(ll_tokenizer_encode(tokenizer, text.data, text.length, ids, error));
    if (limit && ids->count > limit)
        ids->count = limit;
    return LL_OK;
}
