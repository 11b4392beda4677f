/* Synthetic weights: the same for a seed whatever the threads, finite for every shape, and blocks that run in turn on the
 * resident ones. */
#include "logits.h"
#include "model.h"
#include "model_list.h"
#include "test.h"
#include "toy_gguf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 40, LAYERS = 5 };

static ll_error error;

static ll_config shape_of(size_t layers) {
    return (ll_config){.layers = layers,
                       .hidden = 64,
                       .heads = 4,
                       .kv_heads = 2,
                       .head_dim = 16,
                       .mlp = 160,
                       .vocab = 300,
                       .context = 64,
                       .rope_theta = 10000,
                       .eps = 1e-5f};
}

static ll_model *make(const ll_config *shape, const ll_model_options *options) {
    ll_model *model = NULL;
    const ll_status status = ll_model_synthesize(&model, shape, options, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    return status == LL_OK ? model : NULL;
}

/* Logits [TOKENS][vocab] with the mask (a spec; NULL: none), malloc'd. */
static float *logits_of(const ll_model *model, const char *drop) {
    const ll_config *c = ll_model_config(model);
    int32_t ids[TOKENS];
    ll_mask mask = {0};
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * 31 + 7) % c->vocab);
    CHECK_MSG(ll_drop_parse(&mask, drop ? drop : "none", c->layers, NULL, &error) == LL_OK, "%s", error.text);
    return ll_logits_in_steps(model, &mask, ids, TOKENS, TOKENS);
}

static bool are_equal(const float *a, const float *b, size_t vocab) {
    return memcmp(a, b, TOKENS * vocab * sizeof *a) == 0;
}

/* Whether two models, each with a mask, give the same bits. */
static bool give_equal(const ll_model *a, const char *drop_a, const ll_model *b, const char *drop_b) {
    float *first = logits_of(a, drop_a), *second = logits_of(b, drop_b);
    const bool equal = are_equal(first, second, ll_model_config(a)->vocab);
    free(first);
    free(second);
    return equal;
}

/* ---- seeds and threads ---- */

static void test_seeds(void) {
    const ll_config shape = shape_of(LAYERS);
    for (int kind = 0; kind < 2; kind++) {
        ll_model_options options = {
            .weights = (ll_weights_kind)kind, .group = 32, .threads = 1, .seed = UINT64_MAX};
        ll_model *one = make(&shape, &options);
        options.threads = 3;
        ll_model *three = make(&shape, &options);
        options.seed = 0;
        ll_model *other = make(&shape, &options);
        if (one && three && other) {
            CHECK_MSG(give_equal(one, NULL, three, NULL), "kind %d: threads change the weights", kind);
            CHECK_MSG(!give_equal(three, NULL, other, NULL), "kind %d: another seed changes nothing", kind);
            CHECK(!ll_model_tokenizer(one) && ll_model_is_synthetic(one) && !ll_model_from_cache(one));
            CHECK(ll_model_weight_bytes(one) == ll_config_weight_bytes(&shape, &options));
        }
        ll_model_destroy(one);
        ll_model_destroy(three);
        ll_model_destroy(other);
    }
}

/* Every module counts, and none is another's copy: what is left out or kept alone changes the logits. */
static void test_modules_differ(void) {
    static const char *const drops[] = {
        "none",      "attn:0",      "attn:1",        "mlp:0",       "mlp:4",
        "block:1-4", "block:0,2-4", "block:0,1,3,4", "block:0-2,4", "block:0-3",
    };
    enum { DROPS = sizeof drops / sizeof *drops };
    const ll_config shape = shape_of(LAYERS);
    ll_model *model = make(&shape, &(ll_model_options){.threads = 2});
    REQUIRE(model);
    float *logits[DROPS];
    for (size_t i = 0; i < DROPS; i++)
        logits[i] = logits_of(model, drops[i]);
    for (size_t i = 0; i < DROPS; i++)
        for (size_t j = i + 1; j < DROPS; j++)
            CHECK_MSG(!are_equal(logits[i], logits[j], shape.vocab), "%s is as %s", drops[i], drops[j]);
    for (size_t i = 0; i < DROPS; i++)
        free(logits[i]);
    ll_model_destroy(model);
}

/* The same weights either way, so only int8 activations lie between the two. */
static void test_kinds_agree(void) {
    const ll_config shape = shape_of(LAYERS);
    ll_model *int8 = make(&shape, &(ll_model_options){.group = 32, .threads = 2});
    ll_model *f32 = make(&shape, &(ll_model_options){.weights = LL_WEIGHTS_F32, .threads = 2});
    if (int8 && f32) {
        float *a = logits_of(int8, NULL), *b = logits_of(f32, NULL);
        double difference = 0, size = 0;
        for (size_t i = 0; i < TOKENS * shape.vocab; i++) {
            difference += pow((double)a[i] - (double)b[i], 2);
            size += pow((double)b[i], 2);
        }
        CHECK_MSG(sqrt(difference / size) < 0.08, "relative distance %g", sqrt(difference / size));
        free(a);
        free(b);
    }
    ll_model_destroy(int8);
    ll_model_destroy(f32);
}

