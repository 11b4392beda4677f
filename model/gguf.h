/* Reading GGUF v2 and v3 files (little-endian). The file is untrusted: every count, size and offset is
 * checked in 64 bits before use, and nothing is allocated that the file's own bytes do not justify. */
#ifndef LL_GGUF_H
#define LL_GGUF_H
#include "config.h"
#include "tensor.h"

typedef struct ll_gguf ll_gguf;

/* Opens and checks the whole header. Recognises a Git LFS pointer, another file format, a cut file, and says
 * so. */
ll_status ll_gguf_open(ll_gguf **out, const char *path, ll_error *error);
/* One whole file that lies in memory, which must outlive the result; name stands for it in sentences. */
ll_status ll_gguf_from_memory(ll_gguf **out, const void *data, size_t length, const char *name,
                              ll_error *error);
void ll_gguf_close(ll_gguf *gguf); /* NULL is fine */

const char *ll_gguf_path(const ll_gguf *gguf);
uint64_t ll_gguf_file_bytes(const ll_gguf *gguf);
size_t ll_gguf_tensor_count(const ll_gguf *gguf);
const ll_tensor *ll_gguf_tensor_at(const ll_gguf *gguf, size_t index);
const ll_tensor *ll_gguf_tensor_find(const ll_gguf *gguf, const char *name); /* NULL: not there */

/* Metadata. found may be NULL: then an absent key is an error; else *found says whether it was there. A value
 * of another kind or out of range is an error that names the key, what was found and what was expected.
 * Integers of any width and sign (never negative) are read as u64; f32/f64 and integers as f64. */
ll_status ll_gguf_get_u64(const ll_gguf *gguf, const char *key, uint64_t *out, bool *found, ll_error *error);
ll_status ll_gguf_get_f64(const ll_gguf *gguf, const char *key, double *out, bool *found, ll_error *error);
ll_status ll_gguf_get_bool(const ll_gguf *gguf, const char *key, bool *out, bool *found, ll_error *error);

ll_status ll_gguf_get_text(const ll_gguf *gguf, const char *key, ll_text *out, bool *found, ll_error *error);

/* Arrays of strings: copies the (data, length) pairs into a malloc'd array that the caller frees. */
ll_status ll_gguf_get_text_array(const ll_gguf *gguf, const char *key, ll_text **out, size_t *count,
                                 bool *found, ll_error *error);
/* Arrays of any integer type, widened; malloc'd, the caller frees. */
ll_status ll_gguf_get_i64_array(const ll_gguf *gguf, const char *key, int64_t **out, size_t *count,
                                bool *found, ll_error *error);

#endif
