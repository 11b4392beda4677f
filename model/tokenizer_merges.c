#include "tokenizer_parts.h"
#include <stdlib.h>
#include <string.h>

static ll_status bad_merge(const ll_gguf *gguf, size_t rank, ll_text merge, const char *what,
                           ll_error *error) {
    return ll_fail(
        error, LL_BAD_INPUT,
        "%s: tokenizer.ggml.merges[%zu] \"%.*s\" %s; the vocabulary is damaged, convert the model again",
        ll_gguf_path(gguf), rank, (int)(merge.length < 80 ? merge.length : 80), merge.data, what);
}

/* The token spelled like both halves together; scratch has room for them. */
static int32_t find_result(const ll_tokenizer *tokenizer, ll_text merge, size_t left, char *scratch) {
    memcpy(scratch, merge.data, left);
    memcpy(scratch + left, merge.data + left + 1, merge.length - left - 1);
    return ll_vocab_find(tokenizer, scratch, merge.length - 1);
}

static ll_status read_merge(ll_tokenizer *tokenizer, const ll_gguf *gguf, size_t rank, ll_text merge,
                            char *scratch, ll_error *error) {
    const char *space = memchr(merge.data, ' ', merge.length);
    if (!space || memchr(space + 1, ' ', merge.length - (size_t)(space + 1 - merge.data)))
        return bad_merge(gguf, rank, merge, "is not two tokens with one space between them", error);
    const size_t left_length = (size_t)(space - merge.data);
    const int32_t left = ll_vocab_find(tokenizer, merge.data, left_length);
    const int32_t right = ll_vocab_find(tokenizer, space + 1, merge.length - left_length - 1);
    if (left < 0 || right < 0)
        return bad_merge(gguf, rank, merge,
                         left < 0 ? "starts with what is no token" : "ends with what is no token", error);
    const int32_t result = find_result(tokenizer, merge, left_length, scratch);
    if (result < 0)
        return bad_merge(gguf, rank, merge, "makes what is no token", error);
    /* Special tokens are spelled as they read, so bytes may differ where spellings agree. */
    if (tokenizer->bytes[result].length != tokenizer->bytes[left].length + tokenizer->bytes[right].length)
        return bad_merge(gguf, rank, merge, "makes a special token that reads otherwise", error);
    size_t cursor = 0;
    if (ll_map_next(&tokenizer->ranks, ll_pair_key(left, right), &cursor) != LL_MAP_NONE)
        return bad_merge(gguf, rank, merge, "stands there twice", error);
    ll_map_add(&tokenizer->ranks, ll_pair_key(left, right), (uint32_t)rank);
    tokenizer->merged[rank] = result;
    return LL_OK;
}

static ll_status read_merges(ll_tokenizer *tokenizer, const ll_gguf *gguf, const ll_text *merges,
                             size_t count, ll_error *error) {
    size_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = merges[i].length > longest ? merges[i].length : longest;
    char *scratch = malloc(longest);
    tokenizer->merged = malloc((count + 1) * sizeof *tokenizer->merged);
    ll_status status = LL_OK;
    if (!scratch || !tokenizer->merged || !ll_map_init(&tokenizer->ranks, count))
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for %zu merges", ll_gguf_path(gguf), count);
    for (size_t rank = 0; rank < count && status == LL_OK; rank++)
        status = read_merge(tokenizer, gguf, rank, merges[rank], scratch, error);
    free(scratch);
    return status;
}

ll_status ll_merges_read(ll_tokenizer *tokenizer, const ll_gguf *gguf, ll_error *error) {
    ll_text *merges = NULL;
    size_t count;
    LL_TRY(ll_gguf_get_text_array(gguf, "tokenizer.ggml.merges", &merges, &count, NULL, error));
    const ll_status status =
        count < LL_MAP_NONE
            ? read_merges(tokenizer, gguf, merges, count, error)
            : ll_fail(error, LL_BAD_INPUT, "%s: tokenizer.ggml.merges has %zu entries, too many",
                      ll_gguf_path(gguf), count);
    free(merges);
    return status;
}