/* ---- shapes ---- */

/* Finite logits (others are refused) that are not all one, in every way that weights and caches are held. */
static void check_shape(const ll_config *shape, const char *what) {
    static const struct {
        ll_weights_kind weights;
        size_t group;
        bool kv_i8;
    } ways[] = {{LL_WEIGHTS_INT8, 128, false},
                {LL_WEIGHTS_INT8, 32, true},
                {LL_WEIGHTS_INT8, 0, false},
                {LL_WEIGHTS_F32, 0, false},
                {LL_WEIGHTS_F32, 0, true}};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        const ll_model_options options = {
            .weights = ways[way].weights, .group = ways[way].group, .threads = 2, .kv_i8 = ways[way].kv_i8};
        ll_model *model = make(shape, &options);
        if (!model)
            continue;
        float *logits = logits_of(model, NULL);
        float low = logits[0], high = logits[0];
        for (size_t i = 0; i < TOKENS * shape->vocab; i++) {
            CHECK_MSG(isfinite(logits[i]), "%s, way %zu: logit %zu is not finite", what, way, i);
            low = fminf(low, logits[i]);
            high = fmaxf(high, logits[i]);
        }
        CHECK_MSG(low < 0 && high > 0 && high - low < 1e4f, "%s, way %zu: logits from %g to %g", what, way,
                  (double)low, (double)high);
        CHECK(ll_model_weight_bytes(model) == ll_config_weight_bytes(shape, &options));
        free(logits);
        ll_model_destroy(model);
    }
}

static void test_shapes(void) {
    ll_config shape = shape_of(LAYERS);
    check_shape(&shape, "plain");
    shape.tied = true;
    check_shape(&shape, "tied");
    shape.window = 4;
    check_shape(&shape, "a window");
    shape.rope = (ll_rope_scaling){LL_ROPE_LLAMA3, 8, 1, 4, 32};
    check_shape(&shape, "Llama 3's frequencies");
    shape = shape_of(1);
    shape.hidden = 40;
    shape.heads = shape.kv_heads = 3;
    shape.head_dim = 10;
    shape.mlp = 17;
    shape.vocab = 61;
    check_shape(&shape, "odd sizes");
    shape.bias_qkv = shape.bias_o = shape.bias_mlp = true;
    check_shape(&shape, "odd sizes, biases");
    shape = shape_of(12);
    check_shape(&shape, "many blocks");
}

/* Biases are there, of zero; a window changes something. */
static void test_flags(void) {
    const ll_model_options options = {.threads = 2};
    const ll_config shape = shape_of(LAYERS);
    ll_config biased = shape, window = shape;
    biased.bias_qkv = biased.bias_o = biased.bias_mlp = true;
    window.window = 8;
    ll_model *model = make(&shape, &options), *with_bias = make(&biased, &options);
    ll_model *with_window = make(&window, &options);
    if (model && with_bias && with_window) {
        CHECK(give_equal(model, NULL, with_bias, NULL));
        CHECK(ll_model_weight_bytes(with_bias) > ll_model_weight_bytes(model));
        CHECK(!give_equal(model, NULL, with_window, NULL));
    }
    ll_model_destroy(model);
    ll_model_destroy(with_bias);
    ll_model_destroy(with_window);
}

/* ---- resident blocks ---- */

/* A block of a partly resident model, alone, is the block of a smaller whole one that it runs on. */
static void check_turns(size_t resident, ll_weights_kind kind) {
    ll_model_options options = {.weights = kind, .group = 32, .threads = 2, .resident = resident};
    const ll_config shape = shape_of(LAYERS), whole = shape_of(resident);
    ll_model *model = make(&shape, &options);
    options.resident = 0;
    ll_model *small = make(&whole, &options);
    for (size_t kept = 0; model && small && kept < LAYERS; kept++) {
        char drop[64] = "", small_drop[64] = "";
        for (size_t i = 0; i < LAYERS; i++)
            if (i != kept)
                sprintf(drop + strlen(drop), "%s%zu", *drop ? "," : "block:", i);
        for (size_t i = 0; i < resident; i++)
            if (i != kept % resident)
                sprintf(small_drop + strlen(small_drop), "%s%zu", *small_drop ? "," : "block:", i);
        CHECK_MSG(give_equal(model, drop, small, small_drop), "%zu of %d blocks: block %zu is not block %zu",
                  resident, LAYERS, kept, kept % resident);
    }
    ll_model_destroy(model);
    ll_model_destroy(small);
}

