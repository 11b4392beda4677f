/* Sequences that decode together: bit for bit what each gives alone, whatever their depths, batch and threads. */
#include "families.h"
#include "model.h"
#include "real_model.h"
#include "test.h"
#include "toy_gguf.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 4, MAX_BATCH = 40, THREADS = 3 };

static ll_error error;

/* A model, loaded for 1, 2 and 3 threads, and what is asked of it. */
typedef struct {
    const char *label;
    ll_model *model[THREADS];
    ll_mask mask;
    size_t capacity;
} subject;

static const ll_config *config_of(const subject *s) {
    return ll_model_config(s->model[0]);
}

static int32_t id_at(const subject *s, size_t sequence, size_t position) {
    return (int32_t)((sequence * 13 + position * 29 + sequence * position + 7) % config_of(s)->vocab);
}

/* Prompts of every length that leaves room for the steps, next to each other unlike. */
static size_t prompt_of(const subject *s, size_t sequence) {
    return 1 + sequence * 17 % (s->capacity - STEPS);
}

static ll_status prefill(const subject *s, ll_session *session, size_t sequence) {
    int32_t ids[256];
    for (size_t i = 0; i < prompt_of(s, sequence); i++)
        ids[i] = id_at(s, sequence, i);
    return ll_session_forward(session, ids, prompt_of(s, sequence), NULL, NULL, &error);
}

/* Logits of the steps of every sequence, each alone in a session of its own: [MAX_BATCH][STEPS][vocab]. */
static float *run_alone(const subject *s) {
    const size_t vocab = config_of(s)->vocab;
    float *logits = calloc(MAX_BATCH * STEPS * vocab, sizeof *logits);
    float *residual = calloc(config_of(s)->hidden, sizeof *residual);
    ll_status status = LL_OK;
    for (size_t sequence = 0; sequence < MAX_BATCH && status == LL_OK; sequence++) {
        ll_session *session = NULL;
        status = ll_session_create(&session, s->model[0], &s->mask, s->capacity, &error);
        if (status == LL_OK)
            status = prefill(s, session, sequence);
        for (size_t step = 0; step < STEPS && status == LL_OK; step++) {
            const int32_t id = id_at(s, sequence, prompt_of(s, sequence) + step);
            status = ll_session_forward(session, &id, 1, residual, NULL, &error);
            if (status == LL_OK)
                status = ll_session_logits(session, residual, 1, logits + (sequence * STEPS + step) * vocab,
                                           &error);
        }
        ll_session_destroy(session);
    }
    CHECK_MSG(status == LL_OK, "%s alone: %s", s->label, error.text);
    free(residual);
    return logits;
}

/* One step of all sequences: logits [batch][vocab]. */
static ll_status step_together(const subject *s, ll_session *session, size_t batch, size_t step,
                               float *logits) {
    int32_t ids[MAX_BATCH];
    float *residual = calloc(batch * config_of(s)->hidden, sizeof *residual);
    for (size_t i = 0; i < batch; i++)
        ids[i] = id_at(s, i, prompt_of(s, i) + step);
    ll_status status = ll_session_decode(session, ids, residual, &error);
    if (status == LL_OK)
        status = ll_session_logits(session, residual, batch, logits, &error);
    free(residual);
    return status;
}

/* The steps of a batch whose sequences hold their prompts. */
static void compare_steps(const subject *s, ll_session *session, size_t batch, size_t threads,
                          const float *alone) {
    const size_t vocab = config_of(s)->vocab;
    float *logits = calloc(batch * vocab, sizeof *logits);
    size_t different = 0;
    for (size_t step = 0; step < STEPS; step++) {
        const ll_status status = step_together(s, session, batch, step, logits);
        CHECK_MSG(status == LL_OK, "%s: %s", s->label, error.text);
        for (size_t i = 0; i < batch; i++) {
            different +=
                memcmp(logits + i * vocab, alone + (i * STEPS + step) * vocab, vocab * sizeof *logits) != 0;
            ll_session_select(session, i);
            CHECK(ll_session_depth(session) == prompt_of(s, i) + step + 1);
        }
    }
    CHECK_MSG(different == 0, "%s, batch %zu, %zu threads: %zu of %zu steps are not what they are alone",
              s->label, batch, threads, different, batch * STEPS);
    free(logits);
}

/* Prompts in an order that is not the sequences' own; after the steps a few sequences begin anew. */
static void compare_batch(const subject *s, size_t batch, size_t threads, const float *alone) {
    ll_session *session = NULL;
    ll_status status =
        ll_session_create_batch(&session, s->model[threads - 1], &s->mask, batch, s->capacity, &error);
    for (size_t i = batch; i-- > 0 && status == LL_OK;) {
        ll_session_select(session, i);
        status = prefill(s, session, i);
    }
    CHECK_MSG(status == LL_OK, "%s: %s", s->label, error.text);
    if (status == LL_OK)
        compare_steps(s, session, batch, threads, alone);
    for (size_t i = 0; i < batch && status == LL_OK; i++) {
        ll_session_select(session, i);
        if (i % 3 == 0) {
            ll_session_reset(session);
            CHECK(ll_session_depth(session) == 0);
            status = prefill(s, session, i);
        } else {
            ll_session_skip_to(session, prompt_of(s, i)); /* its cache holds the prompt still */
        }
    }
    if (status == LL_OK)
        compare_steps(s, session, batch, threads, alone);
    ll_session_destroy(session);
}

