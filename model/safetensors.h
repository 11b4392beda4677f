/* Reading the safetensors files of a Hugging Face folder. They are untrusted: every length, size and offset is checked
 * in 64 bits before use, and nothing is allocated that the files' own bytes do not justify. */
#ifndef LL_SAFETENSORS_H
#define LL_SAFETENSORS_H
#include "tensor.h"

/* The files of a folder: all tensors in one, or the list of the files that hold them. */
#define LL_SAFETENSORS_WHOLE "model.safetensors"
#define LL_SAFETENSORS_INDEX "model.safetensors.index.json"

typedef struct ll_safetensors ll_safetensors;

/* folder holds model.safetensors, or model.safetensors.index.json and the shards that it names. Checks every
 * header: each tensor of F32, F16 or BF16, of at most 4 dimensions, the bytes of its shape, all together the
 * file without holes or overlaps; each tensor of the index in its shard, none in two. A header may have 512 MB.
 * Reads no weights. Tensors known to be no weights (rotary_emb.inv_freq of older files), of whatever dtype, are
 * left out. */
ll_status ll_safetensors_open(ll_safetensors **out, const char *folder, ll_error *error);
/* One whole file that lies in memory, which must outlive the result; name stands for it in sentences. */
ll_status ll_safetensors_from_memory(ll_safetensors **out, const void *data, size_t length, const char *name,
                                     ll_error *error);
void ll_safetensors_close(ll_safetensors *files); /* NULL is fine */

/* Tensors come file by file, in the order of their bytes. A scalar has one dimension of 1; a dimension may be
 * 0. data may have any alignment. */
size_t ll_safetensors_count(const ll_safetensors *files);
const ll_tensor *ll_safetensors_at(const ll_safetensors *files, size_t index);
const ll_tensor *ll_safetensors_find(const ll_safetensors *files, const char *name); /* NULL: not there */

uint64_t ll_safetensors_bytes(const ll_safetensors *files); /* of all files */
size_t ll_safetensors_file_count(const ll_safetensors *files);
const char *ll_safetensors_file_path(const ll_safetensors *files, size_t index);
/* Path of the file that holds the tensor, which is one of these files'. */
const char *ll_safetensors_file_of(const ll_safetensors *files, const ll_tensor *tensor);
#endif