static void test_turns(void) {
    for (size_t resident = 1; resident < LAYERS; resident++)
        check_turns(resident, LL_WEIGHTS_INT8);
    check_turns(2, LL_WEIGHTS_F32);
    /* All at once: blocks 3 and 4 after 0, 1 and 2 are 0 and 1 again, which a whole model's are not. */
    const ll_config shape = shape_of(LAYERS);
    ll_model *three = make(&shape, &(ll_model_options){.threads = 2, .resident = 3}),
             *all = make(&shape, &(ll_model_options){.threads = 2, .resident = LAYERS}),
             *none = make(&shape, &(ll_model_options){.threads = 2});
    if (three && all && none) {
        CHECK(give_equal(all, NULL, none, NULL));
        CHECK(!give_equal(three, NULL, all, NULL));
        CHECK(give_equal(three, "block:3,4", all, "block:3,4"));
        CHECK(!give_equal(three, "block:0-2", all, "block:0-2"));
    }
    ll_model_destroy(three);
    ll_model_destroy(all);
    ll_model_destroy(none);
}

static uint64_t bytes_of(const ll_config *shape, ll_weights_kind kind, size_t resident) {
    return ll_config_weight_bytes(
        shape, &(ll_model_options){.weights = kind, .group = 128, .isa = "ref", .resident = resident});
}

/* A block less, its bytes less: from shapes alone and as allocated. */
static void test_resident_bytes(void) {
    const ll_config shape = shape_of(LAYERS), one = shape_of(1), two = shape_of(2);
    for (int kind = 0; kind < 2; kind++) {
        const ll_weights_kind weights = (ll_weights_kind)kind;
        const uint64_t block = bytes_of(&two, weights, 0) - bytes_of(&one, weights, 0);
        CHECK(block > 0);
        for (size_t resident = 1; resident <= LAYERS; resident++) {
            const uint64_t expected = bytes_of(&shape, weights, 0) - (LAYERS - resident) * block;
            CHECK_MSG(bytes_of(&shape, weights, resident) == expected, "%zu of %d: %" PRIu64 " bytes",
                      resident, LAYERS, bytes_of(&shape, weights, resident));
            ll_model *model =
                make(&shape,
                     &(ll_model_options){
                         .weights = weights, .group = 128, .isa = "ref", .threads = 2, .resident = resident});
            CHECK(!model || ll_model_weight_bytes(model) == expected);
            ll_model_destroy(model);
        }
    }
}

/* A dropped block's weights stay when another block runs on them, and the rest is as a mask makes it. */
static void test_resident_and_drop(void) {
    static const char *const drops[] = {"attn:0", "mlp:1", "block:0,1", "attn:3,4+mlp:0", "block:0-4"};
    const ll_config shape = shape_of(LAYERS);
    for (size_t i = 0; i < sizeof drops / sizeof *drops; i++)
        for (size_t resident = 0; resident <= 2; resident += 2) {
            ll_mask mask;
            ll_model_options options = {.group = 32, .threads = 2, .resident = resident};
            REQUIRE(ll_drop_parse(&mask, drops[i], LAYERS, NULL, &error) == LL_OK);
            ll_model *model = make(&shape, &options);
            options.drop = &mask;
            ll_model *dropped = make(&shape, &options);
            if (model && dropped) {
                CHECK_MSG(give_equal(model, drops[i], dropped, NULL), "%s, %zu resident", drops[i], resident);
                const uint64_t full = ll_model_weight_bytes(model), less = ll_model_weight_bytes(dropped);
                CHECK_MSG(resident ? less == full : less < full, "%s, %zu resident: %" PRIu64 " of %" PRIu64,
                          drops[i], resident, less, full);
            }
            ll_model_destroy(model);
            ll_model_destroy(dropped);
        }
}

/* ---- listed shapes, by arithmetic ---- */

