/* The model of a tokenizer.json (BPE: vocabulary and merges) and its added tokens. */
#include "tokenizer_json.h"
#include <stdlib.h>

#define ADVICE "save the tokenizer again"

/* ---- the list of tokens: model.vocab, then what added_tokens has beyond it ---- */

typedef struct {
    const ll_json_reader *r;
    ll_text *texts;
    int64_t *types;
    size_t count, capacity;
    size_t entries; /* of model.vocab */
    size_t rows;
    int64_t highest_added; /* -1: none yet */
} lister;

static ll_status place_token(lister *l, json_int_t id, ll_text text, int64_t type) {
    const ll_json_reader *r = l->r;
    if (id < 0 || (uint64_t)id >= l->rows)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: the token \"%.*s\" has id %lld, and the embedding has %zu rows; tokenizer and "
                       "weights belong "
                       "to different models",
                       r->name, LL_QUOTED(text), (long long)id, l->rows);
    if ((uint64_t)id >= l->capacity)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: the token \"%.*s\" has id %lld, far beyond the %zu tokens; the vocabulary is "
                       "damaged, " ADVICE,
                       r->name, LL_QUOTED(text), (long long)id, l->entries);
    if (l->types[id])
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: the tokens \"%.*s\" and \"%.*s\" have the same id %lld; the vocabulary is damaged, " ADVICE,
            r->name, LL_QUOTED(l->texts[id]), LL_QUOTED(text), (long long)id);
    l->types[id] = type;
    /* An empty token is never made: it only keeps its id. */
    l->texts[id] = text.length ? text : (ll_text){NULL, 0};
    l->count = (size_t)id >= l->count ? (size_t)id + 1 : l->count;
    return LL_OK;
}

static ll_status list_vocab(lister *l, const json_t *vocab) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)vocab, key, value) {
        if (!json_is_integer(value))
            return ll_fail(
                l->r->error, LL_BAD_INPUT,
                "%s: model.vocab: the id of \"%.40s\" is %s, expected a number; the file is damaged",
                l->r->name, key, ll_json_show(value).text);
        LL_TRY(place_token(l, json_integer_value(value), (ll_text){key, strlen(key)}, LL_TOKEN_NORMAL));
    }
    return LL_OK;
}

static ll_status read_added_head(const ll_json_reader *r, const json_t *token, ll_text *content,
                                 json_int_t *id) {
    static const char *const keys[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    LL_TRY(ll_json_check_keys(r, token, "an entry of added_tokens", keys));
    LL_TRY(ll_json_get_text(r, token, "added_tokens[]", "content", content));
    const json_t *number = json_object_get(token, "id");
    *id = json_integer_value(number);
    if (!json_is_integer(number))
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: added_tokens: the id of \"%.*s\" is %s, expected a number; " ADVICE, r->name,
                       LL_QUOTED(*content), ll_json_show(number).text);
    if (!content->length || content->length > LL_SPECIAL_MAX)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: added_tokens: the token with id %lld has %zu bytes, expected 1 to %d; " ADVICE,
                       r->name, (long long)*id, content->length, LL_SPECIAL_MAX);
    return LL_OK;
}

/* Hugging Face does not read the id of an added token: one that the vocabulary has keeps that id, another gets the next
 * free one. The file must say the same, or the ids are not what they seem. */
static ll_status list_added(lister *l, const json_t *vocab, const json_t *token) {
    const ll_json_reader *r = l->r;
    ll_text content;
    json_int_t id;
    bool special;
    LL_TRY(read_added_head(r, token, &content, &id));
    LL_TRY(ll_json_get_flag(r, token, "added_tokens[]", "special", false, &special));
    const json_t *known = json_object_get(vocab, content.data);
    const int64_t next = l->highest_added >= (int64_t)l->entries ? l->highest_added + 1 : (int64_t)l->entries;
    const int64_t expected = known ? (int64_t)json_integer_value(known) : next;
    if (id != expected)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: added_tokens: the id of \"%.*s\" is %lld, expected %lld%s; " ADVICE, r->name,
                       LL_QUOTED(content), (long long)id, (long long)expected,
                       known ? " as in model.vocab" : ", the next one");
    l->highest_added = id > l->highest_added ? id : l->highest_added;
    if (!known)
        return place_token(l, id, content, LL_TOKEN_ADDED);
    l->types[id] = special ? LL_TOKEN_CONTROL : LL_TOKEN_USER_DEFINED;
    return LL_OK;
}

