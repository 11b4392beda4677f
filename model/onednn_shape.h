/* One size of oneDNN's int8 matmul: its primitives, and the form that its weights are reordered to. Private to matmul_onednn.c. */
#ifndef LL_ONEDNN_SHAPE_H
#define LL_ONEDNN_SHAPE_H
#include "onednn_api.h"

#include <stdint.h>

enum {
    LL_ONEDNN_STEPS = 8,
    LL_ONEDNN_ROWS = 1 << (LL_ONEDNN_STEPS - 1),
};

typedef struct {
    dnnl_engine_t engine;
    dnnl_primitive_attr_t attributes; /* scratch is the caller's */
} ll_onednn;

/* [1 << step][k] x [k][columns] -> [1 << step][columns] int32. columns and k are what was asked, rounded up to what oneDNN's form
 * of weights holds: its padding is ours, since oneDNN writes that of its own anew whenever memory is handed to it. */
typedef struct {
    size_t asked_columns, asked_k;
    size_t columns, k;
    size_t bytes;   /* of weights, a multiple of LL_ALIGN */
    size_t scratch; /* bytes, of any step */
    size_t least;   /* the first step worth taking: fewer rows are filled up to it */
    dnnl_primitive_desc_t form[LL_ONEDNN_STEPS];
    dnnl_primitive_t step[LL_ONEDNN_STEPS]; /* NULL before prepare */
    ll_memory_form plain;                   /* [columns][k] int8, what is reordered */
    dnnl_primitive_desc_t reorder_form;
    dnnl_primitive_t reorder;
} ll_onednn_shape;

bool ll_onednn_begin(ll_onednn *out);
void ll_onednn_end(ll_onednn *onednn);
/* Sizes, without primitives; false: oneDNN has no such matmul. */
bool ll_onednn_describe(const ll_onednn *onednn, ll_onednn_shape *out, size_t columns, size_t k);
bool ll_onednn_prepare(const ll_onednn *onednn, ll_onednn_shape *shape);
const char *ll_onednn_implementation(const ll_onednn_shape *shape); /* "gemm:jit" */
void ll_onednn_free(ll_onednn_shape *shape);

/* All of these between ll_onednn_alone and ll_onednn_together: oneDNN starts no threads there. */
int ll_onednn_alone(void);
void ll_onednn_together(int before);

/* Threads may call these at once, each with a stream of its own. False: no memory. */
bool ll_onednn_multiply(const ll_onednn *onednn, dnnl_stream_t stream, const ll_onednn_shape *shape,
                        size_t step, const int8_t *x, const void *weights, int32_t *y, void *scratch);
bool ll_onednn_reorder(const ll_onednn *onednn, dnnl_stream_t stream, const ll_onednn_shape *shape,
                       const int8_t *plain, void *weights);
#endif
