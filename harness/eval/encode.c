#include "eval/questions.h"

#include <string.h>

/* BOS before a text, but where the text itself begins with it. */
static ll_status encode(const ll_tokenizer *tokenizer, const char *text, size_t length, bool bos, ll_ids *ids,
                        ll_error *error) {
    const size_t at = ids->count;
    const int32_t id = ll_tokenizer_bos(tokenizer);
    if (bos && ll_tokenizer_adds_bos(tokenizer))
        LL_TRY(ll_ids_append(ids, id, error));
    LL_TRY(ll_tokenizer_encode(tokenizer, text, length, ids, error));
    if (bos && ll_tokenizer_adds_bos(tokenizer) && ids->count > at + 1 && ids->data[at + 1] == id) {
        memmove(ids->data + at, ids->data + at + 1, (ids->count - at - 1) * sizeof *ids->data);
        ids->count--;
    }
    return LL_OK;
}

/* The context of a text without one, which is itself not scored. */
static ll_status encode_alone(const ll_tokenizer *tokenizer, const char *text, size_t length, ll_ids *ids,
                              ll_error *error) {
    const size_t at = ids->count;
    const int32_t bos = ll_tokenizer_bos(tokenizer), prefix = bos >= 0 ? bos : ll_tokenizer_eos(tokenizer);
    if (prefix < 0)
        return ll_fail(error, LL_BAD_INPUT,
                       "the context is empty, and the model has neither BOS nor EOS for it");
    LL_TRY(ll_ids_append(ids, prefix, error));
    LL_TRY(encode(tokenizer, text, length, false, ids, error));
    if (ids->count > at + 1 && ids->data[at + 1] == prefix) {
        memmove(ids->data + at, ids->data + at + 1, (ids->count - at - 1) * sizeof *ids->data);
        ids->count--;
    }
    return LL_OK;
}

ll_status ll_encode_pair(const ll_tokenizer *tokenizer, const char *text, size_t context_bytes,
                         size_t continuation_bytes, ll_ids *ids, size_t *context, size_t *continuation,
                         ll_error *error) {
    const size_t at = ids->count, whole = context_bytes + continuation_bytes,
                 stripped = continuation_bytes ? ll_text_end(text, context_bytes) : context_bytes;
    if (stripped)
        LL_TRY(encode(tokenizer, text, stripped, true, ids, error));
    *context = ids->count - at;
    *continuation = 0;
    if (*context == 0) { /* nothing is left of it, or nothing that has a token */
        LL_TRY(encode_alone(tokenizer, text, whole, ids, error));
        *context = 1;
        *continuation = ids->count - at - 1;
        return LL_OK;
    }
    return continuation_bytes
               ? ll_encode_continuation(tokenizer, text, whole, ids, *context, continuation, error)
               : LL_OK;
}

ll_status ll_encode_continuation(const ll_tokenizer *tokenizer, const char *text, size_t bytes, ll_ids *ids,
                                 size_t context, size_t *continuation, ll_error *error) {
    const size_t at = ids->count;
    LL_TRY(encode(tokenizer, text, bytes, true, ids, error));
    const size_t all = ids->count - at;
    *continuation = all > context ? all - context : 0;
    /* The context's own tokens stay; behind them what follows as many of the whole's. */
    memmove(ids->data + at, ids->data + at + context, *continuation * sizeof *ids->data);
    ids->count = at + *continuation;
    return LL_OK;
}
