/* Dropped modules take no memory for weights, to the byte, and are not read. */
#include "families.h"
#include "logits.h"
#include "memory.h"
#include "model.h"
#include "test.h"
#include "toy_gguf.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 512 };

static ll_error error;

static uint64_t aligned(uint64_t bytes) {
    return (bytes + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
}

static uint64_t packed(const ll_model *model, size_t n, size_t k) {
    const ll_model_options *o = ll_model_options_used(model);
    const ll_kernels *kernels = ll_model_kernels(model);
    const size_t group = o->group && o->group < k ? o->group : k;
    return aligned(o->weights == LL_WEIGHTS_F32 ? kernels->packed_f32_bytes(n, k)
                                                : kernels->packed_i8_bytes(n, k, group));
}

/* Bytes of one attention layer's weights, and of one MLP layer's. */
static uint64_t attention_bytes(const ll_model *model) {
    const ll_config *c = ll_model_config(model);
    const size_t q = c->heads * c->head_dim, all = q + 2 * c->kv_heads * c->head_dim;
    return aligned(c->hidden * sizeof(float)) + packed(model, all, c->hidden) + packed(model, c->hidden, q) +
           (c->bias_qkv ? aligned(all * sizeof(float)) : 0) +
           (c->bias_o ? aligned(c->hidden * sizeof(float)) : 0);
}

static uint64_t mlp_bytes(const ll_model *model) {
    const ll_config *c = ll_model_config(model);
    return aligned(c->hidden * sizeof(float)) + packed(model, 2 * c->mlp, c->hidden) +
           packed(model, c->hidden, c->mlp) +
           (c->bias_mlp ? aligned(2 * c->mlp * sizeof(float)) + aligned(c->hidden * sizeof(float)) : 0);
}

static ll_model *load(const char *path, ll_weights_kind weights, const ll_mask *drop) {
    const ll_model_options options = {.weights = weights, .group = 32, .threads = 2, .drop = drop};
    ll_model *model = NULL;
    const ll_status status = ll_model_load(&model, path, &options, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", path, error.text);
    return status == LL_OK ? model : NULL;
}

/* The dropped model is smaller by its dropped modules, to the byte. */
static void check_smaller(const ll_model *full, const ll_model *dropped, const char *what) {
    const ll_config *c = ll_model_config(dropped);
    const uint64_t saved = ll_mask_count(c->dropped.attn, c->layers) * attention_bytes(full) +
                           ll_mask_count(c->dropped.mlp, c->layers) * mlp_bytes(full),
                   found = ll_model_weight_bytes(full) - ll_model_weight_bytes(dropped);
    CHECK_MSG(saved > 0 && found == saved, "%s: %" PRIu64 " bytes less, expected %" PRIu64, what, found,
              saved);
}

static void check_drops(const char *path, size_t layers) {
    static const char *const drops[] = {"attn:0",  "attn:1,2",       "mlp:2",
                                        "block:1", "attn:0-2+mlp:0", "block:0-2"};
    for (int kind = 0; kind < 2; kind++) {
        ll_model *full = load(path, (ll_weights_kind)kind, NULL);
        for (size_t i = 0; full && i < sizeof drops / sizeof *drops; i++) {
            ll_mask mask;
            CHECK(ll_drop_parse(&mask, drops[i], layers, NULL, &error) == LL_OK);
            ll_model *dropped = load(path, (ll_weights_kind)kind, &mask);
            if (dropped)
                check_smaller(full, dropped, drops[i]);
            ll_model_destroy(dropped);
        }
        ll_model_destroy(full);
    }
}

static void test_dropped(void) {
    char path[PATH];
    ll_toy toy = ll_toy_default();
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &toy, NULL));
    check_drops(path, toy.layers);
    toy.hidden = 40; /* no multiple of a panel, a group or the alignment */
    toy.head_dim = 10;
    toy.mlp = 17;
    REQUIRE(ll_toy_write(path, &toy, NULL));
    check_drops(path, toy.layers);
}

/* Drop lists of a configuration, against the same model in a form that has none. */
static void check_family(const char *name) {
    ll_family family;
    char path[LL_FAMILY_PATH];
    REQUIRE(ll_family_load(&family, name));
    ll_model *full = NULL, *dropped = NULL, *absent = NULL;
    if (ll_family_write(&family, LL_FORM_GGUF, &(ll_family_change){0}, path))
        full = load(path, LL_WEIGHTS_INT8, NULL);
    if (ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){0}, path))
        dropped = load(path, LL_WEIGHTS_INT8, NULL);
    if (ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){.without_dropped = true}, path))
        absent = load(path, LL_WEIGHTS_INT8, NULL);
    if (full && dropped && absent) {
        check_smaller(full, dropped, name);
        CHECK(ll_model_weight_bytes(absent) == ll_model_weight_bytes(dropped));
    }
    ll_model_destroy(full);
    ll_model_destroy(dropped);
    ll_model_destroy(absent);
    ll_family_free(&family);
}

