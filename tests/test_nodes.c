/* A model split over nodes, pretended where there is one: the same bits as on one, whatever the nodes, threads and batch. */
#include "model.h"
#include "test.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 70, STEPS = 3, BATCH = 3, VOCAB = 1200 };

/* Four query heads of a KV head, and as many KV heads as there are: neither divides by 3 or 8. */
static const ll_config SHAPES[] = {
    {.layers = 2,
     .hidden = 192,
     .heads = 12,
     .kv_heads = 3,
     .head_dim = 32,
     .mlp = 320,
     .vocab = VOCAB,
     .context = 128},
    {.layers = 2,
     .hidden = 160,
     .heads = 5,
     .kv_heads = 5,
     .head_dim = 32,
     .mlp = 448,
     .vocab = VOCAB,
     .context = 128},
};

static ll_config shape_of(size_t i) {
    ll_config c = SHAPES[i];
    c.eps = 1e-5f;
    c.rope_theta = 10000;
    return c;
}

static ll_error error;

/* Logits of a prefill's last tokens, of steps after it, and of a batch: all that a model says. */
typedef struct {
    float prefill[TOKENS * VOCAB], steps[STEPS * VOCAB], batch[BATCH * VOCAB];
} said;

static ll_status say_alone(said *out, const ll_model *model, ll_session *session, float *residual) {
    int32_t ids[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)(i * 131 % VOCAB);
    ll_status status = ll_session_forward(session, ids, TOKENS, residual, NULL, &error);
    if (status == LL_OK)
        status = ll_session_logits(session, residual, TOKENS, out->prefill, &error);
    for (size_t i = 0; i < STEPS && status == LL_OK; i++) {
        status = ll_session_forward(session, &ids[i], 1, residual, NULL, &error);
        if (status == LL_OK)
            status = ll_session_logits(session, residual, 1, out->steps + i * VOCAB, &error);
    }
    (void)model;
    return status;
}

/* Sequences of unlike depths, one step. */
static ll_status say_together(said *out, ll_session *session, float *residual) {
    int32_t ids[TOKENS] = {0};
    ll_status status = LL_OK;
    for (size_t i = 0; i < BATCH && status == LL_OK; i++) {
        ll_session_select(session, i);
        status = ll_session_forward(session, ids, 3 + 20 * i, NULL, NULL, &error);
        ids[i] = (int32_t)(i + 5);
    }
    if (status == LL_OK)
        status = ll_session_decode(session, ids, residual, &error);
    return status == LL_OK ? ll_session_logits(session, residual, BATCH, out->batch, &error) : status;
}

static bool say(said *out, const ll_config *shape, const ll_model_options *options) {
    const ll_mask mask = {0};
    ll_model *model = NULL;
    ll_session *alone = NULL, *together = NULL;
    float *residual = calloc(TOKENS * shape->hidden, sizeof *residual);
    memset(out, 0, sizeof *out);
    ll_status status = residual ? ll_model_synthesize(&model, shape, options, &error) : LL_NO_RESOURCE;
    if (status == LL_OK)
        status = ll_session_create(&alone, model, &mask, 128, &error);
    if (status == LL_OK)
        status = ll_session_create_batch(&together, model, &mask, BATCH, 128, &error);
    if (status == LL_OK)
        status = say_alone(out, model, alone, residual);
    if (status == LL_OK)
        status = say_together(out, together, residual);
    ll_session_destroy(alone);
    ll_session_destroy(together);
    ll_model_destroy(model);
    free(residual);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    return status == LL_OK;
}

static void compare(const ll_config *shape, const ll_model_options *wanted) {
    static said one, split;
    static const size_t NODES[] = {1, 2, 3, 4, 8};
    ll_model_options options = *wanted;
    options.threads = 1;
    if (!say(&one, shape, &options))
        return;
    CHECK(one.prefill[0] != 0 && one.steps[0] != 0 && one.batch[0] != 0);
    for (size_t i = 0; i < sizeof NODES / sizeof *NODES; i++)
        for (size_t more = 0; more < 4;
             more += 3) { /* as many threads as nodes, and three more: unlike teams */
            options.threads = NODES[i] + more;
            options.placement.virtual_nodes = NODES[i];
            options.placement.decode_threads = more ? NODES[i] + 1 : 0;
            if (say(&split, shape, &options))
                CHECK_MSG(memcmp(&one, &split, sizeof one) == 0,
                          "%zu KV heads, %zu nodes, %zu threads: other bits", shape->kv_heads, NODES[i],
                          options.threads);
        }
}

