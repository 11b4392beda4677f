/* The model's shape: from a file's keys, checked, counted; and the sentences of errors. */
#include "gguf_parts.h"
#include "test.h"
#include "toy_gguf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- from files ---- */

static ll_status read_config(const ll_toy *toy, ll_config *config, ll_error *error) {
    char path[256];
    snprintf(path, sizeof path, "%s/config.gguf", ll_test_folder());
    *error = (ll_error){""};
    if (!ll_toy_write(path, toy, NULL))
        return LL_NO_RESOURCE;
    ll_gguf_parts parts;
    ll_status status = ll_gguf_parts_open(&parts, path, error);
    if (status == LL_OK)
        status = ll_config_from_gguf(config, &parts, error);
    ll_gguf_parts_close(&parts);
    return status;
}

static void expect_config_refused(const ll_toy *toy, const char *part) {
    ll_config config;
    ll_error error;
    const ll_status status = read_config(toy, &config, &error);
    CHECK_MSG(status == LL_BAD_INPUT, "status %d, expected a refusal with \"%s\"", status, part);
    CHECK_CONTAINS(error.text, "config.gguf: ");
    CHECK_CONTAINS(error.text, part);
}

static void test_from_file(void) {
    ll_toy toy = ll_toy_default();
    ll_config c;
    ll_error error;
    REQUIRE(read_config(&toy, &c, &error) == LL_OK);
    CHECK(c.layers == 3 && c.hidden == 32 && c.heads == 4 && c.kv_heads == 2 && c.head_dim == 8 &&
          c.mlp == 64);
    CHECK(c.vocab == 256 && c.context == 256 && c.rope_theta == 10000 && c.eps == 1e-5f && c.tied);
    toy.theta = 100000;
    toy.eps = 0.1f;
    toy.tied = false;
    toy.vocab = 1000;
    REQUIRE(read_config(&toy, &c, &error) == LL_OK);
    CHECK(c.rope_theta == 100000 && c.eps == 0.1f && !c.tied && c.vocab == 1000);
}

/* A head's size need not be hidden / heads. */
static void test_explicit_head_dim(void) {
    ll_toy toy = ll_toy_default();
    ll_config c;
    ll_error error;
    toy.head_dim = 16;
    REQUIRE(read_config(&toy, &c, &error) == LL_OK);
    CHECK(c.head_dim == 16 && c.hidden == 32 && c.heads == 4);
    toy.missing_key = "llama.rope.dimension_count";
    CHECK(read_config(&toy, &c, &error) == LL_OK && c.head_dim == 16);
    toy.missing_key = "llama.attention.key_length"; /* as older converters: rotation's size alone tells it */
    CHECK(read_config(&toy, &c, &error) == LL_OK && c.head_dim == 16);
    toy = ll_toy_default();
    toy.missing_key = "llama.rope.dimension_count";
    CHECK(read_config(&toy, &c, &error) == LL_OK && c.head_dim == 8);
}

static void test_optional_keys(void) {
    ll_toy toy = ll_toy_default();
    ll_config c;
    ll_error error;
    toy.theta = 500;
    toy.missing_key = "llama.rope.freq_base";
    CHECK(read_config(&toy, &c, &error) == LL_OK && c.rope_theta == 10000);
    toy.missing_key = "llama.attention.head_count_kv";
    toy.kv_heads = toy.heads;
    CHECK(read_config(&toy, &c, &error) == LL_OK && c.kv_heads == 4);
}

static void test_missing_keys(void) {
    static const char *const KEYS[] = {"general.architecture",
                                       "llama.block_count",
                                       "llama.embedding_length",
                                       "llama.attention.head_count",
                                       "llama.context_length",
                                       "llama.feed_forward_length",
                                       "llama.attention.layer_norm_rms_epsilon"};
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        ll_toy toy = ll_toy_default();
        char part[96];
        snprintf(part, sizeof part, "key %s is missing", KEYS[i]);
        toy.missing_key = KEYS[i];
        expect_config_refused(&toy, part);
    }
    ll_toy toy = ll_toy_default();
    toy.missing_tensor = "token_embd.weight";
    expect_config_refused(&toy, "tensor token_embd.weight is missing");
}

static size_t linear_scaling(ll_bytes *out) {
    ll_put_key_text(out, "llama.rope.scaling.type", "linear");
    ll_put_key_f32(out, "llama.rope.scaling.factor", 4);
    return 2;
}

static size_t linear_by_zero(ll_bytes *out) {
    ll_put_key_text(out, "llama.rope.scaling.type", "linear");
    ll_put_key_f32(out, "llama.rope.scaling.factor", 0);
    return 2;
}

