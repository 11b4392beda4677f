#include "tokens.h"

#include <stdlib.h>
#include <string.h>

ll_status ll_tokens_of_text(const ll_tokenizer *tokenizer, ll_text text, size_t limit, ll_ids *ids,
                            ll_error *error) {
    if (ll_tokenizer_adds_bos(tokenizer))
        LL_TRY(ll_ids_append(ids, ll_tokenizer_bos(tokenizer), error));
    LL_TRY(ll_tokenizer_encode(tokenizer, text.data, text.length, ids, error));
    if (limit && ids->count > limit)
        ids->count = limit;
    return LL_OK;
}

/* All documents in one text, malloc'd. */
static char *joined(const ll_documents *documents, size_t *length) {
    size_t room = 1;
    for (size_t i = 0; i < documents->count; i++)
        room += documents->texts[i].length + 2;
    char *text = malloc(room), *at = text;
    for (size_t i = 0; text && i < documents->count; i++) {
        if (i)
            at = (char *)mempcpy(at, "\n\n", 2);
        at = (char *)mempcpy(at, documents->texts[i].data, documents->texts[i].length);
    }
    *length = (size_t)(at - text);
    return text;
}

static ll_status encode_all(ll_ids *ids, const ll_tokenizer *tokenizer, const ll_documents *documents,
                            ll_error *error) {
    size_t length;
    char *text = joined(documents, &length);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the text of %zu documents", documents->count);
    const ll_status status = ll_tokenizer_encode(tokenizer, text, length, ids, error);
    free(text);
    return status;
}

ll_status ll_windows_cut(ll_windows *out, const ll_tokenizer *tokenizer, const ll_documents *documents,
                         size_t window, size_t first, size_t max, ll_error *error) {
    *out = (ll_windows){.window = window, .first = first};
    if (window < 2)
        return ll_fail(error, LL_BAD_USAGE, "a window of %zu tokens: expected at least 2", window);
    ll_status status = encode_all(&out->ids, tokenizer, documents, error);
    const size_t whole = out->ids.count / window, there = whole > first ? whole - first : 0;
    if (status == LL_OK && there == 0)
        status = ll_fail(
            error, LL_BAD_INPUT,
            "the text has %zu tokens, no whole window of %zu from window %zu on; use a longer text or a "
            "shorter --window",
            out->ids.count, window, first);
    if (status != LL_OK) {
        ll_windows_free(out);
        return status;
    }
    out->count = max && max < there ? max : there;
    return LL_OK;
}

void ll_windows_free(ll_windows *windows) {
    ll_ids_free(&windows->ids);
}
