/* Toy models of every awkward shape against a naive forward pass in double, and every refusal of loading and running. */
#include "logits.h"
#include "model.h"
#include "test.h"
#include "toy_gguf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the naive forward pass ---- */
typedef struct {
    const ll_toy *toy;
    const ll_toy_weights *weights;
    const ll_mask *mask;
    size_t count;
    double *x; /* [count][hidden] */
} naive;

static void project(double *y, const double *x, const float *w, size_t rows, size_t cols) {
    for (size_t r = 0; r < rows; r++) {
        y[r] = 0;
        for (size_t c = 0; c < cols; c++)
            y[r] += (double)w[r * cols + c] * x[c];
    }
}

/* Of a model without biases there is nothing to add. */
static void add_bias(double *y, const float *bias, size_t rows) {
    for (size_t r = 0; bias && r < rows; r++)
        y[r] += (double)bias[r];
}

static void normed(double *y, const double *x, const float *w, size_t n, double eps) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(sum / (double)n + eps) * (double)w[i];
}

static void rotate(double *head, size_t dim, size_t position, double theta) {
    for (size_t i = 0; i < dim / 2; i++) {
        const double angle = (double)position * pow(theta, -2.0 * (double)i / (double)dim);
        const double a = head[i], b = head[i + dim / 2];
        head[i] = a * cos(angle) - b * sin(angle);
        head[i + dim / 2] = b * cos(angle) + a * sin(angle);
    }
}

/* One query head over the positions up to and with its own. */
static void attend(double *out, const double *q, const double *k, const double *v, size_t stride,
                   size_t positions, size_t dim) {
    double score[64], sum = 0, max = -INFINITY;
    for (size_t j = 0; j < positions; j++) {
        score[j] = 0;
        for (size_t d = 0; d < dim; d++)
            score[j] += q[d] * k[j * stride + d] / sqrt((double)dim);
        max = fmax(max, score[j]);
    }
    for (size_t j = 0; j < positions; j++)
        sum += score[j] = exp(score[j] - max);
    for (size_t d = 0; d < dim; d++) {
        out[d] = 0;
        for (size_t j = 0; j < positions; j++)
            out[d] += score[j] / sum * v[j * stride + d];
    }
}

static void naive_attention(naive *n, size_t layer) {
    const ll_toy *t = n->toy;
    const size_t q = t->heads * t->head_dim, kv = t->kv_heads * t->head_dim;
    double *qs = calloc(n->count * q, sizeof *qs), *ks = calloc(n->count * kv, sizeof *ks);
    double *vs = calloc(n->count * kv, sizeof *vs), *h = calloc(t->hidden, sizeof *h);
    double *o = calloc(q, sizeof *o), *add = calloc(t->hidden, sizeof *add);
    for (size_t i = 0; i < n->count; i++) {
        normed(h, n->x + i * t->hidden, ll_toy_find(n->weights, "blk.%zu.attn_norm.weight", layer), t->hidden,
               (double)t->eps);
        project(qs + i * q, h, ll_toy_find(n->weights, "blk.%zu.attn_q.weight", layer), q, t->hidden);
        project(ks + i * kv, h, ll_toy_find(n->weights, "blk.%zu.attn_k.weight", layer), kv, t->hidden);
        project(vs + i * kv, h, ll_toy_find(n->weights, "blk.%zu.attn_v.weight", layer), kv, t->hidden);
        add_bias(qs + i * q, ll_toy_find(n->weights, "blk.%zu.attn_q.bias", layer), q);
        add_bias(ks + i * kv, ll_toy_find(n->weights, "blk.%zu.attn_k.bias", layer), kv);
        add_bias(vs + i * kv, ll_toy_find(n->weights, "blk.%zu.attn_v.bias", layer), kv);
        for (size_t head = 0; head < t->heads; head++)
            rotate(qs + i * q + head * t->head_dim, t->head_dim, i, t->theta);
        for (size_t head = 0; head < t->kv_heads; head++)
            rotate(ks + i * kv + head * t->head_dim, t->head_dim, i, t->theta);
        for (size_t head = 0; head < t->heads; head++) {
            const size_t from = head / (t->heads / t->kv_heads) * t->head_dim;
            attend(o + head * t->head_dim, qs + i * q + head * t->head_dim, ks + from, vs + from, kv, i + 1,
                   t->head_dim);
        }
        project(add, o, ll_toy_find(n->weights, "blk.%zu.attn_output.weight", layer), t->hidden, q);
        for (size_t d = 0; d < t->hidden; d++)
            n->x[i * t->hidden + d] += add[d];
    }
    free(qs);
    free(ks);
    free(vs);
    free(h);
    free(o);
    free(add);
}

