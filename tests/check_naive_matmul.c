/* The matmuls of ref against sums in int64 and double. */
#include "check.h"
#include <math.h>

static const size_t sizes[][3] = {{1, 1, 1},    {1, 3, 4},    {2, 64, 64},   {3, 65, 63},
                                  {5, 63, 65},  {4, 17, 127}, {2, 5, 128},   {6, 70, 129},
                                  {7, 31, 576}, {1, 9, 1024}, {13, 130, 257}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

typedef struct {
    ll_act x;
    int8_t *w;
    float *w_scale;
    ll_packed packed;
} int8_input;

static int8_input make_int8(const ll_kernels *isa, size_t m, size_t n, size_t k, size_t group) {
    int8_input in = {.x = check_act_make(m, k, group)};
    for (size_t i = 0; i < m * in.x.groups; i++) {
        in.x.scale[i] = (float)check_between(0.001, 0.1);
        in.x.sum[i] = 0; /* ref has no use for it */
    }
    for (size_t r = 0; r < m; r++)
        check_fill_i8(in.x.q + r * in.x.ld, k, (check_fill_i8_kind)check_below(I8_COUNT));
    in.w = check_i8("w", n * k);
    in.w_scale = check_floats("w scale", n * in.x.groups);
    for (size_t j = 0; j < n; j++)
        check_fill_i8(in.w + j * k, k, (check_fill_i8_kind)check_below(I8_COUNT));
    for (size_t i = 0; i < n * in.x.groups; i++)
        in.w_scale[i] = (float)check_between(0.001, 0.1);
    void *const data = check_bytes("packed", isa->packed_i8_bytes(n, k, in.x.group));
    isa->pack_i8(data, n, k, in.x.group, 0, n, in.w, in.w_scale);
    in.packed = (ll_packed){.data = data, .n = n, .k = k, .group = in.x.group, .groups = in.x.groups};
    return in;
}

/* Each group adds the roundings of its sum to float, of the product of the scales and of the fma. */
static void compare_int8(const int8_input *in, size_t row, size_t column, float got) {
    double expected = 0, magnitude = 0;
    for (size_t g = 0; g < in->x.groups; g++) {
        int64_t sum = 0;
        for (size_t i = g * in->x.group; i < in->x.k && i < (g + 1) * in->x.group; i++)
            sum += (int64_t)in->x.q[row * in->x.ld + i] * in->w[column * in->x.k + i];
        const double term = (double)sum * (double)in->x.scale[row * in->x.groups + g] *
                            (double)in->w_scale[column * in->x.groups + g];
        expected += term;
        magnitude += fabs(term);
    }
    const double bound = (double)(in->x.groups + 2) * 0x1p-24 * 1.01 * magnitude;
    CHECK_THAT(fabs((double)got - expected) <= bound, "row %zu column %zu is %.9g, exactly %.9g, bound %.3g",
               row, column, (double)got, expected, bound);
}

void check_naive_matmul_i8(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    static const size_t groups[] = {0, 4, 32, 128};
    for (size_t s = 0; s < SIZES; s++)
        for (size_t g = 0; g < 4; g++) {
            const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2], m0 = check_below(m), ld = n + 2;
            check_case("m %zu n %zu k %zu group %zu", m, n, k, groups[g]);
            const int8_input in = make_int8(isa, m, n, k, groups[g]);
            const check_shape shape = {m, n, ld};
            float *const y = check_floats("y", check_cells(shape));
            isa->matmul_i8(y, ld, &in.x, m0, m, &in.packed, 0, n);
            for (size_t i = 0; i < check_cells(shape); i++)
                if (i / ld >= m0 && i % ld < n)
                    compare_int8(&in, i / ld, i % ld, y[i]);
                else
                    CHECK_THAT(check_untouched(y, i), "cell %zu lies outside the tile and was written", i);
        }
}

static void compare_f32(const float *x, const float *w, size_t k, float got) {
    double expected = 0, magnitude = 0;
    for (size_t i = 0; i < k; i++) {
        expected += (double)x[i] * (double)w[i];
        magnitude += fabs((double)x[i] * (double)w[i]);
    }
    const double bound = (double)(k + 1) * 0x1p-24 * 1.01 * magnitude;
    CHECK_THAT(fabs((double)got - expected) <= bound, "is %.9g, exactly %.9g, bound %.3g", (double)got,
               expected, bound);
}

void check_naive_matmul_f32(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t s = 0; s < SIZES; s++) {
        const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2], ld = n + 1;
        check_case("m %zu n %zu k %zu", m, n, k);
        const check_shape shape = {m, n, ld};
        float *const x = check_floats("x", m * k), *const w = check_floats("w", n * k);
        check_fill_floats(x, m * k, FILL_RANDOM);
        check_fill_floats(w, n * k, FILL_WIDE);
        void *const data = check_bytes("packed", isa->packed_f32_bytes(n, k));
        isa->pack_f32(data, n, k, 0, n, w);
        const ll_packed packed = {.data = data, .n = n, .k = k};
        float *const y = check_floats("y", check_cells(shape));
        isa->matmul_f32(y, ld, x, k, 0, m, &packed, 0, n);
        for (size_t i = 0; i < check_cells(shape); i++)
            if (i % ld < n)
                compare_f32(x + i / ld * k, w + i % ld * k, k, y[i]);
            else
                CHECK_THAT(check_untouched(y, i), "cell %zu lies outside the tile and was written", i);
    }
}
