/* Pruning: rows by hand, sparsities as text, the same bits at any number of threads and nodes, what is refused. */
#include "families.h"
#include "pruned.h"
#include "test.h"
#include "unpack.h"
#include "wanda.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_error error;

/* ---- rows ---- */

static void check_row(const char *sparsity, size_t k, const float *w, const float *norm, const char *gone) {
    ll_sparsity s;
    float row[16];
    memcpy(row, w, k * sizeof *row);
    REQUIRE(ll_sparsity_parse(&s, sparsity, strlen(sparsity), &error) == LL_OK);
    ll_prune_row(row, norm, k, &s);
    for (size_t i = 0; i < k; i++)
        CHECK_MSG(gone[i] == 'x' ? row[i] == 0 : row[i] == w[i], "%s: weight %zu of %s is %g", sparsity, i,
                  gone, (double)row[i]);
}

static void test_rows(void) {
    const float one[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const float w[] = {1, -4, 3, -2, 8, 7, -6, 5, 9, -1};
    check_row("2:4", 8, w, one, "x..x..xx");
    check_row("1:4", 8, w, one, "x.xx.xxx");
    check_row("3:4", 8, w, one, "x......x");
    check_row("2:4", 9, w, one, "x..x..xx."); /* what is left of a group: 2 of it stay */
    check_row("2:4", 10, w, one, "x..x..xx..");
    check_row("1:4", 10, w, one, "x.xx.xxx.x");
    check_row("0.5", 8, w, one, "xxxx....");
    check_row("0.3", 10, w, one, "x..x.....x");
    check_row("0.49", 4, w, one, "x..."); /* the floor */
    check_row("0.05", 10, w, one, "..........");
    const float norm[] = {10, 1, 1, 1, 0, 1, 1, 1};
    check_row("2:4", 8, w, norm, "..xxx..x");
    check_row("0.25", 8, w, norm, "...xx...");
    const float equal[] = {0, -1, 1, 1, 1, -1, 0, 0};
    check_row("0.5", 8, equal, one, "xx....xx");
    check_row("0.625", 8, equal, one, "xxx...xx");
    check_row("2:4", 8, equal, one, "xx....xx"); /* two of the three zeros were enough */
    const float big[] = {1e30f, -1e38f, 1e20f, 1e38f};
    const float most[] = {FLT_MAX, FLT_MAX, FLT_MAX, FLT_MAX};
    check_row("0.5", 4, big, most, "xx..");
}

static void test_parse(void) {
    static const char *const good[] = {"2:4", "1:2", "4:8", "31:32", "0.5", "0.001", "0.999"};
    static const char *const bad[] = {"",     "5:4",  "0:4", "4:4",  "2:", ":4",  "2:33",  "2:4:8",
                                      "1.5",  "-1",   "nan", "0",    "1",  "1.0", "0x0.8", " .5",
                                      "5e-1", "2 :4", "inf", "0.5.", ".",  "+.5", "0.5x",  "1234:4"};
    ll_sparsity s;
    char text[LL_SPARSITY_TEXT];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(ll_sparsity_parse(&s, good[i], strlen(good[i]), &error) == LL_OK);
        ll_sparsity_format(&s, text);
        CHECK_MSG(strcmp(text, good[i]) == 0, "%s became %s", good[i], text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_MSG(ll_sparsity_parse(&s, bad[i], strlen(bad[i]), &error) == LL_BAD_USAGE, "%s", bad[i]);
    CHECK_CONTAINS(error.text, "2:4");
}

static void test_amounts(void) {
    static const char *const bad[] = {"attn@",   "attn@0", "attn@04", "attn@x",
                                      "joint@2", "@2",     "attn@-1", "layer@1"};
    const ll_config c = {.layers = 4, .hidden = 8, .heads = 2, .kv_heads = 1, .head_dim = 4, .mlp = 10};
    ll_wanda_amount amount;
    ll_sparsity s;
    char name[LL_WANDA_TEXT];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_MSG(ll_wanda_amount_parse(&amount, bad[i], strlen(bad[i]), &error) == LL_BAD_USAGE, "%s",
                  bad[i]);
    /* Of a block: 8 x 8 + 2 x 4 x 8 + 8 x 8 = 192 weights of attention, 3 x 8 x 10 = 240 of the MLP. */
    amount = ll_test_amount("attn@3");
    CHECK(ll_wanda_sparsity(&amount, &c, &s, &error) == LL_OK && s.of == 0 &&
          s.share == 3 * 192.0 / (4 * 432.0));
    amount = ll_test_amount("mlp@4");
    CHECK(ll_wanda_sparsity(&amount, &c, &s, &error) == LL_OK && s.share == 240.0 / 432.0);
    ll_wanda_weights_name(&amount, name);
    CHECK_MSG(strcmp(name, "f32-wanda-mlp@4") == 0, "%s", name);
    amount = ll_test_amount("block@4");
    CHECK(ll_wanda_sparsity(&amount, &c, &s, &error) == LL_BAD_USAGE);
    amount = ll_test_amount("attn@5");
    CHECK(ll_wanda_sparsity(&amount, &c, &s, &error) == LL_BAD_USAGE);
    amount = ll_test_amount("2:4");
    ll_wanda_weights_name(&amount, name);
    CHECK_MSG(strcmp(name, "f32-wanda-2:4") == 0, "%s", name);
    CHECK(ll_wanda_sparsity(&amount, &c, &s, &error) == LL_OK && s.keep == 2 && s.of == 4);
}

static ll_model *load(const char *path, const ll_model_options *options) {
    ll_model *model = NULL;
    CHECK_MSG(ll_model_load(&model, path, options, &error) == LL_OK, "%s", error.text);
    return model;
}

/* ---- what must not matter ---- */

static void check_same(const ll_model *a, const ll_model *b, size_t layer, const char *name,
                       const char *what) {
    const ll_unpacked x = ll_unpack(a, layer, name), y = ll_unpack(b, layer, name);
    CHECK_MSG(memcmp(x.w, y.w, x.rows * x.cols * sizeof *x.w) == 0, "block %zu %s: %s", layer, name, what);
    free(x.w);
    free(y.w);
}

/* Documents longer than a pass, and so many that threads take rows of their own. */
static ll_wanda_calibration long_documents(size_t vocabulary) {
    static const size_t ends[] = {LL_CHUNK + 300, LL_CHUNK + 300, LL_CHUNK + 341};
    ll_wanda_calibration out = {.samples = 3, .end = calloc(3, sizeof *out.end)};
    for (size_t i = 0; i < ends[2]; i++)
        CHECK(ll_ids_append(&out.ids, (int32_t)(i * i % 7919 % vocabulary), &error) == LL_OK);
    memcpy(out.end, ends, sizeof ends);
    return out;
}

/* The same weights to the bit, whatever computes them; those of dropped modules as they were. */
static void test_same_bits(void) {
    static const char *const names[] = {"q", "k", "v", "o", "gate", "up", "down"};
    static const size_t threads[] = {1, 2, 5, 2}, nodes[] = {1, 1, 2, 1};
    enum { MODELS = sizeof threads / sizeof *threads };
    char path[LL_FAMILY_PATH];
    ll_family family;
    ll_mask mask;
    ll_model *model[MODELS];
    REQUIRE(ll_family_load(&family, "llama3") &&
            ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){0}, path));
    ll_wanda_calibration calibration = long_documents(family.config.vocab);
    for (size_t i = 0; i < MODELS; i++) {
        model[i] = load(path, &(ll_model_options){.weights = LL_WEIGHTS_F32,
                                                  .threads = threads[i],
                                                  .placement = {.virtual_nodes = nodes[i], .unbound = true}});
        REQUIRE(model[i]);
        if (i + 1 < MODELS) /* the last stays whole */
            ll_test_pruned(model[i], path, "attn:1+mlp:0", "0.4", &calibration, &mask);
    }
    for (size_t layer = 0; layer < family.config.layers; layer++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            check_same(model[0], model[1], layer, names[i], "differs between 1 and 2 threads");
            check_same(model[0], model[2], layer, names[i], "differs between 1 and 2 nodes");
            if (i < 4 ? layer == 1 : layer == 0)
                check_same(model[0], model[3], layer, names[i], "is dropped, and is not as it was");
        }
    for (size_t i = 0; i < MODELS; i++)
        ll_model_destroy(model[i]);
    ll_wanda_free(&calibration);
    ll_family_free(&family);
}

