/* Memory by arithmetic: the paper's table 4, and what a drop, a length and too little memory change. */
#include "model_list.h"
#include "needs.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>

static const uint64_t GIB = 1ull << 30;

/* A listed model's needs with groups of 128, on the reference ISA: the same on every machine. */
static ll_needs needs_of(const char *name, size_t length, size_t batch, const ll_mask *drop,
                         uint64_t available) {
    const ll_config *shape = &ll_model_list_find(name)->shape;
    const ll_needs_setting setting = {shape,  128,   "ref", 2 * (uint64_t)shape->vocab * shape->hidden,
                                      length, batch, 1,     LL_MATMUL_OWN};
    ll_needs needs;
    ll_needs_compute(&needs, &setting, drop, available);
    return needs;
}

static ll_mask drop_attention(size_t layers) {
    ll_mask mask = {{false}, {false}};
    for (size_t i = 0; i < layers; i++)
        mask.attn[i] = true;
    return mask;
}

/* ---- table 4 ---- */

typedef struct {
    char model[32];
    size_t batch, length, bytes, layers[2];
    uint64_t gb[2];
} table4_row;

/* Whether the arithmetic gives the row's figures, in units of 2^30 bytes. */
static bool reproduces(const table4_row *row) {
    const ll_config *shape = &ll_model_list_find(row->model)->shape;
    const ll_mask drop = drop_attention(row->layers[0] - row->layers[1]);
    CHECK(row->bytes == 2 && row->layers[0] == shape->layers);
    for (int dropped = 0; dropped < 2; dropped++) {
        const ll_needs needs =
            needs_of(row->model, row->length, row->batch, dropped ? &drop : NULL, UINT64_MAX);
        const uint64_t kv = needs.kv[LL_KV_BF16];
        CHECK_MSG(kv == 2 * row->batch * row->length * shape->kv_heads * shape->head_dim * row->bytes *
                            row->layers[dropped],
                  "%s: %ju bytes", row->model, (uintmax_t)kv);
        if (kv != row->gb[dropped] * GIB)
            return false;
    }
    return true;
}

/* results/paper/README.md says of which row it cannot be said. */
static void test_table4(void) {
    size_t length, rows = 0;
    char *text = ll_test_read("results/paper/table4_kv_cache.csv", &length);
    REQUIRE(text);
    for (char *line = strchr(text, '\n'); line && line[1]; line = strchr(line + 1, '\n'), rows++) {
        table4_row row;
        CHECK(sscanf(line + 1, "%31[^,],%zu,%zu,%zu,%zu,%ju,%zu,%ju", row.model, &row.batch, &row.length,
                     &row.bytes, &row.layers[0], &row.gb[0], &row.layers[1], &row.gb[1]) == 8);
        if (ll_test_failed() || !ll_model_list_find(row.model)) {
            ll_test_fail(__FILE__, __LINE__, "line %zu is not understood", rows + 2);
            break;
        }
        CHECK_MSG(reproduces(&row) == (strcmp(row.model, "llama2-13b") != 0), "%s", row.model);
    }
    CHECK(rows == 5);
    free(text);
    const ll_mask drop = drop_attention(20);
    CHECK(needs_of("llama2-13b", 2048, 32, NULL, 0).kv[LL_KV_BF16] == 50 * GIB);
    CHECK(needs_of("llama2-13b", 2048, 32, &drop, 0).kv[LL_KV_BF16] == 25 * GIB);
}

/* ---- weights ---- */

