/* From a checkpoint's tensors to packed weights. Private to model/. */
#ifndef LL_WEIGHTS_H
#define LL_WEIGHTS_H
#include "checkpoint.h"
#include "matmul.h"
#include "memory.h"
#include "model.h"
#include "team.h"

/* A matrix, of which each node holds a run of columns. */
typedef struct {
    size_t n, k;
    size_t begin[LL_MAX_NODES + 1]; /* node i: columns [begin[i], begin[i + 1]), maybe none */
    ll_packed part[LL_MAX_NODES];
} ll_split;

typedef struct {
    float *attn_norm, *mlp_norm; /* [hidden] */
    ll_split qkv;     /* n = (heads + 2 kv_heads) * head_dim, k = hidden; rows in half-split order */
    ll_split o;       /* n = hidden, k = heads * head_dim */
    ll_split gate_up; /* n = 2 mlp (gate, then up), k = hidden */
    ll_split down;    /* n = hidden, k = mlp */
    float *qkv_bias, *o_bias, *gate_up_bias, *down_bias; /* [n] of each; NULL: none */
} ll_layer_weights;

typedef struct {
    ll_layer_weights layer[LL_MAX_LAYERS]; /* of a dropped module: zeros */
    float *final_norm;
    float *rope_factors; /* [head_dim / 2], what rotation frequencies are divided by; NULL: nothing */
    ll_split head;       /* n = vocab, k = hidden; a node holds whole blocks of LL_LOGITS_IDS columns */
    void *embedding;     /* [vocab] rows in the file's own type */
    uint32_t embedding_type;
    size_t embedding_row; /* bytes */
    bool from_cache;
    ll_error cache_note; /* why packed weights were not kept; empty: nothing to say */
    ll_arena arena;
} ll_weights;

/* Where weights come from, and what of them is kept. */
typedef struct {
    const ll_checkpoint *checkpoint; /* NULL: synthetic */
    const ll_config *config;         /* with all dropped modules */
    const ll_kernels *kernels;
    ll_matmul *matmul;
    const ll_model_options *options;
    const ll_home *home; /* NULL: one node, and nothing is bound */
    ll_team *team;       /* NULL: bytes are counted, nothing more */
    ll_error *error;
} ll_weights_source;

/* Maps memory, then quantizes and packs on the team's threads, each what its node holds, or takes what the cache holds. */
ll_status ll_weights_load(ll_weights *out, const ll_weights_source *source);
void ll_weights_unload(ll_weights *weights);

typedef enum { LL_MATRIX_QKV, LL_MATRIX_O, LL_MATRIX_GATE_UP, LL_MATRIX_DOWN, LL_MATRIX_HEAD } ll_matrix;
/* Called by the team's threads at once, each with rows of its own, with a row of a matrix [k] before it is packed. */
typedef struct {
    void (*row)(void *context, float *w, size_t k);
    void *context;
} ll_row_edit;
/* Reads a matrix of float32 weights once more, edits its rows, and packs them where they were. */
ll_status ll_weights_repack(const ll_weights_source *source, const ll_weights *weights, ll_matrix matrix,
                            size_t layer, const ll_row_edit *edit);

/* The group that a row of k uses under the options. */
size_t ll_group_of(const ll_model_options *options, size_t k);
/* Elements of the widest row that a matmul of a layer takes: k of qkv, o, gate_up and down. */
size_t ll_widest_input(const ll_config *config);
/* The head's errors reach every logit, so its groups are short whatever the others are: on the default model
 * that takes int8's cost in perplexity from 1.2 % to 0.9 %, for 2 % more bytes a decoded token. */
size_t ll_head_group(size_t k);
/* Bytes of one packed matrix. */
size_t ll_packed_bytes(const ll_kernels *kernels, ll_matmul *matmul, ll_weights_kind weights, size_t n,
                       size_t k, size_t group);
/* Lays everything out in the arena: called once to count, once to place. */
void ll_weights_lay_out(ll_weights *weights, const ll_weights_source *source);
/* Bytes of all of one model's weights as they are kept, in the arena. UINT64_MAX: no memory to find out. */
uint64_t ll_weights_bytes(const ll_weights_source *source);

/* ---- shared by the ways weights come: weights_read.c, synthetic.c ---- */
typedef struct {
    float *row;   /* f32: the panel's rows [LL_PANEL][k]; int8: one row */
    float *scale; /* int8: of the columns that are packed together [columns][groups], */
    int8_t *q;    /* [columns][k]; f32: of a panel */
} ll_panel;
/* Fills everything but the packed matrices: norms, biases, rope factors, embedding. */
ll_status ll_weights_read_vectors(const ll_weights_source *source, ll_weights *weights);
/* Fills the panel with the matrix's rows [n0, n1); false: *bad is the tensor that holds a weight that is not finite. */
bool ll_weights_read_panel(const ll_weights_source *source, ll_matrix matrix, size_t layer,
                           const ll_packed *w, size_t n0, size_t n1, ll_panel *panel, const ll_tensor **bad);
/* Lets go of what read_panel cannot, once every panel of the matrix was read. */
void ll_weights_release_permuted(const ll_weights_source *source, ll_matrix matrix, size_t layer);
void ll_synthetic_vectors(const ll_weights_source *source, ll_weights *weights);
void ll_synthetic_panel(const ll_weights_source *source, ll_matrix matrix, size_t layer, const ll_packed *w,
                        size_t n0, size_t n1, ll_panel *panel);
#endif
