/* The real model's logits against values that transformers computed, and against itself where only the bits
 * must agree. */
#include "golden.h"
#include "real_model.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 2e-3; /* of a logit: float32 against float32 over 30 blocks */

static ll_mask mask_of(const char *drop, const ll_model *model) {
    ll_mask mask = {0};
    ll_error error = {0};
    CHECK_MSG(ll_drop_parse(&mask, drop, ll_model_config(model)->layers, NULL, &error) == LL_OK, "%s",
              error.text);
    return mask;
}

/* Logits [count][vocab] of the ids, taken step at a time; malloc'd. */
static float *logits_of(const ll_model *model, const ll_mask *mask, const int32_t *ids, size_t count,
                        size_t step) {
    const ll_config *c = ll_model_config(model);
    ll_error error = {0};
    ll_session *session = NULL;
    float *residual = malloc(count * c->hidden * sizeof *residual),
          *logits = malloc(count * c->vocab * sizeof *logits);
    ll_status status = ll_session_create(&session, model, mask, count, &error);
    for (size_t at = 0; status == LL_OK && at < count; at += step) {
        const size_t rows = count - at < step ? count - at : step;
        status = ll_session_forward(session, ids + at, rows, residual + at * c->hidden, NULL, &error);
        if (status == LL_OK)
            status =
                ll_session_logits(session, residual + at * c->hidden, rows, logits + at * c->vocab, &error);
    }
    CHECK_MSG(status == LL_OK, "%s", error.text);
    ll_session_destroy(session);
    free(residual);
    return logits;
}

static double log_sum_exp(const float *x, size_t n) {
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return max + log(sum);
}

static void check_position(const ll_golden_logits *golden, const ll_golden_case *one,
                           const ll_golden_position *p, const float *logits, size_t vocab) {
    double worst = 0;
    size_t best = 0;
    for (size_t i = 0; i < golden->index_count; i++)
        worst = fmax(worst, fabs((double)logits[golden->indices[i]] - (double)p->logits[i]));
    for (size_t i = 1; i < vocab; i++)
        best = logits[i] > logits[best] ? i : best;
    CHECK_MSG(worst <= tolerance, "drop %s, %zu tokens, position %zu: a logit differs by %g", one->drop,
              one->id_count, p->position, worst);
    CHECK_MSG(p->margin <= 2 * tolerance || best == (size_t)p->argmax,
              "drop %s, position %zu: argmax %zu, expected %d", one->drop, p->position, best, p->argmax);
    const double lse = log_sum_exp(logits, vocab);
    CHECK_MSG(fabs(lse - p->logsumexp) <= tolerance, "drop %s, position %zu: log-sum-exp %g, expected %g",
              one->drop, p->position, lse, p->logsumexp);
}

static void test_golden_logits(void) {
    ll_golden_logits golden = {0};
    ll_model *model = ll_real_model(LL_WEIGHTS_F32, 2);
    if (!model || !ll_golden_logits_load(&golden)) {
        ll_model_destroy(model);
        return;
    }
    const size_t vocab = ll_model_config(model)->vocab;
    for (size_t i = 0; i < golden.count; i++) {
        const ll_golden_case *one = &golden.cases[i];
        if (ll_test_quick() && one->id_count > 100)
            continue;
        const ll_mask mask = mask_of(one->drop, model);
        float *logits = logits_of(model, &mask, one->ids, one->id_count, one->id_count);
        for (size_t p = 0; p < one->position_count; p++)
            check_position(&golden, one, &one->positions[p], logits + one->positions[p].position * vocab,
                           vocab);
        free(logits);
    }
    CHECK(golden.count >= 8);
    ll_golden_logits_free(&golden);
    ll_model_destroy(model);
}

enum { SOME_TOKENS = 70, MORE_TOKENS = 120 };

static void some_ids(int32_t *ids, size_t count, size_t vocab) {
    for (size_t i = 0; i < count; i++)
        ids[i] = (int32_t)((i * 2654435761u + 17) % vocab);
}