static void test_weights(void) {
    const ll_config *shape = &ll_model_list_find("llama2-13b")->shape;
    const ll_needs full = needs_of("llama2-13b", 4096, 1, NULL, UINT64_MAX);
    CHECK(full.published == 26031728640);
    CHECK(full.weights[LL_WEIGHTS_F32] > 2 * full.published - full.published / 50);
    CHECK(full.weights[LL_WEIGHTS_F32] < 2 * full.published);  /* the embedding has 16 bits */
    CHECK(full.weights[LL_WEIGHTS_INT8] > full.published / 2); /* scales, and that embedding */
    CHECK(full.weights[LL_WEIGHTS_INT8] < full.published * 54 / 100);
    CHECK(full.total[LL_HELD_INT8] ==
          full.weights[LL_WEIGHTS_INT8] + full.kv[LL_KV_BF16] + full.buffers[LL_HELD_INT8]);
    CHECK(full.total[LL_HELD_F32] ==
          full.weights[LL_WEIGHTS_F32] + full.kv[LL_KV_F32] + full.buffers[LL_HELD_F32]);
    CHECK(full.total[LL_HELD_INT8_KV] ==
          full.weights[LL_WEIGHTS_INT8] + full.kv[LL_KV_I8] + full.buffers[LL_HELD_INT8_KV]);
    CHECK(full.kv[LL_KV_F32] == 2 * full.kv[LL_KV_BF16]);
    /* int8: a byte a value and a scale of 4 bytes a head and position, for K and for V */
    CHECK(full.kv[LL_KV_I8] == 2 * shape->layers * shape->kv_heads * (uint64_t)4096 * (shape->head_dim + 4));

    const ll_mask drop = drop_attention(8);
    const ll_needs dropped = needs_of("llama2-13b", 4096, 1, &drop, UINT64_MAX);
    CHECK(full.published - dropped.published == 2 * 8 * ll_config_attn_params(shape));
    const uint64_t saved = full.weights[LL_WEIGHTS_INT8] - dropped.weights[LL_WEIGHTS_INT8];
    CHECK_MSG(saved > 8 * 4ull * 5120 * 5120 && saved < 9 * 4ull * 5120 * 5120, "%ju", (uintmax_t)saved);
    CHECK(dropped.kv[LL_KV_BF16] == full.kv[LL_KV_BF16] / 40 * 32);
}

static void test_mlp(void) {
    const ll_config *shape = &ll_model_list_find("mistral-7b")->shape;
    const ll_needs full = needs_of("mistral-7b", 1, 1, NULL, UINT64_MAX);
    ll_mask drop = {{false}, {false}};
    drop.mlp[5] = drop.mlp[31] = true;
    const ll_needs dropped = needs_of("mistral-7b", 1, 1, &drop, UINT64_MAX);
    CHECK(full.published - dropped.published == 2 * 2 * ll_config_mlp_params(shape));
    CHECK(full.weights[LL_WEIGHTS_INT8] - dropped.weights[LL_WEIGHTS_INT8] > 2 * ll_config_mlp_params(shape));
    CHECK(full.kv[LL_KV_BF16] == dropped.kv[LL_KV_BF16]);
}

/* A file's embedding may be of another type than bf16. */
static void test_embedding(void) {
    const ll_config *shape = &ll_model_list_find("mistral-7b")->shape;
    const uint64_t values = (uint64_t)shape->vocab * shape->hidden;
    ll_needs_setting setting = {shape, 128, "ref", 0, 1, 1, 1, LL_MATMUL_OWN};
    ll_needs as_bf16, as_f32;
    ll_needs_compute(&as_bf16, &setting, NULL, UINT64_MAX);
    setting.embedding_bytes = 4 * values;
    ll_needs_compute(&as_f32, &setting, NULL, UINT64_MAX);
    CHECK(as_f32.weights[LL_WEIGHTS_INT8] == as_bf16.weights[LL_WEIGHTS_INT8] + 2 * values);
}

/* A checkpoint that leaves modules out, and a drop that names some of the same. */
static void test_already_dropped(void) {
    ll_config shape = ll_model_list_find("llama3-8b")->shape;
    const ll_mask four = drop_attention(4), eight = drop_attention(8);
    ll_needs_setting setting = {&shape, 128, "ref", 0, 100, 1, 1, LL_MATMUL_OWN};
    ll_needs of_both, of_eight;
    ll_needs_compute(&of_eight, &setting, &eight, UINT64_MAX);
    shape.dropped = four;
    ll_needs_compute(&of_both, &setting, &eight, UINT64_MAX);
    CHECK(of_both.published == of_eight.published && of_both.kv[LL_KV_BF16] == of_eight.kv[LL_KV_BF16]);
    CHECK(of_both.weights[LL_WEIGHTS_INT8] == of_eight.weights[LL_WEIGHTS_INT8]);
    CHECK(ll_needs_parameters(&shape, &eight) ==
          ll_needs_parameters(&shape, NULL) - 4 * ll_config_attn_params(&shape));
    /* resident blocks are whole ones, whatever is dropped */
    ll_needs whole;
    ll_needs_compute(&of_both, &setting, &eight, 5 * GIB);
    shape.dropped = (ll_mask){{false}, {false}};
    ll_needs_compute(&whole, &setting, NULL, 5 * GIB);
    const size_t blocks = of_both.resident[LL_HELD_INT8];
    CHECK_MSG(blocks > 8 && blocks <= whole.resident[LL_HELD_INT8] + 1 &&
                  blocks >= whole.resident[LL_HELD_INT8] && !of_both.fits[LL_HELD_INT8],
              "%zu and %zu blocks", blocks, whole.resident[LL_HELD_INT8]);
}

