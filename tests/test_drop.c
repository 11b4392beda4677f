/* The drop grammar, and the canonical form of a mask. */
#include "drop.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

enum { LAYERS = 30 };

static ll_module attn_order[] = {{LL_ATTN, 25}, {LL_ATTN, 26}, {LL_ATTN, 3}};
static ll_module mlp_order[] = {{LL_MLP, 29}, {LL_MLP, 0}};
static ll_module block_order[] = {{LL_BLOCK, 7}, {LL_BLOCK, 8}};
static ll_module joint_order[] = {{LL_ATTN, 25}, {LL_MLP, 25}, {LL_MLP, 29}};
static const ll_drop_orders orders = {{{attn_order, 3}, {mlp_order, 2}, {block_order, 2}, {joint_order, 3}}};

static void check_format(const char *spec, const char *expected) {
    ll_mask mask, again;
    ll_error error = {""};
    char text[LL_MASK_TEXT], second[LL_MASK_TEXT];
    CHECK_MSG(ll_drop_parse(&mask, spec, LAYERS, &orders, &error) == LL_OK, "%s: %s", spec, error.text);
    ll_mask_format(&mask, LAYERS, text);
    CHECK_MSG(strcmp(text, expected) == 0, "%s became %s, not %s", spec, text, expected);
    CHECK(ll_drop_parse(&again, text, LAYERS, NULL, &error) == LL_OK);
    CHECK(memcmp(&mask, &again, sizeof mask) == 0);
    ll_mask_format(&again, LAYERS, second);
    CHECK(strcmp(text, second) == 0);
}

static void test_accepted(void) {
    static const char *const cases[][2] = {
        {"", "none"},
        {"none", "none"},
        {"attn:25,26", "attn:25,26"},
        {"mlp:3-5", "mlp:3-5"},
        {"mlp:3,5,4", "mlp:3-5"},
        {"block:29", "block:29"},
        {"attn:25,26+mlp:3-5+block:29", "block:29+attn:25,26+mlp:3-5"},
        {"attn:5+mlp:5,6", "block:5+mlp:6"},
        {"attn:7-7", "attn:7"},
        {"attn:0-29", "attn:0-29"},
        {"attn:0-29+mlp:0-29", "block:0-29"},
        {"attn:28,29,0,1", "attn:0,1,28,29"},
        {"attn@0", "none"},
        {"attn@2", "attn:25,26"},
        {"mlp@2+attn@3", "attn:3,25,26+mlp:0,29"},
        {"block@2", "block:7,8"},
        {"joint@1", "attn:25"},
        {"joint@3", "block:25+mlp:29"},
        {"joint@2+block:1-3", "block:1-3,25"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_format(cases[i][0], cases[i][1]);
}

static void test_refused(void) {
    static const char *const cases[][2] = {
        {"attn:30", "character 6: there is no layer 30, the model has the layers 0 to 29"},
        {"attn:1,99999999999999999999", "character 8: there is no layer"},
        {"attn:28-31", "character 6: there is no layer 30"},
        {"attn:1,2,1", "character 10: attention layer 1 is dropped twice"},
        {"attn:1-4+attn:3", "character 15: attention layer 3 is dropped twice"},
        {"mlp:4+block:4", "character 13: MLP layer 4 is dropped twice"},
        {"attn:25+attn@1", "character 9: attention layer 25 is dropped twice"},
        {"attn@1+joint@1", "character 8: attention layer 25 is dropped twice"},
        {"attn:5-3", "character 6: the range 5-3 runs backwards; write 3-5"},
        {"attn:", "character 6: expected a number, found \"the end\""},
        {"attn:1,", "character 8: expected a number, found \"the end\""},
        {"attn:1-", "character 8: expected a number"},
        {"attn:-1", "character 6: expected a number, found \"-1\""},
        {"attn:+mlp:1", "character 6: expected a number, found \"+\""},
        {"attn@", "character 6: expected a number"},
        {"attn@4", "character 1: attn@4 asks for more than the plan's 3"},
        {"mlp:1+attn@9999999999999999999999", "character 7: attn@"},
        {"attn:1 ", "character 7: expected ',' or '+' or the end, found \" \""},
        {"attn:1;2", "character 7: expected ','"},
        {"attn:0x1", "character 7: expected ','"},
        {"attn:1+", "character 8: expected attn, mlp or block"},
        {"+attn:1", "character 1: expected attn, mlp or block"},
        {"attn:1++mlp:1", "character 8: expected attn, mlp or block"},
        {"heads:1",
         "character 1: expected attn, mlp or block with :LIST or @N (or joint@N), found \"heads:1\""},
        {"Attn:1", "character 1: expected"},
        {"attn", "character 1: expected"},
        {"none+attn:1", "character 1: expected"},
        {"joint:3", "character 1: joint is a mixture"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_mask mask;
        const ll_mask nothing = {{0}, {0}};
        ll_error error = {""};
        CHECK_MSG(ll_drop_parse(&mask, cases[i][0], LAYERS, &orders, &error) == LL_BAD_USAGE,
                  "%s was accepted", cases[i][0]);
        CHECK_CONTAINS(error.text, cases[i][1]);
        CHECK(memcmp(&mask, &nothing, sizeof mask) == 0);
    }
}

static void test_without_plan(void) {
    ll_mask mask;
    ll_error error;
    CHECK(ll_drop_parse(&mask, "mlp:1+attn@2", LAYERS, NULL, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "character 7: attn@2 needs a drop plan; give one with --plan");
    /* A plan of a deeper model. */
    CHECK(ll_drop_parse(&mask, "attn@1", 20, &orders, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "there is no layer 25");
    CHECK(ll_drop_parse(&mask, "none", 0, NULL, &error) == LL_BAD_USAGE);
    CHECK(ll_drop_parse(&mask, "attn:30", LAYERS, NULL, NULL) == LL_BAD_USAGE);
}

/* The longest text that there is: no two neighbours dropped alike, every layer in the text. */
static void test_longest(void) {
    static ll_mask mask, again;
    static char text[LL_MASK_TEXT];
    ll_error error = {""};
    for (size_t i = 0; i < LL_MAX_LAYERS; i++) {
        mask.attn[i] = i % 2 == 0;
        mask.mlp[i] = i % 2 == 1;
    }
    ll_mask_format(&mask, LL_MAX_LAYERS, text);
    CHECK(strlen(text) < LL_MASK_TEXT - 1);
    CHECK_MSG(ll_drop_parse(&again, text, LL_MAX_LAYERS, NULL, &error) == LL_OK, "%s", error.text);
    CHECK(memcmp(&mask, &again, sizeof mask) == 0);
    CHECK(ll_mask_count(mask.attn, LL_MAX_LAYERS) == LL_MAX_LAYERS / 2 && ll_mask_count(mask.attn, 1) == 1);
}

static void test_kinds(void) {
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        ll_drop_kind found;
        const char *name = ll_drop_kind_name((ll_drop_kind)kind);
        CHECK(ll_drop_kind_parse(name, strlen(name), &found) == LL_OK && (int)found == kind);
        CHECK(ll_drop_kind_parse(name, strlen(name) - 1, &found) == LL_BAD_INPUT);
    }
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("drop/accepted", test_accepted);
    ll_test_run("drop/refused", test_refused);
    ll_test_run("drop/without a plan", test_without_plan);
    ll_test_run("drop/longest text", test_longest);
    ll_test_run("drop/kinds", test_kinds);
    return ll_test_end();
}
