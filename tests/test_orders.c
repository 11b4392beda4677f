/* Importance by every metric, the orders of dropping and iterative dropping, against tests/golden/orders.json: made by torch, numpy and
 * Python's random. */
#include "drop_orders.h"
#include "families.h"
#include "golden.h"
#include "importance.h"
#include "iterative.h"
#include "real_model.h"
#include "tally.h"
#include "test.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ll_error error;

/* ---- the golden file ---- */
static json_t *read_golden(void) {
    size_t length = 0;
    char *text = ll_test_read("tests/golden/orders.json", &length);
    json_t *root = text ? json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    free(text);
    CHECK_MSG(root != NULL, "tests/golden/orders.json: make it again with tests/golden/make_orders.py");
    return root;
}

static const json_t *model_of(const json_t *root, const char *name) {
    size_t i;
    json_t *model;
    json_array_foreach(json_object_get(root, "models"), i,
                       model) if (strcmp(json_string_value(json_object_get(model, "name")), name) ==
                                  0) return model;
    CHECK_MSG(false, "tests/golden/orders.json has no %s", name);
    return NULL;
}

typedef double importance[LL_MODULE_KINDS][LL_MAX_LAYERS];

static void read_importance(const json_t *model, ll_metric metric, importance out) {
    const json_t *kinds = json_object_get(json_object_get(model, "metrics"), ll_metric_name(metric));
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        const json_t *values = json_object_get(kinds, ll_drop_kind_name((ll_drop_kind)kind));
        CHECK(json_array_size(values) == (size_t)json_integer_value(json_object_get(model, "layers")));
        for (size_t i = 0; i < json_array_size(values); i++)
            out[kind][i] = json_number_value(json_array_get(values, i));
    }
}

/* The first modules are those that expected names; it has all of them where whole. */
static void check_modules(const char *what, const ll_module *modules, size_t count, const json_t *expected) {
    CHECK_MSG(count == json_array_size(expected), "%s: %zu modules, expected %zu", what, count,
              json_array_size(expected));
    for (size_t i = 0; i < count && i < json_array_size(expected); i++) {
        char name[32];
        const char *wanted = json_string_value(json_array_get(expected, i));
        snprintf(name, sizeof name, "%s:%zu", ll_drop_kind_name(modules[i].kind), modules[i].layer);
        CHECK_MSG(strcmp(name, wanted) == 0, "%s: number %zu is %s, expected %s", what, i, name, wanted);
    }
}

/* ---- orders ---- */
static ll_metric metric_of(ll_order order) {
    return order == LL_ORDER_NO_RESIDUAL ? LL_NO_RESIDUAL
           : order == LL_ORDER_MAGNITUDE ? LL_MAGNITUDE
                                         : LL_COSINE;
}

/* what: "consecutive attn 3". */
static bool check_order(const json_t *root, const json_t *model, const char *what, const json_t *expected) {
    importance values;
    char order_name[LL_ORDER_NAME], kind_name[8];
    unsigned count = 0;
    ll_order order = LL_ORDERS;
    ll_drop_kind kind = LL_JOINT;
    ll_drop_order found = {0};
    if (sscanf(what, "%15s %7s %u", order_name, kind_name, &count) < 2 ||
        ll_order_parse(order_name, strlen(order_name), &order) != LL_OK ||
        ll_drop_kind_parse(kind_name, strlen(kind_name), &kind) != LL_OK)
        return false;
    read_importance(model, metric_of(order), values);
    const json_t *costs = json_object_get(root, "costs");
    const ll_order_input input = {
        .layers = (size_t)json_integer_value(json_object_get(model, "layers")),
        .importance = values,
        .microseconds = {json_number_value(json_object_get(costs, "attn")),
                         json_number_value(json_object_get(costs, "mlp"))},
    };
    if (ll_order_make(&found, order, &input, kind, count, &error) != LL_OK)
        return false;
    check_modules(what, found.modules, found.count, expected);
    free(found.modules);
    return true;
}

