#include "check.h"
#include <string.h>

void check_add_f32(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t sizes[] = {127, 128, 129, 576, 1031, 4096};
    for (size_t i = 0; i <= 66 + sizeof sizes / sizeof sizes[0]; i++) {
        const size_t n = i <= 66 ? i : sizes[i - 67];
        for (int fill = 0; fill < FILL_COUNT; fill++) {
            check_case("n %zu, %s", n, check_fill_name((check_fill)fill));
            float *const x = check_floats("x", n), *const y = check_floats("y", n);
            float *const expected = check_floats("expected", n);
            check_fill_floats(x, n, (check_fill)fill);
            check_fill_floats(y, n, check_below(2) ? FILL_RANDOM : (check_fill)fill);
            memcpy(expected, y, n * sizeof *y);
            ref->add_f32(expected, x, n);
            isa->add_f32(y, x, n);
            check_same(y, expected, (check_shape){n ? 1 : 0, n, n}, (check_tile){0, 1, 0, n});
        }
    }
}

typedef struct {
    size_t rows, heads, head_dim;
    check_fill fill;
} rope_case;

static void run_rope(const ll_kernels *ref, const ll_kernels *isa, const rope_case *c) {
    check_case("%zu rows, %zu heads of %zu, %s", c->rows, c->heads, c->head_dim, check_fill_name(c->fill));
    const size_t width = c->heads * c->head_dim, half = c->head_dim / 2;
    const check_shape shape = {c->rows, width, width + check_below(4)};
    float *const x = check_floats("x", check_cells(shape)), *const expected =
                                                                check_floats("expected", check_cells(shape));
    float *const cos = check_floats("cos", c->rows * half), *const sin = check_floats("sin", c->rows * half);
    for (size_t r = 0; r < c->rows; r++) {
        check_fill_floats(x + r * shape.ld, width, c->fill);
        memcpy(expected + r * shape.ld, x + r * shape.ld, width * sizeof *x);
    }
    check_fill_floats(cos, c->rows * half, FILL_RANDOM);
    check_fill_floats(sin, c->rows * half, FILL_RANDOM);
    ref->rope_f32(expected, shape.ld, c->rows, c->heads, c->head_dim, cos, sin);
    isa->rope_f32(x, shape.ld, c->rows, c->heads, c->head_dim, cos, sin);
    check_same(x, expected, shape, (check_tile){0, c->rows, 0, width});
}

void check_rope_f32(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t long_dims[] = {80, 96, 126, 128, 130, 256};
    for (size_t i = 1; i <= 34 + sizeof long_dims / sizeof long_dims[0]; i++)
        for (size_t heads = 0; heads <= 3; heads++)
            for (int fill = 0; fill < FILL_COUNT; fill++)
                run_rope(ref, isa,
                         &(rope_case){check_below(4), heads, i <= 34 ? 2 * i : long_dims[i - 35],
                                      (check_fill)fill});
}
