/* Merging by score (SentencePiece): any two neighbours that together are a token may merge, the highest score first. */
#include "tokenizer_parts.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    float score;
    uint32_t id;
} scored;

static int compare(const void *a, const void *b) {
    const scored *left = a, *right = b;
    return (left->score < right->score) - (left->score > right->score);
}

static bool is_made(const ll_tokenizer *tokenizer, size_t id) {
    const uint8_t type = tokenizer->types[id];
    return type == LL_TOKEN_NORMAL || type == LL_TOKEN_USER_DEFINED || type == LL_TOKEN_UNUSED;
}

/* sorted has room for every token. */
static void rank_scores(ll_tokenizer *tokenizer, const float *scores, scored *sorted) {
    size_t count = 0;
    for (size_t id = 0; id < tokenizer->count; id++) {
        tokenizer->score_ranks[id] = LL_MAP_NONE;
        if (!is_made(tokenizer, id))
            continue;
        sorted[count++] = (scored){scores[id], (uint32_t)id};
        if (tokenizer->texts[id].length > tokenizer->longest)
            tokenizer->longest = tokenizer->texts[id].length;
        tokenizer->has_unused |= tokenizer->types[id] == LL_TOKEN_UNUSED;
    }
    qsort(sorted, count, sizeof *sorted, compare);
    uint32_t rank = 0;
    for (size_t i = 0; i < count; i++) {
        rank += i && sorted[i].score < sorted[i - 1].score;
        tokenizer->score_ranks[sorted[i].id] = rank;
    }
}

ll_status ll_vocab_scores(ll_tokenizer *tokenizer, const ll_vocab_source *source, const float *scores,
                          ll_error *error) {
    for (size_t id = 0; id < tokenizer->count; id++)
        if (isnan(scores[id]))
            return ll_fail(error, LL_BAD_INPUT, "%s: the score of %s[%zu] \"%.*s\" is not a number; %s",
                           source->path, source->list, id, LL_QUOTED(source->texts[id]), source->advice);
    scored *sorted = malloc(tokenizer->count * sizeof *sorted);
    tokenizer->score_ranks = malloc(tokenizer->count * sizeof *tokenizer->score_ranks);
    if (sorted && tokenizer->score_ranks)
        rank_scores(tokenizer, scores, sorted);
    const bool good = sorted && tokenizer->score_ranks;
    free(sorted);
    return good ? LL_OK
                : ll_fail(error, LL_NO_RESOURCE, "%s: no memory for %zu scores", source->path, source->count);
}