/* Prefill whole, in steps of 1 and of 5: the same bits, with drops that start at layer 0 too. */
static void check_steps(ll_weights_kind weights) {
    ll_model *model = ll_real_model(weights, 2);
    if (!model)
        return;
    const size_t vocab = ll_model_config(model)->vocab;
    int32_t ids[SOME_TOKENS];
    some_ids(ids, SOME_TOKENS, vocab);
    const char *const drops[] = {"attn:0,2", "none", "mlp:0+block:29", "attn:0-29"};
    for (size_t i = 0; i < (ll_test_quick() ? 1 : sizeof drops / sizeof *drops); i++) {
        const ll_mask mask = mask_of(drops[i], model);
        float *whole = logits_of(model, &mask, ids, SOME_TOKENS, SOME_TOKENS);
        const size_t steps[] = {1, 5};
        for (size_t s = 0; s < 2; s++) {
            float *stepped = logits_of(model, &mask, ids, SOME_TOKENS, steps[s]);
            CHECK_MSG(memcmp(whole, stepped, SOME_TOKENS * vocab * sizeof *whole) == 0,
                      "drop %s: prefill and steps of %zu differ", drops[i], steps[s]);
            free(stepped);
        }
        free(whole);
    }
    ll_model_destroy(model);
}

static void test_steps_f32(void) {
    check_steps(LL_WEIGHTS_F32);
}
static void test_steps_int8(void) {
    check_steps(LL_WEIGHTS_INT8);
}

/* Many rows, which threads share by rows, then three, which they share by columns. */
static void check_threads(ll_weights_kind weights) {
    enum { TOKENS = MORE_TOKENS + 3 };
    float *first = NULL;
    const size_t threads[] = {1, 2, 3, 7};
    for (size_t t = 0; t < (ll_test_quick() ? 2 : sizeof threads / sizeof *threads); t++) {
        ll_model *model = ll_real_model(weights, threads[t]);
        if (!model)
            return;
        const size_t vocab = ll_model_config(model)->vocab;
        int32_t ids[TOKENS];
        some_ids(ids, TOKENS, vocab);
        const ll_mask mask = mask_of("attn:3", model);
        float *logits = logits_of(model, &mask, ids, TOKENS, MORE_TOKENS);
        if (first)
            CHECK_MSG(memcmp(first, logits, TOKENS * vocab * sizeof *first) == 0, "1 and %zu threads differ",
                      threads[t]);
        else
            first = logits;
        if (first != logits)
            free(logits);
        ll_model_destroy(model);
    }
    free(first);
}

static void test_threads_f32(void) {
    check_threads(LL_WEIGHTS_F32);
}
static void test_threads_int8(void) {
    check_threads(LL_WEIGHTS_INT8);
}

/* Dropped attention layers have no cache: 2 x kept x capacity x kv_heads x head_dim x bytes. */
static void test_cache_bytes(void) {
    ll_model *model = ll_real_model(LL_WEIGHTS_INT8, 2);
    if (!model)
        return;
    const ll_config *c = ll_model_config(model);
    const ll_mask mask = mask_of("attn:20-27+block:3+mlp:1", model);
    ll_session *session = NULL;
    ll_error error = {0};
    CHECK(ll_session_create(&session, model, &mask, 1024, &error) == LL_OK);
    if (session)
        CHECK(ll_session_kv_bytes(session) == 2 * (c->layers - 9) * 1024 * c->kv_heads * c->head_dim * 2);
    ll_session_destroy(session);
    const ll_mask full = {0};
    const ll_cost all = ll_model_cost(model, &full), less = ll_model_cost(model, &mask);
    CHECK(less.weight_bytes < all.weight_bytes && less.linear_ops < all.linear_ops);
    CHECK(fabs(less.kv_bytes / all.kv_bytes - 21.0 / 30) < 1e-12);
    ll_model_destroy(model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("forward/logits equal transformers'", test_golden_logits);
    ll_test_run("forward/prefill equals decode, f32", test_steps_f32);
    ll_test_run("forward/prefill equals decode, int8", test_steps_int8);
    ll_test_run("forward/any thread count gives the same bits, f32", test_threads_f32);
    ll_test_run("forward/any thread count gives the same bits, int8", test_threads_int8);
    ll_test_run("forward/cache and cost of kept layers only", test_cache_bytes);
    return ll_test_end();
}