static void test_orders(void) {
    json_t *root = read_golden();
    size_t i, checked = 0;
    json_t *model, *expected;
    const char *what;
    json_array_foreach(json_object_get(root, "models"), i, model) {
        json_object_foreach(json_object_get(model, "orders"), what, expected) {
            CHECK_MSG(check_order(root, model, what, expected), "%s: %s", what, error.text);
            checked++;
        }
    }
    CHECK_MSG(checked == 2 * (4 * (3 + 1 + LL_RANDOM_SEEDS + 3) + 1), "%zu orders were there", checked);
    json_decref(root);
}

static void test_names(void) {
    for (int order = 0; order < LL_ORDERS; order++) {
        char name[LL_ORDER_NAME];
        ll_order again = LL_ORDERS;
        ll_order_name((ll_order)order, name);
        CHECK_MSG(ll_order_parse(name, strlen(name), &again) == LL_OK && (int)again == order, "%s", name);
        CHECK(ll_order_parse(name, strlen(name) - 1, &again) == LL_BAD_INPUT);
    }
    static const char *const refused[] = {"", "random", "random-5", "random-00", "Importance", "importance "};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ll_order order;
        CHECK_MSG(ll_order_parse(refused[i], strlen(refused[i]), &order) == LL_BAD_INPUT, "%s", refused[i]);
    }
}

static ll_status make(ll_order order, const ll_order_input *input, ll_drop_kind kind, size_t count,
                      ll_drop_order *out) {
    *out = (ll_drop_order){0};
    error.text[0] = 0;
    return ll_order_make(out, order, input, kind, count, &error);
}

/* What the golden values do not show: ties, times that are no saving, what is refused. */
static void test_edges(void) {
    static const importance equal = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
    const ll_order_input input = {3, equal, {0, 2}};
    ll_drop_order order;
    REQUIRE(make(LL_ORDER_CONSECUTIVE, &input, LL_ATTN, 2, &order) == LL_OK);
    CHECK_MSG(order.count == 2 && order.modules[0].layer == 0 && order.modules[1].layer == 1,
              "of equal runs the first");
    free(order.modules);
    REQUIRE(make(LL_ORDER_COST, &input, LL_JOINT, 0, &order) == LL_OK);
    for (size_t i = 0; i < 6; i++)
        CHECK_MSG(order.modules[i].kind == (i < 3 ? LL_MLP : LL_ATTN) && order.modules[i].layer == i % 3,
                  "what saves no time goes last: number %zu", i);
    free(order.modules);
    REQUIRE(make(LL_ORDER_CONSECUTIVE, &input, LL_JOINT, 6, &order) == LL_OK);
    CHECK(order.count == 6);
    free(order.modules);
    CHECK(make(LL_ORDER_CONSECUTIVE, &input, LL_BLOCK, 4, &order) == LL_BAD_USAGE && !order.modules);
    CHECK_CONTAINS(error.text, "4 neighbours: there are 3 block");
    CHECK(make(LL_ORDER_COST, &input, LL_ATTN, 0, &order) == LL_BAD_USAGE && !order.modules);
    CHECK(make(LL_ORDER_ITERATIVE, &input, LL_ATTN, 0, &order) == LL_BAD_USAGE && !order.modules);
}

/* ---- metrics ---- */
static void expect_metrics(const float *x, const float *y, double cosine, double without, double magnitude) {
    double found[LL_METRICS];
    ll_metric_measure(x, y, 2, found);
    CHECK_MSG(fabs(found[LL_COSINE] - cosine) < 1e-12, "cosine %.17g, expected %.17g", found[LL_COSINE],
              cosine);
    CHECK_MSG(fabs(found[LL_NO_RESIDUAL] - without) < 1e-12, "without residual %.17g, expected %.17g",
              found[LL_NO_RESIDUAL], without);
    CHECK_MSG(fabs(found[LL_MAGNITUDE] - magnitude) < 1e-12, "magnitude %.17g, expected %.17g",
              found[LL_MAGNITUDE], magnitude);
}

static void test_metrics(void) {
    static const float none[2] = {0, 0}, x[2] = {3, 4}, longer[2] = {6, 8}, turned[2] = {-1, 7},
                       back[2] = {-3, -4};
    expect_metrics(x, longer, 0, 0, 0.5);
    expect_metrics(x, turned, 1 - 25 / (5 * sqrt(50)), 1, 5 / sqrt(50)); /* adds (-4, 3) */
    expect_metrics(x, back, 2, 2, 2);
    expect_metrics(x, x, 0, 1, 0);
    expect_metrics(x, none, 1, 2, 1);
    expect_metrics(none, x, 1, 1, 1);
    expect_metrics(none, none, 0, 0, 0);
}

