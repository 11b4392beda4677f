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

ll_status ll_windows_cut(ll_windows *out, const ll_tokenizer *tokenizer, ll_text text, size_t window,
                         size_t first, size_t max, ll_error *error) {
    *out = (ll_windows){.window = window, .first = first};
    if (window < 2)
        return ll_fail(error, LL_BAD_USAGE, "a window of %zu tokens: expected at least 2", window);
    ll_status status = ll_tokenizer_encode(tokenizer, text.data, text.length, &out->ids, error);
    const size_t whole = out->ids.count / window, there = whole > first ? whole - first : 0;
    if (status == LL_OK && (there == 0 || there < max))
        status = ll_fail(
            error, LL_BAD_INPUT,
            "the text has %zu tokens, %zu whole windows of %zu from window %zu on; expected at least %zu",
            out->ids.count, there, window, first, max ? max : 1);
    if (status != LL_OK) {
        ll_windows_free(out);
        return status;
    }
    out->count = max ? max : there;
    return LL_OK;
}

void ll_windows_free(ll_windows *windows) {
    ll_ids_free(&windows->ids);
}
