/* A model in GGUF form: one file, or several that split it. */
#ifndef LL_GGUF_PARTS_H
#define LL_GGUF_PARTS_H
#include "gguf.h"

typedef struct {
    ll_gguf **part; /* in their order; the first holds the metadata */
    size_t count;
} ll_gguf_parts;

/* path: a .gguf file, any part of a split model, or a folder that holds the parts of one. Parts are found by their names
 * (NAME-00001-of-00003.gguf) and checked against split.no, split.count and split.tensors.count; those that are missing are
 * named. No two parts hold the same tensor. */
ll_status ll_gguf_parts_open(ll_gguf_parts *out, const char *path, ll_error *error);
void ll_gguf_parts_close(ll_gguf_parts *parts);
/* NULL: in no part. *part (may be NULL) is the one that holds it. */
const ll_tensor *ll_gguf_parts_find(const ll_gguf_parts *parts, const char *name, const ll_gguf **part);

/* Keys of a GGUF file that this program has exported: layers whose attention, whose MLP is dropped (arrays of integers). */
#define LL_GGUF_DROP_ATTN "layerlab.drop_attn_list"
#define LL_GGUF_DROP_MLP "layerlab.drop_mlp_list"

/* The model's shape from the keys llama.* and from the tensors there are; names the architecture when it is another. */
ll_status ll_config_from_gguf(ll_config *out, const ll_gguf_parts *parts, ll_error *error);
#endif