static void test_refused(void) {
    char path[LL_FAMILY_PATH];
    ll_family family;
    const ll_mask none = {{false}, {false}};
    ll_wanda_result result;
    ll_wanda_amount amount = ll_test_amount("2:4");
    ll_progress progress;
    ll_progress_begin(&progress, "test", 1, true);
    REQUIRE(ll_family_load(&family, "llama2") &&
            ll_family_write(&family, LL_FORM_GGUF, &(ll_family_change){0}, path));
    ll_wanda_calibration calibration = long_documents(family.config.vocab);
    ll_model *int8 = load(path, &(ll_model_options){.weights = LL_WEIGHTS_INT8, .group = 32, .threads = 1});
    ll_model *f32 = load(path, &(ll_model_options){.weights = LL_WEIGHTS_F32, .threads = 1});
    REQUIRE(int8 && f32);
    CHECK(ll_wanda_prune(&result, int8, path, &none, &amount, &calibration, &progress, &error) ==
          LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "int8");
    ll_session *session = NULL;
    CHECK(ll_session_create(&session, int8, &none, 8, &error) == LL_OK);
    CHECK(ll_session_watch_inputs(session, &(ll_input_observer){NULL, NULL}, &error) == LL_BAD_USAGE);
    ll_session_destroy(session);
    amount = ll_test_amount("mlp@99");
    CHECK(ll_wanda_prune(&result, f32, path, &none, &amount, &calibration, &progress, &error) ==
          LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "3 blocks");
    ll_family other;
    char other_path[LL_FAMILY_PATH];
    amount = ll_test_amount("0.5");
    REQUIRE(ll_family_load(&other, "odd") &&
            ll_family_write(&other, LL_FORM_HF_F32, &(ll_family_change){0}, other_path));
    calibration.end[0] = calibration.end[1] = calibration.end[2] = 40;
    CHECK(ll_wanda_prune(&result, f32, other_path, &none, &amount, &calibration, &progress, &error) ==
          LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "another shape");
    ll_family_free(&other);
    calibration.end[0] = calibration.end[1] = calibration.end[2] = family.config.context + 1;
    CHECK(ll_wanda_prune(&result, f32, path, &none, &amount, &calibration, &progress, &error) ==
          LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "context");
    const ll_documents empty = {.texts = &(ll_text){"", 0}, .count = 1};
    ll_wanda_calibration of_empty;
    if (!ll_tokenizer_adds_bos(ll_model_tokenizer(f32)))
        CHECK(ll_wanda_read(&of_empty, ll_model_tokenizer(f32), &empty, 5, 10, &error) == LL_BAD_INPUT);
    ll_wanda_free(&calibration);
    ll_model_destroy(int8);
    ll_model_destroy(f32);
    ll_family_free(&family);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("prune/rows by hand", test_rows);
    ll_test_run("prune/sparsities as text", test_parse);
    ll_test_run("prune/as many weights as modules have", test_amounts);
    ll_test_run("prune/the same bits at any number of threads and nodes", test_same_bits);
    ll_test_run("prune/refused", test_refused);
    return ll_test_end();
}