/* ---- what fits ---- */

static void test_fits(void) {
    const uint64_t here = 24 * GIB;
    const ll_needs small = needs_of("llama2-13b", 4096, 1, NULL, here);
    CHECK(small.fits[LL_HELD_INT8] && small.resident[LL_HELD_INT8] == 40);
    CHECK(!small.fits[LL_HELD_F32]);
    const ll_needs large = needs_of("llama2-70b", 4096, 1, NULL, here);
    CHECK(!large.fits[LL_HELD_INT8] && !large.fits[LL_HELD_INT8_KV]);
    CHECK_MSG(large.resident[LL_HELD_INT8] > 20 && large.resident[LL_HELD_INT8] < 28, "%zu blocks",
              large.resident[LL_HELD_INT8]);
    CHECK(large.resident[LL_HELD_INT8_KV] >= large.resident[LL_HELD_INT8]);
    CHECK(needs_of("llama2-70b", 4096, 64, NULL, here).resident[LL_HELD_INT8] == 0);
    CHECK(needs_of("llama2-70b", 4096, 1, NULL, 0).resident[LL_HELD_INT8] == 0);
    /* exactly as much as is asked for, and a byte less */
    const uint64_t enough = small.total[LL_HELD_INT8] + LL_NEEDS_RESERVE;
    CHECK(needs_of("llama2-13b", 4096, 1, NULL, enough).fits[LL_HELD_INT8]);
    const ll_needs short_of = needs_of("llama2-13b", 4096, 1, NULL, enough - 1);
    CHECK(!short_of.fits[LL_HELD_INT8] && short_of.resident[LL_HELD_INT8] == 39);
}

/* As many blocks as shown leave room for what `speed --synthetic --resident` counts; one more does not. */
static void test_resident(void) {
    const ll_config *shape = &ll_model_list_find("llama2-70b")->shape;
    const uint64_t here = 24 * GIB,
                   stream = 4 * (4096 * (uint64_t)shape->hidden + 4 * (uint64_t)shape->vocab);
    const ll_needs needs = needs_of("llama2-70b", 4096, 4, NULL, here);
    for (int held = 0; held < LL_HELD_COUNT; held++) {
        ll_model_options options = {.weights = held == LL_HELD_F32 ? LL_WEIGHTS_F32 : LL_WEIGHTS_INT8,
                                    .group = 128,
                                    .isa = "ref",
                                    .threads = 1,
                                    .kv_i8 = held == LL_HELD_INT8_KV};
        const uint64_t session = ll_config_session_bytes(shape, &options, 4, 4096);
        const size_t resident = needs.resident[held];
        options.resident = resident ? resident : LL_NEEDS_RESIDENT_MIN - 1;
        const uint64_t beside = session + stream + LL_NEEDS_RESERVE;
        CHECK_MSG(!resident || ll_config_weight_bytes(shape, &options) + beside <= here, "%d", held);
        options.resident++;
        CHECK_MSG(ll_config_weight_bytes(shape, &options) + beside > here, "%d", held);
    }
    CHECK(needs.resident[LL_HELD_F32] == 0); /* 8 blocks of float32 are more than that */
    const ll_needs small = needs_of("llama2-7b", 4096, 4, NULL, here);
    CHECK(small.resident[LL_HELD_INT8] == 32 && small.buffers[LL_HELD_INT8] > 4 * 4096 * 4096);
}

/* ---- against what is allocated ---- */

