/* What multiplies int8 matrices in the pass: a back end. Private to model/ and to the benches.
 *
 * Every back end keeps the contract of matmul_i8 in kernels.h to the last bit; they differ in how they pack weights and in the speed
 * they reach. `own` is the kernel library, `onednn` (matmul_onednn.c) oneDNN's matmul. A further one is a value of
 * ll_matmul_kind, its name in matmul.c, and a file that fills this struct. f32 weights always take the kernel library. */
#ifndef LL_MATMUL_H
#define LL_MATMUL_H
#include "error.h"
#include "model.h"

typedef struct ll_matmul ll_matmul;
struct ll_matmul {
    const ll_kernels *kernels;
    const char *note;   /* what its user should know about it on this CPU; NULL: nothing */
    const char *layout; /* that of its packed weights: equal text, equal bytes */
    /* Columns of a matrix of n that are packed, and multiplied by a thread, together: a multiple of LL_PANEL. */
    size_t (*columns)(const ll_matmul *matmul, size_t n);
    /* Bytes of n x k packed weights with their scales; SIZE_MAX: prepare says why not. */
    size_t (*bytes)(ll_matmul *matmul, size_t n, size_t k, size_t group);
    /* Bytes of scratch (aligned to LL_ALIGN) that a call of run needs for such a matrix. */
    size_t (*scratch_bytes)(ll_matmul *matmul, size_t n, size_t k, size_t group);
    /* Comes before pack and run of such a matrix, on one thread. */
    ll_status (*prepare)(ll_matmul *matmul, size_t n, size_t k, size_t group, ll_error *error);
    /* As pack_i8 and matmul_i8 in kernels.h, with columns() for LL_PANEL; false: there was no memory. Threads call them at once. */
    bool (*pack)(const ll_matmul *matmul, const ll_packed *w, size_t n0, size_t n1, const int8_t *q,
                 const float *scale);
    bool (*run)(const ll_matmul *matmul, float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1,
                const ll_packed *w, size_t n0, size_t n1, void *scratch);
    void (*destroy)(ll_matmul *matmul);
};

/* The back end of the options, for their threads. kernels outlives it. */
ll_status ll_matmul_create(ll_matmul **out, const ll_kernels *kernels, const ll_model_options *options,
                           ll_error *error);
ll_status ll_matmul_create_onednn(ll_matmul **out, const ll_kernels *kernels, size_t threads,
                                  ll_error *error);
void ll_matmul_destroy(ll_matmul *matmul);                                             /* NULL is fine */
void ll_matmul_describe_onednn(const ll_kernels *kernels, char *out, size_t capacity); /* see model.h */
/* What rows and reports call the operation's ISA. */
const char *ll_matmul_onednn_name(void);
#endif
