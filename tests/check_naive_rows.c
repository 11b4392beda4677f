/* The row operations of ref against their formulas in double. */
#include "check.h"
#include <math.h>
#include <string.h>

static const size_t lengths[] = {1, 2, 3, 15, 16, 17, 63, 64, 65, 127, 128, 129, 576, 1536, 4099};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };

static double largest(const float *x, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* A value is within half a step of its int8, but for the roundings of inv and of the product (both relative,
 * of at most 127 steps); a tie goes to the even one. */
static void check_group(const ll_act *act, size_t g, const float *x) {
    const size_t start = g * act->group, end = act->k - start < act->group ? act->k : start + act->group;
    const double amax = largest(x + start, end - start), step = amax / 127;
    int64_t sum = 0;
    for (size_t i = start; i < end; i++) {
        const double exact = amax > 0 ? (double)x[i] / step : 0;
        CHECK_THAT(fabs(act->q[i] - exact) <= 0.5 + 127 * 0x1p-22, "q[%zu] is %d, exactly %.9g", i, act->q[i],
                   exact);
        if (amax == 127)
            CHECK_THAT(act->q[i] == (int)nearbyint((double)x[i]),
                       "q[%zu] is %d for %g: a tie goes to the even", i, act->q[i], (double)x[i]);
        sum += act->q[i];
    }
    CHECK_THAT(act->sum[g] == sum, "group %zu: sum is %d, not %lld", g, act->sum[g], (long long)sum);
    CHECK_THAT(act->scale[g] == (float)step, "group %zu: scale is %a, not %a", g, (double)act->scale[g],
               step);
}

static void check_row(const ll_act *act, const float *x) {
    for (size_t g = 0; g < act->groups; g++)
        check_group(act, g, x);
}

void check_naive_quantize(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    static const check_fill fills[] = {FILL_RANDOM, FILL_ALTERNATE, FILL_ONE_HOT,
                                       FILL_ZERO,   FILL_HALVES,    FILL_HUGE};
    static const size_t groups[] = {0, 4, 32, 128};
    for (size_t l = 0; l < LENGTHS; l++)
        for (size_t f = 0; f < sizeof fills / sizeof fills[0]; f++) {
            const size_t k = lengths[l], group = groups[check_below(4)];
            check_case("k %zu group %zu, %s", k, group, check_fill_name(fills[f]));
            float *const x = check_floats("x", k);
            check_fill_floats(x, k, fills[f]);
            ll_act act = check_act_make(1, k, group);
            isa->quantize(&act, x, k, 0, 1);
            check_row(&act, x);
        }
    check_case("a NaN in the group reaches its scale");
    float *const x = check_floats("x", 8);
    check_fill_floats(x, 8, FILL_RANDOM);
    x[3] = NAN;
    ll_act act = check_act_make(1, 8, 4);
    isa->quantize(&act, x, 8, 0, 1);
    CHECK_THAT(isnan(act.scale[0]) && !isnan(act.scale[1]), "scales %g and %g", (double)act.scale[0],
               (double)act.scale[1]);
}

/* The int8 form must be the float form, quantized. */
static void check_same_when_quantized(const ll_kernels *isa, const ll_act *got, const float *y) {
    ll_act expected = check_act_make(1, got->k, got->group);
    isa->quantize(&expected, y, got->k, 0, 1);
    check_act_same(got, &expected, 0, 1);
}

/* ss: each of 16 lanes adds k / 16 terms, then four more additions; the root halves that; then /, +, sqrt, /
 * and two products. */
static void check_norm(const float *y, const float *x, const float *weight, double eps, size_t k) {
    double squares = 0;
    for (size_t i = 0; i < k; i++)
        squares += (double)x[i] * (double)x[i];
    const double inv = 1 / sqrt(squares / (double)k + eps);
    for (size_t i = 0; i < k; i++) {
        const double expected = (double)x[i] * inv * (double)weight[i];
        const double bound = ((double)k / 32 + 12) * 0x1p-24 * fabs(expected) + 0x1p-149;
        CHECK_THAT(fabs((double)y[i] - expected) <= bound, "y[%zu] is %.9g, exactly %.9g", i, (double)y[i],
                   expected);
    }
}

void check_naive_rmsnorm(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t l = 0; l < LENGTHS; l++)
        for (int turn = 0; turn < 4; turn++) {
            const size_t k = lengths[l];
            const float eps = turn % 2 ? 1e-5f : 0.25f;
            check_case("k %zu, eps %g", k, (double)eps);
            float *const x = check_floats("x", k), *const weight = check_floats("weight", k),
                         *const y = check_floats("y", k);
            check_fill_floats(x, k, turn < 2 ? FILL_RANDOM : FILL_WIDE);
            check_fill_floats(weight, k, FILL_RANDOM);
            isa->rmsnorm_f32(y, k, x, k, weight, eps, k, 0, 1);
            check_norm(y, x, weight, (double)eps, k);
            ll_act act = check_act_make(1, k, 32);
            isa->rmsnorm_i8(&act, x, k, weight, eps, 0, 1);
            check_same_when_quantized(isa, &act, y);
        }
}

/* exp, 1 + exp, / and * round once each, exp with twice the error. Where exp(-gate) overflows, the result is
 * zero instead of gate e^gate, which is below 2^-120. */
static void check_silu(const float *y, const float *x, size_t k) {
    for (size_t i = 0; i < k; i++) {
        const double gate = (double)x[i], up = (double)x[k + i], expected = gate / (1 + exp(-gate)) * up;
        const double bound = 6 * 0x1p-24 * fabs(expected) + 0x1p-120 * fabs(up) + 0x1p-149;
        CHECK_THAT(fabs((double)y[i] - expected) <= bound, "gate %g up %g: %.9g, exactly %.9g", gate, up,
                   (double)y[i], expected);
    }
}

void check_naive_silu_mul(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t l = 0; l < LENGTHS; l++)
        for (int turn = 0; turn < 3; turn++) {
            const size_t k = lengths[l];
            check_case("k %zu, gates %s", k, turn ? "up to 120" : "near zero");
            float *const x = check_floats("x", 2 * k), *const y = check_floats("y", k);
            check_fill_floats(x, 2 * k, FILL_RANDOM);
            for (size_t i = 0; i < k && turn; i++)
                x[i] = (float)check_between(-120, 120);
            isa->silu_mul_f32(y, k, x, 2 * k, k, 0, 1);
            check_silu(y, x, k);
            ll_act act = check_act_make(1, k, 32);
            isa->silu_mul_i8(&act, x, 2 * k, 0, 1);
            check_same_when_quantized(isa, &act, y);
        }
}