/* ---- a model run ---- */
/* Of importance, by float32's rounding in a whole forward pass. */
static const double tolerance = 1e-3;

static void check_metrics(const json_t *golden, const ll_model *model, const ll_sequences *sequences) {
    ll_tally *tally = calloc(1, sizeof *tally);
    ll_plan plan = {.layers = ll_model_config(model)->layers};
    ll_progress progress;
    ll_progress_begin(&progress, "test", 1, true);
    CHECK(ll_tally_run(tally, model, sequences, NULL, &progress, &error) == LL_OK);
    for (int metric = 0; metric < LL_METRICS; metric++) {
        importance expected;
        read_importance(golden, (ll_metric)metric, expected);
        ll_tally_take(tally, (ll_metric)metric, &plan);
        for (int kind = 0; kind < LL_MODULE_KINDS; kind++)
            for (size_t layer = 0; layer < plan.layers; layer++)
                CHECK_MSG(fabs(plan.importance[kind][layer] - expected[kind][layer]) <=
                              tolerance * expected[kind][layer],
                          "%s, %s %zu: %.9g, expected %.9g", ll_metric_name((ll_metric)metric),
                          ll_drop_kind_name((ll_drop_kind)kind), layer, plan.importance[kind][layer],
                          expected[kind][layer]);
    }
    free(tally);
}

typedef struct {
    ll_module modules[16];
    size_t count;
} steps;

static ll_status note(void *context, const ll_mask *mask, ll_module module, ll_error *why) {
    steps *s = context;
    (void)mask;
    s->modules[s->count++] = module;
    return s->count < 16 ? LL_OK : ll_fail(why, LL_BAD_USAGE, "too many drops");
}

static ll_iterative *begin(const ll_model *model, const ll_sequences *sequences, uint64_t memory) {
    ll_iterative *it = NULL;
    CHECK_MSG(ll_iterative_create(&it, model, sequences, memory, &error) == LL_OK, "%s", error.text);
    return it;
}

static ll_status run(ll_iterative *it, ll_mask *mask, ll_drop_kind kind, size_t count, steps *found) {
    const ll_iterative_keeper keeper = {note, found};
    ll_progress progress;
    ll_progress_begin(&progress, "test", 1, true);
    return ll_iterative_run(it, mask, kind, count, found ? &keeper : NULL, &progress, &error);
}

/* All kinds, one after the other, on the same streams. */
static ll_iterative_work check_iterative(const json_t *golden, const ll_model *model,
                                         const ll_sequences *sequences, uint64_t memory) {
    const char *name;
    json_t *expected;
    ll_iterative *it = begin(model, sequences, memory);
    json_object_foreach(json_object_get(golden, "iterative"), name, expected) {
        ll_drop_kind kind = LL_ATTN;
        ll_mask mask = {0};
        steps found = {.count = 0};
        CHECK(ll_drop_kind_parse(name, strlen(name), &kind) == LL_OK);
        CHECK_MSG(run(it, &mask, kind, json_array_size(expected), &found) == LL_OK, "%s", error.text);
        check_modules(name, found.modules, found.count, expected);
        CHECK(ll_iterative_count(&mask, kind, ll_model_config(model)->layers) == found.count);
    }
    const ll_iterative_work work = ll_iterative_done(it);
    ll_iterative_destroy(it);
    return work;
}

static void fill_sequences(ll_sequences *out, const json_t *lists) {
    *out = (ll_sequences){.ids = calloc(json_array_size(lists), sizeof *out->ids)};
    for (; out->count < json_array_size(lists); out->count++) {
        const json_t *list = json_array_get(lists, out->count);
        for (size_t i = 0; i < json_array_size(list); i++)
            CHECK(ll_ids_append(&out->ids[out->count], (int32_t)json_integer_value(json_array_get(list, i)),
                                &error) == LL_OK);
        out->tokens += json_array_size(list);
        out->longest = json_array_size(list) > out->longest ? json_array_size(list) : out->longest;
    }
}

