/* Byte-pair merging: the merge of the lowest rank first, the leftmost of equals. A heap finds it, a linked
 * list applies it, so a word of n bytes takes O(n log n). */
#include "tokenizer_parts.h"
#include <stdlib.h>
#include <string.h>

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

/* Looks up the merge of a symbol with its next one. */
static void propose(ll_encoding *encoding, uint32_t at) {
    ll_symbol *symbol = &encoding->symbols[at];
    symbol->rank = LL_MAP_NONE;
    if (symbol->next == LL_MAP_NONE)
        return;
    size_t cursor = 0;
    const uint64_t pair = ll_pair_key(symbol->id, encoding->symbols[symbol->next].id);
    symbol->rank = ll_map_next(&encoding->tokenizer->ranks, pair, &cursor);
    if (symbol->rank != LL_MAP_NONE)
        heap_push(encoding, (uint64_t)symbol->rank << 32 | at);
}

static void merge_all(ll_encoding *encoding) {
    ll_symbol *symbols = encoding->symbols;
    while (encoding->heap_count) {
        const uint64_t least = heap_pop(encoding);
        const uint32_t rank = (uint32_t)(least >> 32), at = (uint32_t)least;
        if (symbols[at].rank != rank) /* a neighbour was merged since */
            continue;
        ll_symbol *right = &symbols[symbols[at].next];
        symbols[at].id = encoding->tokenizer->merged[rank];
        symbols[at].next = right->next;
        right->rank = LL_MAP_NONE;
        if (right->next != LL_MAP_NONE)
            symbols[right->next].previous = at;
        propose(encoding, at);
        if (symbols[at].previous != LL_MAP_NONE)
            propose(encoding, symbols[at].previous);
    }
}

static ll_status make_room(ll_encoding *encoding, size_t length) {
    if (length <= encoding->capacity)
        return LL_OK;
    /* Longer words make numbers of symbols overflow, and would take 40 bytes of memory a byte. */
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

/* The token that the whole word is, or -1. */
static int32_t whole_word(ll_encoding *encoding, const char *word, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned character = tokenizer->alphabet.character[(unsigned char)word[i]];
        if (character < 0x80) {
            encoding->spelling[used++] = (char)character;
        } else {
            encoding->spelling[used++] = (char)(0xC0 | character >> 6);
            encoding->spelling[used++] = (char)(0x80 | (character & 0x3F));
        }
    }
    const int32_t id = ll_vocab_find(tokenizer, encoding->spelling, used);
    return id >= 0 && tokenizer->bytes[id].length == length ? id : -1;
}

ll_status ll_merge_word(ll_encoding *encoding, const char *word, size_t length) {
    const ll_tokenizer *tokenizer = encoding->tokenizer;
    LL_TRY(make_room(encoding, length));
    if (tokenizer->pre->whole_words) {
        const int32_t whole = whole_word(encoding, word, length);
        if (whole >= 0)
            return ll_ids_append(encoding->ids, whole, encoding->error);
    }
    uint32_t count = 0;
    for (size_t i = 0; i < length; i++) {
        const int32_t id = tokenizer->byte_ids[(unsigned char)word[i]];
        if (id < 0) /* as Hugging Face does: what has no token is left out before anything is merged */
            continue;
        encoding->symbols[count] = (ll_symbol){id, count - 1, count + 1, LL_MAP_NONE};
        count++;
    }
    if (!count)
        return LL_OK;
    encoding->symbols[0].previous = encoding->symbols[count - 1].next = LL_MAP_NONE;
    for (uint32_t at = 0; at < count; at++)
        propose(encoding, at);
    merge_all(encoding);
    for (uint32_t at = 0; at != LL_MAP_NONE; at = encoding->symbols[at].next)
        LL_TRY(ll_ids_append(encoding->ids, encoding->symbols[at].id, encoding->error));
    return LL_OK;
}
