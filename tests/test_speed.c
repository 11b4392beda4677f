/* The arithmetic of speed rows: spreads, pairs, predictions. Times themselves are tested nowhere. */
#include "speed.h"
#include "test.h"
#include "toy_gguf.h"

#include <math.h>
#include <string.h>

static ll_error error;

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-12 * fabs(b);
}

static void test_spread(void) {
    double five[] = {5, 1, 4, 2, 3}, four[] = {4, 1, 3, 2}, one[] = {7}, two[] = {3, 1};
    ll_spread s = ll_spread_of(five, 5);
    CHECK(near(s.median, 3) && near(s.q1, 2) && near(s.q3, 4));
    s = ll_spread_of(four, 4);
    CHECK(near(s.median, 2.5) && near(s.q1, 1.75) && near(s.q3, 3.25));
    s = ll_spread_of(two, 2);
    CHECK(near(s.median, 2) && near(s.q1, 1.5) && near(s.q3, 2.5));
    s = ll_spread_of(one, 1);
    CHECK(s.median == 7 && s.q1 == 7 && s.q3 == 7);
}

static ll_model *load_toy(const ll_toy *toy, ll_weights_kind weights) {
    char path[256];
    ll_model *model = NULL;
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    const ll_model_options options = {.weights = weights, .group = 128, .threads = 2};
    if (ll_toy_write(path, toy, NULL) && ll_model_load(&model, path, &options, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return model;
}

static ll_model *load(ll_weights_kind weights) {
    const ll_toy toy = ll_toy_default();
    return load_toy(&toy, weights);
}

static ll_speed measure(const ll_model *model, const char *drop, const ll_speed_spec *spec) {
    ll_speed speed = {0};
    ll_mask mask;
    ll_progress progress;
    ll_progress_begin(&progress, "test", 1, true);
    if (ll_drop_parse(&mask, drop, ll_model_config(model)->layers, NULL, &error) != LL_OK ||
        ll_speed_run(&speed, model, &mask, spec, &progress, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return speed;
}

static void test_alone(void) {
    ll_model *model = load(LL_WEIGHTS_INT8);
    REQUIRE(model);
    const ll_speed_spec spec = {.prompt = 20, .generate = 100, .repetitions = 3, .batch = 1};
    ll_speed speed = measure(model, "none", &spec);
    CHECK(speed.speedup.median == 1 && speed.speedup.q1 == 1 && speed.speedup_decode.q3 == 1 &&
          speed.predicted == 1);
    CHECK(speed.prefill_tokens_per_s > 0 && speed.decode_tokens_per_s > 0);
    CHECK(speed.int8_share > 0 && speed.int8_share <= 1.05);
    CHECK(speed.sample_count == 9); /* a prefill and two depths, three times; the warm-up is kept nowhere */
    CHECK(speed.samples[1].depth == 20 && speed.samples[2].depth == 120 - LL_DECODE_STEPS);
    ll_speed_free(&speed);
    ll_model_destroy(model);
}

/* The least time of a decode step that sees 15 positions. A toy's few bytes are read out of a cache, so that on a busy machine
 * operations may be what bounds it. */
static double step_of(const ll_cost *cost, const ll_limits *limits) {
    return fmax((cost->weight_bytes + 15 * cost->kv_bytes) / limits->bytes_per_s,
                cost->linear_ops / limits->ops_per_s + 15 * cost->attention_ops / limits->f32_ops_per_s);
}

/* The model of limits is arithmetic on ll_model_cost: done here a second time. */
static void test_pairs(void) {
    ll_model *model = load(LL_WEIGHTS_INT8);
    REQUIRE(model);
    const ll_speed_spec spec = {.prompt = 10, .generate = 9, .repetitions = 2, .batch = 1, .exact = true};
    ll_speed speed = measure(model, "attn:1", &spec);
    CHECK(speed.sample_count == 8);
    for (size_t i = 0; i < speed.sample_count; i++) {
        const ll_speed_sample *s = &speed.samples[i];
        const bool decode = i % 4 >= 2;
        CHECK(strcmp(s->arm, i % 2 ? "dropped" : "full") == 0); /* A B A B */
        CHECK(strcmp(s->phase, decode ? "decode" : "prefill") == 0 && s->tokens == (decode ? 9 : 10));
    }
    const ll_mask full = {0};
    ll_mask mask = {0};
    mask.attn[1] = true;
    const ll_cost a = ll_model_cost(model, &full), b = ll_model_cost(model, &mask);
    const double step_a = step_of(&a, &speed.limits), step_b = step_of(&b, &speed.limits);
    CHECK(near(speed.predicted_decode, step_a / step_b));
    CHECK(near(speed.bytes_per_token, b.weight_bytes + 15 * b.kv_bytes));
    const double peak = speed.limits.ops_per_s, f32_peak = speed.limits.f32_ops_per_s;
    const double linear_a = (a.linear_ops - a.head_ops) * 10 + a.head_ops,
                 linear_b = (b.linear_ops - b.head_ops) * 10 + b.head_ops;
    const double prefill_a = linear_a / peak + a.attention_ops * 55 / f32_peak,
                 prefill_b = linear_b / peak + b.attention_ops * 55 / f32_peak;
    CHECK(near(speed.predicted_prefill, prefill_a / prefill_b));
    CHECK(near(speed.predicted, (prefill_a + 9 * step_a) / (prefill_b + 9 * step_b)));
    CHECK(speed.kv_bytes ==
          2 * 2 * 32 * 2 * 8 * 2); /* two layers of K and V, 32 positions, 2 heads of 8, bf16 */
    ll_speed_free(&speed);
    ll_model_destroy(model);
}

/* Three sequences: prefills in turn, decode together; a step reads the weights once and three caches. */
static void test_batch(void) {
    ll_model *model = load(LL_WEIGHTS_INT8);
    REQUIRE(model);
    const ll_speed_spec exact = {.prompt = 10, .generate = 9, .repetitions = 1, .batch = 3, .exact = true};
    ll_speed speed = measure(model, "none", &exact);
    CHECK(speed.sample_count == 4 && strcmp(speed.samples[2].phase, "prefill") == 0 &&
          strcmp(speed.samples[3].phase, "decode") == 0 && speed.samples[3].tokens == 9);
    const ll_mask full = {0};
    const ll_cost cost = ll_model_cost(model, &full);
    CHECK(near(speed.bytes_per_token, cost.weight_bytes / 3 + 15 * cost.kv_bytes));
    CHECK(speed.kv_bytes == 3 * 3 * 2 * 32 * 2 * 8 * 2);
    const double prefill = speed.samples[0].seconds + speed.samples[1].seconds + speed.samples[2].seconds;
    CHECK(near(speed.prefill_tokens_per_s, 30 / prefill));
    CHECK(near(speed.decode_tokens_per_s, 27 / speed.samples[3].seconds));
    ll_speed_free(&speed);
    const ll_speed_spec estimated = {.prompt = 10, .generate = 9, .repetitions = 1, .batch = 3};
    speed = measure(model, "none", &estimated);
    CHECK(speed.sample_count == 2 && near(speed.prefill_tokens_per_s, 10 / speed.samples[0].seconds));
    ll_speed_free(&speed);
    ll_model_destroy(model);
}

/* Of a long prompt the first and the last chunk are timed, and a token's mean time is the mean of theirs. */
static void test_long_prompt(void) {
    ll_toy toy = ll_toy_default();
    toy.context = LL_ESTIMATED_PROMPT + 100;
    ll_model *model = load_toy(&toy, LL_WEIGHTS_INT8);
    REQUIRE(model);
    const ll_speed_spec spec = {
        .prompt = LL_ESTIMATED_PROMPT + 50, .generate = 5, .repetitions = 1, .batch = 1};
    ll_speed speed = measure(model, "none", &spec);
    CHECK(speed.sample_count == 3);
    const ll_speed_sample *s = speed.samples;
    CHECK(s[0].depth == 0 && s[1].depth == spec.prompt - LL_CHUNK && s[0].tokens == LL_CHUNK &&
          s[1].tokens == LL_CHUNK);
    CHECK(near(speed.prefill_tokens_per_s, 2 * LL_CHUNK / (s[0].seconds + s[1].seconds)));
    ll_speed_free(&speed);
    ll_model_destroy(model);
}

static void test_f32(void) {
    ll_model *model = load(LL_WEIGHTS_F32);
    REQUIRE(model);
    const ll_speed_spec spec = {.prompt = 5, .generate = 3, .repetitions = 1, .batch = 1},
                        none = {.prompt = 5, .generate = 3, .batch = 1};
    ll_speed speed = measure(model, "mlp:0", &spec);
    CHECK(isnan(speed.int8_share) && speed.predicted > 1 && speed.predicted_decode > 1);
    ll_speed_free(&speed);
    const ll_mask full = {0};
    CHECK(ll_speed_run(&speed, model, &full, &none, NULL, &error) == LL_BAD_USAGE);
    ll_model_destroy(model);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("speed/median and quartiles", test_spread);
    ll_test_run("speed/the full model alone", test_alone);
    ll_test_run("speed/pairs and predictions", test_pairs);
    ll_test_run("speed/three sequences", test_batch);
    ll_test_run("speed/a long prompt from two chunks", test_long_prompt);
    ll_test_run("speed/f32 has no int8 share", test_f32);
    return ll_test_end();
}