static ll_status build_vocab(lister *l, const json_t *vocab, const json_t *added, ll_vocab_source *source) {
    LL_TRY(list_vocab(l, vocab));
    for (size_t i = 0; i < json_array_size(added); i++)
        LL_TRY(list_added(l, vocab, json_array_get(added, i)));
    source->count = l->count;
    return ll_vocab_build(l->r->tokenizer, source, l->r->error);
}

static ll_status read_vocab(const ll_json_reader *r, const json_t *vocab, const json_t *added, size_t rows,
                            ll_vocab_source *source) {
    lister l = {.r = r, .entries = json_object_size(vocab), .rows = rows, .highest_added = -1};
    if (!json_is_object(vocab))
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: model.vocab is %s, expected an object; the file is damaged", r->name,
                       ll_json_show(vocab).text);
    l.capacity = 2 * (l.entries + json_array_size(added)) + 1024;
    l.texts = calloc(l.capacity, sizeof *l.texts);
    l.types = calloc(l.capacity, sizeof *l.types);
    *source = (ll_vocab_source){.path = r->name,
                                .list = "model.vocab",
                                .advice = ADVICE,
                                .texts = l.texts,
                                .types = l.types,
                                .rows = rows,
                                .has_added = true};
    const ll_status status = l.texts && l.types ? build_vocab(&l, vocab, added, source)
                                                : ll_fail(r->error, LL_NO_RESOURCE,
                                                          "%s: no memory for %zu tokens", r->name, l.entries);
    free(l.texts);
    free(l.types);
    return status;
}

/* ---- merges ---- */

static bool read_merge(const json_t *entry, ll_merge *out) {
    if (json_is_string(entry))
        return ll_merge_parse(ll_json_text(entry), out);
    const json_t *left = json_array_get(entry, 0), *right = json_array_get(entry, 1);
    if (json_array_size(entry) != 2 || !json_is_string(left) || !json_is_string(right))
        return false;
    *out = (ll_merge){ll_json_text(left), ll_json_text(right)};
    return true;
}

static ll_status read_merges(const ll_json_reader *r, const json_t *list, const ll_vocab_source *source) {
    const size_t count = json_array_size(list);
    ll_merge *merges = calloc(count + 1, sizeof *merges);
    ll_status status =
        merges ? LL_OK : ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for %zu merges", r->name, count);
    for (size_t i = 0; i < count && status == LL_OK; i++)
        if (!read_merge(json_array_get(list, i), &merges[i]))
            status = ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: model.merges[%zu] is %s, expected two tokens: \"a b\" or [\"a\", \"b\"]; " ADVICE,
                r->name, i, ll_json_show(json_array_get(list, i)).text);
    if (status == LL_OK)
        status = ll_merges_build(r->tokenizer, source, "model.merges", merges, count, r->error);
    free(merges);
    return status;
}

/* ---- the model ---- */

static ll_status check_absent(const ll_json_reader *r, const json_t *model, const char *key) {
    const json_t *value = json_object_get(model, key);
    const bool absent = !value || json_is_null(value) ||
                        (json_is_string(value) && !json_string_length(value)) ||
                        (json_is_number(value) && json_number_value(value) == 0);
    if (absent)
        return LL_OK;
    return ll_fail(r->error, LL_BAD_INPUT, "%s: model.%s is %s, expected null; take another tokenizer",
                   r->name, key, ll_json_show(value).text);
}

static ll_status check_model(const ll_json_reader *r, const json_t *model) {
    static const char *const keys[] = {"type",
                                       "dropout",
                                       "unk_token",
                                       "continuing_subword_prefix",
                                       "end_of_word_suffix",
                                       "fuse_unk",
                                       "byte_fallback",
                                       "ignore_merges",
                                       "vocab",
                                       "merges",
                                       NULL};
    const json_t *type = json_object_get(model, "type");
    const bool is_bpe = type ? json_is_string(type) && strcmp(json_string_value(type), "BPE") == 0
                             : json_is_array(json_object_get(model, "merges"));
    if (!is_bpe)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: model.type is %s, expected \"BPE\"; take a model with such a tokenizer", r->name,
                       ll_json_show(type).text);
    LL_TRY(ll_json_check_keys(r, model, "model", keys));
    LL_TRY(check_absent(r, model, "dropout"));
    LL_TRY(check_absent(r, model, "continuing_subword_prefix"));
    return check_absent(r, model, "end_of_word_suffix");
}

static ll_status read_unknown(const ll_json_reader *r, const json_t *model) {
    const json_t *value = json_object_get(model, "unk_token");
    if (!value || json_is_null(value))
        return LL_OK;
    r->tokenizer->unknown = json_is_string(value) ? ll_vocab_find(r->tokenizer, json_string_value(value),
                                                                  json_string_length(value))
                                                  : -1;
    if (r->tokenizer->unknown < 0)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: model.unk_token is %s, expected a token of model.vocab; " ADVICE, r->name,
                       ll_json_show(value).text);
    return LL_OK;
}

