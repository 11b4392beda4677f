/* Private to the safetensors reader: the opened files, one file's header, the index of shards. */
#ifndef LL_SAFETENSORS_PARTS_H
#define LL_SAFETENSORS_PARTS_H
#include "json.h"
#include "mapping.h"
#include "safetensors.h"

typedef struct {
    char *path;
    ll_mapping map;
    bool borrowed; /* the caller's memory, not a mapping */
    size_t first;  /* its tensors are first .. first of the next file - 1 */
} ll_safetensors_file;

struct ll_safetensors {
    ll_safetensors_file *files;
    size_t file_count;
    ll_tensor *tensors;
    size_t count;
    const ll_tensor **by_name; /* sorted */
};

/* Whether a tensor is known to be no weight. */
bool ll_safetensors_ignorable(const char *name);
/* Checks the file's header and appends its tensors. */
ll_status ll_safetensors_read_header(ll_safetensors *files, ll_safetensors_file *file, ll_error *error);

typedef struct {
    json_t *root;
    json_t *map;        /* tensor -> name of its shard, a plain file name */
    const char **names; /* of the shards, sorted, each once */
    size_t count;
} ll_safetensors_index;

ll_status ll_safetensors_index_parse(ll_safetensors_index *out, const char *text, size_t length,
                                     const char *name, ll_error *error);
void ll_safetensors_index_free(ll_safetensors_index *index);
#endif
