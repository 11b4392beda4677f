/* The operations that turn rows into rows: into int8 (quantize, RMSNorm, SiLU x up) or into floats (RMSNorm,
 * SiLU x up). */
#include "check.h"
#include <stdio.h>
#include <string.h>

typedef enum { QUANTIZE, RMSNORM, SILU_MUL } row_op;

typedef struct {
    size_t rows, k, group;
    check_fill fill;
} row_case;

/* Inputs of a case: x has 2k columns for SiLU x up. */
typedef struct {
    float *x, *weight;
    size_t ldx;
    float eps;
} row_input;

static row_input make_input(row_op op, const row_case *c) {
    const size_t width = op == SILU_MUL ? 2 * c->k : c->k;
    const check_shape shape = {c->rows, width, width + check_below(4)};
    static const float epsilons[] = {1e-5f, 1e-6f, 0.0f, 1.0f};
    const row_input in = {check_floats("x", check_cells(shape)), check_floats("weight", c->k), shape.ld,
                          epsilons[check_below(4)]};
    for (size_t r = 0; r < c->rows; r++)
        check_fill_floats(in.x + r * in.ldx, width, c->fill);
    check_fill_floats(in.weight, c->k, check_below(4) ? FILL_RANDOM : FILL_WIDE);
    return in;
}

static void to_i8(const ll_kernels *table, row_op op, ll_act *out, const row_input *in, size_t r0,
                  size_t r1) {
    switch (op) {
    case QUANTIZE:
        table->quantize(out, in->x, in->ldx, r0, r1);
        break;
    case RMSNORM:
        table->rmsnorm_i8(out, in->x, in->ldx, in->weight, in->eps, r0, r1);
        break;
    case SILU_MUL:
        table->silu_mul_i8(out, in->x, in->ldx, r0, r1);
        break;
    }
}

static void to_f32(const ll_kernels *table, row_op op, float *y, size_t ldy, size_t k, const row_input *in,
                   size_t r0, size_t r1) {
    if (op == RMSNORM)
        table->rmsnorm_f32(y, ldy, in->x, in->ldx, in->weight, in->eps, k, r0, r1);
    else
        table->silu_mul_f32(y, ldy, in->x, in->ldx, k, r0, r1);
}

static void run_rows_i8(const ll_kernels *isa, row_op op, const row_case *c, const ll_act *expected,
                        const row_input *in, size_t r0, size_t r1) {
    ll_act got = check_act_make(c->rows, c->k, c->group);
    to_i8(isa, op, &got, in, r0, r1);
    check_act_same(&got, expected, r0, r1);
}

static void run_case_i8(const ll_kernels *ref, const ll_kernels *isa, row_op op, const row_case *c) {
    check_case("%zu rows, k %zu, group %zu, %s", c->rows, c->k, c->group, check_fill_name(c->fill));
    const row_input in = make_input(op, c);
    ll_act expected = check_act_make(c->rows, c->k, c->group);
    to_i8(ref, op, &expected, &in, 0, c->rows);
    const size_t row = check_below(c->rows);
    run_rows_i8(isa, op, c, &expected, &in, 0, c->rows);
    run_rows_i8(isa, op, c, &expected, &in, row, row + 1);
    run_rows_i8(isa, op, c, &expected, &in, row, row);
}

static void run_rows_f32(const ll_kernels *isa, row_op op, check_shape shape, const float *expected,
                         const row_input *in, size_t r0, size_t r1) {
    float *const got = check_floats("y", check_cells(shape));
    to_f32(isa, op, got, shape.ld, shape.width, in, r0, r1);
    check_same(got, expected, shape, (check_tile){r0, r1, 0, shape.width});
}

static void run_case_f32(const ll_kernels *ref, const ll_kernels *isa, row_op op, const row_case *c) {
    check_case("%zu rows, k %zu, %s", c->rows, c->k, check_fill_name(c->fill));
    const row_input in = make_input(op, c);
    const check_shape shape = {c->rows, c->k, c->k + check_below(4)};
    float *const expected = check_floats("expected", check_cells(shape));
    to_f32(ref, op, expected, shape.ld, c->k, &in, 0, c->rows);
    const size_t row = check_below(c->rows);
    run_rows_f32(isa, op, shape, expected, &in, 0, c->rows);
    run_rows_f32(isa, op, shape, expected, &in, row, row + 1);
    run_rows_f32(isa, op, shape, expected, &in, row, row);
}

typedef void run_case_fn(const ll_kernels *ref, const ll_kernels *isa, row_op op, const row_case *c);

/* Every k up to four vectors, then around chunks and groups, then real rows; every kind of data at each. */
static void run_sizes(run_case_fn *run, const ll_kernels *ref, const ll_kernels *isa, row_op op) {
    static const size_t long_k[] = {127,  128,  129,  255,  256,  257,  576,  1023,
                                    1024, 1025, 1536, 2049, 4096, 5632, 11008};
    static const size_t groups[] = {128, 32, 0, 4};
    const size_t long_count = sizeof long_k / sizeof long_k[0];
    for (size_t i = 1; i <= 66 + long_count; i++)
        for (int fill = 0; fill < FILL_COUNT; fill++)
            run(ref, isa, op,
                &(row_case){1 + check_below(3), i <= 66 ? i : long_k[i - 67], groups[check_below(4)],
                            (check_fill)fill});
}

void check_quantize(const ll_kernels *ref, const ll_kernels *isa) {
    run_sizes(run_case_i8, ref, isa, QUANTIZE);
}

void check_rmsnorm_i8(const ll_kernels *ref, const ll_kernels *isa) {
    run_sizes(run_case_i8, ref, isa, RMSNORM);
}

void check_rmsnorm_f32(const ll_kernels *ref, const ll_kernels *isa) {
    run_sizes(run_case_f32, ref, isa, RMSNORM);
}

void check_silu_mul_i8(const ll_kernels *ref, const ll_kernels *isa) {
    run_sizes(run_case_i8, ref, isa, SILU_MUL);
}

/* Gates from the whole range of floats, infinities and NaN included: with up = 1 this compares the exp of the
 * ISA. */
static void run_all_gates(const ll_kernels *ref, const ll_kernels *isa) {
    enum { GATES = 1 << 15 };
    check_case("gates of every size");
    const row_input in = {.x = check_floats("x", 2 * GATES), .ldx = 2 * GATES};
    float *const expected = check_floats("expected", GATES);
    const uint32_t step = UINT32_C(1) << 13;
    for (uint32_t offset = (uint32_t)check_below(step), turn = 0; turn < 16; turn++) {
        for (uint32_t i = 0; i < GATES; i++) {
            /* 2^19 values in all, evenly over the bit patterns. */
            const uint32_t bits = offset + (turn * GATES + i) * step;
            memcpy(&in.x[i], &bits, sizeof bits);
            in.x[GATES + i] = 1.0f;
        }
        float *const got = check_floats("y", GATES);
        to_f32(ref, SILU_MUL, expected, GATES, GATES, &in, 0, 1);
        to_f32(isa, SILU_MUL, got, GATES, GATES, &in, 0, 1);
        check_same(got, expected, (check_shape){1, GATES, GATES}, (check_tile){0, 1, 0, GATES});
    }
}

void check_silu_mul_f32(const ll_kernels *ref, const ll_kernels *isa) {
    run_sizes(run_case_f32, ref, isa, SILU_MUL);
    run_all_gates(ref, isa);
}