static void check_allocated(ll_weights_kind weights, ll_matmul_kind matmul, bool kv_i8, size_t resident) {
    ll_config shape = ll_model_list_find("smollm2-135m")->shape;
    shape.layers = 9;
    const ll_mask drop = drop_attention(3);
    const ll_model_options options = {.weights = weights,
                                      .group = 32,
                                      .threads = 1,
                                      .matmul = matmul,
                                      .kv_i8 = kv_i8,
                                      .resident = resident};
    const ll_needs_setting setting = {&shape, 32, NULL, 0, 100, 3, 1, matmul};
    ll_model *model;
    ll_session *session;
    ll_error error = {""};
    ll_needs needs, fewer;
    REQUIRE(ll_model_synthesize(&model, &shape, &options, &error) == LL_OK);
    const uint64_t allocated = ll_model_weight_bytes(model);
    ll_needs_compute(&needs, &setting, &drop, UINT64_MAX);
    if (!resident) {
        ll_needs_compute(&fewer, &setting, NULL, 0);
        CHECK_MSG(allocated >= fewer.weights[weights] && allocated < fewer.weights[weights] + (4 << 20),
                  "%ju allocated, %ju by arithmetic", (uintmax_t)allocated,
                  (uintmax_t)fewer.weights[weights]);
    } else { /* with exactly as much memory as was allocated, and with less */
        const ll_held held = weights == LL_WEIGHTS_F32 ? LL_HELD_F32 : kv_i8 ? LL_HELD_INT8_KV : LL_HELD_INT8;
        ll_needs_compute(&fewer, &setting, NULL, 0);
        const uint64_t beside = fewer.total[held] - fewer.weights[weights] + LL_NEEDS_RESERVE;
        ll_needs_compute(&fewer, &setting, NULL, allocated + beside);
        CHECK(!fewer.fits[held] && fewer.resident[held] == resident);
    }
    const ll_mask none = {{false}, {false}};
    ll_needs full;
    ll_needs_compute(&full, &setting, &none, UINT64_MAX);
    for (int dropped = 0; dropped < 2; dropped++) {
        const uint64_t expected = (dropped ? &needs : &full)->kv[ll_kv_type_of(&options)];
        REQUIRE(ll_session_create_batch(&session, model, dropped ? &drop : &none, 3, 100, &error) == LL_OK);
        CHECK(ll_session_kv_bytes(session) == expected);
        ll_session_destroy(session);
    }
    CHECK(full.kv[LL_KV_I8] > needs.kv[LL_KV_I8] && full.kv[LL_KV_BF16] > needs.kv[LL_KV_BF16]);
    ll_model_destroy(model);
}

static void test_allocated(void) {
    check_allocated(LL_WEIGHTS_INT8, LL_MATMUL_OWN, false, 0);
    check_allocated(LL_WEIGHTS_INT8, LL_MATMUL_OWN, true, 0);
    check_allocated(LL_WEIGHTS_F32, LL_MATMUL_OWN, false, 0);
    check_allocated(LL_WEIGHTS_INT8, LL_MATMUL_OWN, false, 8);
    check_allocated(LL_WEIGHTS_INT8, LL_MATMUL_ONEDNN, false, 0);
    check_allocated(LL_WEIGHTS_INT8, LL_MATMUL_ONEDNN, false, 8);
}

/* Sizes that pass 64 bits are the largest number, so that they never fit. */
static void test_saturation(void) {
    const ll_needs needs = needs_of("llama2-70b", (size_t)1 << 30, (size_t)1 << 30, NULL, UINT64_MAX - 1);
    CHECK(ll_sum_or_max(UINT64_MAX, 1) == UINT64_MAX && ll_sum_or_max(2, 3) == 5);
    CHECK(ll_product_or_max((uint64_t)1 << 63, 2) == UINT64_MAX && ll_product_or_max(2, 3) == 6);
    CHECK(needs.kv[LL_KV_BF16] == UINT64_MAX && needs.total[LL_HELD_INT8] == UINT64_MAX);
    CHECK(!needs.fits[LL_HELD_INT8] && needs.resident[LL_HELD_INT8] == 0);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("needs/table 4", test_table4);
    ll_test_run("needs/weights", test_weights);
    ll_test_run("needs/MLP layers", test_mlp);
    ll_test_run("needs/embedding", test_embedding);
    ll_test_run("needs/already dropped", test_already_dropped);
    ll_test_run("needs/fits", test_fits);
    ll_test_run("needs/resident", test_resident);
    ll_test_run("needs/allocated", test_allocated);
    ll_test_run("needs/saturation", test_saturation);
    return ll_test_end();
}
