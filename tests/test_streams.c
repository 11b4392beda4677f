/* Residual streams taken through the modules one by one: bit for bit what forward gives, at any team, chunk and cache. */
#include "model.h"
#include "test.h"

#include <math.h>
#include <string.h>

enum { LAYERS = 3, HIDDEN = 36, VOCAB = 251, LONG = 1104 };

static ll_error error;
static int32_t ids[LONG];

static ll_config shape_of(size_t window) {
    ll_config c = {.layers = LAYERS,
                   .hidden = HIDDEN,
                   .heads = 6,
                   .kv_heads = 2,
                   .head_dim = 6,
                   .mlp = 50,
                   .vocab = VOCAB,
                   .context = 2048,
                   .eps = 1e-5f,
                   .rope_theta = 10000,
                   .window = window};
    return c;
}

static ll_model *make_model(ll_weights_kind weights, bool kv_i8, size_t threads, size_t window) {
    const ll_config shape = shape_of(window);
    const ll_model_options options = {
        .weights = weights, .group = 32, .threads = threads, .kv_i8 = kv_i8, .seed = 7};
    ll_model *model = NULL;
    if (ll_model_synthesize(&model, &shape, &options, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return model;
}

/* Modules that the observer has seen, and how many rows of each. */
typedef struct {
    _Atomic size_t rows[2][LAYERS], wrong;
    const float *before, *after; /* [count][HIDDEN], of the module on its way */
} seen;

static void note(void *context, ll_module module, size_t first, const float *before, const float *after,
                 size_t rows) {
    seen *s = context;
    s->rows[module.kind][module.layer] += rows;
    if (memcmp(before, s->before + first * HIDDEN, rows * HIDDEN * sizeof *before) != 0 ||
        after != s->after + first * HIDDEN)
        s->wrong++;
}

static void run_modules(ll_session *session, const ll_mask *mask, float *stream, size_t count, seen *s) {
    static float before[LONG * HIDDEN];
    const ll_observer observer = {note, s};
    s->before = before;
    s->after = stream;
    CHECK(ll_session_embed(session, ids, count, stream, &error) == LL_OK);
    for (size_t layer = 0; layer < LAYERS; layer++)
        for (int kind = LL_ATTN; kind <= LL_MLP; kind++) {
            if ((kind == LL_ATTN ? mask->attn : mask->mlp)[layer])
                continue;
            memcpy(before, stream, count * HIDDEN * sizeof *stream);
            CHECK_MSG(ll_session_run_module(session, (ll_module){(ll_drop_kind)kind, layer}, stream, count,
                                            &observer, &error) == LL_OK,
                      "%s", error.text);
        }
}

static void compare(const ll_model *model, const ll_mask *mask, size_t count) {
    static float expected[LONG * HIDDEN], found[LONG * HIDDEN];
    ll_session *whole = NULL, *streams = NULL;
    seen s = {0};
    REQUIRE(ll_session_create(&whole, model, mask, count, &error) == LL_OK);
    REQUIRE(ll_session_create_stream(&streams, model, count, &error) == LL_OK);
    CHECK(ll_session_kv_bytes(streams) * LAYERS >= ll_session_kv_bytes(whole));
    CHECK(ll_session_forward(whole, ids, count, expected, NULL, &error) == LL_OK);
    run_modules(streams, mask, found, count, &s);
    CHECK_MSG(memcmp(expected, found, count * HIDDEN * sizeof *found) == 0,
              "%zu tokens: other bits than forward's", count);
    CHECK(s.wrong == 0 && s.rows[LL_ATTN][0] == (mask->attn[0] ? 0 : count) && s.rows[LL_MLP][2] == count);
    ll_session_destroy(whole);
    ll_session_destroy(streams);
}

static void test_bits(void) {
    static const struct {
        ll_weights_kind weights;
        bool kv_i8;
        size_t threads, window;
    } kinds[] = {{LL_WEIGHTS_INT8, false, 1, 0},
                 {LL_WEIGHTS_INT8, false, 3, 0},
                 {LL_WEIGHTS_INT8, true, 2, 0},
                 {LL_WEIGHTS_F32, false, 2, 0},
                 {LL_WEIGHTS_INT8, false, 2, 100}};
    static const size_t counts[] = {1, 5, 100, 512, 513, LONG};
    const ll_mask full = {0}, dropped = {.attn = {true, false, true}, .mlp = {false, true, false}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ll_model *model = make_model(kinds[i].weights, kinds[i].kv_i8, kinds[i].threads, kinds[i].window);
        for (size_t j = 0; model && j < sizeof counts / sizeof *counts; j++) {
            compare(model, &full, counts[j]);
            compare(model, &dropped, counts[j]);
        }
        ll_model_destroy(model);
    }
}

static void refuse(ll_session *s, ll_module module, size_t count, const char *sentence) {
    static float stream[LONG * HIDDEN];
    CHECK_MSG(ll_session_run_module(s, module, stream, count, NULL, &error) == LL_BAD_USAGE &&
                  strstr(error.text, sentence),
              "expected '%s', found '%s'", sentence, error.text);
}

static void test_refusals(void) {
    const ll_mask none = {0}, loaded = {.attn = {false, true, false}};
    ll_model *model = make_model(LL_WEIGHTS_INT8, false, 1, 0), *less = NULL;
    ll_session *streams = NULL, *whole = NULL, *lacking = NULL;
    float stream[HIDDEN];
    const int32_t beyond = VOCAB;
    const ll_config shape = shape_of(0);
    const ll_model_options options = {.group = 32, .threads = 1, .drop = &loaded};
    REQUIRE(model && ll_session_create_stream(&streams, model, 16, &error) == LL_OK);
    REQUIRE(ll_session_create(&whole, model, &none, 16, &error) == LL_OK);
    REQUIRE(ll_model_synthesize(&less, &shape, &options, &error) == LL_OK);
    REQUIRE(ll_session_create_stream(&lacking, less, 16, &error) == LL_OK);
    refuse(whole, (ll_module){LL_ATTN, 0}, 1, "needs a session for streams");
    refuse(streams, (ll_module){LL_BLOCK, 0}, 1, "block 0 is no module");
    refuse(streams, (ll_module){LL_ATTN, LAYERS}, 1, "attn 3 is no module");
    refuse(lacking, (ll_module){LL_ATTN, 1}, 1, "attn 1 is no module");
    refuse(streams, (ll_module){LL_ATTN, 0}, 17, "room for 16");
    CHECK(ll_session_embed(streams, &beyond, 1, stream, &error) == LL_BAD_INPUT &&
          strstr(error.text, "id 251"));
    CHECK(ll_session_forward(streams, ids, 1, stream, NULL, &error) == LL_BAD_USAGE &&
          strstr(error.text, "one cache"));
    stream[0] = 1e30f;
    memset(stream + 1, 0, sizeof stream - sizeof *stream);
    CHECK(ll_session_run_module(streams, (ll_module){LL_MLP, 0}, stream, 1, NULL, &error) == LL_OK);
    stream[3] = (float)INFINITY;
    CHECK(ll_session_run_module(streams, (ll_module){LL_MLP, 2}, stream, 1, NULL, &error) == LL_BAD_INPUT &&
          strstr(error.text, "block 2 is not finite"));
    ll_session_destroy(streams);
    ll_session_destroy(whole);
    ll_session_destroy(lacking);
    ll_model_destroy(model);
    ll_model_destroy(less);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    for (size_t i = 0; i < LONG; i++)
        ids[i] = (int32_t)((i * 29 + i * i * 3) % VOCAB);
    ll_test_run("streams/module by module has the bits of forward", test_bits);
    ll_test_run("streams/what is refused", test_refusals);
    return ll_test_end();
}
