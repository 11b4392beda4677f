/* config.json of Hugging Face folders: every key present, absent, null and wrong; rotations against transformers. */
#include "config_hf.h"
#include "test.h"
#include "toy_hf.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers ---- */

static const char LLAMA[] =
    "{\"architectures\": [\"LlamaForCausalLM\"], \"attention_bias\": false, \"attention_dropout\": 0.0,"
    " \"bos_token_id\": 1, \"head_dim\": 8, \"hidden_act\": \"silu\", \"hidden_size\": 32,"
    " \"initializer_range\": 0.02, \"intermediate_size\": 48, \"max_position_embeddings\": 4096,"
    " \"mlp_bias\": false, \"model_type\": \"llama\", \"num_attention_heads\": 4, \"num_hidden_layers\": 4,"
    " \"num_key_value_heads\": 2, \"pretraining_tp\": 1, \"rms_norm_eps\": 1e-05, \"rope_scaling\": null,"
    " \"rope_theta\": 10000.0, \"tie_word_embeddings\": false, \"torch_dtype\": \"float16\","
    " \"use_cache\": true, \"vocab_size\": 64}";

/* The config above with changes, an object, and without the keys of a comma list. */
static ll_status read_changed(const char *changes, const char *without, ll_config *out, ll_error *error) {
    json_t *config = json_loads(LLAMA, 0, NULL), *changed = json_loads(changes, JSON_REJECT_DUPLICATES, NULL);
    if (!config || json_object_update(config, changed) != 0)
        ll_test_fail(__FILE__, __LINE__, "the test's own JSON is wrong: %s", changes);
    char keys[256], *rest = keys;
    snprintf(keys, sizeof keys, "%s", without);
    for (const char *key; (key = strsep(&rest, ","));)
        if (*key && json_object_del(config, key) != 0)
            ll_test_fail(__FILE__, __LINE__, "no key %s to leave out", key);
    char *text = json_dumps(config, 0), *exact = malloc(strlen(text));
    memcpy(exact, text, strlen(text)); /* without a NUL behind it */
    *error = (ll_error){""};
    const ll_status status = ll_config_from_json(out, exact, strlen(text), "toy/config.json", error);
    free(exact);
    free(text);
    json_decref(config);
    json_decref(changed);
    return status;
}

static ll_config sound(const char *changes, const char *without) {
    ll_config config;
    ll_error error;
    const ll_status status = read_changed(changes, without, &config, &error);
    CHECK_MSG(status == LL_OK, "%s without %s: %s", changes, without, error.text);
    return config;
}

static void expect_refused(const char *changes, const char *without, const char *part) {
    ll_config config;
    ll_error error;
    const ll_status status = read_changed(changes, without, &config, &error);
    CHECK_MSG(status == LL_BAD_INPUT, "%s: status %d, expected a refusal with \"%s\"", changes, status, part);
    CHECK_CONTAINS(error.text, "toy/config.json: ");
    CHECK_CONTAINS(error.text, part);
}

/* ---- sizes ---- */

static void test_every_key(void) {
    const ll_config c = sound("{}", "");
    CHECK(c.layers == 4 && c.hidden == 32 && c.heads == 4 && c.kv_heads == 2 && c.head_dim == 8 &&
          c.mlp == 48);
    CHECK(c.vocab == 64 && c.context == 4096 && c.window == 0 && c.rope_theta == 10000 && c.eps == 1e-5f);
    CHECK(c.rope.kind == LL_ROPE_PLAIN && !c.tied && !c.bias_qkv && !c.bias_o && !c.bias_mlp);
    static const ll_mask NOTHING;
    CHECK(memcmp(&c.dropped, &NOTHING, sizeof NOTHING) == 0);
}