static ll_model *load_deep(void) {
    ll_family family;
    char path[LL_FAMILY_PATH];
    ll_model *model = NULL;
    const ll_model_options options = {.weights = LL_WEIGHTS_F32, .threads = 2};
    if (!ll_family_load(&family, "deep"))
        return NULL;
    if (ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){0}, path))
        CHECK_MSG(ll_model_load(&model, path, &options, &error) == LL_OK, "%s", error.text);
    ll_family_free(&family);
    return model;
}

typedef struct {
    json_t *root;
    const json_t *golden;
    ll_model *model;
    ll_sequences sequences;
} toy;

static bool make_toy(toy *t) {
    *t = (toy){.root = read_golden(), .model = load_deep()};
    t->golden = model_of(t->root, "deep");
    if (t->golden)
        fill_sequences(&t->sequences, json_object_get(t->golden, "ids"));
    return t->golden && t->model;
}

static void free_toy(toy *t) {
    ll_sequences_free(&t->sequences);
    ll_model_destroy(t->model);
    json_decref(t->root);
}

static const uint64_t ample = 1u << 30;

static void test_toy(void) {
    toy t;
    REQUIRE(make_toy(&t));
    check_metrics(t.golden, t.model, &t.sequences);
    check_iterative(t.golden, t.model, &t.sequences, ample);
    free_toy(&t);
}

/* Kept streams save layers, and change nothing: whatever memory there is for them. */
static void test_memory(void) {
    enum { LAYERS = 10, HIDDEN = 32, ATTN = 6 };
    static const size_t deepest[ATTN] = {LAYERS, 8, 9,
                                         7,      5, 6}; /* the golden order's drops, before each step */
    toy t;
    REQUIRE(make_toy(&t));
    const uint64_t layer = t.sequences.tokens * HIDDEN * sizeof(float);
    uint64_t before = 0;
    for (uint64_t layers = 0; layers <= LAYERS; layers++) {
        const ll_iterative_work work = check_iterative(t.golden, t.model, &t.sequences, layers * layer);
        CHECK_MSG(work.asked == 4 * 6 * LAYERS * t.sequences.tokens, "%llu asked",
                  (unsigned long long)work.asked);
        CHECK_MSG(layers == 0 || work.computed <= before, "streams before %llu layers: more is computed",
                  (unsigned long long)layers);
        before = work.computed;
        if (layers <= 1)
            CHECK(work.computed == work.asked);
    }
    ll_mask mask = {0};
    steps found = {.count = 0};
    ll_iterative *it = begin(t.model, &t.sequences, ample);
    CHECK(run(it, &mask, LL_ATTN, ATTN, &found) == LL_OK);
    size_t expected = LAYERS;
    for (size_t i = 1; i < ATTN; i++)
        expected += LAYERS - deepest[i];
    CHECK_MSG(ll_iterative_done(it).computed == expected * t.sequences.tokens, "%llu layers, expected %zu",
              (unsigned long long)(ll_iterative_done(it).computed / t.sequences.tokens), expected);
    ll_iterative_destroy(it);
    free_toy(&t);
}

/* Going on from a mask ends where one run does; more than there is ends with all; a block of which one layer is gone already is
 * still a block. */
static void test_goes_on(void) {
    toy t;
    REQUIRE(make_toy(&t));
    ll_mask parts = {0}, whole = {0};
    steps found = {.count = 0};
    ll_iterative *it = begin(t.model, &t.sequences, ample), *other = begin(t.model, &t.sequences, ample);
    CHECK(run(it, &parts, LL_ATTN, 2, &found) == LL_OK);
    CHECK(run(other, &parts, LL_ATTN, 5, &found) == LL_OK);
    CHECK(run(it, &whole, LL_ATTN, 5, NULL) == LL_OK);
    CHECK(found.count == 5 && memcmp(&parts, &whole, sizeof whole) == 0);
    CHECK(run(it, &whole, LL_ATTN, 99, NULL) == LL_OK);
    CHECK(ll_mask_count(whole.attn, 10) == 10 && ll_mask_count(whole.mlp, 10) == 0);
    CHECK(ll_iterative_count(&whole, LL_BLOCK, 10) == 0 && ll_iterative_count(&whole, LL_JOINT, 10) == 10);
    CHECK(run(it, &whole, LL_BLOCK, 1, NULL) == LL_OK);
    CHECK(ll_mask_count(whole.mlp, 10) == 1 && ll_iterative_count(&whole, LL_BLOCK, 10) == 1);
    ll_iterative_destroy(it);
    ll_iterative_destroy(other);
    free_toy(&t);
}