/* float32: four bytes of each parameter, and two of each of the embedding's; int8: one, and a scale of four for each group. */
static void check_listed(const ll_model_entry *entry) {
    const ll_config *c = &entry->shape;
    const uint64_t embedding = (uint64_t)c->vocab * c->hidden, head = embedding;
    const uint64_t blocks = c->layers * (ll_config_attn_params(c) + ll_config_mlp_params(c));
    const uint64_t norms = (2 * c->layers + 1) * c->hidden, f32 = bytes_of(c, LL_WEIGHTS_F32, 0);
    const uint64_t matrices = blocks - 2 * c->layers * c->hidden;
    const uint64_t expected = 4 * (matrices + head + norms) + 2 * embedding;
    CHECK_MSG(f32 == expected, "%s: %" PRIu64 " bytes of float32, expected %" PRIu64, entry->name, f32,
              expected);
    const uint64_t int8 = bytes_of(c, LL_WEIGHTS_INT8, 0);
    const uint64_t least =
        matrices + 4 * (matrices / 128) + head + 4 * (head / 32) + 4 * norms + 2 * embedding;
    CHECK_MSG(int8 >= least && int8 - least < least / 10, "%s: %" PRIu64 " bytes of int8, at least %" PRIu64,
              entry->name, int8, least);
    const uint64_t half = bytes_of(c, LL_WEIGHTS_INT8, c->layers / 2);
    CHECK_MSG(2 * (int8 - half) > int8 - 7 * embedding && half < int8, "%s: half of its blocks: %" PRIu64,
              entry->name, half);
}

static void test_listed(void) {
    for (size_t i = 0; ll_model_list_at(i); i++)
        check_listed(ll_model_list_at(i));
    const ll_config *largest = &ll_model_list_find("llama2-70b")->shape;
    CHECK(bytes_of(largest, LL_WEIGHTS_INT8, 0) > 68000000000 &&
          bytes_of(largest, LL_WEIGHTS_INT8, 0) < 75000000000);
    CHECK(bytes_of(largest, LL_WEIGHTS_F32, 0) > 270000000000);
}

/* ---- refusals ---- */

static void expect_refused(const ll_config *shape, const ll_model_options *options, ll_status status,
                           const char *part) {
    ll_model *model = NULL;
    CHECK(ll_model_synthesize(&model, shape, options, &error) == status);
    CHECK_CONTAINS(error.text, part);
    CHECK(!model);
    ll_model_destroy(model);
}

/* Whether this build has the ISA. */
static bool is_built(const char *name) {
    for (size_t i = 0; ll_isa_name(i); i++)
        if (strcmp(ll_isa_name(i), name) == 0)
            return true;
    return false;
}

static void test_other_architectures(void) {
#define ISA(name, architecture, features) #name,
    static const char *const listed[] = {
#include "isa.def"
    };
#undef ISA
    const ll_config shape = shape_of(LAYERS);
    size_t others = 0;
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
        if (!is_built(listed[i])) {
            others++;
            expect_refused(&shape, &(ll_model_options){.isa = listed[i]}, LL_BAD_USAGE,
                           "which this was not built for");
        }
    CHECK(others > 0);
}

static void test_refused(void) {
    const ll_config shape = shape_of(LAYERS);
    ll_config wide = shape;
    wide.mlp = 65600;
    expect_refused(&wide, &(ll_model_options){.group = 0}, LL_BAD_USAGE,
                   "one scale a row does not work for rows of 65600 weights, at most 65536; use --group 128");
    ll_config huge = ll_model_list_find("llama3-70b")->shape;
    huge.layers = LL_MAX_LAYERS; /* 1.7 TB */
    expect_refused(&shape, &(ll_model_options){.resident = LAYERS + 1}, LL_BAD_USAGE,
                   "6 resident blocks: the model has 5");
    expect_refused(&shape, &(ll_model_options){.group = 64}, LL_BAD_USAGE, "group 64");
    expect_refused(&shape, &(ll_model_options){.isa = "mmx"}, LL_BAD_USAGE, "ISA mmx: unknown");
    expect_refused(&huge, &(ll_model_options){.weights = LL_WEIGHTS_F32}, LL_NO_RESOURCE, "weights needs");
    CHECK_CONTAINS(error.text, "are available");
    char path[256];
    const ll_toy toy = ll_toy_default();
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &toy, NULL));
    ll_model *model = NULL;
    CHECK(ll_model_load(&model, path, &(ll_model_options){.resident = 1}, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "only synthetic weights");
    CHECK(!model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("synthesize/seeds and threads", test_seeds);
    ll_test_run("synthesize/modules differ", test_modules_differ);
    ll_test_run("synthesize/int8 and float32 agree", test_kinds_agree);
    ll_test_run("synthesize/shapes", test_shapes);
    ll_test_run("synthesize/biases and window", test_flags);
    ll_test_run("synthesize/resident blocks run in turn", test_turns);
    ll_test_run("synthesize/bytes of resident blocks", test_resident_bytes);
    ll_test_run("synthesize/resident blocks and drops", test_resident_and_drop);
    ll_test_run("synthesize/listed shapes", test_listed);
    ll_test_run("synthesize/refusals", test_refused);
    ll_test_run("synthesize/ISAs of other architectures", test_other_architectures);
    return ll_test_end();
}