static void test_optional_keys(void) {
    const ll_config absent =
        sound("{}", "architectures,attention_bias,attention_dropout,bos_token_id,head_dim,"
                    "hidden_act,initializer_range,max_position_embeddings,mlp_bias,"
                    "num_key_value_heads,pretraining_tp,rms_norm_eps,rope_scaling,"
                    "rope_theta,tie_word_embeddings,torch_dtype,use_cache");
    const ll_config null = sound(
        "{\"architectures\": null, \"attention_bias\": null, \"head_dim\": null, \"hidden_act\": null,"
        " \"max_position_embeddings\": null, \"mlp_bias\": null, \"num_key_value_heads\": null,"
        " \"rms_norm_eps\": null, \"rope_scaling\": null, \"rope_parameters\": null, \"rope_theta\": null,"
        " \"tie_word_embeddings\": null, \"pretraining_tp\": null, \"sliding_window\": null,"
        " \"drop_attn_list\": null, \"drop_mlp_list\": null, \"quantization_config\": null,"
        " \"num_local_experts\": null, \"partial_rotary_factor\": null}",
        "");
    CHECK(memcmp(&absent, &null, sizeof null) == 0);
    CHECK(absent.heads == 4 && absent.kv_heads == 4 && absent.head_dim == 8 && absent.context == 2048);
    CHECK(absent.rope_theta == 10000 && absent.eps == 1e-6f && !absent.tied && !absent.bias_qkv);
    sound("{}", "model_type");
    sound("{\"model_type\": null}", "");
}

static void test_sizes(void) {
    static const char *const KEYS[] = {
        "num_hidden_layers",   "hidden_size", "intermediate_size",   "vocab_size",
        "num_attention_heads", "head_dim",    "num_key_value_heads", "max_position_embeddings"};
    static const struct {
        const char *value, *found;
    } WRONG[] = {{"0", "0"},
                 {"-1", "-1"},
                 {"4.0", "4.0"},
                 {"\"4\"", "\"4\""},
                 {"true", "true"},
                 {"[4]", "a list of 1"},
                 {"{}", "an object"},
                 {"2147483648", "2147483648"},
                 {"9223372036854775807", "9223372036854775807"}};
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; k++)
        for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
            char changes[128], part[160];
            snprintf(changes, sizeof changes, "{\"%s\": %s}", KEYS[k], WRONG[i].value);
            snprintf(part, sizeof part, "key %s is %s; expected a whole number from 1 to ", KEYS[k],
                     WRONG[i].found);
            expect_refused(changes, "", part);
        }
    for (size_t k = 0; k < 5; k++) {
        char part[128];
        snprintf(part, sizeof part, "key %s is absent; expected a whole number", KEYS[k]);
        expect_refused("{}", KEYS[k], part);
    }
    expect_refused("{\"num_hidden_layers\": 513}", "", "expected a whole number from 1 to 512");
    CHECK(sound("{\"num_hidden_layers\": 512}", "").layers == 512);
    expect_refused("{\"num_key_value_heads\": 3}", "", "3 KV heads do not divide 4 heads");
    expect_refused("{\"hidden_size\": 2000000000, \"intermediate_size\": 2000000000}", "", "more than 2^40");
}

static void test_head_dim(void) {
    CHECK(sound("{\"head_dim\": 16}", "").head_dim == 16);
    CHECK(sound("{}", "head_dim").head_dim == 8);
    CHECK(sound("{\"hidden_size\": 30}", "").head_dim == 8);
    expect_refused("{\"hidden_size\": 30}", "head_dim", "4 heads do not divide the hidden size 30");
    expect_refused("{\"num_attention_heads\": 64}", "head_dim,num_key_value_heads", "64 heads do not divide");
    expect_refused("{\"head_dim\": 7}", "", "the head size is 7, expected an even number");
}

static void test_epsilon(void) {
    CHECK(sound("{\"rms_norm_eps\": 0.1}", "").eps == 0.1f);
    CHECK(sound("{\"rms_norm_eps\": 1}", "").eps == 1);
    expect_refused("{\"rms_norm_eps\": 0}", "", "key rms_norm_eps is 0; expected a positive number");
    expect_refused("{\"rms_norm_eps\": -1e-5}", "", "key rms_norm_eps is -1");
    expect_refused("{\"rms_norm_eps\": \"1e-5\"}", "", "key rms_norm_eps is \"1e-5\"");
    expect_refused("{\"rms_norm_eps\": 1e-60}", "", "the epsilon of RMSNorm is 0");
}

