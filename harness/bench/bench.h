/* What is timed: every operation of kernels.h, on every ISA, at the shapes of real models. Private to the benches. */
#ifndef LL_BENCH_H
#define LL_BENCH_H
#include "config.h"
#include "gbench.h"
#include "kernels.h"
#include "machine.h"
#include "matmul.h"

/* One problem of an operation: its sizes, then what setup makes of them. An operation uses of them what it needs. */
typedef struct problem problem;
typedef struct {
    size_t rows, n, k; /* k: elements of a row; n: output columns */
    size_t group;      /* 0: channel */
    size_t heads, kv_heads, head_dim, pos0;
    ll_kv_type kv;
} sizes;

/* What a case can reach at most: its share is of this. */
typedef enum { LIMIT_NONE, LIMIT_INT8, LIMIT_F32, LIMIT_BYTES } limit;

typedef struct {
    ll_op op;
    /* Lays out copies copies of what is read cold and one of the rest; false: no memory. */
    bool (*setup)(problem *p);
    /* A thread's share of the work, on copy copy. Threads' shares are disjoint. */
    void (*run)(const problem *p, size_t copy, size_t thread, size_t threads);
    /* What it wrote: the bytes from *at on; compared with ref's. */
    size_t (*result)(const problem *p, const void **at);
    /* How far floats of the result may be from ref's; NULL: not a bit. */
    double (*bound)(const problem *p);
} operation;

struct problem {
    const ll_kernels *kernels;
    sizes s;
    size_t copies, threads; /* threads: that run it */
    uint64_t seed;
    void *memory; /* one block, freed by problem_free */
    size_t used, capacity;
    ll_act act;
    ll_packed w; /* data of copy 0; the others follow, w_bytes apart */
    size_t w_bytes;
    ll_kv kv; /* of copy 0; the others lie kv_bytes apart */
    size_t kv_bytes;
    float *x, *y, *weight, *cos, *sin;
    ll_matmul *matmul; /* the yardstick's; freed by problem_free */
    void *scratch;     /* [threads][scratch_bytes] */
    size_t scratch_bytes;
};

extern const operation bench_matmul_i8, bench_matmul_f32,
    bench_matmul_yardstick; /* bench_matmul.c; the last: oneDNN's int8 matmul, with the bits of ours */
extern const operation bench_quantize, bench_rmsnorm_i8, bench_rmsnorm_f32,
    bench_silu_mul_i8, /* bench_rows.c */
    bench_silu_mul_f32, bench_add_f32, bench_rope_f32, bench_softmax_f32, bench_logsumexp_f32;
extern const operation bench_kv_store, bench_attention; /* bench_attention.c */

/* ---- problems ---- */
/* Zeroed memory of the problem, aligned to LL_ALIGN; call once to count (memory NULL), once to take. */
void *problem_take(problem *p, size_t bytes);
/* Takes p->act for the sizes' rows, k and group. */
void problem_take_act(problem *p);
/* Runs lay_out twice, once to count and once to take; false: no memory. */
bool problem_lay_out(problem *p, void (*lay_out)(problem *p));
void problem_free(problem *p);
/* Random floats in [-1, 1). */
void problem_fill(problem *p, float *x, size_t count);
/* Part thread of threads of total, in whole units. */
size_t problem_share(size_t total, size_t thread, size_t threads, size_t unit);
/* Runs the operation on a small problem of these sizes by ref and by kernels; NULL: they agree. */
const char *problem_check(const operation *op, const ll_kernels *kernels, const sizes *s);

/* ---- cases ---- */
typedef struct {
    ll_kernels kernels;
    const char *isa;
    const operation *op;
    sizes s;
    bool cold;
    size_t threads;
    limit limit;
    double ops, bytes; /* of one run: multiplies and adds; bytes read and written at least */
} bench_case;

/* Registers the cases of the models whose names are in models (comma-separated; NULL: the default ones): all, or those of a
 * short run. Returns false after having said what is wrong. */
bool bench_register(const char *models, bool all, const ll_machine *machine);
void bench_case_run(ll_gbench_state *state, void *argument); /* bench_case */
/* Registers what the limits are made of: peaks and read streams of every ISA. */
void bench_register_probes(const ll_kernels *kernels, const char *isa, size_t threads);
/* The limit measured now, on threads threads: operations or bytes a second. */
double bench_limit(limit what, const ll_kernels *kernels, size_t threads);

/* ---- results ---- */
/* Compares two folders or JSON files of results; 0: nothing got slower, 1: something did, or could not be read. */
int bench_compare(const char *a, const char *b);
#endif
