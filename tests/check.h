/* The checker of the kernels: for every operation a check that compares an ISA's table with ref, on inputs
 * between guard pages. The first wrong cell, wrong write or signal ends the check and becomes its outcome; so
 * a planted bug can be run through the same code as a real kernel (check_selftest.c). */
#ifndef LL_CHECK_H
#define LL_CHECK_H

#include "kernels.h"

/* ---- checks ---- */
/* Compares the operation of isa with that of ref. */
typedef void check_body(const ll_kernels *ref, const ll_kernels *isa);

check_body check_matmul_i8, check_matmul_f32, check_quantize, check_rmsnorm_i8, check_rmsnorm_f32,
    check_silu_mul_i8, check_silu_mul_f32, check_add_f32, check_rope_f32, check_kv_store, check_attention,
    check_softmax_f32, check_logsumexp_f32, check_peak_i8, check_peak_f32, check_read_stream;
/* Those by operation. */
check_body *check_of(ll_op op);

/* isa's operation against a second version written here in double or int64; run on ref. NULL: the check
 * itself is one. */
check_body *check_naive_of(ll_op op);
check_body check_naive_matmul_i8, check_naive_matmul_f32, check_naive_quantize, check_naive_rmsnorm,
    check_naive_silu_mul, check_naive_rope_f32, check_naive_kv_store, check_naive_attention;

/* What belongs to no table: exp.h, the activation layout, the feature probe and the selection. */
check_body check_exp, check_act, check_dispatch;

/* ---- running ---- */
typedef struct {
    bool failed;
    const char *file; /* where it was found */
    int line;
    char text[1024]; /* the case, and what was wrong */
} check_outcome;

/* Runs body twice from one seed: buffers flush with their end guard, then with their start guard. */
check_outcome check_run(check_body *body, const ll_kernels *ref, const ll_kernels *isa, uint64_t seed);

/* ---- inside a check ---- */
/* Starts a case: names it, and releases the buffers of the one before. */
void check_case(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define CHECK_THAT(condition, ...)                                                                           \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            check_failed(__FILE__, __LINE__, __VA_ARGS__);                                                   \
    } while (0)

/* Random numbers of the running check. */
uint64_t check_random(void);
size_t check_below(size_t limit); /* 0 .. limit-1 */
double check_between(double low, double high);

/* Guarded buffers of the running case, holding the pattern of buf.h. */
void *check_bytes(const char *name, size_t bytes);           /* aligned to LL_ALIGN */
void *check_bytes_untouched(const char *name, size_t bytes); /* the same, not filled */
float *check_floats(const char *name, size_t count);         /* aligned as a float */
int8_t *check_i8(const char *name, size_t count);            /* not aligned */

/* Kinds of float data. SPECIAL holds infinities and NaN among others. */
typedef enum {
    FILL_RANDOM,
    FILL_WIDE, /* exponents from 2^-40 to 2^40 */
    FILL_ALTERNATE,
    FILL_ONE_HOT,
    FILL_ZERO,
    FILL_HALVES, /* multiples of 1/2 up to 127: ties when quantized */
    FILL_TINY,   /* below the smallest normal number and just above */
    FILL_HUGE,
    FILL_SPECIAL,
    FILL_COUNT
} check_fill;
const char *check_fill_name(check_fill kind);
void check_fill_floats(float *x, size_t count, check_fill kind);

/* Kinds of int8 data in [-127, 127]. */
typedef enum { I8_RANDOM, I8_HIGH, I8_LOW, I8_ALTERNATE, I8_ONE_HOT, I8_ZERO, I8_COUNT } check_fill_i8_kind;
const char *check_fill_i8_name(check_fill_i8_kind kind);
void check_fill_i8(int8_t *x, size_t count, check_fill_i8_kind kind);

/* A matrix in memory, and the part of it that an operation writes. */
typedef struct {
    size_t rows, width, ld;
} check_shape;
typedef struct {
    size_t m0, m1, n0, n1;
} check_tile;
size_t check_cells(check_shape shape); /* floats from the first cell to the last */
/* Inside tile got has expected's bits (two NaNs are equal); outside it still holds the pattern. */
void check_same(const float *got, const float *expected, check_shape shape, check_tile tile);
bool check_same_float(float a, float b);
bool check_untouched(const float *x, size_t index); /* x[index] holds the pattern */

/* An int8 activation buffer whose q, scale and sum are guarded each for itself. filled: the pattern
 * everywhere but in the zero bytes from k to ld, as before an operation writes it. */
ll_act check_act_make(size_t rows, size_t k, size_t group);
/* Rows [r0, r1) are equal, bit for bit; the other rows of got hold the pattern, the bytes from k to ld zero.
 */
void check_act_same(const ll_act *got, const ll_act *expected, size_t r0, size_t r1);

/* Real matrices of the models in tests/shapes: calls each with n and k. */
void check_each_shape(void (*each)(const char *name, size_t n, size_t k, const ll_kernels *ref,
                                   const ll_kernels *isa),
                      const ll_kernels *ref, const ll_kernels *isa);

#endif