static void test_switches(void) {
    CHECK(sound("{\"tie_word_embeddings\": true}", "").tied);
    const ll_config attention = sound("{\"attention_bias\": true}", ""),
                    mlp = sound("{\"mlp_bias\": true}", "");
    CHECK(attention.bias_qkv && attention.bias_o && !attention.bias_mlp);
    CHECK(!mlp.bias_qkv && !mlp.bias_o && mlp.bias_mlp);
    expect_refused("{\"attention_bias\": 1}", "", "key attention_bias is 1; expected true or false");
    expect_refused("{\"mlp_bias\": \"false\"}", "", "key mlp_bias is \"false\"");
    expect_refused("{\"tie_word_embeddings\": 0}", "", "key tie_word_embeddings is 0");
}

/* ---- families ---- */

#define MISTRAL "\"model_type\": \"mistral\", \"architectures\": [\"MistralForCausalLM\"]"

static void test_mistral(void) {
    CHECK(sound("{" MISTRAL ", \"sliding_window\": 4096}", "").window == 4096);
    CHECK(sound("{" MISTRAL ", \"sliding_window\": null}", "").window == 0);
    CHECK(sound("{" MISTRAL "}", "").window == 0);
    expect_refused("{" MISTRAL ", \"sliding_window\": 0}", "", "key sliding_window is 0; expected");
    expect_refused("{" MISTRAL ", \"sliding_window\": -1}", "", "key sliding_window is -1; expected");
    expect_refused("{" MISTRAL ", \"sliding_window\": 4.5}", "", "key sliding_window is 4.5");
    /* what transformers takes where the config is silent */
    const ll_config c = sound("{" MISTRAL ", \"num_attention_heads\": 16, \"hidden_size\": 128}",
                              "num_key_value_heads,max_position_embeddings");
    CHECK(c.kv_heads == 8 && c.context == 131072);
    CHECK(sound("{" MISTRAL ", \"num_key_value_heads\": null}", "").kv_heads == 4);
    expect_refused("{" MISTRAL ", \"attention_bias\": true}", "", "key attention_bias is true");
    expect_refused("{" MISTRAL ", \"mlp_bias\": true}", "", "key mlp_bias is true");
    /* a Llama model has no window, whatever its config says */
    CHECK(sound("{\"sliding_window\": 4}", "").window == 0);
}

static void test_other_families(void) {
    expect_refused("{\"model_type\": \"qwen2\"}", "", "key model_type is \"qwen2\"; supported are Llama and");
    expect_refused("{\"model_type\": \"mixtral\"}", "architectures", "key model_type is \"mixtral\"");
    expect_refused("{\"model_type\": 3}", "", "key model_type is 3; expected a text");
    expect_refused("{}", "model_type,architectures", "key model_type is absent; supported are");
    expect_refused(
        "{\"architectures\": [\"LlamaForSequenceClassification\"]}", "",
        "key architectures holds \"LlamaForSequenceClassification\"; expected \"LlamaForCausalLM\"");
    expect_refused("{\"architectures\": [\"MistralForCausalLM\"]}", "", "expected \"LlamaForCausalLM\"");
    expect_refused("{\"architectures\": [\"GPT2LMHeadModel\"]}", "model_type",
                   "expected \"LlamaForCausalLM\" or \"MistralForCausalLM\"");
    expect_refused("{\"architectures\": [7]}", "", "key architectures holds 7");
    expect_refused("{\"architectures\": \"LlamaForCausalLM\"}", "", "expected a list of texts");
    sound("{\"architectures\": []}", "");
}

static void check_variant(const char *key, const char *refused, const char *harmless) {
    char changes[64], part[96];
    snprintf(changes, sizeof changes, "{\"%s\": %s}", key, refused);
    snprintf(part, sizeof part, "key %s is %s; ", key, refused);
    expect_refused(changes, "", part);
    snprintf(changes, sizeof changes, "{\"%s\": %s}", key, harmless);
    sound(changes, "");
}

