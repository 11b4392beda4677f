#include "fuzz.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *reread(const char *text) {
    char path[LL_FUZZ_PATH];
    ll_plan plan;
    ll_error error = {""};
    const int file = ll_fuzz_file((const uint8_t *)text, strlen(text), path);
    if (ll_plan_read(&plan, path, &error) != LL_OK)
        ll_fuzz_fault("a plan that was written is refused: %s", error.text);
    close(file);
    char *again = ll_plan_text(&plan);
    ll_plan_free(&plan);
    return again;
}

static void use(const ll_plan *plan) {
    static const char *const specs[] = {"attn@1", "mlp@2", "block@1", "joint@3"};
    ll_mask mask;
    ll_error error = {""};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        ll_fuzz_good(ll_drop_parse(&mask, specs[i], plan->layers, &plan->orders, &error), &error);
    char *text = ll_plan_text(plan), *again = text ? reread(text) : NULL;
    if (!again || strcmp(text, again) != 0)
        ll_fuzz_fault("a plan reads back otherwise than it was written");
    free(text);
    free(again);
}

void ll_fuzz_plan(const uint8_t *data, size_t length) {
    char path[LL_FUZZ_PATH];
    ll_plan plan;
    ll_error error = {""};
    const int file = ll_fuzz_file(data, length, path);
    const bool good = ll_fuzz_good(ll_plan_read(&plan, path, &error), &error);
    close(file);
    if (good)
        use(&plan);
    ll_plan_free(&plan);
}