static void compare(const subject *s) {
    static const size_t batches[] = {1, 2, 5, MAX_BATCH};
    const size_t step = STEPS * config_of(s)->vocab;
    float *alone = run_alone(s);
    CHECK_MSG(memcmp(alone, alone + step, step * sizeof *alone) != 0, "%s: all sequences are alike",
              s->label);
    /* Sanitizers see enough of it with two. */
    for (size_t threads = ll_test_quick() ? 2 : 1; threads <= (ll_test_quick() ? 2 : THREADS); threads++)
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
            compare_batch(s, batches[i], threads, alone);
    free(alone);
}

/* ---- models ---- */

static bool load(subject *s, const char *path, ll_weights_kind weights, bool kv_i8, size_t group) {
    bool good = true;
    for (size_t i = 0; i < THREADS; i++) {
        const ll_model_options options = {
            .weights = weights, .group = group, .threads = i + 1, .kv_i8 = kv_i8};
        good = ll_model_load(&s->model[i], path, &options, &error) == LL_OK && good;
    }
    CHECK_MSG(good, "%s: %s", path, error.text);
    return good;
}

static void unload(subject *s) {
    for (size_t i = 0; i < THREADS; i++) {
        ll_model_destroy(s->model[i]);
        s->model[i] = NULL;
    }
}

static const struct {
    const char *label;
    ll_weights_kind weights;
    bool kv_i8;
} kinds[] = {
    {"int8 weights, bf16 KV", LL_WEIGHTS_INT8, false},
    {"int8 weights, int8 KV", LL_WEIGHTS_INT8, true},
    {"f32 weights, f32 KV", LL_WEIGHTS_F32, false},
    {"f32 weights, int8 KV", LL_WEIGHTS_F32, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Every kind of one file, with the drop, at the capacity. */
static void compare_kinds(const char *path, const char *drop, size_t capacity) {
    for (size_t i = 0; i < KINDS; i++) {
        subject s = {.label = kinds[i].label, .capacity = capacity};
        if (load(&s, path, kinds[i].weights, kinds[i].kv_i8, i ? 128 : 32)) {
            CHECK(ll_drop_parse(&s.mask, drop, config_of(&s)->layers, NULL, &error) == LL_OK);
            compare(&s);
        }
        unload(&s);
    }
}

static const char *toy_path(const ll_toy *toy) {
    static char path[256];
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    return ll_toy_write(path, toy, NULL) ? path : NULL;
}

static void test_toys(void) {
    const ll_toy toy = ll_toy_default(); /* 4 heads over 2 KV heads */
    const char *path = toy_path(&toy);
    REQUIRE(path);
    compare_kinds(path, "none", 48);
    compare_kinds(path, "attn:0+block:1", 48);
}

/* Fewer positions than sequences: the buffers are as long as the batch. */
static void test_short(void) {
    ll_toy toy = ll_toy_default();
    toy.kv_heads = 1;
    const char *path = toy_path(&toy);
    REQUIRE(path);
    compare_kinds(path, "mlp:2", STEPS + 4);
}

static void test_odd_sizes(void) {
    ll_toy toy = ll_toy_default();
    toy.hidden = 40;
    toy.heads = 3;
    toy.kv_heads = 3;
    toy.head_dim = 10;
    toy.mlp = 17;
    toy.vocab = 61;
    toy.tied = false;
    const char *path = toy_path(&toy);
    REQUIRE(path);
    compare_kinds(path, "none", 40);
}

/* Families: a window that prompts go beyond; biases of every kind. */
static void compare_family(const char *name, size_t capacity) {
    ll_family family;
    char path[LL_FAMILY_PATH];
    REQUIRE(ll_family_load(&family, name));
    if (ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){0}, path))
        compare_kinds(path, "none", capacity);
    ll_family_free(&family);
}

static void test_window(void) {
    compare_family("mistral", 40);
}

static void test_biases(void) {
    compare_family("bias", 24);
    compare_family("attention-bias", 24);
}

/* ---- what is allocated, what is refused ---- */

static void check_kv_bytes(const subject *s, size_t batch) {
    ll_session *session = NULL;
    REQUIRE(ll_session_create_batch(&session, s->model[0], &s->mask, batch, s->capacity, &error) == LL_OK);
    const ll_kv_type type = ll_kv_type_of(ll_model_options_used(s->model[0]));
    const uint64_t one = ll_config_kv_bytes(config_of(s), type, &s->mask, s->capacity);
    CHECK_MSG(ll_session_kv_bytes(session) == batch * one, "%s, batch %zu: %llu bytes, expected %zu x %llu",
              s->label, batch, (unsigned long long)ll_session_kv_bytes(session), batch,
              (unsigned long long)one);
    ll_session_destroy(session);
}