/* What would change the forward pass. */
static void test_variants(void) {
    expect_refused("{\"hidden_act\": \"gelu\"}", "", "key hidden_act is \"gelu\"; supported is \"silu\"");
    expect_refused("{\"quantization_config\": {\"bits\": 4}}", "", "key quantization_config is an object");
    expect_refused("{\"compression_config\": {}}", "", "key compression_config is an object");
    expect_refused("{\"num_local_experts\": 8}", "", "key num_local_experts is 8; mixtures of experts");
    static const char *const NONE[] = {"num_experts",
                                       "n_routed_experts",
                                       "layer_types",
                                       "clip_qkv",
                                       "no_rope_layers",
                                       "attn_logit_softcapping",
                                       "final_logit_softcapping"};
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; i++)
        check_variant(NONE[i], "8", "null");
    static const char *const OFF[] = {"rope_interleaved", "use_qk_norm",        "qk_norm",
                                      "qk_layernorm",     "is_encoder_decoder", "add_cross_attention"};
    for (size_t i = 0; i < sizeof OFF / sizeof *OFF; i++)
        check_variant(OFF[i], "true", "false");
    static const char *const ONES[] = {"partial_rotary_factor", "logit_scale",
                                       "logits_scaling",        "embedding_multiplier",
                                       "residual_multiplier",   "attention_multiplier"};
    for (size_t i = 0; i < sizeof ONES / sizeof *ONES; i++)
        check_variant(ONES[i], "0.5", "1");
    sound("{\"pretraining_tp\": 2, \"auto_map\": {\"AutoConfig\": \"x.Y\"}, \"unheard_of\": [1]}", "");
}

/* ---- rotation ---- */

#define FACTORS                                                                                              \
    "\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0,"                                  \
    " \"original_max_position_embeddings\": 8192"

static void check_llama3(const ll_config c, double theta) {
    CHECK(c.rope.kind == LL_ROPE_LLAMA3 && c.rope.factor == 8 && c.rope.low_factor == 1 &&
          c.rope.high_factor == 4 && c.rope.original_context == 8192 && c.rope_theta == theta);
}

static void test_rope_spellings(void) {
    CHECK(sound("{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}", "").rope.factor == 2);
    CHECK(sound("{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}", "").rope.kind == LL_ROPE_LINEAR);
    CHECK(sound("{\"rope_scaling\": {\"rope_type\": \"default\"}}", "").rope.kind == LL_ROPE_PLAIN);
    CHECK(sound("{\"rope_scaling\": {\"rope_type\": \"default\", \"factor\": 3}}", "").rope.factor == 0);
    check_llama3(sound("{\"rope_scaling\": {\"rope_type\": \"llama3\", " FACTORS "}}", ""), 10000);
    check_llama3(sound("{\"rope_scaling\": {\"type\": \"llama3\", " FACTORS "}}", ""), 10000);
    check_llama3(
        sound("{\"rope_scaling\": {\"type\": \"llama3\", \"rope_type\": \"llama3\", " FACTORS "}}", ""),
        10000);
    /* the next generation's */
    check_llama3(sound("{\"rope_parameters\": {\"rope_type\": \"llama3\", \"rope_theta\": 5e5, " FACTORS "}}",
                       "rope_theta,rope_scaling"),
                 500000);
    CHECK(sound("{\"rope_parameters\": {\"rope_theta\": 500000}}", "rope_theta").rope_theta == 500000);
    CHECK(sound("{\"rope_parameters\": {\"rope_theta\": 500000}}", "rope_theta").rope.kind == LL_ROPE_PLAIN);
    CHECK(sound("{\"rope_parameters\": {}}", "rope_theta").rope_theta == 10000);
    CHECK(sound("{\"rope_parameters\": {\"rope_theta\": 10000, \"partial_rotary_factor\": 1.0}}", "")
              .rope_theta == 10000);
    CHECK(sound("{\"rope_theta\": 1000000}", "").rope_theta == 1000000);
    /* both alike */
    CHECK(sound("{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0},"
                " \"rope_parameters\": {\"factor\": 2.0, \"type\": \"linear\"}}",
                "")
              .rope.factor == 2);
}

