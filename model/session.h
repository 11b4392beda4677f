/* A sequence on its way through the model: buffers and KV-cache. Private to model/. */
#ifndef LL_SESSION_H
#define LL_SESSION_H
#include "model.h"
#include "weights.h"

#include <stdatomic.h>

struct ll_model {
    ll_config config;
    ll_model_options options;
    ll_machine machine;
    ll_topology *topology;
    ll_placement placement;
    ll_home home;
    ll_team *team;
    ll_kernels kernels;
    ll_matmul *matmul;
    ll_tokenizer *tokenizer;
    ll_weights weights;
};

enum {
    LL_ROW_BLOCK = 32, /* query rows of one attention task */
    LL_LOGITS_ROWS =
        128, /* of a tile of logits, all sets together: with LL_LOGITS_IDS columns it stays in the L2 */
};

/* Rows of a pass that follow each other in one sequence. */
typedef struct {
    size_t row, rows; /* of the pass */
    size_t sequence;
    size_t position; /* of the first row */
    size_t silent;   /* its first rows, which leave no residual stream */
    size_t output;   /* where that of the others begins, in rows of the chunk's */
} ll_run;

struct ll_session {
    const ll_model *model;
    ll_mask mask;
    const ll_input_observer *inputs; /* NULL: nobody looks */
    size_t capacity;
    bool one_cache;    /* for streams: the first layer's cache is that of every layer in turn */
    size_t batch;      /* sequences */
    size_t sequence;   /* the selected one */
    size_t *depth;     /* [batch] */
    ll_segment *steps; /* [batch]: a token of each */
    size_t chunk;      /* rows of the buffers below */
    ll_run *runs;      /* [chunk], of the present pass */
    size_t head_begin[LL_MAX_NODES +
                      1]; /* node i holds the KV heads [head_begin[i], head_begin[i + 1]) of every cache */
    ll_kv *kv;            /* [layers][batch][nodes], of kept attention layers; the others hold nothing */
    uint64_t kv_bytes;
    float *rope_cos, *rope_sin; /* [capacity][head_dim / 2] */
    float *x;                   /* [chunk][hidden] residual stream */
    float *before;              /* [chunk][hidden] residual stream before a module, for observers */
    float *block_in;            /* [chunk][hidden] residual stream before a block, for observers */
    float *input;     /* f32: [chunk][input_ld] input of a matmul; one stride, since threads are at different
                         steps */
    size_t input_ld;  /* the widest input */
    float *qkv;       /* [chunk][(heads + 2 kv_heads) * head_dim] */
    float *heads_out; /* [chunk][heads * head_dim] */
    float *gate_up;   /* [chunk][2 mlp] */
    float *out;       /* [chunk][hidden] what a module adds */
    ll_act act_hidden, act_heads, act_mlp,
        act_head;      /* int8: inputs of matmuls; act_head in the head's groups */
    float **logits;    /* [threads], by number: [LL_LOGITS_ROWS][LL_LOGITS_IDS] */
    uint8_t **scratch; /* [threads]: [scratch_bytes], of attention or of a matmul */
    size_t scratch_bytes;
    atomic_bool matmul_failed; /* in some thread, since the pass began */
    ll_arena arena;
};

/* y = input W^T, rows [m0, m1) and columns [n0, n1) as matmul_i8's in kernels.h, n0 a multiple of ll_session_columns; input is
 * act in int8, the session's own in f32. thread is the calling one's number. */
void ll_session_multiply(ll_session *session, size_t thread, float *y, size_t ldy, const ll_act *act,
                         size_t m0, size_t m1, const ll_packed *w, size_t n0, size_t n1);
size_t ll_session_columns(const ll_session *session, size_t n);
/* Refuses an id outside the vocabulary. */
ll_status ll_session_check_ids(const ll_session *session, const int32_t *ids, size_t count, ll_error *error);
/* After a pass: whether every matmul of it was done. */
ll_status ll_session_check_matmuls(ll_session *session, ll_error *error);
/* The same after logits, and whether these are finite. */
ll_status ll_session_check_logits(ll_session *session, bool finite, ll_error *error);
#endif
