#include "passages.h"
#include "eval/template.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[LL_RECIPE_COUNT] = {[LL_RECIPE_WHOLE] = "whole-windows",
                                                   [LL_RECIPE_SECOND_HALF] = "second-half",
                                                   [LL_RECIPE_ROLLING] = "rolling"};

const char *ll_recipe_name(ll_recipe recipe) {
    return names[recipe];
}

/* A passage of prefix (negative: none) and ids; the last scored of these count. */
static ll_status add(ll_passages *p, int32_t prefix, const int32_t *ids, size_t count, size_t scored,
                     ll_error *error) {
    const size_t begin = p->ids.count;
    ll_passage *grown = realloc(p->passage, (p->count + 1) * sizeof *grown);
    if (!grown)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu passages of a text", p->count + 1);
    p->passage = grown;
    if (prefix >= 0)
        LL_TRY(ll_ids_append(&p->ids, prefix, error));
    for (size_t i = 0; i < count; i++)
        LL_TRY(ll_ids_append(&p->ids, ids[i], error));
    const size_t all = p->ids.count - begin;
    p->passage[p->count++] = (ll_passage){begin, all, scored};
    p->longest = all > p->longest ? all : p->longest;
    return LL_OK;
}

/* ---- one text ---- */
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

static ll_status add_window(ll_passages *p, int32_t bos, const int32_t *ids, ll_error *error) {
    if (p->recipe == LL_RECIPE_WHOLE)
        return add(p, bos, ids, p->window, p->window - 1, error);
    const size_t scored = p->window - 1 - p->window / 2;
    return bos < 0 ? add(p, -1, ids, p->window, scored, error)
                   : add(p, bos, ids + 1, p->window - 1, scored, error);
}

static ll_status cut_windows(ll_passages *p, const ll_ids *ids, int32_t bos, size_t max, ll_error *error) {
    const size_t whole = ids->count / p->window, there = whole > p->first ? whole - p->first : 0,
                 count = max && max < there ? max : there, least = p->recipe == LL_RECIPE_SECOND_HALF ? 2 : 1;
    if (there == 0 || whole < least)
        return ll_fail(error, LL_BAD_INPUT,
                       "the text has %zu tokens: no whole window of %zu from window %zu on%s; use a longer "
                       "text or a shorter --window",
                       ids->count, p->window, p->first, least > 1 ? " of at least two" : "");
    for (size_t i = 0; i < count; i++)
        LL_TRY(add_window(p, bos, ids->data + (p->first + i) * p->window, error));
    return LL_OK;
}

static ll_status cut_text(ll_passages *p, const ll_tokenizer *tokenizer, const ll_documents *documents,
                          size_t max, ll_error *error) {
    ll_ids ids = {0};
    const int32_t bos = ll_tokenizer_adds_bos(tokenizer) ? ll_tokenizer_bos(tokenizer) : -1;
    ll_status status = LL_OK;
    if (bos >= 0 && p->recipe == LL_RECIPE_SECOND_HALF)
        status = ll_ids_append(&ids, bos, error);
    if (status == LL_OK)
        status = encode_all(&ids, tokenizer, documents, error);
    if (status == LL_OK)
        status = cut_windows(p, &ids, bos, max, error);
    ll_ids_free(&ids);
    return status;
}

/* ---- documents ---- */
static ll_status roll(ll_passages *p, int32_t prefix, const ll_ids *ids, ll_error *error) {
    for (size_t done = 0; done < ids->count;) {
        const size_t left = ids->count - done, some = left < p->window ? left : p->window, end = done + some;
        if (done == 0)
            LL_TRY(add(p, prefix, ids->data, some, some, error));
        else
            LL_TRY(add(p, -1, ids->data + end - p->window - 1, p->window + 1, some, error));
        done = end;
    }
    return LL_OK;
}

static ll_status roll_document(ll_passages *p, const ll_tokenizer *tokenizer, int32_t prefix, ll_text text,
                               ll_error *error) {
    ll_ids ids = {0};
    ll_status status = ll_tokenizer_encode(tokenizer, text.data, text.length, &ids, error);
    if (status == LL_OK)
        status = roll(p, prefix, &ids, error);
    ll_ids_free(&ids);
    p->words += ll_text_spaces(text.data, text.length) + 1;
    p->bytes += text.length;
    return status;
}

static ll_status cut_documents(ll_passages *p, const ll_tokenizer *tokenizer, const ll_documents *documents,
                               size_t max, ll_error *error) {
    const size_t there = documents->count > p->first ? documents->count - p->first : 0,
                 count = max && max < there ? max : there;
    const int32_t bos = ll_tokenizer_bos(tokenizer), prefix = bos >= 0 ? bos : ll_tokenizer_eos(tokenizer);
    if (prefix < 0)
        return ll_fail(error, LL_BAD_INPUT,
                       "the model has neither BOS nor EOS to go before a document; use another --recipe");
    for (size_t i = 0; i < count; i++)
        LL_TRY(roll_document(p, tokenizer, prefix, documents->texts[p->first + i], error));
    if (p->count == 0)
        return ll_fail(error, LL_BAD_INPUT, "the text has %zu documents: no token from document %zu on",
                       documents->count, p->first);
    return LL_OK;
}

ll_status ll_passages_cut(ll_passages *out, ll_recipe recipe, const ll_tokenizer *tokenizer,
                          const ll_documents *documents, size_t window, size_t first, size_t max,
                          ll_error *error) {
    const size_t least = recipe == LL_RECIPE_SECOND_HALF ? 4 : 2;
    *out = (ll_passages){.recipe = recipe, .window = window, .first = first};
    if (window < least)
        return ll_fail(error, LL_BAD_USAGE, "a window of %zu tokens: expected at least %zu", window, least);
    const ll_status status = recipe == LL_RECIPE_ROLLING
                                 ? cut_documents(out, tokenizer, documents, max, error)
                                 : cut_text(out, tokenizer, documents, max, error);
    if (status != LL_OK)
        ll_passages_free(out);
    return status;
}

size_t ll_passages_scored(const ll_passages *passages) {
    size_t sum = 0;
    for (size_t i = 0; i < passages->count; i++)
        sum += passages->passage[i].scored;
    return sum;
}

size_t ll_passages_run(const ll_passages *passages) {
    return passages->ids.count - passages->count;
}

void ll_passages_free(ll_passages *passages) {
    ll_ids_free(&passages->ids);
    free(passages->passage);
    passages->passage = NULL;
    passages->count = 0;
}