static void test_other_rotations(void) {
    static const char *const TYPES[] = {"dynamic", "yarn", "longrope", "su", "mrope", "Linear", ""};
    static const char *const SPELLINGS[][3] = {{"rope_scaling", "rope_type", "rope_scaling.rope_type"},
                                               {"rope_scaling", "type", "rope_scaling.type"},
                                               {"rope_parameters", "rope_type", "rope_parameters.rope_type"}};
    for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++)
        for (size_t s = 0; s < 3; s++) {
            char changes[128], part[160];
            snprintf(changes, sizeof changes, "{\"%s\": {\"%s\": \"%s\", \"factor\": 2.0}}", SPELLINGS[s][0],
                     SPELLINGS[s][1], TYPES[t]);
            snprintf(part, sizeof part,
                     "key %s is \"%s\"; supported are \"default\", \"linear\" and \"llama3\"",
                     SPELLINGS[s][2], TYPES[t]);
            expect_refused(changes, "", part);
        }
}

static void test_wrong_rotations(void) {
    static const struct {
        const char *changes, *part;
    } WRONG[] = {
        {"{\"rope_theta\": 0}", "key rope_theta is 0; expected a positive number"},
        {"{\"rope_theta\": -1.5}", "key rope_theta is -1.5"},
        {"{\"rope_theta\": \"10000\"}", "key rope_theta is \"10000\""},
        {"{\"rope_scaling\": 2}", "key rope_scaling is 2; expected an object or null"},
        {"{\"rope_parameters\": []}", "key rope_parameters is a list of 0"},
        {"{\"rope_scaling\": {\"factor\": 2}}", "key rope_scaling.rope_type is absent"},
        {"{\"rope_scaling\": {\"type\": 1, \"factor\": 2}}", "key rope_scaling.type is 1; expected a text"},
        {"{\"rope_scaling\": {\"type\": \"linear\"}}", "key rope_scaling.factor is absent"},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": null}}", "key rope_scaling.factor is null"},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}}", "key rope_scaling.factor is 0"},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": \"2\"}}", "key rope_scaling.factor is \"2\""},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"rope_type\": \"llama3\", " FACTORS "}}",
         "key rope_scaling.type is \"linear\"; rope_type is \"llama3\", expected the same"},
        {"{\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8}}",
         "rope_scaling.low_freq_factor is absent"},
        {"{\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
         "\"high_freq_factor\": 4}}",
         "key rope_scaling.original_max_position_embeddings is absent"},
        {"{\"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, "
         "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 8192}}",
         "expected 0 < low < high"},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2, \"mscale\": 1}}",
         "rope_scaling.mscale is 1"},
        {"{\"rope_parameters\": {\"full_attention\": {}}}",
         "key rope_parameters.full_attention is an object"},
        {"{\"rope_parameters\": {\"partial_rotary_factor\": 0.5}}",
         "key rope_parameters.partial_rotary_factor is 0.5"},
        {"{\"rope_parameters\": {\"rope_theta\": 500000}}",
         "key rope_theta is 10000.0; rope_parameters.rope_theta is 500000, expected the same"},
        {"{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"rope_parameters\": {}}",
         "key rope_parameters is an object; rope_scaling is there too"},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
        expect_refused(WRONG[i].changes, "", WRONG[i].part);
}

/* transformers computes in float32: half an ulp (6e-8) of the exponent times ln 1e6, and some of pow. */
static void check_frequencies(json_t *golden) {
    json_t *values = json_object_get(golden, "frequencies");
    char *changes = json_dumps(golden, 0);
    const ll_config c = sound(changes, "");
    const size_t half = json_array_size(values);
    double *found = malloc(c.head_dim * sizeof *found);
    ll_config_rope_frequencies(&c, found);
    CHECK_MSG(half == c.head_dim / 2 && half > 0, "%zu golden frequencies", half);
    for (size_t i = 0; i < half && half == c.head_dim / 2; i++) {
        const double expected = json_number_value(json_array_get(values, i));
        CHECK_MSG(fabs(found[i] - expected) <= 2e-6 * expected,
                  "frequency %zu is %.9g, expected %.9g: %.160s", i, found[i], expected, changes);
    }
    free(found);
    free(changes);
}

static void test_golden_frequencies(void) {
    size_t length;
    char *text = ll_test_read("tests/golden/rope.json", &length);
    json_t *all = text ? json_loadb(text, length, 0, NULL) : NULL, *golden;
    size_t i;
    CHECK(json_array_size(all) == 10);
    json_array_foreach(all, i, golden) check_frequencies(golden);
    json_decref(all);
    free(text);
}

