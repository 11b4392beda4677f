#include "gguf_parts.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
    uint64_t experts = 0;
    bool found;
    LL_TRY(ll_gguf_get_u64(gguf, "llama.expert_count", &experts, &found, error));
    if (experts != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: key llama.expert_count is %" PRIu64 "; supported is 0",
                       ll_gguf_path(gguf), experts);
    return LL_OK;
}

/* Linear scaling by llama.rope.scaling.type and .factor, or by llama.rope.scale_linear in older files; what Llama 3.1 does
 * comes as the tensor rope_freqs.weight. */
static ll_status read_rope_scaling(const ll_gguf *gguf, ll_config *config, ll_error *error) {
    ll_text kind = {"none", 4};
    double factor = 1;
    bool found, has_kind, has_factor;
    LL_TRY(ll_gguf_get_text(gguf, "llama.rope.scaling.type", &kind, &has_kind, error));
    if (!text_is(kind, "none") && !text_is(kind, "linear"))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key llama.rope.scaling.type is \"%.*s\"; supported are \"none\" and \"linear\"",
                       ll_gguf_path(gguf), shown(kind), kind.data);
    LL_TRY(ll_gguf_get_f64(gguf, "llama.rope.scaling.factor", &factor, &has_factor, error));
    if (!has_factor)
        LL_TRY(ll_gguf_get_f64(gguf, "llama.rope.scale_linear", &factor, &found, error));
    const bool linear = has_kind ? text_is(kind, "linear") : factor != 1;
    if (linear)
        config->rope = (ll_rope_scaling){.kind = LL_ROPE_LINEAR, .factor = factor};
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
    LL_TRY(get_size(gguf, "llama.attention.head_count_kv", &config->kv_heads, &found, error));
    return get_size(gguf, "llama.attention.sliding_window", &config->window, &found, error);
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

static ll_status read_vocabulary(const ll_gguf_parts *parts, ll_config *config, ll_error *error) {
    const char *file = ll_gguf_path(parts->part[0]);
    const ll_tensor *embedding = ll_gguf_parts_find(parts, "token_embd.weight", NULL);
    if (!embedding)
        return ll_fail(error, LL_BAD_INPUT, "%s: tensor token_embd.weight is missing", file);
    if (embedding->n_dims != 2)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: tensor token_embd.weight has %" PRIu32 " dimensions, expected 2", file,
                       embedding->n_dims);
    config->vocab = (size_t)embedding->dims[1];
    config->tied = ll_gguf_parts_find(parts, "output.weight", NULL) == NULL;
    return LL_OK;
}

/* Which tensors there are says which biases the model has: the keys do not. */
static void find_biases(const ll_gguf_parts *parts, ll_config *config) {
    for (size_t layer = 0; layer < config->layers; layer++) {
        static const char *const NAMES[] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                            "ffn_gate", "ffn_up", "ffn_down"};
        bool has[sizeof NAMES / sizeof *NAMES];
        for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%zu.%s.bias", layer, NAMES[i]);
            has[i] = ll_gguf_parts_find(parts, name, NULL) != NULL;
        }
        config->bias_qkv |= has[0] || has[1] || has[2];
        config->bias_o |= has[3];
        config->bias_mlp |= has[4] || has[5] || has[6];
    }
}

/* Our own keys (export.h): layers whose attention or MLP the file says are dropped. */
static ll_status read_drop_list(const ll_gguf *gguf, const char *key, size_t layers, bool *dropped,
                                ll_error *error) {
    int64_t *list;
    size_t count;
    bool found;
    LL_TRY(ll_gguf_get_i64_array(gguf, key, &list, &count, &found, error));
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        if (list[i] < 0 || (uint64_t)list[i] >= layers || dropped[list[i]])
            status = ll_fail(error, LL_BAD_INPUT,
                             "%s: key %s: item %zu is %" PRId64
                             ", expected each of the layers 0 to %zu at most once",
                             ll_gguf_path(gguf), key, i, list[i], layers - 1);
        else
            dropped[list[i]] = true;
    }
    free(list);
    return status;
}

ll_status ll_config_from_gguf(ll_config *out, const ll_gguf_parts *parts, ll_error *error) {
    const ll_gguf *gguf = parts->part[0];
    *out = (ll_config){0};
    LL_TRY(check_architecture(gguf, error));
    LL_TRY(check_variants(gguf, error));
    LL_TRY(read_sizes(gguf, out, error));
    LL_TRY(read_head_dim(gguf, out, error));
    LL_TRY(read_numbers(gguf, out, error));
    LL_TRY(read_rope_scaling(gguf, out, error));
    LL_TRY(read_vocabulary(parts, out, error));
    LL_TRY(ll_config_check(out, ll_gguf_path(gguf), error));
    find_biases(parts, out);
    LL_TRY(read_drop_list(gguf, LL_GGUF_DROP_ATTN, out->layers, out->dropped.attn, error));
    return read_drop_list(gguf, LL_GGUF_DROP_MLP, out->layers, out->dropped.mlp, error);
}