static void naive_mlp(naive *n, size_t layer) {
    const ll_toy *t = n->toy;
    double *h = calloc(t->hidden, sizeof *h), *gate = calloc(t->mlp, sizeof *gate),
           *up = calloc(t->mlp, sizeof *up);
    double *add = calloc(t->hidden, sizeof *add);
    for (size_t i = 0; i < n->count; i++) {
        normed(h, n->x + i * t->hidden, ll_toy_find(n->weights, "blk.%zu.ffn_norm.weight", layer), t->hidden,
               (double)t->eps);
        project(gate, h, ll_toy_find(n->weights, "blk.%zu.ffn_gate.weight", layer), t->mlp, t->hidden);
        project(up, h, ll_toy_find(n->weights, "blk.%zu.ffn_up.weight", layer), t->mlp, t->hidden);
        for (size_t m = 0; m < t->mlp; m++)
            gate[m] = gate[m] / (1 + exp(-gate[m])) * up[m];
        project(add, gate, ll_toy_find(n->weights, "blk.%zu.ffn_down.weight", layer), t->hidden, t->mlp);
        for (size_t d = 0; d < t->hidden; d++)
            n->x[i * t->hidden + d] += add[d];
    }
    free(h);
    free(gate);
    free(up);
    free(add);
}

/* Logits [count][vocab], malloc'd. */
static double *naive_logits(const ll_toy *t, const ll_toy_weights *weights, const ll_mask *mask,
                            const int32_t *ids, size_t count) {
    naive n = {t, weights, mask, count, calloc(count * t->hidden, sizeof(double))};
    const float *embedding = ll_toy_find(weights, "token_embd.weight");
    const float *head = t->tied ? embedding : ll_toy_find(weights, "output.weight");
    for (size_t i = 0; i < count * t->hidden; i++)
        n.x[i] = (double)embedding[(size_t)ids[i / t->hidden] * t->hidden + i % t->hidden];
    for (size_t layer = 0; layer < t->layers; layer++) {
        if (!mask->attn[layer])
            naive_attention(&n, layer);
        if (!mask->mlp[layer])
            naive_mlp(&n, layer);
    }
    double *logits = calloc(count * t->vocab, sizeof *logits), *h = calloc(t->hidden, sizeof *h);
    for (size_t i = 0; i < count; i++) {
        normed(h, n.x + i * t->hidden, ll_toy_find(weights, "output_norm.weight"), t->hidden, (double)t->eps);
        project(logits + i * t->vocab, h, head, t->vocab, t->hidden);
    }
    free(n.x);
    free(h);
    return logits;
}

/* ---- toys against it ---- */
enum { TOKENS = 21 };

static ll_error error;

static const char *toy_path(void) {
    static char path[256];
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    return path;
}

static ll_status try_load(ll_model **model, ll_weights_kind weights, size_t group) {
    const ll_model_options options = {.weights = weights, .group = group, .threads = 2};
    return ll_model_load(model, toy_path(), &options, &error);
}

static double norm_of(const double *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* ||found - expected|| / ||expected|| of all logits. */
static double distance(const float *found, const double *expected, size_t n) {
    double *difference = calloc(n, sizeof *difference);
    for (size_t i = 0; i < n; i++)
        difference[i] = (double)found[i] - expected[i];
    const double relative = norm_of(difference, n) / norm_of(expected, n);
    free(difference);
    return relative;
}

static void check_run(const ll_toy *toy, const ll_toy_weights *weights, const ll_model *model,
                      const char *drop, double bound, const char *label) {
    ll_mask mask;
    int32_t ids[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * 31 + 7) % toy->vocab);
    REQUIRE(ll_drop_parse(&mask, drop, toy->layers, NULL, &error) == LL_OK);
    double *expected = naive_logits(toy, weights, &mask, ids, TOKENS);
    float *whole = ll_logits_in_steps(model, &mask, ids, TOKENS, TOKENS),
          *steps = ll_logits_in_steps(model, &mask, ids, TOKENS, 1);
    const double found = distance(whole, expected, TOKENS * toy->vocab);
    CHECK_MSG(found <= bound, "%s, drop %s: relative distance %g, at most %g", label, drop, found, bound);
    CHECK_MSG(memcmp(whole, steps, TOKENS * toy->vocab * sizeof *whole) == 0,
              "%s, drop %s: decode differs from prefill", label, drop);
    free(expected);
    free(whole);
    free(steps);
}