/* ---- drop lists ---- */

/* Lists as text with one letter a layer: "-d-d". */
static void expect_drops(const char *changes, const char *attn, const char *mlp) {
    const ll_config c = sound(changes, "");
    for (size_t i = 0; i < c.layers; i++) {
        CHECK_MSG(c.dropped.attn[i] == (attn[i] == 'd'), "%s: attention of layer %zu", changes, i);
        CHECK_MSG(c.dropped.mlp[i] == (mlp[i] == 'd'), "%s: MLP of layer %zu", changes, i);
    }
    for (size_t i = c.layers; i < LL_MAX_LAYERS; i++)
        CHECK(!c.dropped.attn[i] && !c.dropped.mlp[i]);
}

static void test_drop_lists(void) {
    expect_drops("{}", "----", "----");
    expect_drops("{\"drop_attn_list\": null, \"drop_mlp_list\": []}", "----", "----");
    expect_drops("{\"drop_attn_list\": [1, 3]}", "-d-d", "----");
    expect_drops("{\"drop_attn_list\": [3, 1], \"drop_mlp_list\": null}", "-d-d", "----");
    expect_drops("{\"drop_attn_list\": [false, true, false, true], \"drop_mlp_list\": []}", "-d-d", "----");
    expect_drops("{\"drop_attn_list\": [], \"drop_mlp_list\": [0]}", "----", "d---");
    expect_drops("{\"drop_attn_list\": [3], \"drop_mlp_list\": [true, false, true, false]}", "---d", "d-d-");
    expect_drops("{\"drop_attn_list\": [0, 1, 2, 3], \"drop_mlp_list\": [2]}", "dddd", "--d-");
    expect_drops("{\"drop_attn_list\": [false, false, false, false], \"drop_mlp_list\": [2, 1, 0, 3]}",
                 "----", "dddd");
}

static void test_wrong_drop_lists(void) {
    static const struct {
        const char *list, *part;
    } WRONG[] = {
        {"[4]", "entry 0 is 4; expected layer numbers from 0 to 3, or one boolean a layer"},
        {"[0, -1]", "entry 1 is -1; expected layer numbers from 0 to 3"},
        {"[9223372036854775807]", "entry 0 is 9223372036854775807"},
        {"[1, 2, 1]", "entry 2 is 1; expected each layer once"},
        {"[0, 1, 2, 3, 0]", "entry 4 is 0; expected each layer once"},
        {"[1, true]", "entry 1 is true; expected layer numbers"},
        {"[true, 1, true, true]", "entry 1 is 1; expected true or false as in the entries before it"},
        {"[true]", "has 1 booleans; expected one for each of the 4 layers"},
        {"[true, true, true, true, true]", "has 5 booleans"},
        {"[1.0]", "entry 0 is 1.0"},
        {"[\"1\"]", "entry 0 is \"1\""},
        {"[null]", "entry 0 is null"},
        {"[[1]]", "entry 0 is a list of 1"},
        {"1", " is 1; expected null, or a list of layer numbers or booleans"},
        {"true", " is true; expected null"},
        {"\"1,3\"", " is \"1,3\"; expected null"},
        {"{}", " is an object; expected null"},
    };
    static const char *const KEYS[] = {"drop_attn_list", "drop_mlp_list"};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
            char changes[160], key[64];
            snprintf(changes, sizeof changes, "{\"%s\": %s}", KEYS[k], WRONG[i].list);
            snprintf(key, sizeof key, "key %s", KEYS[k]);
            expect_refused(changes, "", WRONG[i].part);
            expect_refused(changes, "", key);
        }
}

static void test_other_drop_keys(void) {
    static const char *const KEYS[] = {"drop_block_list", "drop_attn", "drop_n",   "dropped_layers",
                                       "layers_to_drop",  "layerdrop", "DropList", "drop_attn_list "};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        char changes[64], part[128];
        snprintf(changes, sizeof changes, "{\"%s\": [1]}", KEYS[i]);
        snprintf(part, sizeof part, "key %s is a list of 1; it may drop something; known are drop_attn_list",
                 KEYS[i]);
        expect_refused(changes, "", part);
    }
    sound("{\"attention_dropout\": 0.1, \"hidden_dropout\": 0.1, \"classifier_dropout\": null,"
          " \"embd_dropout\": 0, \"resid_dropout\": 0, \"hidden_dropout_prob\": 0.1, \"drop_n\": null}",
          "");
}