static size_t yarn_scaling(ll_bytes *out) {
    ll_put_key_text(out, "llama.rope.scaling.type", "yarn");
    return 1;
}

static size_t no_variants(ll_bytes *out) {
    ll_put_key_text(out, "llama.rope.scaling.type", "none");
    ll_put_key_u32(out, "llama.attention.sliding_window", 0);
    ll_put_key_u32(out, "llama.expert_count", 0);
    ll_put_key_u32(out, "split.count", 1);
    ll_put_key_f32(out, "llama.rope.scale_linear", 1);
    return 5;
}

static size_t old_linear_scaling(ll_bytes *out) {
    ll_put_key_f32(out, "llama.rope.scale_linear", 4);
    return 1;
}

static size_t sliding_window(ll_bytes *out) {
    ll_put_key_u32(out, "llama.attention.sliding_window", 4096);
    return 1;
}

static size_t experts(ll_bytes *out) {
    ll_put_key_u32(out, "llama.expert_count", 8);
    return 1;
}

static size_t other_value_length(ll_bytes *out) {
    ll_put_key_u32(out, "llama.attention.value_length", 4);
    return 1;
}

static size_t partial_rotation(ll_bytes *out) {
    ll_put_key_u32(out, "llama.attention.key_length", 16);
    return 1;
}

static size_t one_of_parts(ll_bytes *out) {
    ll_put_key_u32(out, "split.count", 3);
    return 1;
}

static size_t text_for_a_number(ll_bytes *out) {
    ll_put_key_text(out, "llama.expert_count", "8");
    return 1;
}

static void test_variants(void) {
    const struct {
        size_t (*more_keys)(ll_bytes *);
        const char *part;
    } cases[] = {
        {yarn_scaling, "key llama.rope.scaling.type is \"yarn\"; supported are \"none\" and \"linear\""},
        {linear_by_zero, "scaling factor is 0, expected a positive number"},
        {experts, "key llama.expert_count is 8; supported is 0"},
        {other_value_length, "key llama.attention.value_length is 4, expected 8"},
        {partial_rotation, "key llama.rope.dimension_count is 8, expected the head size 16"},
        {one_of_parts, "key split.count says it is one of 3 parts"},
        {text_for_a_number, "key llama.expert_count is of kind text, expected an integer"},
    };
    ll_toy toy = ll_toy_default();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        toy.more_keys = cases[i].more_keys;
        expect_config_refused(&toy, cases[i].part);
    }
    ll_config config;
    ll_error error;
    toy.more_keys = no_variants;
    CHECK(read_config(&toy, &config, &error) == LL_OK);
    CHECK(config.rope.kind == LL_ROPE_PLAIN && config.window == 0);
    toy.more_keys = linear_scaling;
    CHECK(read_config(&toy, &config, &error) == LL_OK);
    CHECK(config.rope.kind == LL_ROPE_LINEAR && config.rope.factor == 4);
    toy.more_keys = old_linear_scaling;
    CHECK(read_config(&toy, &config, &error) == LL_OK);
    CHECK(config.rope.kind == LL_ROPE_LINEAR && config.rope.factor == 4);
    toy.more_keys = sliding_window;
    CHECK(read_config(&toy, &config, &error) == LL_OK);
    CHECK(config.window == 4096);
    toy = ll_toy_default();
    toy.architecture = "qwen2";
    expect_config_refused(&toy, "key general.architecture is \"qwen2\"; supported is \"llama\"");
    toy.architecture = "llama4";
    expect_config_refused(&toy, "\"llama4\"");
}

static void test_impossible_shapes(void) {
    ll_toy toy = ll_toy_default();
    toy.kv_heads = 3;
    expect_config_refused(&toy, "3 KV heads do not divide 4 heads");
    toy.kv_heads = 8;
    expect_config_refused(&toy, "8 KV heads do not divide 4 heads");
    toy = ll_toy_default();
    toy.head_dim = 7;
    expect_config_refused(&toy, "head size is 7, expected an even number");
    toy = ll_toy_default();
    toy.eps = 0;
    expect_config_refused(&toy, "epsilon of RMSNorm is 0, expected a positive number");
    toy.eps = NAN;
    expect_config_refused(&toy, "layer_norm_rms_epsilon is nan, expected a finite number");
    toy = ll_toy_default();
    toy.theta = -1;
    expect_config_refused(&toy, "rotation base is -1");
}

/* ---- by hand ---- */

static ll_config smollm2(void) {
    return (ll_config){.layers = 30,
                       .hidden = 576,
                       .heads = 9,
                       .kv_heads = 3,
                       .head_dim = 64,
                       .mlp = 1536,
                       .vocab = 49152,
                       .context = 8192,
                       .rope_theta = 100000,
                       .eps = 1e-5f,
                       .tied = true};
}

