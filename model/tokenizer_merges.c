#include "tokenizer_parts.h"
#include <stdlib.h>

typedef struct {
    ll_tokenizer *tokenizer;
    const ll_vocab_source *source;
    const char *list;
    char *scratch; /* room for the longest merge */
    ll_error *error;
} builder;

static ll_status bad_merge(const builder *b, size_t rank, const ll_merge *merge, const char *what) {
    return ll_fail(b->error, LL_BAD_INPUT, "%s: %s[%zu] \"%.*s %.*s\" %s; the vocabulary is damaged, %s",
                   b->source->path, b->list, rank, LL_QUOTED(merge->left), LL_QUOTED(merge->right), what,
                   b->source->advice);
}

/* The token spelled like both halves together. */
static int32_t find_result(const builder *b, const ll_merge *merge) {
    memcpy(b->scratch, merge->left.data, merge->left.length);
    memcpy(b->scratch + merge->left.length, merge->right.data, merge->right.length);
    return ll_vocab_find(b->tokenizer, b->scratch, merge->left.length + merge->right.length);
}

static ll_status read_merge(const builder *b, size_t rank, const ll_merge *merge) {
    ll_tokenizer *tokenizer = b->tokenizer;
    const int32_t left = ll_vocab_find(tokenizer, merge->left.data, merge->left.length);
    const int32_t right = ll_vocab_find(tokenizer, merge->right.data, merge->right.length);
    if (left < 0 || right < 0)
        return bad_merge(b, rank, merge,
                         left < 0 ? "starts with what is no token" : "ends with what is no token");
    const int32_t result = find_result(b, merge);
    if (result < 0)
        return bad_merge(b, rank, merge, "makes what is no token");
    /* Special tokens are spelled as they read, so bytes may differ where spellings agree. */
    if (b->source->strict &&
        tokenizer->bytes[result].length != tokenizer->bytes[left].length + tokenizer->bytes[right].length)
        return bad_merge(b, rank, merge, "makes a special token that reads otherwise");
    size_t cursor = 0;
    if (ll_map_next(&tokenizer->ranks, ll_pair_key(left, right), &cursor) != LL_MAP_NONE)
        return bad_merge(b, rank, merge, "stands there twice");
    ll_map_add(&tokenizer->ranks, ll_pair_key(left, right), (uint32_t)rank);
    tokenizer->merged[rank] = result;
    return LL_OK;
}

ll_status ll_merges_build(ll_tokenizer *tokenizer, const ll_vocab_source *source, const char *list,
                          const ll_merge *merges, size_t count, ll_error *error) {
    size_t longest = 1;
    for (size_t i = 0; i < count; i++)
        longest = merges[i].left.length + merges[i].right.length > longest
                      ? merges[i].left.length + merges[i].right.length
                      : longest;
    builder b = {tokenizer, source, list, malloc(longest), error};
    tokenizer->merged = malloc((count + 1) * sizeof *tokenizer->merged);
    ll_status status = LL_OK;
    if (count >= LL_MAP_NONE)
        status = ll_fail(error, LL_BAD_INPUT, "%s: %s has %zu entries, too many", source->path, list, count);
    else if (!b.scratch || !tokenizer->merged || !ll_map_init(&tokenizer->ranks, count))
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for %zu merges", source->path, count);
    for (size_t rank = 0; rank < count && status == LL_OK; rank++)
        status = read_merge(&b, rank, &merges[rank]);
    free(b.scratch);
    return status;
}

bool ll_merge_parse(ll_text text, ll_merge *out) {
    const char *space = memchr(text.data, ' ', text.length);
    if (!space || memchr(space + 1, ' ', text.length - (size_t)(space + 1 - text.data)))
        return false;
    const size_t left = (size_t)(space - text.data);
    *out = (ll_merge){{text.data, left}, {space + 1, text.length - left - 1}};
    return true;
}
