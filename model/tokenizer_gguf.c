/* Tokenizers of GGUF files: tokenizer.ggml.model "gpt2" (byte-level BPE, merges by rank) and "llama" (SentencePiece,
 * merges by score). */
#include "gguf_reader.h"
#include "tokenizer_parts.h"
#include <stdio.h>
#include <stdlib.h>

#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"

typedef struct {
    const char *name;    /* tokenizer.ggml.pre */
    const char *pattern; /* each match is a word */
    bool whole_words;
    bool adds_bos; /* where tokenizer.ggml.add_bos_token is absent */
} known_pre;

static const known_pre known[] = {
    {"gpt-2", ll_pattern_gpt2, false, false},
    /* First every digit stands alone, then the GPT-2 pattern splits what lies between, so a digit ends a
     * text: white space before it stays whole, and no space joins it. */
    {"smollm", "\\p{N}|" CONTRACTIONS "| ?\\p{L}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?![^\\s\\p{N}])|\\s+", false,
     false},
    {"llama-bpe",
     "(?i:" CONTRACTIONS
     ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
     "\\s+(?!\\S)|\\s+",
     true, true},
};
enum { KNOWN = sizeof known / sizeof *known };

typedef struct {
    ll_tokenizer *tokenizer;
    const ll_gguf *gguf;
    ll_vocab_source source;
    bool adds_bos; /* unless the file says otherwise */
    ll_error *error;
} reader;

static ll_status unknown_pre(const reader *r, bool found, ll_text name) {
    char list[128] = "";
    for (size_t i = 0; i < KNOWN; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i].name);
    }
    if (!found)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: key tokenizer.ggml.pre is missing, so nothing says how text is split; expected one of %s; "
            "convert the model again",
            r->source.path, list);
    return ll_fail(
        r->error, LL_BAD_INPUT,
        "%s: tokenizer.ggml.pre is \"%.*s\", expected one of %s; take a model with one of these tokenizers",
        r->source.path, (int)(name.length < 80 ? name.length : 80), name.data, list);
}

static ll_status read_pre(reader *r) {
    ll_text name = {"", 0};
    bool found;
    const known_pre *pre = NULL;
    LL_TRY(ll_gguf_get_text(r->gguf, "tokenizer.ggml.pre", &name, &found, r->error));
    for (size_t i = 0; i < KNOWN; i++)
        if (found && ll_text_is(name, known[i].name))
            pre = &known[i];
    if (!pre)
        return unknown_pre(r, found, name);
    r->tokenizer->whole_words = pre->whole_words;
    r->adds_bos = pre->adds_bos;
    return ll_pattern_compile(&ll_pre_add(r->tokenizer, LL_PRE_SPLIT)->pattern,
                              (ll_text){pre->pattern, strlen(pre->pattern)}, r->source.path, r->error);
}

/* Tokens with their types. */
static ll_status read_vocab(reader *r, size_t vocab) {
    ll_text *texts = NULL;
    int64_t *types = NULL;
    size_t type_count = 0;
    ll_vocab_source *source = &r->source;
    source->rows = vocab;
    ll_status status =
        ll_gguf_get_text_array(r->gguf, "tokenizer.ggml.tokens", &texts, &source->count, NULL, r->error);
    source->texts = texts;
    if (status == LL_OK)
        status =
            ll_gguf_get_i64_array(r->gguf, "tokenizer.ggml.token_type", &types, &type_count, NULL, r->error);
    source->types = types;
    if (status == LL_OK && type_count != source->count)
        status = ll_fail(r->error, LL_BAD_INPUT,
                         "%s: tokenizer.ggml.token_type has %zu entries, tokenizer.ggml.tokens has %zu; they "
                         "must be as many, %s",
                         source->path, type_count, source->count, source->advice);
    return status == LL_OK ? ll_vocab_build(r->tokenizer, source, r->error) : status;
}

static ll_status build_merges(const reader *r, const ll_text *texts, ll_merge *merges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!ll_merge_parse(texts[i], &merges[i]))
            return ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: tokenizer.ggml.merges[%zu] \"%.*s\" is not two tokens with one space between them; "
                "the vocabulary is damaged, %s",
                r->source.path, i, LL_QUOTED(texts[i]), r->source.advice);
    return ll_merges_build(r->tokenizer, &r->source, "tokenizer.ggml.merges", merges, count, r->error);
}

static ll_status read_merges(const reader *r) {
    ll_text *texts = NULL;
    size_t count;
    LL_TRY(ll_gguf_get_text_array(r->gguf, "tokenizer.ggml.merges", &texts, &count, NULL, r->error));
    ll_merge *merges = calloc(count + 1, sizeof *merges);
    const ll_status status =
        merges ? build_merges(r, texts, merges, count)
               : ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for %zu merges", r->source.path, count);
    free(merges);
    free(texts);
    return status;
}

/* The values of an array of f32, which may lie anywhere in the file. */
static ll_status read_scores(const reader *r) {
    const ll_gguf_entry *entry = NULL;
    const ll_text key = {"tokenizer.ggml.scores", strlen("tokenizer.ggml.scores")};
    for (size_t i = 0; i < r->gguf->entry_count && !entry; i++)
        if (ll_text_compare(r->gguf->entries[i].key, key) == 0)
            entry = &r->gguf->entries[i];
    if (!entry || entry->kind != LL_KIND_ARRAY || entry->element != LL_KIND_F32 ||
        entry->count != r->source.count)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: tokenizer.ggml.scores is %s, expected %zu f32 values, one of each token; %s",
                       r->source.path, entry ? "something else" : "missing", r->source.count,
                       r->source.advice);
    float *scores = malloc(r->source.count * sizeof *scores);
    if (!scores)
        return ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for %zu scores", r->source.path,
                       r->source.count);
    memcpy(scores, entry->data, r->source.count * sizeof *scores);
    const ll_status status = ll_vocab_scores(r->tokenizer, &r->source, scores, r->error);
    free(scores);
    return status;
}

