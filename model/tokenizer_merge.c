/* Byte-pair merging: the merge of the lowest rank first, the leftmost of equals. A heap finds it, a linked
 * list applies it, so a word of n bytes takes O(n log n). */
#include "tokenizer_parts.h"
#include <stdlib.h>

static void heap_push(ll_encoding *encoding, uint64_t value) {
    uint64_t *heap = encoding->heap;
    size_t at = encoding->heap_count++;
    while (at && heap[(at - 1) / 2] > value) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = value;
}

static uint64_t heap_pop(ll_encoding *encoding) {
    uint64_t *heap = encoding->heap;
    const uint64_t least = heap[0], last = heap[--encoding->heap_count];
    const size_t count = encoding->heap_count;
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (child >= count || heap[child] >= last)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return least;
}

/* By score: the token that two neighbours spell. */
static void look_up_text(ll_encoding *encoding, const char *word, ll_symbol *symbol, const ll_symbol *next) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    const size_t length = (size_t)symbol->length + next->length;
    if (length > tokenizer->longest)
        return;
    symbol->makes = ll_vocab_find(tokenizer, word + symbol->start, length);
    if (symbol->makes < 0)
        return;
    symbol->rank = tokenizer->score_ranks[symbol->makes];
    if (encoding->parts && tokenizer->types[symbol->makes] == LL_TOKEN_UNUSED)
        encoding->parts[symbol->makes] = symbol->length;
}

static void look_up_pair(const ll_tokenizer *tokenizer, ll_symbol *symbol, const ll_symbol *next) {
    size_t cursor = 0;
    symbol->rank = ll_map_next(&tokenizer->ranks, ll_pair_key(symbol->id, next->id), &cursor);
    if (symbol->rank != LL_MAP_NONE)
        symbol->makes = tokenizer->merged[symbol->rank];
}

/* Looks up the merge of a symbol with its next one. */
static void propose(ll_encoding *encoding, const char *word, uint32_t at) {
    ll_symbol *symbol = &encoding->symbols[at];
    symbol->rank = LL_MAP_NONE;
    if (symbol->next == LL_MAP_NONE)
        return;
    if (encoding->tokenizer->score_ranks)
        look_up_text(encoding, word, symbol, &encoding->symbols[symbol->next]);
    else
        look_up_pair(encoding->tokenizer, symbol, &encoding->symbols[symbol->next]);
    if (symbol->rank != LL_MAP_NONE)
        heap_push(encoding, (uint64_t)symbol->rank << 32 | at);
}

void ll_merge_symbols(ll_encoding *encoding, const char *word, uint32_t count) {
    ll_symbol *symbols = encoding->symbols;
    for (uint32_t at = 0; at < count; at++)
        propose(encoding, word, at);
    while (encoding->heap_count) {
        const uint64_t least = heap_pop(encoding);
        const uint32_t rank = (uint32_t)(least >> 32), at = (uint32_t)least;
        if (symbols[at].rank != rank) /* a neighbour was merged since */
            continue;
        ll_symbol *right = &symbols[symbols[at].next];
        symbols[at].id = symbols[at].makes;
        symbols[at].length += right->length;
        symbols[at].next = right->next;
        right->rank = LL_MAP_NONE;
        if (right->next != LL_MAP_NONE)
            symbols[right->next].previous = at;
        propose(encoding, word, at);
        if (symbols[at].previous != LL_MAP_NONE)
            propose(encoding, word, symbols[at].previous);
    }
}

ll_status ll_merge_reserve(ll_encoding *encoding, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    if (tokenizer->has_unused && !encoding->parts &&
        !(encoding->parts = calloc(tokenizer->count, sizeof *encoding->parts)))
        return ll_fail(encoding->error, LL_NO_RESOURCE, "no memory to tokenize");
    if (length <= encoding->capacity)
        return LL_OK;
    /* Longer words make numbers of symbols overflow, and would take 50 bytes of memory a byte. */
    if (length >= LL_MAP_NONE / 2)
        return ll_fail(encoding->error, LL_NO_RESOURCE, "a word of %zu bytes is too long to tokenize",
                       length);
    size_t capacity = encoding->capacity ? encoding->capacity : 64;
    while (capacity < length)
        capacity *= 2;
    ll_merge_end(encoding);
    encoding->symbols = malloc(capacity * sizeof *encoding->symbols);
    encoding->heap =
        malloc(2 * capacity * sizeof *encoding->heap); /* a pop and at most 2 pushes for each merge */
    encoding->spelling = malloc(2 * capacity);
    if (!encoding->symbols || !encoding->heap || !encoding->spelling)
        return ll_fail(encoding->error, LL_NO_RESOURCE, "no memory to tokenize a word of %zu bytes", length);
    encoding->capacity = capacity;
    return LL_OK;
}

void ll_merge_end(ll_encoding *encoding) {
    free(encoding->symbols);
    free(encoding->heap);
    free(encoding->spelling);
    encoding->symbols = NULL;
    encoding->heap = NULL;
    encoding->spelling = NULL;
    encoding->capacity = 0;
}
