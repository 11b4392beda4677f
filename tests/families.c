/* Golden files of families, and the weights behind them. */
#include "families.h"
#include "test.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- the formulas of make_families.py ---- */

/* FNV-1a. */
static uint64_t hash_of(const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    return hash;
}

/* The i-th number of SplitMix64. */
static uint64_t splitmix(uint64_t start, uint64_t i) {
    uint64_t z = start + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* 1 / the unit of a matrix's values. */
static float matrix_units(const char *name, size_t cols) {
    float units = 256;
    for (size_t reached = 3; reached < cols; reached *= 4)
        units *= 2;
    return strstr(name, "q_proj") || strstr(name, "k_proj") ? units / 2 : units;
}

static void fill(ll_family_tensor *t, uint64_t seed) {
    const size_t count = (t->rows ? t->rows : 1) * t->cols;
    const uint64_t start = hash_of(t->name) + seed;
    const bool norm = ends_with(t->name, "norm.weight"), bias = ends_with(t->name, ".bias");
    const float units = norm ? 128 : bias ? 512 : matrix_units(t->name, t->cols);
    for (size_t i = 0; i < count; i++) {
        const int n = (int)(splitmix(start, i) >> 55) - 256;
        t->values[i] = norm ? 1 + (float)((n + 256) / 8 - 32) / units : (float)n / units;
    }
}

/* ---- tensors ---- */

static void add_tensor(ll_family *f, ll_family_tensor tensor) {
    f->tensors = realloc(f->tensors, (f->tensor_count + 1) * sizeof *f->tensors);
    tensor.values = malloc((tensor.rows ? tensor.rows : 1) * tensor.cols * sizeof *tensor.values);
    if (!f->tensors || !tensor.values) {
        perror("families");
        exit(1);
    }
    fill(&tensor, f->seed);
    f->tensors[f->tensor_count++] = tensor;
}

static void add_other(ll_family *f, const char *name, const char *gguf_name, size_t rows) {
    ll_family_tensor tensor = {.rows = rows, .cols = f->config.hidden};
    strcpy(tensor.name, name);
    strcpy(tensor.gguf_name, gguf_name);
    add_tensor(f, tensor);
}

static void add_part(ll_family *f, size_t layer, bool dropped, const char *name, const char *gguf_name,
                     size_t rows, size_t cols) {
    ll_family_tensor tensor = {.rows = rows, .cols = cols, .dropped = dropped};
    snprintf(tensor.name, sizeof tensor.name, "model.layers.%zu.%s", layer, name);
    snprintf(tensor.gguf_name, sizeof tensor.gguf_name, "blk.%zu.%s", layer, gguf_name);
    add_tensor(f, tensor);
}

static void add_linear(ll_family *f, size_t layer, bool dropped, bool bias, const char *name,
                       const char *gguf_name, size_t rows, size_t cols) {
    char with_kind[64], gguf_with_kind[64];
    snprintf(with_kind, sizeof with_kind, "%s.weight", name);
    snprintf(gguf_with_kind, sizeof gguf_with_kind, "%s.weight", gguf_name);
    add_part(f, layer, dropped, with_kind, gguf_with_kind, rows, cols);
    snprintf(with_kind, sizeof with_kind, "%s.bias", name);
    snprintf(gguf_with_kind, sizeof gguf_with_kind, "%s.bias", gguf_name);
    if (bias)
        add_part(f, layer, dropped, with_kind, gguf_with_kind, 0, rows);
}

static void add_layer(ll_family *f, size_t i) {
    const ll_config *c = &f->config;
    const size_t h = c->hidden, q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const bool attn = c->dropped.attn[i], mlp = c->dropped.mlp[i];
    add_part(f, i, attn, "input_layernorm.weight", "attn_norm.weight", 0, h);
    add_linear(f, i, attn, c->bias_qkv, "self_attn.q_proj", "attn_q", q, h);
    add_linear(f, i, attn, c->bias_qkv, "self_attn.k_proj", "attn_k", kv, h);
    add_linear(f, i, attn, c->bias_qkv, "self_attn.v_proj", "attn_v", kv, h);
    add_linear(f, i, attn, c->bias_o, "self_attn.o_proj", "attn_output", h, q);
    add_part(f, i, mlp, "post_attention_layernorm.weight", "ffn_norm.weight", 0, h);
    add_linear(f, i, mlp, c->bias_mlp, "mlp.gate_proj", "ffn_gate", c->mlp, h);
    add_linear(f, i, mlp, c->bias_mlp, "mlp.up_proj", "ffn_up", c->mlp, h);
    add_linear(f, i, mlp, c->bias_mlp, "mlp.down_proj", "ffn_down", h, c->mlp);
}

static void add_tensors(ll_family *f) {
    const ll_config *c = &f->config;
    add_other(f, "model.embed_tokens.weight", "token_embd.weight", c->vocab);
    for (size_t layer = 0; layer < c->layers; layer++)
        add_layer(f, layer);
    add_other(f, "model.norm.weight", "output_norm.weight", 0);
    if (!c->tied)
        add_other(f, "lm_head.weight", "output.weight", c->vocab);
}

/* ---- the golden file ---- */

static size_t size_of(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

static double real_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static bool bool_of(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

static ll_rope_scaling read_rope(const json_t *scaling) {
    const char *kind = json_string_value(json_object_get(scaling, "rope_type"));
    if (!kind)
        return (ll_rope_scaling){0};
    return (ll_rope_scaling){.kind = strcmp(kind, "linear") == 0 ? LL_ROPE_LINEAR : LL_ROPE_LLAMA3,
                             .factor = real_of(scaling, "factor"),
                             .low_factor = real_of(scaling, "low_freq_factor"),
                             .high_factor = real_of(scaling, "high_freq_factor"),
                             .original_context = real_of(scaling, "original_max_position_embeddings")};
}

/* Layer numbers only: the first config's spelling. */
static void read_drops(const json_t *list, bool *dropped) {
    for (size_t i = 0; i < json_array_size(list); i++)
        dropped[json_integer_value(json_array_get(list, i))] = true;
}

static void read_config(ll_config *c, const json_t *json) {
    *c = (ll_config){.layers = size_of(json, "num_hidden_layers"),
                     .hidden = size_of(json, "hidden_size"),
                     .heads = size_of(json, "num_attention_heads"),
                     .kv_heads = size_of(json, "num_key_value_heads"),
                     .head_dim = size_of(json, "head_dim"),
                     .mlp = size_of(json, "intermediate_size"),
                     .vocab = size_of(json, "vocab_size"),
                     .context = size_of(json, "max_position_embeddings"),
                     .window = size_of(json, "sliding_window"),
                     .rope_theta = real_of(json, "rope_theta"),
                     .rope = read_rope(json_object_get(json, "rope_scaling")),
                     .eps = (float)real_of(json, "rms_norm_eps"),
                     .tied = bool_of(json, "tie_word_embeddings"),
                     .bias_qkv = bool_of(json, "attention_bias"),
                     .bias_o = bool_of(json, "attention_bias"),
                     .bias_mlp = bool_of(json, "mlp_bias")};
    read_drops(json_object_get(json, "drop_attn_list"), c->dropped.attn);
    read_drops(json_object_get(json, "drop_mlp_list"), c->dropped.mlp);
}

static void *zeroed(size_t count, size_t size) {
    void *memory = calloc(count + 1, size);
    if (!memory) {
        perror("families");
        exit(1);
    }
    return memory;
}

static bool read_logits(ll_family *f, const json_t *rows) {
    if (json_array_size(rows) != f->tokens - f->first)
        return false;
    f->logits = zeroed((f->tokens - f->first) * f->column_count, sizeof *f->logits);
    for (size_t r = 0; r < f->tokens - f->first; r++) {
        const json_t *row = json_array_get(rows, r);
        if (json_array_size(row) != f->column_count)
            return false;
        for (size_t i = 0; i < f->column_count; i++)
            f->logits[r * f->column_count + i] = json_number_value(json_array_get(row, i));
    }
    return true;
}

static bool read_family(ll_family *f, const json_t *root) {
    const json_t *configs = json_object_get(root, "configs"), *columns = json_object_get(root, "columns");
    const char *tokenizer = json_string_value(json_object_get(root, "tokenizer"));
    snprintf(f->tokenizer, sizeof f->tokenizer, "%s", tokenizer ? tokenizer : "");
    f->seed = size_of(root, "seed");
    f->tokens = size_of(root, "tokens");
    f->first = size_of(root, "first");
    const size_t config_count = json_array_size(configs), column_count = json_array_size(columns);
    if (f->tokens <= f->first || config_count == 0 || column_count == 0)
        return false;
    f->configs = zeroed(config_count, sizeof *f->configs);
    for (; f->config_count < config_count; f->config_count++)
        f->configs[f->config_count] = json_dumps(json_array_get(configs, f->config_count), JSON_INDENT(2));
    f->columns = zeroed(column_count, sizeof *f->columns);
    for (; f->column_count < column_count; f->column_count++)
        f->columns[f->column_count] = (size_t)json_integer_value(json_array_get(columns, f->column_count));
    read_config(&f->config, json_array_get(configs, 0));
    f->ids = zeroed(f->tokens, sizeof *f->ids);
    for (size_t i = 0; f->config.vocab > 0 && i < f->tokens; i++)
        f->ids[i] = (int32_t)(splitmix(hash_of("ids") + f->seed, i) % f->config.vocab);
    return f->config.vocab > 0 && read_logits(f, json_object_get(root, "logits"));
}

bool ll_family_load(ll_family *out, const char *name) {
    *out = (ll_family){0};
    char path[128];
    snprintf(path, sizeof path, "tests/golden/families/%s.json", name);
    snprintf(out->name, sizeof out->name, "%s", name);
    char *text = ll_test_read(path, &(size_t){0});
    json_t *root = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const bool good = root && read_family(out, root);
    free(text);
    json_decref(root);
    if (good)
        add_tensors(out);
    else
        ll_test_fail(__FILE__, __LINE__, "%s: not a family; make it again with make_families.py", path);
    return good;
}

void ll_family_free(ll_family *f) {
    for (size_t i = 0; i < f->tensor_count; i++)
        free(f->tensors[i].values);
    for (size_t i = 0; i < f->config_count; i++)
        free(f->configs[i]);
    free(f->tensors);
    free(f->configs);
    free(f->ids);
    free(f->columns);
    free(f->logits);
    *f = (ll_family){0};
}
