#include "tokenizer_json.h"

ll_text ll_json_text(const json_t *string) {
    return (ll_text){json_string_value(string), json_string_length(string)};
}

ll_status ll_json_check_keys(const ll_json_reader *r, const json_t *object, const char *place,
                             const char *const *allowed) {
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return ll_fail(r->error, LL_BAD_INPUT, "%s: %s is %s, expected an object; the file is damaged",
                       r->name, place, ll_json_show(object).text);
    json_object_foreach((json_t *)object, key, value) {
        bool known = false;
        for (size_t i = 0; allowed[i] && !known; i++)
            known = strcmp(allowed[i], key) == 0;
        if (!known)
            return ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: %s has the key \"%.60s\", which this program does not know and which may change token "
                "ids; take a tokenizer without it",
                r->name, place, key);
    }
    return LL_OK;
}

static ll_status wrong(const ll_json_reader *r, const json_t *value, const char *place, const char *key,
                       const char *expected) {
    return ll_fail(r->error, LL_BAD_INPUT, "%s: %s.%s is %s, expected %s; the file is damaged", r->name,
                   place, key, ll_json_show(value).text, expected);
}

ll_status ll_json_get_flag(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                           bool otherwise, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = otherwise;
    if (!value || json_is_null(value))
        return LL_OK;
    if (!json_is_boolean(value))
        return wrong(r, value, place, key, "true or false");
    *out = json_is_true(value);
    return LL_OK;
}

ll_status ll_json_get_text(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                           ll_text *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return wrong(r, value, place, key, "a text");
    *out = ll_json_text(value);
    return LL_OK;
}

ll_status ll_json_get_array(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                            const json_t **out) {
    *out = json_object_get(object, key);
    return json_is_array(*out) ? LL_OK : wrong(r, *out, place, key, "a list");
}

ll_status ll_json_get_type(const ll_json_reader *r, const json_t *component, const char *place,
                           const char **out) {
    if (!json_is_object(component))
        return ll_fail(r->error, LL_BAD_INPUT, "%s: %s is %s, expected an object; the file is damaged",
                       r->name, place, ll_json_show(component).text);
    const json_t *type = json_object_get(component, "type");
    if (!json_is_string(type))
        return wrong(r, type, place, "type", "a name");
    *out = json_string_value(type);
    return LL_OK;
}

static ll_status read_root(const ll_json_reader *r, const json_t *root, size_t vocab) {
    /* truncation and padding are about batches; what a decoder joins is told by the tokens and the normalizer. */
    static const char *const keys[] = {
        "version",       "truncation",     "padding", "added_tokens", "normalizer",
        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    ll_tokenizer *tokenizer = r->tokenizer;
    const json_t *added = json_object_get(root, "added_tokens");
    LL_TRY(ll_json_check_keys(r, root, "the file", keys));
    if (added && !json_is_array(added) && !json_is_null(added))
        return wrong(r, added, "the file", "added_tokens", "a list");
    LL_TRY(ll_json_read_normalizer(r, json_object_get(root, "normalizer"), "normalizer"));
    LL_TRY(ll_json_read_pre(r, json_object_get(root, "pre_tokenizer"), "pre_tokenizer"));
    LL_TRY(ll_json_read_model(r, json_object_get(root, "model"), added, vocab));
    LL_TRY(ll_json_read_added(r, added));
    LL_TRY(ll_json_read_post(r, json_object_get(root, "post_processor"), "post_processor", &tokenizer->bos));
    tokenizer->adds_bos = tokenizer->bos >= 0;
    return LL_OK;
}

ll_status ll_tokenizer_from_json(ll_tokenizer **out, const char *data, size_t length, const char *name,
                                 size_t vocab, ll_error *error) {
    *out = NULL;
    json_t *root;
    LL_TRY(ll_json_parse(&root, data, length, name, error));
    ll_tokenizer *tokenizer = ll_tokenizer_new();
    const ll_json_reader reader = {tokenizer, name, error};
    const ll_status status = tokenizer
                                 ? read_root(&reader, root, vocab)
                                 : ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a tokenizer", name);
    json_decref(root);
    if (status == LL_OK)
        *out = tokenizer;
    else
        ll_tokenizer_destroy(tokenizer);
    return status;
}
