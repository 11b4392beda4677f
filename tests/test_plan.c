/* Drop plans: the order in which modules go, and plan files. */
#include "plan.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char path[256];

static void make_path(const char *name) {
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), name);
}

static ll_plan toy_plan(void) {
    ll_plan plan = {
        .layers = 4,
        .model_sha256 = SHA_A,
        .data_sha256 = SHA_B,
        .data_file = "c4 \"sample\".json",
        .samples = 8,
        .length = 512,
        .tokens = 4096,
        .importance = {{0.5, 0.25, 0.125, 0.25}, {0.25, 0.75, 0.125, 1.0 / 3}, {2, 1e-30, 1, 0.1}}};
    return plan;
}

static void check_order(const ll_plan *plan, ll_drop_kind kind, const char *expected) {
    char text[128] = "";
    const ll_drop_order *order = &plan->orders.order[kind];
    for (size_t i = 0; i < order->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%c%zu", i ? " " : "",
                 ll_drop_kind_name(order->modules[i].kind)[0], order->modules[i].layer);
    CHECK_MSG(strcmp(text, expected) == 0, "%s: %s, expected %s", ll_drop_kind_name(kind), text, expected);
}

static void check_orders(const ll_plan *plan) {
    check_order(plan, LL_ATTN, "a2 a1 a3 a0");
    check_order(plan, LL_MLP, "m2 m0 m3 m1");
    check_order(plan, LL_BLOCK, "b1 b3 b2 b0");
    /* Equal: the lower layer first, then attention before MLP. */
    check_order(plan, LL_JOINT, "a2 m2 m0 a1 a3 m3 a0 m1");
}

static void test_order(void) {
    ll_plan plan = toy_plan();
    ll_error error;
    REQUIRE(ll_plan_order(&plan, &error) == LL_OK);
    check_orders(&plan);
    ll_plan_free(&plan);
    CHECK(!plan.orders.order[0].modules);
    ll_plan_free(&plan);
    plan.importance[LL_MLP][2] = NAN;
    CHECK(ll_plan_order(&plan, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "importance of mlp layer 2 is no finite number");
    plan.layers = LL_MAX_LAYERS + 1;
    CHECK(ll_plan_order(&plan, &error) == LL_BAD_INPUT);
}

static void test_round_trip(void) {
    ll_plan plan = toy_plan(), again;
    ll_error error = {""};
    make_path("plan.json");
    REQUIRE(ll_plan_order(&plan, &error) == LL_OK);
    CHECK(ll_plan_write(&plan, path, &error) == LL_OK);
    CHECK_MSG(ll_plan_read(&again, path, &error) == LL_OK, "%s", error.text);
    check_orders(&again);
    CHECK(again.layers == 4 && again.samples == 8 && again.length == 512 && again.tokens == 4096);
    CHECK(strcmp(again.model_sha256, SHA_A) == 0 && strcmp(again.data_sha256, SHA_B) == 0);
    CHECK(strcmp(again.data_file, plan.data_file) == 0);
    CHECK(memcmp(again.importance, plan.importance, sizeof plan.importance) == 0);
    ll_plan_free(&again);

    /* What importance was measured by is kept. */
    for (int metric = 0; metric < LL_METRICS; metric++) {
        plan.metric = (ll_metric)metric;
        CHECK(ll_plan_write(&plan, path, &error) == LL_OK && ll_plan_read(&again, path, &error) == LL_OK);
        CHECK((int)again.metric == metric);
        ll_plan_free(&again);
    }

    /* JSON is UTF-8, a file's name need not be. */
    strcpy(plan.data_file, "caf\xe9.txt");
    CHECK(ll_plan_write(&plan, path, &error) == LL_OK && ll_plan_read(&again, path, &error) == LL_OK);
    CHECK(strcmp(again.data_file, "caf?.txt") == 0);
    ll_plan_free(&again);
    ll_plan_free(&plan);
}

/* The orders are those that are written: a list by hand, shorter than the model and in no order of
 * importance. */
static const char *const by_hand =
    "{\"format\": \"layerlab drop plan\", \"version\": 1, \"metric\": \"1 - cosine, with residual\",\n"
    "\"model_sha256\": \"" SHA_A "\", \"data_file\": \"a\", \"data_sha256\": \"" SHA_B "\", \"samples\": 1,\n"
    "\"length\": 2, \"tokens\": 3, \"layers\": 3,\n"
    "\"importance\": {\"attn\": [1, 2, 3], \"mlp\": [0.5, 1.5, 2], \"block\": [3, 2, 1]},\n"
    "\"order\": {\"attn\": [2, 0], \"mlp\": [], \"block\": [1], \"joint\": [\"mlp:2\", \"attn:0\"]}}";

static void test_by_hand(void) {
    make_path("hand.json");
    ll_test_write(path, by_hand, strlen(by_hand));
    ll_plan plan;
    ll_error error = {""};
    CHECK_MSG(ll_plan_read(&plan, path, &error) == LL_OK, "%s", error.text);
    check_order(&plan, LL_ATTN, "a2 a0");
    check_order(&plan, LL_MLP, "");
    check_order(&plan, LL_BLOCK, "b1");
    check_order(&plan, LL_JOINT, "m2 a0");
    CHECK(plan.importance[LL_MLP][1] == 1.5);
    ll_plan_free(&plan);
}

/* by_hand with the first from replaced. */
static void write_changed(const char *from, const char *to) {
    char text[2048];
    const char *at = strstr(by_hand, from);
    REQUIRE(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - by_hand), by_hand, to, at + strlen(from));
    ll_test_write(path, text, strlen(text));
}