ll_status ll_json_read_model(const ll_json_reader *r, const json_t *model, const json_t *added, size_t rows) {
    ll_tokenizer *tokenizer = r->tokenizer;
    const json_t *merges;
    ll_vocab_source source;
    LL_TRY(check_model(r, model));
    LL_TRY(ll_json_get_flag(r, model, "model", "fuse_unk", false, &tokenizer->fuse_unknown));
    LL_TRY(ll_json_get_flag(r, model, "model", "ignore_merges", false, &tokenizer->whole_words));
    LL_TRY(ll_json_get_flag(r, model, "model", "byte_fallback", false, &tokenizer->byte_fallback));
    LL_TRY(ll_json_get_array(r, model, "model", "merges", &merges));
    const bool falls_back = tokenizer->byte_fallback;
    tokenizer->byte_fallback &= !tokenizer->byte_level;
    LL_TRY(read_vocab(r, json_object_get(model, "vocab"), added, rows, &source));
    LL_TRY(read_merges(r, merges, &source));
    for (int byte = 0; byte < 256; byte++)
        if (falls_back && tokenizer->byte_level && tokenizer->byte_ids[byte] < 0)
            return ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: model.byte_fallback is true, and the byte 0x%02x has no token, expected one of each "
                "byte behind a ByteLevel pre-tokenizer; take another tokenizer",
                r->name, (unsigned)byte);
    return read_unknown(r, model);
}

/* ---- added tokens in a text ---- */

typedef struct {
    ll_special *raw, *normalized;
    size_t raw_count, normalized_count;
    ll_buffer texts; /* of normalized, one after the other */
} sorter;

static ll_status sort_token(const ll_json_reader *r, const json_t *token, ll_encoding *encoding, sorter *s) {
    static const char place[] = "added_tokens[]";
    ll_text content;
    json_int_t id;
    bool normalized;
    ll_special special = {0};
    LL_TRY(read_added_head(r, token, &content, &id));
    LL_TRY(ll_json_get_flag(r, token, place, "single_word", false, &special.single_word));
    LL_TRY(ll_json_get_flag(r, token, place, "lstrip", false, &special.left_strip));
    LL_TRY(ll_json_get_flag(r, token, place, "rstrip", false, &special.right_strip));
    LL_TRY(ll_json_get_flag(r, token, place, "normalized", false, &normalized));
    special.id = (int32_t)id;
    special.text = r->tokenizer->texts[id];
    if (!normalized) {
        s->raw[s->raw_count++] = special;
        return LL_OK;
    }
    LL_TRY(ll_normalize(encoding, content, &special.text));
    if (special.text.length > LL_SPECIAL_MAX)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: added_tokens: \"%.*s\" has %zu bytes when normalized, expected at most %d; take another "
            "tokenizer",
            r->name, LL_QUOTED(content), special.text.length, LL_SPECIAL_MAX);
    if (special.text.length) {
        LL_TRY(ll_buffer_append(&s->texts, special.text.data, special.text.length, r->error));
        s->normalized[s->normalized_count++] = special;
    }
    return LL_OK;
}

static ll_status sort_tokens(const ll_json_reader *r, const json_t *added, ll_encoding *encoding, sorter *s) {
    const size_t count = json_array_size(added);
    s->raw = calloc(count + 1, sizeof *s->raw);
    s->normalized = calloc(count + 1, sizeof *s->normalized);
    if (!s->raw || !s->normalized)
        return ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for %zu added tokens", r->name, count);
    for (size_t i = 0; i < count; i++)
        LL_TRY(sort_token(r, json_array_get(added, i), encoding, s));
    /* The texts have moved while they grew. */
    for (size_t i = 0, at = 0; i < s->normalized_count; i++) {
        s->normalized[i].text.data = s->texts.data + at;
        at += s->normalized[i].text.length;
    }
    LL_TRY(ll_specials_init(&r->tokenizer->raw, s->raw, s->raw_count, NULL, r->error));
    char *texts = s->texts.data;
    s->texts.data = NULL;
    return ll_specials_init(&r->tokenizer->normalized, s->normalized, s->normalized_count, texts, r->error);
}

ll_status ll_json_read_added(const ll_json_reader *r, const json_t *added) {
    ll_encoding encoding = {.tokenizer = r->tokenizer, .error = r->error};
    sorter s = {0};
    const ll_status status = sort_tokens(r, added, &encoding, &s);
    ll_pre_end(&encoding);
    free(s.raw);
    free(s.normalized);
    free(s.texts.data);
    return status;
}