/* ---- the file ---- */

static void expect_text_refused(const char *text, size_t length, const char *part) {
    ll_config config;
    ll_error error = {""};
    CHECK(ll_config_from_json(&config, text, length, "toy/config.json", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "toy/config.json: ");
    CHECK_CONTAINS(error.text, part);
}

static void test_texts(void) {
    for (size_t length = 0; length < strlen(LLAMA); length++)
        expect_text_refused(LLAMA, length, "no sound JSON at line 1");
    expect_text_refused("[]", 2, "its JSON is no object; expected {...}");
    expect_text_refused("{\"hidden_size\": 1, \"hidden_size\": 2}", 36, "key \"hidden_size\" is there twice");
    expect_text_refused("{\"a_key_of_more_than_twenty_bytes\": 1, \"a_key_of_more_than_twenty_bytes\": 2}",
                        76, "key \"a_key_of_more_than_twenty_bytes\" is there twice");
    expect_text_refused("{\"hidden_size\": 1e999}", 22, "no sound JSON");
    expect_text_refused("{\"rms_norm_eps\": NaN}", 21, "no sound JSON");
    expect_text_refused("{\"rms_norm_eps\": Infinity}", 26, "no sound JSON");
    expect_text_refused("{\"model_type\": \"\\u001b[2J\"}", 27, "key model_type is \"?[2J\"");
}

static void test_file(void) {
    char folder[256], path[300];
    snprintf(folder, sizeof folder, "%s/config", ll_test_folder());
    snprintf(path, sizeof path, "%s/config.json", folder);
    ll_toy_hf toy = ll_toy_hf_default();
    toy.config.window = 7;
    toy.config.tied = true;
    toy.more_keys = ", \"drop_attn_list\": [1]";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    ll_config config;
    ll_error error = {""};
    const ll_status status = ll_config_from_hf(&config, folder, &error);
    CHECK_MSG(status == LL_OK && config.window == 7 && config.tied && config.dropped.attn[1], "%s",
              error.text);
    const char *pointer = "version https://git-lfs.github.com/spec/v1\n";
    ll_test_write(path, pointer, strlen(pointer));
    CHECK(ll_config_from_hf(&config, folder, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "config.json: is a Git LFS pointer");
    char *large = malloc((16 << 20) + 1);
    memset(large, ' ', (16 << 20) + 1);
    ll_test_write(path, large, (16 << 20) + 1);
    free(large);
    CHECK(ll_config_from_hf(&config, folder, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "config.json: has 16777217 bytes; a config has at most 16777216");
    CHECK(remove(path) == 0 && ll_config_from_hf(&config, folder, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "config.json: cannot be opened: No such file");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("config.json/every key", test_every_key);
    ll_test_run("config.json/optional keys", test_optional_keys);
    ll_test_run("config.json/sizes", test_sizes);
    ll_test_run("config.json/head size", test_head_dim);
    ll_test_run("config.json/epsilon", test_epsilon);
    ll_test_run("config.json/switches", test_switches);
    ll_test_run("config.json/Mistral", test_mistral);
    ll_test_run("config.json/other families", test_other_families);
    ll_test_run("config.json/variants", test_variants);
    ll_test_run("config.json/spellings of the rotation", test_rope_spellings);
    ll_test_run("config.json/other rotations", test_other_rotations);
    ll_test_run("config.json/wrong rotations", test_wrong_rotations);
    ll_test_run("config.json/transformers' frequencies", test_golden_frequencies);
    ll_test_run("config.json/drop lists", test_drop_lists);
    ll_test_run("config.json/wrong drop lists", test_wrong_drop_lists);
    ll_test_run("config.json/other keys with drop", test_other_drop_keys);
    ll_test_run("config.json/texts", test_texts);
    ll_test_run("config.json/file", test_file);
    return ll_test_end();
}
