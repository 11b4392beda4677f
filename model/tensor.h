/* A tensor of a checkpoint, whatever file format holds it. */
#ifndef LL_TENSOR_H
#define LL_TENSOR_H
#include "error.h"

typedef struct {
    const char *data; /* inside a mapped file, not NUL-terminated */
    size_t length;
} ll_text;

/* Values of the GGUF format; safetensors' dtypes are named by them too. The ones in ll_tensor_type_info can be
 * dequantized. */
typedef enum {
    LL_TYPE_F32 = 0,
    LL_TYPE_F16 = 1,
    LL_TYPE_Q4_0 = 2,
    LL_TYPE_Q4_1 = 3,
    LL_TYPE_Q5_0 = 6,
    LL_TYPE_Q5_1 = 7,
    LL_TYPE_Q8_0 = 8,
    LL_TYPE_Q4_K = 12,
    LL_TYPE_Q5_K = 13,
    LL_TYPE_Q6_K = 14,
    LL_TYPE_BF16 = 30,
} ll_tensor_type;

typedef struct {
    const char *name;   /* "Q4_1" */
    size_t block;       /* values in a block */
    size_t block_bytes; /* bytes of a block */
} ll_tensor_type_info;

/* NULL for a type this program cannot read. */
const ll_tensor_type_info *ll_tensor_type_find(uint32_t type);

typedef struct {
    const char *name; /* NUL-terminated, no NUL inside */
    uint32_t type;    /* one ll_tensor_type_find knows */
    uint32_t n_dims;  /* 1 .. 4 */
    uint64_t dims
        [4]; /* dims[0] is the row length (GGUF's order; safetensors' shape reversed); unused ones are 1 */
    uint64_t values;
    uint64_t bytes;
    const void *data; /* inside the mapped file */
} ll_tensor;
#endif
