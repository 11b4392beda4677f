#include "check.h"
#include <string.h>

static void check_peak(double (*peak)(size_t rounds)) {
    check_case("rounds");
    const double one = peak(1);
    CHECK_THAT(peak(0) == 0.0, "no rounds, but %g operations", peak(0));
    CHECK_THAT(one > 0.0, "one round, but %g operations", one);
    for (size_t rounds = 2; rounds <= 4096; rounds = 3 * rounds + 1)
        CHECK_THAT(peak(rounds) == one * (double)rounds, "%zu rounds: %g operations, one round has %g",
                   rounds, peak(rounds), one);
}

void check_peak_i8(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    check_peak(isa->peak_i8);
}

void check_peak_f32(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    check_peak(isa->peak_f32);
}

/* Every variant reads every byte: changing any one changes the value. */
void check_read_stream(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t pages = 0; pages <= 9; pages++)
        for (int variant = 0; variant < LL_READ_VARIANTS; variant++) {
            check_case("%zu bytes, variant %d", pages * 4096, variant);
            unsigned char *const p = check_bytes("data", pages * 4096);
            for (size_t i = 0; i < pages * 4096; i++)
                p[i] = (unsigned char)check_random();
            const uint64_t value = isa->read_stream(p, pages * 4096, variant);
            for (size_t i = 0; i < pages * 4096; i += 1 + check_below(40)) {
                const unsigned char bit = (unsigned char)(1u << check_below(8));
                p[i] ^= bit;
                CHECK_THAT(isa->read_stream(p, pages * 4096, variant) != value, "byte %zu is not read", i);
                p[i] ^= bit;
            }
        }
}
