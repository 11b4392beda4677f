#include "config_hf.h"
#include "config_reader.h"
#include "mapping.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What transformers takes where a config is silent. */
typedef struct {
    const char *type, *architecture;
    size_t context;
    size_t kv_heads; /* 0: as many as heads */
    bool has_window, may_have_biases;
} family;
static const family FAMILIES[] = {{"llama", "LlamaForCausalLM", 2048, 0, false, true},
                                  {"mistral", "MistralForCausalLM", 131072, 8, true, false}};
enum { FAMILY_COUNT = sizeof FAMILIES / sizeof FAMILIES[0] };

static const size_t MAX_SIZE = INT32_MAX;
static const uint64_t MAX_FILE = 16 << 20;

static const char SUPPORTED[] = "supported are Llama and Mistral models (type llama or mistral)";

static ll_status check_architectures(const ll_config_reader *r, const family **found) {
    const json_t *list = ll_config_value(r, "architectures");
    if (list && !json_is_array(list))
        return ll_config_refuse(r, "architectures", "expected a list of texts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        const family *named = NULL;
        for (size_t f = 0; name && f < FAMILY_COUNT; f++)
            if (strcmp(name, FAMILIES[f].architecture) == 0)
                named = &FAMILIES[f];
        if (!named || (*found && *found != named))
            return ll_fail(r->error, LL_BAD_INPUT, "%s: key architectures holds %s; expected \"%s\"", r->file,
                           ll_json_show(json_array_get(list, i)).text,
                           *found ? (*found)->architecture : "LlamaForCausalLM\" or \"MistralForCausalLM");
        *found = named;
    }
    return LL_OK;
}

static ll_status find_family(const ll_config_reader *r, const family **out) {
    const char *type = NULL;
    *out = NULL;
    LL_TRY(ll_config_get_text(r, "model_type", &type));
    for (size_t i = 0; type && i < FAMILY_COUNT; i++)
        if (strcmp(type, FAMILIES[i].type) == 0)
            *out = &FAMILIES[i];
    if (type && !*out)
        return ll_config_refuse(r, "model_type", "%s", SUPPORTED);
    LL_TRY(check_architectures(r, out));
    return *out ? LL_OK : ll_config_refuse(r, "model_type", "%s", SUPPORTED);
}

/* What would change the forward pass in a way it does not know must be refused, never run as if it were not
 * there. */
static ll_status check_variants(const ll_config_reader *r) {
    static const struct {
        const char *key, *why;
    } REFUSED[] = {{"quantization_config", "supported are weights in F32, F16 or BF16"},
                   {"compression_config", "supported are weights in F32, F16 or BF16"},
                   {"num_local_experts", "mixtures of experts are not supported"},
                   {"num_experts", "mixtures of experts are not supported"},
                   {"n_routed_experts", "mixtures of experts are not supported"},
                   {"layer_types", "layers that differ in attention are not supported"},
                   {"no_rope_layers", "layers without rotation are not supported"},
                   {"clip_qkv", "bounded queries and keys are not supported"},
                   {"attn_logit_softcapping", "bounded scores are not supported"},
                   {"final_logit_softcapping", "bounded logits are not supported"}};
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
        if (ll_config_value(r, REFUSED[i].key))
            return ll_config_refuse(r, REFUSED[i].key, "%s", REFUSED[i].why);
    static const char *const ONES[] = {"partial_rotary_factor", "logit_scale",
                                       "logits_scaling",        "embedding_multiplier",
                                       "residual_multiplier",   "attention_multiplier"};
    for (size_t i = 0; i < sizeof ONES / sizeof ONES[0]; i++) {
        double value = 1;
        LL_TRY(ll_config_get_real(r, ONES[i], &value));
        if (value != 1)
            return ll_config_refuse(r, ONES[i], "supported is 1");
    }
    static const char *const OFF[] = {"rope_interleaved", "use_qk_norm",        "qk_norm",
                                      "qk_layernorm",     "is_encoder_decoder", "add_cross_attention"};
    for (size_t i = 0; i < sizeof OFF / sizeof OFF[0]; i++) {
        bool on = false;
        LL_TRY(ll_config_get_bool(r, OFF[i], &on));
        if (on)
            return ll_config_refuse(r, OFF[i], "supported is false");
    }
    const char *activation = "silu";
    LL_TRY(ll_config_get_text(r, "hidden_act", &activation));
    if (strcmp(activation, "silu") != 0)
        return ll_config_refuse(r, "hidden_act", "supported is \"silu\"");
    return LL_OK;
}