/* float32 errs by some hundred roundings; int8 by half a step of 127 in each factor, over the layers. */
static const double f32_bound = 2e-5, int8_bound = 0.08;

static void check_toy(const ll_toy *toy, const char *label) {
    ll_toy_weights weights;
    REQUIRE(ll_toy_write(toy_path(), toy, &weights));
    const char *const drops[] = {"none", "attn:0", "attn:1,2", "mlp:0", "block:2", "attn:0-2", "mlp:0-2"};
    const size_t groups[] = {128, 32, 0};
    for (int kind = 0; kind < 4; kind++) {
        ll_model *model = NULL;
        const bool f32 = kind == 3;
        CHECK_MSG(try_load(&model, f32 ? LL_WEIGHTS_F32 : LL_WEIGHTS_INT8, f32 ? 128 : groups[kind]) == LL_OK,
                  "%s: %s", label, error.text);
        for (size_t i = 0; model && i < sizeof drops / sizeof *drops; i++)
            check_run(toy, &weights, model, drops[i], f32 ? f32_bound : int8_bound, label);
        ll_model_destroy(model);
    }
    ll_toy_free(&weights);
}

static void test_shapes(void) {
    ll_toy toy = ll_toy_default();
    check_toy(&toy, "default");
    toy.head_dim = 16; /* heads x head_dim is not hidden */
    check_toy(&toy, "head_dim 16");
    toy = ll_toy_default();
    toy.hidden = 40;
    toy.heads = 4;
    toy.head_dim = 10;
    toy.mlp = 17;
    toy.vocab = 61;
    check_toy(&toy, "odd sizes");
    toy.hidden = 24;
    toy.heads = 3;
    toy.kv_heads = 1;
    toy.head_dim = 80;
    toy.mlp = 1376;
    toy.tied = false;
    check_toy(&toy, "wide MLP, own head");
    toy = ll_toy_default();
    toy.kv_heads = 4;
    toy.theta = 500000;
    toy.eps = 0.1f; /* eps is the file's, not ours */
    check_toy(&toy, "no grouping, theta 5e5, eps 0.1");
}

/* Biases of every type, of which those of Q and K are permuted by single values, also out of blocks of 32. */
static void test_biases(void) {
    const uint32_t types[] = {LL_TYPE_F32, LL_TYPE_F16, LL_TYPE_BF16, LL_TYPE_Q8_0, LL_TYPE_Q4_1};
    ll_toy toy = ll_toy_default();
    toy.kv_heads = 4; /* so that K's bias is a whole block too */
    toy.biases = true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        toy.bias_type = types[i];
        check_toy(&toy, ll_tensor_type_find(types[i])->name);
    }
}

/* ---- numbers at the edge ---- */
static const char *edited; /* the tensor that edit_tensor changes */
static float factor;

static void edit_tensor(const char *name, float *values, size_t rows, size_t cols, void *context) {
    (void)context;
    if (strcmp(name, edited) != 0)
        return;
    for (size_t i = 0; i < (rows > 1 ? 2 * cols : cols); i++) /* the first two rows */
        values[i] *= factor;
}

static void check_edited(const char *tensor, float by, double bound) {
    ll_toy toy = ll_toy_default();
    toy.edit = edit_tensor;
    edited = tensor;
    factor = by;
    ll_toy_weights weights;
    REQUIRE(ll_toy_write(toy_path(), &toy, &weights));
    for (int kind = 0; kind < 2; kind++) {
        ll_model *model = NULL;
        CHECK_MSG(try_load(&model, (ll_weights_kind)kind, 128) == LL_OK, "%s", error.text);
        if (model)
            check_run(&toy, &weights, model, "none", kind == LL_WEIGHTS_F32 ? f32_bound : bound, tensor);
        ll_model_destroy(model);
    }
    ll_toy_free(&weights);
}

