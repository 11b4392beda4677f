/* Reading GGUF v2 and v3 files (little-endian). The file is untrusted: every count, size and offset is
 * checked in 64 bits before use, and nothing is allocated that the file's own bytes do not justify. */
#ifndef LL_GGUF_H
#define LL_GGUF_H
#include "config.h"

/* Tensor types (values of the file format). The ones in ll_gguf_type_info can be dequantized. */
typedef enum {
    LL_GGUF_F32 = 0,
    LL_GGUF_F16 = 1,
    LL_GGUF_Q4_0 = 2,
    LL_GGUF_Q4_1 = 3,
    LL_GGUF_Q5_0 = 6,
    LL_GGUF_Q5_1 = 7,
    LL_GGUF_Q8_0 = 8,
    LL_GGUF_Q4_K = 12,
    LL_GGUF_Q5_K = 13,
    LL_GGUF_Q6_K = 14,
    LL_GGUF_BF16 = 30,
} ll_gguf_type;

typedef struct {
    const char *name;   /* "Q4_1" */
    size_t block;       /* values in a block */
    size_t block_bytes; /* bytes of a block */
} ll_gguf_type_info;

/* NULL for a type this program cannot read. */
const ll_gguf_type_info *ll_gguf_type_find(uint32_t type);

typedef struct {
    const char *name; /* NUL-terminated, no NUL inside */
    uint32_t type;    /* one ll_gguf_type_find knows */
    uint32_t n_dims;  /* 1 .. 4 */
    uint64_t dims[4]; /* dims[0] is the row length; unused ones are 1 */
    uint64_t values;
    uint64_t bytes;
    const void *data; /* inside the mapped file */
} ll_gguf_tensor;

typedef struct ll_gguf ll_gguf;

/* Opens and checks the whole header. Recognises a Git LFS pointer, another file format, a cut file, and says
 * so. */
ll_status ll_gguf_open(ll_gguf **out, const char *path, ll_error *error);
void ll_gguf_close(ll_gguf *gguf); /* NULL is fine */

const char *ll_gguf_path(const ll_gguf *gguf);
uint64_t ll_gguf_file_bytes(const ll_gguf *gguf);
size_t ll_gguf_tensor_count(const ll_gguf *gguf);
const ll_gguf_tensor *ll_gguf_tensor_at(const ll_gguf *gguf, size_t index);
const ll_gguf_tensor *ll_gguf_tensor_find(const ll_gguf *gguf, const char *name); /* NULL: not there */

/* Metadata. found may be NULL: then an absent key is an error; else *found says whether it was there. A value
 * of another kind or out of range is an error that names the key, what was found and what was expected.
 * Integers of any width and sign (never negative) are read as u64; f32/f64 and integers as f64. */
ll_status ll_gguf_get_u64(const ll_gguf *gguf, const char *key, uint64_t *out, bool *found, ll_error *error);
ll_status ll_gguf_get_f64(const ll_gguf *gguf, const char *key, double *out, bool *found, ll_error *error);
ll_status ll_gguf_get_bool(const ll_gguf *gguf, const char *key, bool *out, bool *found, ll_error *error);

typedef struct {
    const char *data; /* inside the mapped file, not NUL-terminated */
    size_t length;
} ll_text;
ll_status ll_gguf_get_text(const ll_gguf *gguf, const char *key, ll_text *out, bool *found, ll_error *error);

/* Arrays of strings: copies the (data, length) pairs into a malloc'd array that the caller frees. */
ll_status ll_gguf_get_text_array(const ll_gguf *gguf, const char *key, ll_text **out, size_t *count,
                                 bool *found, ll_error *error);
/* Arrays of any integer type, widened; malloc'd, the caller frees. */
ll_status ll_gguf_get_i64_array(const ll_gguf *gguf, const char *key, int64_t **out, size_t *count,
                                bool *found, ll_error *error);

/* The model's shape from the keys llama.*; names the architecture when it is another one. */
ll_status ll_config_from_gguf(ll_config *out, const ll_gguf *gguf, ll_error *error);
#endif
