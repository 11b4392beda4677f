#include "gguf.h"
#include <inttypes.h>
#include <string.h>

static bool text_is(ll_text text, const char *wanted) {
    return text.length == strlen(wanted) && memcmp(text.data, wanted, text.length) == 0;
}

static int shown(ll_text text) {
    return text.length < 64 ? (int)text.length : 64;
}

static ll_status check_architecture(const ll_gguf *gguf, ll_error *error) {
    ll_text architecture;
    LL_TRY(ll_gguf_get_text(gguf, "general.architecture", &architecture, NULL, error));
    if (!text_is(architecture, "llama"))
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: key general.architecture is \"%.*s\"; supported is \"llama\": choose a Llama-family model",
            ll_gguf_path(gguf), shown(architecture), architecture.data);
    return LL_OK;
}

/* What would change the forward pass in a way it does not know must be refused, never run as if it were not
 * there. */
static ll_status check_variants(const ll_gguf *gguf, ll_error *error) {
    const char *file = ll_gguf_path(gguf);
    bool found;
    ll_text scaling;
    LL_TRY(ll_gguf_get_text(gguf, "llama.rope.scaling.type", &scaling, &found, error));
    if (found && !text_is(scaling, "none"))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key llama.rope.scaling.type is \"%.*s\"; supported is \"none\"", file,
                       shown(scaling), scaling.data);
    double scale = 1;
    LL_TRY(ll_gguf_get_f64(gguf, "llama.rope.scale_linear", &scale, &found, error));
    if (scale != 1)
        return ll_fail(error, LL_BAD_INPUT, "%s: key llama.rope.scale_linear is %g; supported is 1", file,
                       scale);
    uint64_t parts = 1;
    LL_TRY(ll_gguf_get_u64(gguf, "split.count", &parts, &found, error));
    if (parts > 1)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key split.count says it is one of %" PRIu64
                       " parts; supported is a whole file: merge them with llama-gguf-split --merge",
                       file, parts);
    static const char *const ZEROS[] = {"llama.attention.sliding_window", "llama.expert_count"};
    for (size_t i = 0; i < sizeof ZEROS / sizeof ZEROS[0]; i++) {
        uint64_t value = 0;
        LL_TRY(ll_gguf_get_u64(gguf, ZEROS[i], &value, &found, error));
        if (value != 0)
            return ll_fail(error, LL_BAD_INPUT, "%s: key %s is %" PRIu64 "; supported is 0", file, ZEROS[i],
                           value);
    }
    return LL_OK;
}

static ll_status get_size(const ll_gguf *gguf, const char *key, size_t *out, bool *found, ll_error *error) {
    uint64_t value = *out;
    LL_TRY(ll_gguf_get_u64(gguf, key, &value, found, error));
    *out = (size_t)value;
    return LL_OK;
}

static ll_status read_sizes(const ll_gguf *gguf, ll_config *config, ll_error *error) {
    LL_TRY(get_size(gguf, "llama.block_count", &config->layers, NULL, error));
    LL_TRY(get_size(gguf, "llama.embedding_length", &config->hidden, NULL, error));
    LL_TRY(get_size(gguf, "llama.attention.head_count", &config->heads, NULL, error));
    LL_TRY(get_size(gguf, "llama.feed_forward_length", &config->mlp, NULL, error));
    LL_TRY(get_size(gguf, "llama.context_length", &config->context, NULL, error));
    bool found;
    config->kv_heads = config->heads;
    return get_size(gguf, "llama.attention.head_count_kv", &config->kv_heads, &found, error);
}

/* attention.key_length if given, else rope.dimension_count (older converters write only that), else hidden /
 * heads. */
static ll_status read_head_dim(const ll_gguf *gguf, ll_config *config, ll_error *error) {
    const char *file = ll_gguf_path(gguf);
    size_t key_length = 0, rotated = 0;
    bool has_key, has_rotated, has_value;
    LL_TRY(get_size(gguf, "llama.attention.key_length", &key_length, &has_key, error));
    LL_TRY(get_size(gguf, "llama.rope.dimension_count", &rotated, &has_rotated, error));
    if (!has_key && !has_rotated && (config->heads == 0 || config->hidden % config->heads != 0))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: %zu heads do not divide the hidden size %zu, and no key tells a head's size",
                       file, config->heads, config->hidden);
    config->head_dim = has_key ? key_length : has_rotated ? rotated : config->hidden / config->heads;
    size_t value_length = config->head_dim;
    LL_TRY(get_size(gguf, "llama.attention.value_length", &value_length, &has_value, error));
    if (value_length != config->head_dim)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key llama.attention.value_length is %zu, expected %zu as keys have", file,
                       value_length, config->head_dim);
    if (has_rotated && rotated != config->head_dim)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: key llama.rope.dimension_count is %zu, expected the head size %zu (rotating a part is not "
            "supported)",
            file, rotated, config->head_dim);
    return LL_OK;
}

static ll_status read_numbers(const ll_gguf *gguf, ll_config *config, ll_error *error) {
    bool found;
    config->rope_theta = 10000;
    LL_TRY(ll_gguf_get_f64(gguf, "llama.rope.freq_base", &config->rope_theta, &found, error));
    double eps;
    LL_TRY(ll_gguf_get_f64(gguf, "llama.attention.layer_norm_rms_epsilon", &eps, NULL, error));
    config->eps = (float)eps;
    return LL_OK;
}

static ll_status read_vocabulary(const ll_gguf *gguf, ll_config *config, ll_error *error) {
    const ll_tensor *embedding = ll_gguf_tensor_find(gguf, "token_embd.weight");
    if (!embedding)
        return ll_fail(error, LL_BAD_INPUT, "%s: tensor token_embd.weight is missing", ll_gguf_path(gguf));
    if (embedding->n_dims != 2)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: tensor token_embd.weight has %" PRIu32 " dimensions, expected 2",
                       ll_gguf_path(gguf), embedding->n_dims);
    config->vocab = (size_t)embedding->dims[1];
    config->tied = ll_gguf_tensor_find(gguf, "output.weight") == NULL;
    return LL_OK;
}

ll_status ll_config_from_gguf(ll_config *out, const ll_gguf *gguf, ll_error *error) {
    *out = (ll_config){0};
    LL_TRY(check_architecture(gguf, error));
    LL_TRY(check_variants(gguf, error));
    LL_TRY(read_sizes(gguf, out, error));
    LL_TRY(read_head_dim(gguf, out, error));
    LL_TRY(read_numbers(gguf, out, error));
    LL_TRY(read_vocabulary(gguf, out, error));
    return ll_config_check(out, ll_gguf_path(gguf), error);
}
