/* Inputs that hurt, and comparisons that look at every cell. */
#include "buf.h"
#include "check.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *check_fill_name(check_fill kind) {
    static const char *const names[FILL_COUNT] = {"random", "wide", "alternating", "one-hot", "zero",
                                                  "halves", "tiny", "huge",        "special"};
    return names[kind];
}

static float special(void) {
    static const float values[] = {NAN,     INFINITY, -INFINITY, 0.0f,      -0.0f,
                                   FLT_MAX, -FLT_MAX, FLT_MIN,   0x1p-149f, 1.0f};
    return values[check_below(sizeof values / sizeof values[0])];
}

static float one_float(check_fill kind, size_t index, size_t hot) {
    switch (kind) {
    case FILL_WIDE:
        return (float)ldexp(check_between(-2, 2), (int)check_below(81) - 40);
    case FILL_ALTERNATE:
        return index % 2 ? -1.0f : 1.0f;
    case FILL_ONE_HOT:
        return index == hot ? 3.0f : 0.0f;
    case FILL_ZERO:
        return 0.0f;
    case FILL_HALVES:
        return index == hot ? 127.0f : (float)((double)check_below(509) - 254) / 2;
    case FILL_TINY:
        return (float)ldexp(check_between(-2, 2), (int)check_below(30) - 149);
    case FILL_HUGE:
        return (float)fmax(-FLT_MAX, fmin(FLT_MAX, ldexp(check_between(-1, 1), (int)check_below(4) + 125)));
    case FILL_SPECIAL:
        return check_below(8) == 0 ? special() : (float)check_between(-2, 2);
    default:
        return (float)check_between(-4, 4);
    }
}

void check_fill_floats(float *x, size_t count, check_fill kind) {
    const size_t hot = count ? check_below(count) : 0;
    for (size_t i = 0; i < count; i++)
        x[i] = one_float(kind, i, hot);
}

const char *check_fill_i8_name(check_fill_i8_kind kind) {
    static const char *const names[I8_COUNT] = {"random",      "all 127", "all -127",
                                                "alternating", "one-hot", "zero"};
    return names[kind];
}

static int8_t one_i8(check_fill_i8_kind kind, size_t index, size_t hot) {
    switch (kind) {
    case I8_HIGH:
        return 127;
    case I8_LOW:
        return -127;
    case I8_ALTERNATE:
        return index % 2 ? -127 : 127;
    case I8_ONE_HOT:
        return index == hot ? 127 : 0;
    case I8_ZERO:
        return 0;
    default:
        return (int8_t)((int)check_below(255) - 127);
    }
}

void check_fill_i8(int8_t *x, size_t count, check_fill_i8_kind kind) {
    const size_t hot = count ? check_below(count) : 0;
    for (size_t i = 0; i < count; i++)
        x[i] = one_i8(kind, i, hot);
}

size_t check_cells(check_shape shape) {
    return shape.rows ? (shape.rows - 1) * shape.ld + shape.width : 0;
}

bool check_same_float(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static bool bytes_untouched(const void *at, size_t offset, size_t bytes) {
    for (size_t i = 0; i < bytes; i++)
        if (((const unsigned char *)at)[i] != ll_buf_pattern(offset + i))
            return false;
    return true;
}

bool check_untouched(const float *x, size_t index) {
    return bytes_untouched(x + index, index * sizeof *x, sizeof *x);
}

void check_same(const float *got, const float *expected, check_shape shape, check_tile tile) {
    for (size_t i = 0; i < check_cells(shape); i++) {
        const size_t row = i / shape.ld, column = i % shape.ld;
        if (row >= tile.m0 && row < tile.m1 && column >= tile.n0 && column < tile.n1)
            CHECK_THAT(check_same_float(got[i], expected[i]), "row %zu column %zu is %a, ref has %a", row,
                       column, (double)got[i], (double)expected[i]);
        else
            CHECK_THAT(check_untouched(got, i),
                       "row %zu column %zu lies outside the tile and was written: %a", row, column,
                       (double)got[i]);
    }
}

ll_act check_act_make(size_t rows, size_t k, size_t group) {
    ll_act act = ll_act_place(check_bytes("activations", ll_act_bytes(rows, k, group)), rows, k, group);
    act.q = check_bytes("activations.q", rows * act.ld);
    act.scale = check_floats("activations.scale", rows * act.groups);
    act.sum = (int32_t *)(void *)check_floats("activations.sum", rows * act.groups);
    for (size_t r = 0; r < rows; r++)
        memset(act.q + r * act.ld + act.k, 0, act.ld - act.k);
    return act;
}

static void same_row(const ll_act *got, const ll_act *expected, size_t r) {
    for (size_t i = 0; i < got->k; i++)
        CHECK_THAT(got->q[r * got->ld + i] == expected->q[r * got->ld + i],
                   "row %zu: q[%zu] is %d, ref has %d", r, i, got->q[r * got->ld + i],
                   expected->q[r * got->ld + i]);
    for (size_t g = 0; g < got->groups; g++) {
        const size_t at = r * got->groups + g;
        CHECK_THAT(check_same_float(got->scale[at], expected->scale[at]),
                   "row %zu group %zu: scale is %a, ref has %a", r, g, (double)got->scale[at],
                   (double)expected->scale[at]);
        CHECK_THAT(got->sum[at] == expected->sum[at], "row %zu group %zu: sum is %d, ref has %d", r, g,
                   got->sum[at], expected->sum[at]);
    }
}

void check_act_same(const ll_act *got, const ll_act *expected, size_t r0, size_t r1) {
    for (size_t r = 0; r < got->rows; r++) {
        if (r >= r0 && r < r1)
            same_row(got, expected, r);
        else
            CHECK_THAT(
                bytes_untouched(got->q + r * got->ld, r * got->ld, got->k) &&
                    bytes_untouched(got->scale + r * got->groups, r * got->groups * 4, got->groups * 4) &&
                    bytes_untouched(got->sum + r * got->groups, r * got->groups * 4, got->groups * 4),
                "row %zu lies outside the rows asked for and was written", r);
        for (size_t i = got->k; i < got->ld; i++)
            CHECK_THAT(got->q[r * got->ld + i] == 0, "row %zu: padding byte %zu is %d, not zero", r,
                       i - got->k, got->q[r * got->ld + i]);
    }
}