static ll_status read_sizes(const ll_config_reader *r, const family *f, ll_config *out) {
    LL_TRY(ll_config_get_size(r, "num_hidden_layers", LL_MAX_LAYERS, &out->layers));
    LL_TRY(ll_config_get_size(r, "hidden_size", MAX_SIZE, &out->hidden));
    LL_TRY(ll_config_get_size(r, "intermediate_size", MAX_SIZE, &out->mlp));
    LL_TRY(ll_config_get_size(r, "vocab_size", MAX_SIZE, &out->vocab));
    LL_TRY(ll_config_get_size(r, "num_attention_heads", MAX_SIZE, &out->heads));
    out->context = f->context;
    LL_TRY(ll_config_get_size(r, "max_position_embeddings", MAX_SIZE, &out->context));
    /* Here null is not absent: it says that there are as many as heads. */
    const bool absent = !json_object_get(r->object, "num_key_value_heads");
    out->kv_heads = absent && f->kv_heads ? f->kv_heads : out->heads;
    LL_TRY(ll_config_get_size(r, "num_key_value_heads", MAX_SIZE, &out->kv_heads));
    if (!ll_config_value(r, "head_dim") && out->hidden % out->heads != 0)
        return ll_config_refuse(r, "head_dim",
                                "expected a size, since %zu heads do not divide the hidden size %zu",
                                out->heads, out->hidden);
    out->head_dim = out->hidden / out->heads;
    return ll_config_get_size(r, "head_dim", MAX_SIZE, &out->head_dim);
}

static ll_status read_window(const ll_config_reader *r, const family *f, ll_config *out) {
    if (!f->has_window || !ll_config_value(r, "sliding_window"))
        return LL_OK;
    return ll_config_get_size(r, "sliding_window", MAX_SIZE, &out->window);
}

static ll_status read_switches(const ll_config_reader *r, const family *f, ll_config *out) {
    LL_TRY(ll_config_get_bool(r, "tie_word_embeddings", &out->tied));
    LL_TRY(ll_config_get_bool(r, "attention_bias", &out->bias_qkv));
    out->bias_o = out->bias_qkv;
    LL_TRY(ll_config_get_bool(r, "mlp_bias", &out->bias_mlp));
    if (!f->may_have_biases && (out->bias_qkv || out->bias_mlp))
        return ll_config_refuse(r, out->bias_qkv ? "attention_bias" : "mlp_bias",
                                "a model of type %s has none", f->type);
    return LL_OK;
}

static ll_status read_object(const ll_config_reader *r, ll_config *out) {
    const family *f;
    LL_TRY(find_family(r, &f));
    LL_TRY(check_variants(r));
    LL_TRY(read_sizes(r, f, out));
    LL_TRY(read_window(r, f, out));
    LL_TRY(read_switches(r, f, out));
    double eps = 1e-6;
    LL_TRY(ll_config_get_real(r, "rms_norm_eps", &eps));
    out->eps = (float)eps;
    LL_TRY(ll_config_read_rope(r, out));
    LL_TRY(ll_config_read_drops(r, out));
    return ll_config_check(out, r->file, r->error);
}

ll_status ll_config_from_json(ll_config *out, const char *text, size_t length, const char *name,
                              ll_error *error) {
    *out = (ll_config){0};
    ll_config_reader reader = {.file = name, .within = "", .error = error};
    LL_TRY(ll_json_parse(&reader.object, text, length, name, error));
    const ll_status status = read_object(&reader, out);
    json_decref(reader.object);
    return status;
}

static ll_status read_file(ll_config *out, const char *path, ll_error *error) {
    ll_mapping map;
    LL_TRY(ll_mapping_open(&map, path, error));
    const ll_status status =
        map.bytes > MAX_FILE
            ? ll_fail(error, LL_BAD_INPUT, "%s: has %" PRIu64 " bytes; a config has at most %" PRIu64, path,
                      map.bytes, MAX_FILE)
            : ll_config_from_json(out, (const char *)map.data, (size_t)map.bytes, path, error);
    ll_mapping_close(&map);
    return status;
}

ll_status ll_config_from_hf(ll_config *out, const char *folder, ll_error *error) {
    char *path;
    if (asprintf(&path, "%s/config.json", folder) < 0)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", folder);
    const ll_status status = read_file(out, path, error);
    free(path);
    return status;
}
