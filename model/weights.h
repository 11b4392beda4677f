/* From a file's tensors to packed weights. Private to model/. */
#ifndef LL_WEIGHTS_H
#define LL_WEIGHTS_H
#include "gguf.h"
#include "memory.h"
#include "model.h"

typedef struct {
    float *attn_norm, *mlp_norm; /* [hidden] */
    ll_packed qkv;     /* n = (heads + 2 kv_heads) * head_dim, k = hidden; rows in half-split order */
    ll_packed o;       /* n = hidden, k = heads * head_dim */
    ll_packed gate_up; /* n = 2 mlp (gate, then up), k = hidden */
    ll_packed down;    /* n = hidden, k = mlp */
} ll_layer_weights;

typedef struct {
    ll_layer_weights layer[LL_MAX_LAYERS];
    float *final_norm;
    ll_packed head;  /* n = vocab, k = hidden */
    void *embedding; /* [vocab] rows in the file's own type */
    uint32_t embedding_type;
    size_t embedding_row; /* bytes */
    ll_arena arena;
} ll_weights;

/* Checks that the file holds exactly the tensors the shape asks for, maps memory, quantizes and packs on
 * threads threads. */
ll_status ll_weights_load(ll_weights *out, const ll_gguf *gguf, const ll_config *config,
                          const ll_kernels *kernels, const ll_model_options *options, ll_error *error);
void ll_weights_unload(ll_weights *weights);
/* The group that a row of k uses under the options. */
size_t ll_group_of(const ll_model_options *options, size_t k);
/* Elements of the widest row that a matmul of a layer takes: k of qkv, o, gate_up and down. */
size_t ll_widest_input(const ll_config *config);
/* The head's errors reach every logit, so its groups are short whatever the others are: on the default model
 * that takes int8's cost in perplexity from 1.2 % to 0.9 %, for 2 % more bytes a decoded token. */
size_t ll_head_group(size_t k);
/* Bytes of one packed matrix. */
size_t ll_packed_bytes(const ll_kernels *kernels, ll_weights_kind weights, size_t n, size_t k, size_t group);
#endif
