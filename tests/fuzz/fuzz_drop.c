#include "drop.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void parse(const char *spec, size_t layers, const ll_drop_orders *orders) {
    static char text[LL_MASK_TEXT], second[LL_MASK_TEXT];
    ll_mask mask, again;
    ll_error error = {""};
    if (!ll_fuzz_good(ll_drop_parse(&mask, spec, layers, orders, &error), &error))
        return;
    ll_mask_format(&mask, layers, text);
    if (ll_drop_parse(&again, text, layers, NULL, &error) != LL_OK || memcmp(&mask, &again, sizeof mask) != 0)
        ll_fuzz_fault("\"%s\" reads back otherwise: \"%s\"", spec, text);
    ll_mask_format(&again, layers, second);
    if (strcmp(text, second) != 0)
        ll_fuzz_fault("two canonical forms: \"%s\" and \"%s\"", text, second);
}

/* The input is the text of --drop, for models of several depths, without a plan and with one. */
void ll_fuzz_drop(const uint8_t *data, size_t length) {
    static const size_t depths[] = {1, 4, 40, LL_MAX_LAYERS};
    enum { PLANNED = 4 };
    static ll_module attn[] = {{LL_ATTN, 3}, {LL_ATTN, 0}, {LL_ATTN, 2}, {LL_ATTN, 1}},
                     mlp[] = {{LL_MLP, 1}, {LL_MLP, 2}},
                     joint[] = {{LL_MLP, 3}, {LL_ATTN, 1}, {LL_ATTN, 3}, {LL_MLP, 0}};
    const ll_drop_orders orders = {{[LL_ATTN] = {attn, 4}, [LL_MLP] = {mlp, 2}, [LL_JOINT] = {joint, 4}}};
    char *spec = malloc(length + 1);
    if (!spec)
        return;
    memcpy(spec, data, length);
    spec[length] = 0;
    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        parse(spec, depths[i], NULL);
        if (depths[i] >= PLANNED)
            parse(spec, depths[i], &orders);
    }
    free(spec);
}
