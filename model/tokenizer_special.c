/* Special tokens in a text. They are few and short: a sorted list, narrowed byte by byte, is all it takes. */
#include "tokenizer_parts.h"
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    const ll_text *left = &((const ll_special *)a)->text, *right = &((const ll_special *)b)->text;
    const size_t common = left->length < right->length ? left->length : right->length;
    const int order = memcmp(left->data, right->data, common);
    return order ? order : (left->length > right->length) - (left->length < right->length);
}

/* The first of [low, high) whose byte at depth is byte or more; all are longer than depth and sorted. */
static size_t lower_bound(const ll_special *specials, size_t low, size_t high, size_t depth, unsigned byte) {
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((unsigned char)specials[middle].text.data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ll_status ll_specials_init(ll_tokenizer *tokenizer, const int32_t *ids, size_t count, ll_error *error) {
    tokenizer->specials = malloc((count + 1) * sizeof *tokenizer->specials);
    if (!tokenizer->specials)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu special tokens", count);
    for (size_t i = 0; i < count; i++)
        tokenizer->specials[i] = (ll_special){tokenizer->texts[ids[i]], ids[i]};
    qsort(tokenizer->specials, count, sizeof *tokenizer->specials, compare);
    tokenizer->special_count = count;
    for (unsigned byte = 0; byte <= 256; byte++)
        tokenizer->special_first[byte] = lower_bound(tokenizer->specials, 0, count, 0, byte);
    return LL_OK;
}

const ll_special *ll_special_at(const ll_tokenizer *tokenizer, const char *text, size_t length) {
    const ll_special *specials = tokenizer->specials, *longest = NULL;
    size_t low = tokenizer->special_first[(unsigned char)text[0]];
    size_t high = tokenizer->special_first[(unsigned char)text[0] + 1];
    /* [low, high): the tokens that start with the first depth bytes of text; one of just these bytes comes
     * first. */
    for (size_t depth = 1; low < high; depth++) {
        if (specials[low].text.length == depth)
            longest = &specials[low++];
        if (depth == length)
            break;
        const unsigned byte = (unsigned char)text[depth];
        low = lower_bound(specials, low, high, depth, byte);
        high = lower_bound(specials, low, high, depth, byte + 1);
    }
    return longest;
}