/* Rows of zero, rows of 1e-30, products far beyond fp16. */
static void test_edges(void) {
    check_edited("blk.0.attn_q.weight", 0, int8_bound);
    check_edited("token_embd.weight", 0, int8_bound);
    check_edited("blk.1.ffn_up.weight", 1e-30f, int8_bound);
    check_edited("blk.1.ffn_gate.weight", 1e-42f, int8_bound);
    check_edited("blk.1.ffn_gate.weight", 300, int8_bound);
    check_edited("blk.2.ffn_up.weight", 3e5f, int8_bound);
}

static void test_not_finite(void) {
    ll_toy toy = ll_toy_default();
    toy.edit = edit_tensor;
    edited = "blk.1.ffn_down.weight";
    factor = INFINITY;
    REQUIRE(ll_toy_write(toy_path(), &toy, NULL));
    ll_model *model = NULL;
    CHECK(try_load(&model, LL_WEIGHTS_INT8, 128) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "blk.1.ffn_down.weight");
    factor = 1e38f; /* finite weights, an infinite stream */
    edited = "blk.1.ffn_norm.weight";
    REQUIRE(ll_toy_write(toy_path(), &toy, NULL));
    REQUIRE(try_load(&model, LL_WEIGHTS_F32, 128) == LL_OK);
    ll_session *session = NULL;
    const ll_mask full = {0};
    const int32_t ids[] = {1, 2, 3};
    REQUIRE(ll_session_create(&session, model, &full, 3, &error) == LL_OK);
    CHECK(ll_session_forward(session, ids, 3, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "block 1");
    ll_session_destroy(session);
    ll_model_destroy(model);
}

/* ---- refusals ---- */
static void check_refused(const ll_toy *toy, const char *part) {
    ll_model *model = NULL;
    REQUIRE(ll_toy_write(toy_path(), toy, NULL));
    CHECK(try_load(&model, LL_WEIGHTS_INT8, 128) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, part);
    CHECK_CONTAINS(error.text, "toy.gguf");
    CHECK(model == NULL);
}

static void test_tensors_refused(void) {
    ll_toy toy = ll_toy_default();
    toy.extra_tensor = "blk.0.attn_q.bias"; /* applied or refused, never left out */
    check_refused(&toy, "blk.0.attn_q.bias");
    toy.extra_tensor = "blk.1.attn_q_norm.weight";
    check_refused(&toy, "blk.1.attn_q_norm.weight is in a block but part of no layer");
    toy = ll_toy_default();
    toy.missing_tensor = "blk.2.ffn_up.weight";
    check_refused(&toy, "blk.2.ffn_up.weight is missing");
    toy = ll_toy_default();
    toy.misshapen_tensor = "blk.1.attn_k.weight";
    check_refused(&toy, "blk.1.attn_k.weight has 17 rows of 32 values, expected 16 of 32");
    toy = ll_toy_default();
    toy.misshapen_tensor = "output_norm.weight";
    check_refused(&toy, "output_norm.weight has 1 rows of 33 values, expected 1 of 32");
    toy = ll_toy_default();
    toy.architecture = "mamba";
    check_refused(&toy, "mamba");
}

/* 512 blocks x 4096 sequences x 2^43 bytes of K and V are 2^64: a sum that wraps around to nothing. */
static void test_sessions_beyond_counting(void) {
    ll_config shape = {.layers = 512, .hidden = 8, .heads = 1, .kv_heads = 1, .head_dim = 8, .mlp = 8};
    shape.vocab = 8;
    shape.context = (size_t)1 << 37; /* the KV-cache of a block has 2^40 values */
    shape.rope_theta = 10000;
    shape.eps = 1e-5f;
    const ll_model_options options = {.weights = LL_WEIGHTS_F32, .threads = 1};
    const uint64_t one = ll_config_session_bytes(&shape, &options, 1, shape.context);
    CHECK(one > (uint64_t)1 << 51 && one < UINT64_MAX);
    CHECK(ll_config_session_bytes(&shape, &options, LL_MAX_BATCH, shape.context) == UINT64_MAX);
    ll_model *model = NULL;
    ll_session *session = NULL;
    REQUIRE(ll_model_synthesize(&model, &shape, &options, &error) == LL_OK);
    CHECK(ll_session_create_batch(&session, model, &(ll_mask){0}, LL_MAX_BATCH, shape.context, &error) ==
          LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "more memory than can be counted");
    ll_session_destroy(session);
    ll_model_destroy(model);
    const ll_model_options unknown = {.isa = "no such ISA"};
    CHECK(ll_config_weight_bytes(&shape, &unknown) == UINT64_MAX);
}

static void test_sessions_refused(void) {
    ll_toy toy = ll_toy_default();
    toy.context = (size_t)1 << 31;
    REQUIRE(ll_toy_write(toy_path(), &toy, NULL));
    ll_model *model = NULL;
    REQUIRE(try_load(&model, LL_WEIGHTS_INT8, 128) == LL_OK);
    ll_session *session = NULL;
    const ll_mask full = {0};
    CHECK(ll_session_create(&session, model, &full, 0, &error) == LL_BAD_INPUT);
    CHECK(ll_session_create(&session, model, &full, toy.context + 1, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "context");
    CHECK(ll_session_create(&session, model, &full, toy.context, &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "KV-cache");
    REQUIRE(ll_session_create(&session, model, &full, 4, &error) == LL_OK);
    const int32_t wrong[] = {0, (int32_t)toy.vocab}, negative[] = {-1}, many[32] = {0};
    CHECK(ll_session_forward(session, wrong, 2, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "token 1 has id 256");
    CHECK(ll_session_forward(session, negative, 1, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK(ll_session_forward(session, many, 32, NULL, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "do not fit");
    CHECK(ll_session_depth(session) == 0);
    ll_session_destroy(session);
    ll_model_destroy(model);
}

/* ---- the observer ---- */
enum { OBSERVED = 2 };
typedef struct {
    char order[OBSERVED][256]; /* of each token: one thread's alone */
    const float *embedding;
    size_t hidden;
} seen;

static void note(void *context, ll_module module, size_t first, const float *before, const float *after,
                 size_t rows) {
    seen *s = context;
    char text[32];
    snprintf(text, sizeof text, "%s%zu ", ll_drop_kind_name(module.kind), module.layer);
    REQUIRE(first + rows <= OBSERVED);
    for (size_t token = first; token < first + rows; token++) {
        const float *x = before + (token - first) * s->hidden, *y = after + (token - first) * s->hidden;
        strncat(s->order[token], text, sizeof s->order[token] - strlen(s->order[token]) - 1);
        if (module.kind == LL_BLOCK && module.layer == 0)
            CHECK(memcmp(x, s->embedding + (5 + token) * s->hidden, s->hidden * sizeof *x) == 0);
        CHECK(memcmp(x, y, s->hidden * sizeof *x) != 0);
    }
}

/* Every kept module once, in order; a block begins with its input, and a block dropped whole is not seen. */
static void test_observer(void) {
    ll_toy toy = ll_toy_default();
    ll_toy_weights weights;
    REQUIRE(ll_toy_write(toy_path(), &toy, &weights));
    ll_model *model = NULL;
    REQUIRE(try_load(&model, LL_WEIGHTS_F32, 128) == LL_OK);
    ll_mask mask;
    ll_session *session = NULL;
    REQUIRE(ll_drop_parse(&mask, "attn:0+block:1", toy.layers, NULL, &error) == LL_OK);
    REQUIRE(ll_session_create(&session, model, &mask, 8, &error) == LL_OK);
    seen s = {.embedding = ll_toy_find(&weights, "token_embd.weight"), .hidden = toy.hidden};
    const ll_observer observer = {note, &s};
    const int32_t ids[] = {5, 6};
    CHECK(ll_session_forward(session, ids, OBSERVED, NULL, &observer, &error) == LL_OK);
    for (size_t token = 0; token < OBSERVED; token++)
        CHECK_MSG(strcmp(s.order[token], "mlp0 block0 attn2 mlp2 block2 ") == 0, "%s", s.order[token]);
    ll_session_destroy(session);
    ll_model_destroy(model);
    ll_toy_free(&weights);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("model/toys of every shape equal a naive pass", test_shapes);
    ll_test_run("model/biases of every type", test_biases);
    ll_test_run("model/zero, tiny and huge weights", test_edges);
    ll_test_run("model/numbers that are not finite are named", test_not_finite);
    ll_test_run("model/missing, extra and misshapen tensors", test_tensors_refused);
    ll_test_run("model/sessions refuse what does not fit", test_sessions_refused);
    ll_test_run("model/sessions beyond what can be counted", test_sessions_beyond_counting);
    ll_test_run("model/observers see kept modules in order", test_observer);
    return ll_test_end();
}