/* An id that may be absent. */
static ll_status read_id(const reader *r, const char *key, int32_t *out) {
    uint64_t id;
    bool found;
    LL_TRY(ll_gguf_get_u64(r->gguf, key, &id, &found, r->error));
    const int64_t wide = !found ? -1 : id < INT64_MAX ? (int64_t)id : INT64_MAX;
    return ll_vocab_check_id(r->tokenizer, r->source.path, key, wide, out, r->error);
}

static ll_status read_flag(const reader *r, const char *key, bool otherwise, bool *out) {
    bool found;
    LL_TRY(ll_gguf_get_bool(r->gguf, key, out, &found, r->error));
    if (!found)
        *out = otherwise;
    return LL_OK;
}

static ll_status read_byte_level(reader *r, size_t vocab) {
    r->tokenizer->byte_level = true;
    LL_TRY(read_pre(r));
    LL_TRY(read_vocab(r, vocab));
    return read_merges(r);
}

/* What the conversion kept of SentencePiece's normalizer. Like llama.cpp and Hugging Face's Llama 2, a space goes before
 * every stretch of text, so also after a special token. */
static ll_status read_llama_normalizer(const reader *r) {
    static const char *const refused[] = {"tokenizer.ggml.remove_extra_whitespaces",
                                          "tokenizer.ggml.precompiled_charsmap",
                                          "tokenizer.ggml.add_space_suffix"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const ll_text key = {refused[i], strlen(refused[i])};
        bool set = false;
        if (i != 1)
            LL_TRY(read_flag(r, refused[i], false, &set));
        for (size_t j = 0; i == 1 && j < r->gguf->entry_count; j++)
            set |= ll_text_compare(r->gguf->entries[j].key, key) == 0 && r->gguf->entries[j].count > 0;
        if (set)
            return ll_fail(r->error, LL_BAD_INPUT,
                           "%s: %s is set, which no Llama tokenizer has; take a model with another tokenizer",
                           r->source.path, refused[i]);
    }
    bool prefix;
    LL_TRY(read_flag(r, "tokenizer.ggml.add_space_prefix", true, &prefix));
    const ll_text mark = {LL_SPACE_MARK, 3};
    if (prefix)
        LL_TRY(ll_normal_add(r->tokenizer, LL_NORMAL_PREPEND, mark, (ll_text){"", 0}, r->error));
    return ll_normal_add(r->tokenizer, LL_NORMAL_REPLACE, (ll_text){" ", 1}, mark, r->error);
}

static ll_status read_by_score(reader *r, size_t vocab) {
    r->tokenizer->byte_fallback = r->tokenizer->marks_spaces = r->adds_bos = true;
    LL_TRY(read_llama_normalizer(r));
    LL_TRY(read_vocab(r, vocab));
    LL_TRY(read_scores(r));
    LL_TRY(read_id(r, "tokenizer.ggml.unknown_token_id", &r->tokenizer->unknown));
    for (size_t id = 0; id < r->source.count && r->tokenizer->unknown < 0; id++)
        if (r->tokenizer->types[id] == LL_TOKEN_UNKNOWN)
            r->tokenizer->unknown = (int32_t)id;
    if (r->tokenizer->unknown < 0)
        return ll_fail(r->error, LL_BAD_INPUT, "%s: no token has the type 2 (unknown), expected one; %s",
                       r->source.path, r->source.advice);
    return LL_OK;
}

static ll_status read_all(reader *r, size_t vocab) {
    ll_text kind;
    LL_TRY(ll_gguf_get_text(r->gguf, "tokenizer.ggml.model", &kind, NULL, r->error));
    if (ll_text_is(kind, "gpt2"))
        LL_TRY(read_byte_level(r, vocab));
    else if (ll_text_is(kind, "llama"))
        LL_TRY(read_by_score(r, vocab));
    else
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: tokenizer.ggml.model is \"%.*s\", expected \"gpt2\" (byte-level BPE) or \"llama\" "
            "(SentencePiece BPE); take a model with such a tokenizer",
            r->source.path, LL_QUOTED(kind));
    LL_TRY(read_id(r, "tokenizer.ggml.bos_token_id", &r->tokenizer->bos));
    LL_TRY(read_id(r, "tokenizer.ggml.eos_token_id", &r->tokenizer->eos));
    LL_TRY(read_flag(r, "tokenizer.ggml.add_bos_token", r->adds_bos, &r->tokenizer->adds_bos));
    if (r->tokenizer->adds_bos && r->tokenizer->bos < 0)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: texts start with a BOS token, but key tokenizer.ggml.bos_token_id is missing; convert the "
            "model again",
            r->source.path);
    return LL_OK;
}

ll_status ll_tokenizer_from_gguf(ll_tokenizer **out, const ll_gguf *gguf, size_t vocab, ll_error *error) {
    *out = NULL;
    ll_tokenizer *tokenizer = ll_tokenizer_new();
    if (!tokenizer)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a tokenizer", ll_gguf_path(gguf));
    reader r = {.tokenizer = tokenizer,
                .gguf = gguf,
                .source = {.path = ll_gguf_path(gguf),
                           .list = "tokenizer.ggml.tokens",
                           .advice = "convert the model again",
                           .strict = true,
                           .raw_tokens = true},
                .error = error};
    const ll_status status = read_all(&r, vocab);
    free((void *)r.source.texts);
    free((void *)r.source.types);
    if (status == LL_OK)
        *out = tokenizer;
    else
        ll_tokenizer_destroy(tokenizer);
    return status;
}
