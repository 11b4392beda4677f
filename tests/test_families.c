/* A toy model of every family, as files of four forms: the same logits, bit for bit, and transformers' within 1e-4. */
#include "families.h"
#include "model.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TOLERANCE = 1e-4;

static ll_error error;

/* Logits of the positions from family.first on, as one thing to compare. */
typedef struct {
    float *logits; /* [rows][vocab] */
    size_t count;
} outcome;

/* The ids before first in one call, the others in steps. */
static outcome run(const ll_model *model, const ll_family *f, const ll_mask *mask, size_t step) {
    const size_t hidden = f->config.hidden, rows = f->tokens - f->first;
    outcome out = {.count = rows * f->config.vocab};
    out.logits = calloc(out.count, sizeof *out.logits);
    float *residual = calloc(f->tokens * hidden, sizeof *residual);
    ll_session *session = NULL;
    ll_status status = ll_session_create(&session, model, mask, f->tokens, &error);
    for (size_t at = 0, count; status == LL_OK && at < f->tokens; at += count) {
        count = at < f->first ? f->first : step < f->tokens - at ? step : f->tokens - at;
        status = ll_session_forward(session, f->ids + at, count, residual + at * hidden, NULL, &error);
    }
    if (status == LL_OK)
        status = ll_session_logits(session, residual + f->first * hidden, rows, out.logits, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", f->name, error.text);
    ll_session_destroy(session);
    free(residual);
    return out;
}

static void expect_equal(const outcome *found, const outcome *expected, const char *name, const char *what) {
    size_t different = 0;
    for (size_t i = 0; i < expected->count; i++)
        different += memcmp(&found->logits[i], &expected->logits[i], sizeof(float)) != 0;
    CHECK_MSG(different == 0, "%s: %zu of %zu logits differ: %s", name, different, expected->count, what);
}

static void expect_golden(const outcome *found, const ll_family *f) {
    size_t wrong = 0;
    double worst = 0;
    for (size_t i = 0; i < (f->tokens - f->first) * f->column_count; i++) {
        const size_t at = i / f->column_count * f->config.vocab + f->columns[i % f->column_count];
        const double difference = fabs((double)found->logits[at] - f->logits[i]);
        wrong += !(difference <= TOLERANCE);
        worst = fmax(worst, difference);
    }
    CHECK_MSG(wrong == 0, "%s: %zu logits are not transformers'; they are up to %g away", f->name, wrong,
              worst);
}

static bool is_gguf(ll_form form) {
    return form == LL_FORM_GGUF || form == LL_FORM_GGUF_SPLIT;
}

/* Of drop lists GGUF knows nothing, and Llama 3's scaling it holds as a tensor. */
static void expect_config(const ll_config *c, const ll_family *f, ll_form form) {
    const ll_config *e = &f->config;
    CHECK_MSG(c->layers == e->layers && c->hidden == e->hidden && c->heads == e->heads &&
                  c->kv_heads == e->kv_heads && c->head_dim == e->head_dim && c->mlp == e->mlp &&
                  c->vocab == e->vocab && c->context == e->context,
              "%s as %s: a size is wrong", f->name, ll_form_names[form]);
    CHECK_MSG(c->rope_theta == e->rope_theta && c->eps == e->eps && c->tied == e->tied &&
                  c->bias_qkv == e->bias_qkv && c->bias_o == e->bias_o && c->bias_mlp == e->bias_mlp,
              "%s as %s: theta, epsilon, tying or biases are wrong", f->name, ll_form_names[form]);
    if (!is_gguf(form))
        CHECK_MSG(memcmp(&c->dropped, &e->dropped, sizeof e->dropped) == 0, "%s: drop lists are wrong",
                  f->name);
}

static ll_model *load_path(const char *path, ll_weights_kind weights) {
    ll_model *model = NULL;
    const ll_model_options options = {.weights = weights, .group = 128, .threads = 2};
    const ll_status status = ll_model_load(&model, path, &options, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", path, error.text);
    return status == LL_OK ? model : NULL;
}

/* What tokenizers 0.21.4 makes of the text by the written tokenizer.json, less <s>. */
static const struct {
    const char *tokenizer, *text;
    int32_t ids[16];
    size_t count;
    bool adds_bos;
} texts[] = {
    {"llama",
     "the band and the inner man",
     {261, 293, 268, 263, 264, 261, 293, 265, 280, 266, 293, 279, 262},
     13,
     true},
    {"llama-bpe",
     "the band and the inner man",
     {86, 99, 97, 68, 102, 103, 100, 97, 104, 80, 105, 97, 79, 101},
     14,
     true},
    {"gpt-2",
     "the band and the inner man",
     {86, 99, 97, 68, 102, 103, 100, 97, 104, 80, 105, 97, 79, 101},
     14,
     false},
    {"gpt-2", "ABBA", {35, 36, 36, 35}, 4, false}, /* all that 61 rows have room for */
};

static void expect_tokenizer(const ll_tokenizer *tokenizer, const ll_family *f, const char *form) {
    size_t kind = f->config.vocab < 100 ? 3 : 0;
    while (strcmp(texts[kind].tokenizer, f->tokenizer) != 0)
        kind++;
    ll_ids ids = {0};
    const ll_status status =
        ll_tokenizer_encode(tokenizer, texts[kind].text, strlen(texts[kind].text), &ids, &error);
    CHECK_MSG(status == LL_OK, "%s as %s: %s", f->name, form, error.text);
    CHECK_MSG(ids.count == texts[kind].count &&
                  memcmp(ids.data, texts[kind].ids, ids.count * sizeof *ids.data) == 0,
              "%s as %s: \"%s\" becomes other ids than tokenizers'", f->name, form, texts[kind].text);
    CHECK_MSG(ll_tokenizer_adds_bos(tokenizer) == texts[kind].adds_bos, "%s as %s: adds <s>: %d", f->name,
              form, ll_tokenizer_adds_bos(tokenizer));
    CHECK_MSG(!texts[kind].adds_bos || ll_tokenizer_bos(tokenizer) == 1, "%s as %s: <s> is %d", f->name, form,
              (int)ll_tokenizer_bos(tokenizer));
    CHECK_MSG(ll_tokenizer_eos(tokenizer) == 2, "%s as %s: </s> is %d", f->name, form,
              (int)ll_tokenizer_eos(tokenizer));
    ll_ids_free(&ids);
}

static ll_model *load(const ll_family *f, ll_form form, const ll_family_change *change,
                      ll_weights_kind weights) {
    char path[LL_FAMILY_PATH];
    if (!ll_family_write(f, form, change, path))
        return NULL;
    ll_model *model = load_path(path, weights);
    if (model) {
        expect_config(ll_model_config(model), f, form);
        expect_tokenizer(ll_model_tokenizer(model), f, ll_form_names[form]);
    }
    return model;
}

/* What a session must be told to leave out, as the file does not say it of itself. */
static ll_mask mask_of(const ll_family *f, ll_form form) {
    return is_gguf(form) ? f->config.dropped : (ll_mask){0};
}

static void compare_form(const ll_family *f, ll_form form, const ll_family_change *change,
                         ll_weights_kind weights, const outcome *expected) {
    const ll_mask mask = mask_of(f, form);
    ll_model *model = load(f, form, change, weights);
    if (!model)
        return;
    char what[128];
    snprintf(what, sizeof what, "%s with %s weights, config %zu", ll_form_names[form],
             ll_weights_kind_name(weights), change->config);
    outcome found = run(model, f, &mask, f->tokens);
    expect_equal(&found, expected, f->name, what);
    free(found.logits);
    ll_model_destroy(model);
}

/* The first form's logits in one call; token by token (9,000 positions: the last ones) and in steps that divide
 * nothing they are the same. NULL after having failed the test. */
static outcome expected_of(const ll_family *f, ll_weights_kind weights) {
    const ll_mask mask = mask_of(f, LL_FORM_HF_F32);
    ll_model *model = load(f, LL_FORM_HF_F32, &(ll_family_change){0}, weights);
    if (!model)
        return (outcome){NULL, 0};
    const outcome whole = run(model, f, &mask, f->tokens);
    for (size_t step = 1; step <= 3; step += 2) {
        outcome found = run(model, f, &mask, step);
        expect_equal(&found, &whole, f->name, step == 1 ? "token by token" : "in steps of 3");
        free(found.logits);
    }
    ll_model_destroy(model);
    return whole;
}

static void check_family(const ll_family *f, ll_weights_kind weights) {
    outcome expected = expected_of(f, weights);
    if (!expected.logits)
        return;
    if (weights == LL_WEIGHTS_F32)
        expect_golden(&expected, f);
    for (size_t form = LL_FORM_HF_F32 + 1; form < LL_FORMS; form++)
        compare_form(f, (ll_form)form, &(ll_family_change){0}, weights, &expected);
    for (size_t i = 1; weights == LL_WEIGHTS_F32 && i < f->config_count; i++)
        compare_form(f, LL_FORM_HF_F32, &(ll_family_change){.config = i}, weights, &expected);
    free(expected.logits);
}

static const char *const families[] = {
    "llama2", "llama3",         "llama3-vocabulary", "llama3-late", "mistral", "mistral-full",
    "bias",   "attention-bias", "head-dim",          "tied",        "linear",  "odd",
    "eps",    "drop",           "drop-attention",    "deep",
};
static const char *family; /* that the test below is about */

static void test_family(void) {
    ll_family f;
    REQUIRE(ll_family_load(&f, family));
    check_family(&f, LL_WEIGHTS_F32);
    check_family(&f, LL_WEIGHTS_INT8);
    ll_family_free(&f);
}

/* The change leaves the logits as they are in both Hugging Face forms. */
static void expect_no_change(const char *name, const ll_family_change *change) {
    ll_family f;
    REQUIRE(ll_family_load(&f, name));
    outcome expected = expected_of(&f, LL_WEIGHTS_F32);
    if (expected.logits) {
        compare_form(&f, LL_FORM_HF_F32, change, LL_WEIGHTS_F32, &expected);
        compare_form(&f, LL_FORM_HF_BF16, change, LL_WEIGHTS_F32, &expected);
    }
    free(expected.logits);
    ll_family_free(&f);
}

/* Tied means tied, whatever head lies beside. */
static void test_tied_with_a_head(void) {
    expect_no_change("tied", &(ll_family_change){.other_head = true});
}

static void test_dropped_weights_absent(void) {
    expect_no_change("drop", &(ll_family_change){.without_dropped = true});
}

/* A split model is the same through any of its parts and through its folder. */
static void test_any_part(void) {
    ll_family f;
    char path[LL_FAMILY_PATH], folder[LL_FAMILY_PATH], other[LL_FAMILY_PATH + 32];
    REQUIRE(ll_family_load(&f, "llama2"));
    outcome expected = expected_of(&f, LL_WEIGHTS_F32);
    const bool written = ll_family_write(&f, LL_FORM_GGUF_SPLIT, &(ll_family_change){0}, path);
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
    const char *const openings[] = {"", "/model-00001-of-00003.gguf", "/model-00003-of-00003.gguf"};
    for (size_t i = 0; written && expected.logits && i < sizeof openings / sizeof openings[0]; i++) {
        snprintf(other, sizeof other, "%s%s", folder, openings[i]);
        ll_model *model = load_path(other, LL_WEIGHTS_F32);
        if (!model)
            continue;
        outcome found = run(model, &f, &(ll_mask){0}, f.tokens);
        expect_equal(&found, &expected, f.name, other);
        free(found.logits);
        ll_model_destroy(model);
    }
    free(expected.logits);
    ll_family_free(&f);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        char name[64];
        family = families[i];
        snprintf(name, sizeof name, "families/%s", family);
        ll_test_run(name, test_family);
    }
    ll_test_run("families/tied with a head in the file", test_tied_with_a_head);
    ll_test_run("families/weights of dropped modules absent", test_dropped_weights_absent);
    ll_test_run("families/split model through any part", test_any_part);
    return ll_test_end();
}