static void test_refused(void) {
    static const char *const cases[][3] = {
        {"layerlab drop plan", "another plan", "no drop plan: \"format\" is not"},
        {"\"version\": 1", "\"version\": 2", "another version (this program reads version 1)"},
        {"\"version\": 1", "\"version\": 1, \"version\": 1", "broken JSON: duplicate object key"},
        {"1 - cosine", "2 - cosine", "\"metric\": expected"},
        {"\"samples\"", "\"drop_more\": [1], \"samples\"", "unknown key \"drop_more\""},
        {SHA_A, "AAAA" SHA_A, "\"model_sha256\": expected a string of at most 64 bytes"},
        {SHA_B, "B", "\"data_sha256\": expected 64 digits"},
        {"\"length\": 2", "\"length\": -2", "\"length\": expected a whole number"},
        {"\"tokens\": 3", "\"tokens\": 3.5", "\"tokens\": expected a whole number"},
        {"\"tokens\": 3", "\"tokens\": 99999999999999999999", "broken JSON: too big integer"},
        {"\"layers\": 3", "\"layers\": 0", "\"layers\" is 0; expected 1 to 512"},
        {"\"layers\": 3", "\"layers\": 9000000000000000000", "expected 1 to 512"},
        {"\"layers\": 3", "\"layers\": 4", "\"attn\" has 3 numbers, the plan 4 layers"},
        {"[1, 2, 3]", "[1, 2, 1e999]", "broken JSON: real number overflow"},
        {"[1, 2, 3]", "[1, 2, \"3\"]", "\"attn\": entry 2 is no number"},
        {"[1, 2, 3]", "[1, NaN, 3]", "broken JSON"},
        {"\"mlp\": [0.5", "\"mlq\": [0.5", "\"importance\": no array \"mlp\""},
        {"[2, 0]", "[3, 0]", "\"attn\": entry 0 is no number of the layers 0 to 2"},
        {"[2, 0]", "[2, -1]", "\"attn\": entry 1 is no number"},
        {"[2, 0]", "[2, 0.0]", "\"attn\": entry 1 is no number"},
        {"[2, 0]", "[2, 2]", "\"attn\": entry 1 names layer 2 a second time"},
        {"[2, 0]", "[2, 0, 1, 2]", "\"attn\" has 4 modules; a model of 3 layers has 3"},
        {"mlp:2", "block:2", "\"joint\": entry 0 is no \"attn:N\" or \"mlp:N\""},
        {"mlp:2", "mlp:2x", "\"joint\": entry 0 is no"},
        {"mlp:2", "mlp:-2", "\"joint\": entry 0 is no"},
        {"mlp:2", "mlp:99999999999999999999", "\"joint\": entry 0 is no"},
        {"mlp:2", "attn:0", "\"joint\": entry 1 names layer 0 a second time"},
        {"\"joint\"", "\"joined\"", "\"order\": no array \"joint\""},
        {"}}", "}", "broken JSON"},
    };
    make_path("bad.json");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_changed(cases[i][0], cases[i][1]);
        ll_plan plan;
        ll_error error = {""};
        CHECK_MSG(ll_plan_read(&plan, path, &error) == LL_BAD_INPUT, "case %zu (%s) was accepted", i,
                  cases[i][1]);
        CHECK_CONTAINS(error.text, cases[i][2]);
        CHECK_CONTAINS(error.text, path);
        for (int kind = 0; kind < LL_DROP_KINDS; kind++)
            CHECK(!plan.orders.order[kind].modules);
    }
    ll_plan plan;
    ll_error error;
    CHECK(ll_plan_read(&plan, "no/plan.json", &error) == LL_BAD_INPUT);
    ll_test_write(path, "[1]", 3);
    CHECK(ll_plan_read(&plan, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "expected a JSON object");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("plan/order", test_order);
    ll_test_run("plan/round trip", test_round_trip);
    ll_test_run("plan/by hand", test_by_hand);
    ll_test_run("plan/refused", test_refused);
    return ll_test_end();
}