static void expect_shape_refused(const ll_config *config, const char *part) {
    ll_error error = {""};
    CHECK(ll_config_check(config, "a.gguf", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "a.gguf: ");
    CHECK_CONTAINS(error.text, part);
}

static void test_sizes(void) {
    ll_config c = smollm2();
    ll_error error = {""};
    CHECK(ll_config_check(&c, "a.gguf", &error) == LL_OK);
    size_t *const fields[] = {&c.layers,   &c.hidden, &c.heads, &c.kv_heads,
                              &c.head_dim, &c.mlp,    &c.vocab, &c.context};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const size_t sound = *fields[i];
        *fields[i] = 0;
        expect_shape_refused(&c, "is 0, expected 1 to 2^40");
        *fields[i] = SIZE_MAX;
        expect_shape_refused(&c, "is 18446744073709551615, expected 1 to 2^40");
        *fields[i] = sound;
    }
    c.layers = LL_MAX_LAYERS;
    CHECK(ll_config_check(&c, "a.gguf", &error) == LL_OK);
    c.layers++;
    expect_shape_refused(&c, "513 blocks, at most 512");
}

static void test_products(void) {
    ll_config c = smollm2();
    c.mlp = 1ull << 31;
    expect_shape_refused(&c, "MLP matrix of the model has 2147483648 x 576 values, more than 2^40");
    c = smollm2();
    c.vocab = 1ull << 40;
    expect_shape_refused(&c, "embedding");
    c = smollm2();
    c.head_dim = 1ull << 40; /* 9 x 2^40 */
    expect_shape_refused(&c, "heads x head size");
    c.heads = c.kv_heads = 1ull << 40; /* the product wraps to 0 */
    expect_shape_refused(&c, "heads x head size");
    c = smollm2();
    c.context = 1ull << 40;
    expect_shape_refused(&c, "KV-cache");
}

static void test_parameters(void) {
    ll_config c = smollm2();
    CHECK(ll_config_attn_params(&c) == 2 * 576 * 576 + 2 * 192 * 576 + 576);
    CHECK(ll_config_mlp_params(&c) == 3 * 1536 * 576 + 576);
    CHECK(ll_config_other_params(&c) == 49152 * 576 + 576);
    /* What the model's card says: 134,515,008. */
    CHECK(30 * (ll_config_attn_params(&c) + ll_config_mlp_params(&c)) + ll_config_other_params(&c) ==
          134515008);
    c.tied = false;
    CHECK(ll_config_other_params(&c) == 2 * 49152 * 576 + 576);
}

/* ---- sentences ---- */

static void test_sentences(void) {
    ll_error error = {""};
    CHECK(ll_fail(&error, LL_BAD_USAGE, "%s\n\x1b[31m%d\x7f", "ä", 5) == LL_BAD_USAGE);
    CHECK(strcmp(error.text, "ä??[31m5?") == 0);
    CHECK(ll_fail_in(&error, LL_NO_RESOURCE, "plan\t%d", 7) == LL_NO_RESOURCE);
    CHECK(strcmp(error.text, "plan?7: ä??[31m5?") == 0);
    ll_fail(&error, LL_BAD_INPUT,
            "a\xc2\x9b"
            "b\xc2\xa0\xc2"); /* the 8-bit CSI, a space, half a character */
    CHECK(strcmp(error.text, "a??b\xc2\xa0\xc2") == 0);
    CHECK(ll_fail(NULL, LL_BAD_INPUT, "%d", 1) == LL_BAD_INPUT && ll_fail_in(NULL, LL_OK, "%d", 1) == LL_OK);
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    ll_fail(&error, LL_BAD_INPUT, "%s", long_text);
    CHECK(strlen(error.text) == sizeof error.text - 1);
    ll_fail_in(&error, LL_BAD_INPUT, "%s", long_text);
    CHECK(strlen(error.text) == sizeof error.text - 1);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("config/from a file", test_from_file);
    ll_test_run("config/explicit head size", test_explicit_head_dim);
    ll_test_run("config/optional keys", test_optional_keys);
    ll_test_run("config/missing keys", test_missing_keys);
    ll_test_run("config/variants", test_variants);
    ll_test_run("config/impossible shapes", test_impossible_shapes);
    ll_test_run("config/sizes", test_sizes);
    ll_test_run("config/products", test_products);
    ll_test_run("config/parameters", test_parameters);
    ll_test_run("error/sentences", test_sentences);
    return ll_test_end();
}