/* The default toy's sizes by hand: 2 KV heads of 8 in 3 blocks, positions rounded up to the block. */
static void test_kv_bytes(void) {
    static const size_t bytes_of_value[KINDS] = {2, 1, 4, 1};
    static const char *const drops[] = {"none", "attn:1", "attn:0-2", "mlp:0-2"};
    static const size_t kept[] = {3, 2, 0, 3};
    const ll_toy toy = ll_toy_default();
    const char *path = toy_path(&toy);
    REQUIRE(path);
    for (size_t i = 0; i < KINDS; i++) {
        subject s = {.label = kinds[i].label, .capacity = LL_KV_BLOCK + 1};
        const ll_model_options options = {.weights = kinds[i].weights, .threads = 1, .kv_i8 = kinds[i].kv_i8};
        REQUIRE(ll_model_load(&s.model[0], path, &options, &error) == LL_OK);
        for (size_t d = 0; d < sizeof drops / sizeof *drops; d++) {
            CHECK(ll_drop_parse(&s.mask, drops[d], toy.layers, NULL, &error) == LL_OK);
            check_kv_bytes(&s, 1);
            check_kv_bytes(&s, 7);
            const uint64_t scales = kinds[i].kv_i8 ? sizeof(float) : 0; /* one of each position and KV head */
            const uint64_t expected =
                kept[d] * 2 * 2 * LL_KV_BLOCK * toy.kv_heads * (toy.head_dim * bytes_of_value[i] + scales);
            CHECK(ll_config_kv_bytes(config_of(&s), ll_kv_type_of(&options), &s.mask, s.capacity) ==
                  expected);
        }
        unload(&s);
    }
}

static void check_batch_refused(const ll_model *model, size_t batch) {
    ll_session *session = NULL;
    char found[64];
    snprintf(found, sizeof found, "a batch of %zu sequences: expected 1 to 4096", batch);
    CHECK(ll_session_create_batch(&session, model, &(ll_mask){0}, batch, 8, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, found);
    CHECK(session == NULL);
}

/* Nothing moves when one sequence cannot go on. */
static void check_full(ll_session *session) {
    const int32_t ids[] = {1, 2, 3}, wrong[] = {1, 2, 256}, negative[] = {1, -1, 3};
    int32_t many[LL_KV_BLOCK] = {0};
    CHECK(ll_session_decode(session, wrong, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "token 2 has id 256");
    CHECK(ll_session_decode(session, negative, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "token 1 has id -1");
    ll_session_select(session, 1);
    CHECK(ll_session_depth(session) == 0);
    CHECK(ll_session_forward(session, many, LL_KV_BLOCK, NULL, NULL, &error) == LL_OK);
    CHECK(ll_session_decode(session, ids, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "do not fit");
    for (size_t i = 0; i < 3; i++) {
        ll_session_select(session, i);
        CHECK_MSG(ll_session_depth(session) == (i == 1 ? LL_KV_BLOCK : 0), "sequence %zu is at depth %zu", i,
                  ll_session_depth(session));
    }
    ll_session_select(session, 1);
    ll_session_reset(session);
    CHECK(ll_session_decode(session, ids, NULL, &error) == LL_OK);
    CHECK(ll_session_depth(session) == 1);
}

static void test_refused(void) {
    const ll_toy toy = ll_toy_default();
    const char *path = toy_path(&toy);
    REQUIRE(path);
    const ll_model_options options = {.threads = 2};
    ll_model *model = NULL;
    ll_session *session = NULL;
    REQUIRE(ll_model_load(&model, path, &options, &error) == LL_OK);
    check_batch_refused(model, 0);
    check_batch_refused(model, LL_MAX_BATCH + 1);
    check_batch_refused(model, (size_t)-1);
    if (ll_session_create_batch(&session, model, &(ll_mask){0}, LL_MAX_BATCH, 1, &error) == LL_OK)
        CHECK(ll_session_kv_bytes(session) > 0);
    else
        CHECK_CONTAINS(error.text, "KV-cache and buffers needs"); /* a machine without that memory */
    ll_session_destroy(session);
    CHECK(ll_session_create_batch(&session, model, &(ll_mask){0}, 3, LL_KV_BLOCK, &error) == LL_OK);
    if (session)
        check_full(session);
    ll_session_destroy(session);
    ll_model_destroy(model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("batch/toys, full and dropped", test_toys);
    ll_test_run("batch/fewer positions than sequences", test_short);
    ll_test_run("batch/odd sizes", test_odd_sizes);
    ll_test_run("batch/a sliding window", test_window);
    ll_test_run("batch/biases", test_biases);
    ll_test_run("batch/bytes of the caches", test_kv_bytes);
    ll_test_run("batch/refusals", test_refused);
    return ll_test_end();
}
