#include "config_hf.h"
#include "drop.h"
#include "fuzz.h"

#include <math.h>
#include <string.h>

static void use(const ll_config *config) {
    enum { WIDEST = 1024 };
    static char text[LL_MASK_TEXT];
    static double frequencies[WIDEST / 2];
    ll_error error = {""};
    ll_mask again;
    if (!ll_fuzz_good(ll_config_check(config, "input", &error), &error))
        ll_fuzz_fault("a shape was read that is none: %s", error.text);
    ll_mask_format(&config->dropped, config->layers, text);
    if (ll_drop_parse(&again, text, config->layers, NULL, &error) != LL_OK ||
        memcmp(&again, &config->dropped, sizeof again) != 0)
        ll_fuzz_fault("dropped modules read back otherwise: %s", text);
    if (config->head_dim > WIDEST)
        return;
    ll_config_rope_frequencies(config, frequencies);
    for (size_t i = 0; i < config->head_dim / 2; i++)
        if (!isfinite(frequencies[i]))
            ll_fuzz_fault("rotation frequency %zu is not finite", i);
}

void ll_fuzz_config(const uint8_t *data, size_t length) {
    ll_config config;
    ll_error error = {""};
    if (ll_fuzz_good(ll_config_from_json(&config, (const char *)data, length, "input", &error), &error))
        use(&config);
}
