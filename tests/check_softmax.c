/* softmax and logsumexp against their formulas in double: ref itself has a rounding of its own. */
#include "check.h"
#include <math.h>
#include <string.h>

static const check_fill kinds[] = {FILL_RANDOM, FILL_WIDE,   FILL_ALTERNATE, FILL_ONE_HOT,
                                   FILL_ZERO,   FILL_HALVES, FILL_TINY,      FILL_HUGE};
enum { KINDS = sizeof kinds / sizeof kinds[0], SHORT = 66 };
static const size_t long_sizes[] = {127, 128, 129, 576, 1031, 4096, 49152, 128256};
enum { SIZES = SHORT + sizeof long_sizes / sizeof long_sizes[0] };

static size_t size_of(size_t index) {
    return index < SHORT ? index + 1 : long_sizes[index - SHORT];
}

static double maximum(const float *x, size_t n) {
    double max = -INFINITY;
    for (size_t i = 0; i < n; i++)
        max = fmax(max, (double)x[i]);
    return max;
}

static double sum_of_exp(const float *x, size_t n, double max) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)x[i] - max);
    return sum;
}

static float *make_input(size_t n, check_fill kind) {
    check_case("n %zu, %s", n, check_fill_name(kind));
    float *const x = check_floats("x", n);
    check_fill_floats(x, n, kind);
    if (n > 2 && check_below(3) == 0)
        x[check_below(n)] = -INFINITY; /* a position masked away */
    return x;
}

void check_softmax_f32(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t s = 0; s < SIZES; s++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            const size_t n = size_of(s);
            float *const got = make_input(n, kinds[kind]), *const x = check_floats("copy of x", n);
            memcpy(x, got, n * sizeof *x);
            isa->softmax_f32(got, n);
            const double max = maximum(x, n), sum = sum_of_exp(x, n, max);
            for (size_t i = 0; i < n; i++) {
                const double expected = exp((double)x[i] - max) / sum;
                /* Below the smallest normal float a relative bound means nothing: two roundings to multiples
                 * of 2^-149. */
                const double bound = (double)(n / 16 + 40) * 0x1p-23 * expected + 0x1p-149;
                CHECK_THAT(fabs((double)got[i] - expected) <= bound,
                           "[%zu] is %.9g, exactly %.9g: error %.3g, bound %.3g", i, (double)got[i], expected,
                           fabs((double)got[i] - expected), bound);
            }
        }
}

void check_logsumexp_f32(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t s = 0; s < SIZES; s++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            const size_t n = size_of(s);
            const float *const x = make_input(n, kinds[kind]);
            const double got = isa->logsumexp_f32(x, n), max = maximum(x, n);
            const double expected = max + log(sum_of_exp(x, n, max)),
                         bound = 0x1p-20 + 0x1p-23 * fabs(expected);
            CHECK_THAT(fabs(got - expected) <= bound, "is %.9g, exactly %.9g: error %.3g, bound %.3g", got,
                       expected, fabs(got - expected), bound);
        }
}
