#include "config_reader.h"
#include <string.h>

static ll_status refuse_entry(const ll_config_reader *reader, const char *key, size_t at, const json_t *entry,
                              const char *expected) {
    return ll_fail(reader->error, LL_BAD_INPUT, "%s: key %s: entry %zu is %s; expected %s", reader->file, key,
                   at, ll_json_show(entry).text, expected);
}

static ll_status read_booleans(const ll_config_reader *reader, const char *key, const json_t *list,
                               size_t layers, bool *dropped) {
    if (json_array_size(list) != layers)
        return ll_fail(reader->error, LL_BAD_INPUT,
                       "%s: key %s has %zu booleans; expected one for each of the %zu layers", reader->file,
                       key, json_array_size(list), layers);
    for (size_t i = 0; i < layers; i++) {
        const json_t *entry = json_array_get(list, i);
        if (!json_is_boolean(entry))
            return refuse_entry(reader, key, i, entry, "true or false as in the entries before it");
        dropped[i] = json_is_true(entry);
    }
    return LL_OK;
}

static ll_status read_numbers(const ll_config_reader *reader, const char *key, const json_t *list,
                              size_t layers, bool *dropped) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t layer = json_is_integer(entry) ? json_integer_value(entry) : -1;
        if ((uint64_t)layer >= layers) /* negative ones are huge here */
            return ll_fail(
                reader->error, LL_BAD_INPUT,
                "%s: key %s: entry %zu is %s; expected layer numbers from 0 to %zu, or one boolean "
                "a layer",
                reader->file, key, i, ll_json_show(entry).text, layers - 1);
        if (dropped[layer])
            return refuse_entry(reader, key, i, entry, "each layer once");
        dropped[layer] = true;
    }
    return LL_OK;
}

static ll_status read_list(const ll_config_reader *reader, const char *key, size_t layers, bool *dropped) {
    const json_t *list = ll_config_value(reader, key);
    if (!list)
        return LL_OK;
    if (!json_is_array(list))
        return ll_config_refuse(reader, key, "expected null, or a list of layer numbers or booleans");
    return json_is_boolean(json_array_get(list, 0)) ? read_booleans(reader, key, list, layers, dropped)
                                                    : read_numbers(reader, key, list, layers, dropped);
}

/* A model that lacks parts and does not say so gives wrong results silently: what may mean a drop is refused.
 */
static ll_status check_other_keys(const ll_config_reader *reader) {
    const char *key;
    json_t *value;
    json_object_foreach(reader->object, key, value) {
        const bool known = strcmp(key, "drop_attn_list") == 0 || strcmp(key, "drop_mlp_list") == 0 ||
                           strcasestr(key, "dropout");
        if (strcasestr(key, "drop") && !known && !json_is_null(value))
            return ll_config_refuse(reader, key,
                                    "it may drop something; known are drop_attn_list and drop_mlp_list");
    }
    return LL_OK;
}

ll_status ll_config_read_drops(const ll_config_reader *reader, ll_config *out) {
    LL_TRY(check_other_keys(reader));
    LL_TRY(read_list(reader, "drop_attn_list", out->layers, out->dropped.attn));
    return read_list(reader, "drop_mlp_list", out->layers, out->dropped.mlp);
}