/* What no memory holds is refused with what would help, before it is taken. */
static void test_no_room(void) {
    ll_iterative *it = NULL;
    ll_model *model = load_deep();
    const ll_sequences many = {.tokens = (size_t)1 << 36, .longest = 24};
    REQUIRE(model);
    CHECK(ll_iterative_create(&it, model, &many, 0, &error) == LL_NO_RESOURCE && !it);
    CHECK_CONTAINS(error.text, "residual streams of iterative dropping (fewer --samples");
    ll_model_destroy(model);
}

/* A file that an interrupted run left: of another setting it would be added to sums that are rounded otherwise. */
static void test_tally(void) {
    ll_tally *tally = calloc(1, sizeof *tally), *found = calloc(1, sizeof *found);
    ll_tally_key key = {"model", "data", "f32, one rounding", 48, 2, 5};
    char path[512];
    REQUIRE(tally && found);
    *tally = (ll_tally){.documents = 3, .tokens = 70, .sum = {{{0.1, 1e-300}}, {{-2, 3}}, {{5, 7.0 / 3}}}};
    snprintf(path, sizeof path, "%s/importance.part.json", ll_test_folder());
    REQUIRE(ll_tally_write(tally, &key, path, &error) == LL_OK);
    *found = ll_tally_read(path, &key);
    CHECK(memcmp(found, tally, sizeof *tally) == 0);
    key.setting = "f32, another";
    *found = ll_tally_read(path, &key);
    CHECK(found->documents == 0 && found->sum[0][0][0] == 0);
    free(tally);
    free(found);
}

static void test_real(void) {
    json_t *root = read_golden();
    const json_t *golden = model_of(root, "smollm2-135m");
    ll_documents documents = {0};
    ll_sequences sequences;
    ll_model *model = ll_real_model(LL_WEIGHTS_F32, 2);
    if (!model)
        return;
    REQUIRE(ll_documents_load(&documents, LL_GOLDEN_CALIBRATION, &error) == LL_OK);
    REQUIRE(ll_sequences_make(&sequences, ll_model_tokenizer(model), &documents, LL_GOLDEN_SAMPLES,
                              LL_GOLDEN_LENGTH, &error) == LL_OK);
    check_metrics(golden, model, &sequences);
    ll_sequences_free(&sequences);
    REQUIRE(ll_sequences_make(&sequences, ll_model_tokenizer(model), &documents,
                              (size_t)json_integer_value(json_object_get(golden, "iterative_samples")),
                              (size_t)json_integer_value(json_object_get(golden, "iterative_length")),
                              &error) == LL_OK);
    const ll_iterative_work work = check_iterative(golden, model, &sequences, ample);
    CHECK_MSG(5 * work.computed < 3 * work.asked, "%.0f %% of the layers were computed",
              100.0 * (double)work.computed / (double)work.asked);
    ll_sequences_free(&sequences);
    ll_documents_free(&documents);
    ll_model_destroy(model);
    json_decref(root);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("orders/names", test_names);
    ll_test_run("orders/equal Python's", test_orders);
    ll_test_run("orders/ties, times that save nothing, what is refused", test_edges);
    ll_test_run("orders/metrics by hand", test_metrics);
    ll_test_run("orders/importance and iterative dropping of a toy model equal torch's", test_toy);
    ll_test_run("orders/iterative dropping with streams kept in any memory", test_memory);
    ll_test_run("orders/iterative dropping goes on from what is dropped", test_goes_on);
    ll_test_run("orders/iterative dropping beyond memory", test_no_room);
    ll_test_run("orders/the file that an interrupted importance run leaves", test_tally);
    ll_test_run("orders/importance and iterative dropping of the real model equal torch's", test_real);
    return ll_test_end();
}
