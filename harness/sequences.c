#include "sequences.h"

#include <stdlib.h>

static ll_status fill(ll_sequences *s, const ll_tokenizer *tokenizer, const ll_documents *documents,
                      size_t samples, size_t length, ll_error *error) {
    s->ids = calloc(samples, sizeof *s->ids);
    if (!s->ids)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the tokens of %zu calibration documents",
                       samples);
    for (; s->count < samples; s->count++) {
        ll_ids *ids = &s->ids[s->count];
        LL_TRY(ll_tokens_of_text(tokenizer, documents->texts[s->count], length, ids, error));
        s->tokens += ids->count;
        s->longest = ids->count > s->longest ? ids->count : s->longest;
    }
    return s->tokens ? LL_OK : ll_fail(error, LL_BAD_INPUT, "the calibration documents hold no tokens");
}

ll_status ll_sequences_make(ll_sequences *out, const ll_tokenizer *tokenizer, const ll_documents *documents,
                            size_t samples, size_t length, ll_error *error) {
    *out = (ll_sequences){0};
    const bool all = samples == 0 || samples > documents->count;
    const ll_status status = fill(out, tokenizer, documents, all ? documents->count : samples, length, error);
    if (status != LL_OK)
        ll_sequences_free(out);
    return status;
}

void ll_sequences_free(ll_sequences *sequences) {
    for (size_t i = 0; i < sequences->count; i++)
        ll_ids_free(&sequences->ids[i]);
    free(sequences->ids);
    *sequences = (ll_sequences){0};
}