static void test_int8(void) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        const ll_config shape = shape_of(i);
        compare(&shape, &(ll_model_options){.group = 32});
        compare(&shape, &(ll_model_options){.group = 0, .kv_i8 = true});
    }
}

static void test_f32(void) {
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++) {
        const ll_config shape = shape_of(i);
        compare(&shape, &(ll_model_options){.weights = LL_WEIGHTS_F32});
    }
}

/* Huge pages or none: the same bits, and the system says which. */
static void test_huge_pages(void) {
    static said with, without;
    const ll_config shape = shape_of(0);
    ll_model_options options = {.group = 32};
    if (!say(&with, &shape, &options))
        return;
    options.placement.small_pages = true;
    if (say(&without, &shape, &options))
        CHECK(memcmp(&with, &without, sizeof with) == 0);
}

static void test_onednn(void) {
    const ll_config shape = shape_of(0);
    compare(&shape, &(ll_model_options){.group = 32, .matmul = LL_MATMUL_ONEDNN});
}

/* ---- every logit's tile ---- */

typedef struct {
    const float *logits;
    size_t met[VOCAB];
    atomic_bool differs;
} visited;

static void visit(void *context, const ll_logits_tile *tile) {
    visited *v = context;
    for (size_t r = 0; r < tile->rows; r++)
        if (memcmp(tile->logits[0] + r * LL_LOGITS_IDS, v->logits + (tile->row + r) * VOCAB + tile->id,
                   tile->ids * sizeof(float)) != 0)
            v->differs = true;
    for (size_t i = tile->row ? tile->ids : 0; i < tile->ids; i++)
        v->met[tile->id + i]++;
}

static void test_tiles(void) {
    const ll_config shape = shape_of(0);
    const ll_mask mask = {0};
    const ll_model_options options = {.group = 32, .threads = 5, .placement = {.virtual_nodes = 3}};
    const int32_t ids[4] = {1, 2, 3, 4};
    ll_model *model = NULL;
    ll_session *session = NULL;
    static float residual[4 * 192], logits[4 * VOCAB];
    visited v = {.logits = logits};
    const float *const sets[1] = {residual};
    REQUIRE(ll_model_synthesize(&model, &shape, &options, &error) == LL_OK);
    CHECK(ll_session_create(&session, model, &mask, 16, &error) == LL_OK &&
          ll_session_forward(session, ids, 4, residual, NULL, &error) == LL_OK &&
          ll_session_logits(session, residual, 4, logits, &error) == LL_OK &&
          ll_session_visit_logits(session, sets, 1, 4, &(ll_logits_visitor){visit, &v}, &error) == LL_OK);
    CHECK(!v.differs);
    for (size_t i = 0; i < VOCAB; i++)
        CHECK(v.met[i] == 1);
    ll_session_destroy(session);
    ll_model_destroy(model);
}

/* ---- where things are ---- */

static void test_placed(void) {
    const ll_config shape = shape_of(0);
    const ll_mask mask = {0};
    const ll_model_options options = {.group = 32};
    ll_model *model = NULL;
    ll_session *session = NULL;
    char text[256];
    REQUIRE(ll_model_synthesize(&model, &shape, &options, &error) == LL_OK);
    CHECK(ll_session_create(&session, model, &mask, 128, &error) == LL_OK);
    const ll_placed placed = ll_model_read_placement(model, session);
    const size_t threads = ll_model_options_used(model)->threads;
    CHECK_MSG(placed.bound == threads, "%zu of %zu bound", placed.bound, threads);
    if (placed.pages_known) {
        size_t pages = 0, there = 0;
        for (size_t i = 0; i < ll_model_placement(model)->nodes; i++) {
            pages += placed.pages[i];
            there += placed.there[i];
        }
        CHECK(pages * 4096 <=
              ll_model_weight_bytes(model) + ll_config_session_bytes(&shape, &options, 1, 128));
        CHECK_MSG(pages > 0 && there * 100 >= pages * 99, "%zu of %zu pages in place", there, pages);
    }
    ll_placed_text(model, &placed, text, sizeof text);
    CHECK_CONTAINS(text, "threads bound");
    ll_session_destroy(session);
    ll_model_destroy(model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("nodes/int8", test_int8);
    ll_test_run("nodes/f32", test_f32);
    ll_test_run("nodes/oneDNN", test_onednn);
    ll_test_run("nodes/huge pages", test_huge_pages);
    ll_test_run("nodes/tiles of logits", test_tiles);
    ll_test_run("nodes/placed", test_placed);
    return ll_test_end();
}
