#include "fuzz.h"
#include "parts.h"

/* What is read must be what a merge may rely on. */
static void use(const ll_parts *parts) {
    const char *a, *b;
    for (size_t i = 0; i < parts->count; i++) {
        const ll_parts_sweep *sweep = &parts->sweeps[i];
        if (sweep->of < 1 || sweep->of > LL_MAX_PARTS || sweep->asked > sweep->of)
            ll_fuzz_fault("part %zu of %zu", sweep->asked, sweep->of);
        ll_fuzz_touch(sweep->finished, sweep->of * sizeof *sweep->finished);
        for (size_t row = 0; row < sweep->row_count; row++)
            if (sweep->rows[row].part < 1 || sweep->rows[row].part > sweep->of)
                ll_fuzz_fault("row %zu is of part %zu", row, sweep->rows[row].part);
            else
                (void)ll_parts_lists(&sweep->rows[row], "speed");
        (void)ll_parts_difference(&parts->sweeps[0], sweep, &a, &b);
    }
}

void ll_fuzz_parts(const uint8_t *data, size_t length) {
    ll_parts parts;
    ll_error error = {""};
    if (ll_fuzz_good(ll_parts_parse(&parts, (const char *)data, length, "input", &error), &error))
        use(&parts);
    ll_parts_free(&parts);
}