static void test_drop_lists(void) {
    check_family("drop");
    check_family("drop-attention");
}

/* A tensor that is read is refused when it holds what is no number: those of dropped modules are not. */
static void spoil(const char *name, float *values, size_t rows, size_t cols, void *context) {
    if (strstr(name, context))
        values[rows * cols - 1] = NAN;
}

static void expect_unread(const char *tensors, const char *drop) {
    char path[PATH], part[64];
    ll_toy toy = ll_toy_default();
    ll_mask mask;
    toy.edit = spoil;
    snprintf(part, sizeof part, "%s", tensors);
    toy.edit_context = part;
    snprintf(path, sizeof path, "%s/spoiled.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &toy, NULL));
    REQUIRE(ll_drop_parse(&mask, drop, toy.layers, NULL, &error) == LL_OK);
    for (int kind = 0; kind < 2; kind++) {
        const ll_model_options options = {.weights = (ll_weights_kind)kind, .threads = 2};
        ll_model *model = NULL;
        CHECK(ll_model_load(&model, path, &options, &error) == LL_BAD_INPUT);
        CHECK_CONTAINS(error.text, "not finite");
        ll_model_destroy(model);
        ll_model_destroy(load(path, (ll_weights_kind)kind, &mask));
    }
}

static void test_unread(void) {
    expect_unread("blk.1.attn_", "attn:1");
    expect_unread("blk.2.ffn_", "mlp:2");
    expect_unread("blk.0.", "block:0");
    expect_unread("blk.1.attn_norm", "attn:1");
    expect_unread("blk.1.ffn_norm", "mlp:0,1");
}

/* Logits after ids, from position 0 on. */
static void logits_of(ll_session *session, const ll_config *c, const int32_t *ids, size_t count,
                      float *logits) {
    float *residual = malloc(count * c->hidden * sizeof *residual);
    ll_session_reset(session);
    CHECK(residual && ll_session_forward(session, ids, count, residual, NULL, &error) == LL_OK &&
          ll_session_logits(session, residual + (count - 1) * c->hidden, 1, logits, &error) == LL_OK);
    free(residual);
}

/* One session under one mask after the other: the bits of sessions made for them. */
static void test_masks_in_turn(void) {
    enum { TOKENS = 5 };
    static const int32_t ids[TOKENS] = {1, 7, 3, 9, 2};
    static const char *const drops[] = {"none", "attn:1", "block:0+mlp:2", "none"};
    const ll_toy toy = ll_toy_default();
    char path[PATH];
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &toy, NULL));
    ll_model *model = load(path, LL_WEIGHTS_INT8, NULL);
    REQUIRE(model);
    const ll_config *c = ll_model_config(model);
    const ll_mask none = {0};
    ll_mask mask;
    ll_session *shared, *own;
    float *found = malloc(c->vocab * sizeof *found);
    REQUIRE(found && ll_session_create(&shared, model, &none, TOKENS, &error) == LL_OK);
    for (size_t i = 0; i < sizeof drops / sizeof *drops; i++) {
        REQUIRE(ll_drop_parse(&mask, drops[i], c->layers, NULL, &error) == LL_OK);
        CHECK(ll_session_set_mask(shared, &mask, &error) == LL_OK);
        logits_of(shared, c, ids, TOKENS, found);
        float *own_logits = ll_logits_in_steps(model, &mask, ids, TOKENS, TOKENS);
        CHECK_MSG(memcmp(found, own_logits + (TOKENS - 1) * c->vocab, c->vocab * sizeof *found) == 0, "%s",
                  drops[i]);
        free(own_logits);
    }
    ll_session_destroy(shared);
    /* No cache, no layer. */
    mask = (ll_mask){.attn = {[1] = true}};
    REQUIRE(ll_session_create(&own, model, &mask, TOKENS, &error) == LL_OK);
    CHECK(ll_session_set_mask(own, &none, &error) == LL_BAD_USAGE && strstr(error.text, "layer 1"));
    ll_session_destroy(own);
    free(found);
    ll_model_destroy(model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("dropped/bytes of weights", test_dropped);
    ll_test_run("dropped/masks in turn", test_masks_in_turn);
    ll_test_run("dropped/lists of a configuration", test_drop_lists);
    ll_test_run("dropped/modules are not read", test_unread);
    return ll_test_end();
}
