/* The Llama forward pass: a loaded model, sessions over it, and what a drop costs in bytes and operations. */
#ifndef LL_MODEL_H
#define LL_MODEL_H
#include "drop.h"
#include "machine.h"
#include "placement.h"
#include "tokenizer.h"

typedef enum { LL_WEIGHTS_INT8 = 0, LL_WEIGHTS_F32 = 1 } ll_weights_kind;
const char *ll_weights_kind_name(ll_weights_kind kind); /* "int8", "f32" */

/* What multiplies int8 matrices: the kernel library, or oneDNN. The results have the same bits (model/matmul.h). */
typedef enum { LL_MATMUL_OWN = 0, LL_MATMUL_ONEDNN = 1, LL_MATMUL_COUNT } ll_matmul_kind;
const char *ll_matmul_kind_name(ll_matmul_kind kind); /* "own", "onednn" */

typedef struct {
    ll_weights_kind weights;
    size_t
        group; /* int8: elements that share a scale along K; 0: one scale a row. 32, 128 (default) or 0. The head's is 32 */
    size_t threads;                 /* 0: the machine's default */
    ll_placement_options placement; /* where threads run and memory lies */
    const char *isa;                /* NULL: the best this CPU has */
    ll_matmul_kind matmul;          /* with f32 weights own, nothing else */
    bool kv_i8;                     /* KV-cache in int8; else bf16, with f32 weights f32 */
    const ll_mask *drop;            /* modules that no session will run: neither read nor kept; NULL: none */
    const char *cache;              /* folder that keeps packed int8 weights between runs; NULL: none */
    size_t
        resident; /* synthetic weights: blocks that have weights of their own, the others run on these in turn;
                            0: all */
    uint64_t seed; /* of synthetic weights */
    /* Called on the calling thread as weights are packed, with the share that is done; NULL: nobody asks. */
    void (*progress)(void *context, double share);
    void *progress_context;
} ll_model_options;

typedef struct ll_model ll_model;
typedef struct ll_session ll_session;

/* Loads a checkpoint (checkpoint.h): checks every tensor's name and shape before weights are read, and that memory
 * suffices (available memory, LL_NO_RESOURCE), then quantizes and packs tensor by tensor: at no time is more of the file
 * in memory than the rows that are being packed. */
ll_status ll_model_load(ll_model **out, const char *path, const ll_model_options *options, ll_error *error);
/* A model of that shape with random weights, which give finite numbers without meaning: for speed and memory. It has no
 * tokenizer. */
ll_status ll_model_synthesize(ll_model **out, const ll_config *shape, const ll_model_options *options,
                              ll_error *error);
void ll_model_destroy(ll_model *model); /* NULL is fine; sessions go first */

/* The kernels that the options' isa (NULL: the best) gives on this CPU; the error lists the names it has. Of another matmul
 * than own its name and version stand as the ISA of matmul_i8. */
ll_status ll_model_select_kernels(ll_kernels *kernels, const ll_model_options *options, ll_error *error);
/* oneDNN as it would run here: version, implementation, and what ll_model_matmul_note says; or why it would not. */
void ll_model_describe_onednn(char *out, size_t capacity);

const ll_config *ll_model_config(const ll_model *model);
const ll_tokenizer *ll_model_tokenizer(const ll_model *model); /* NULL: synthetic */
bool ll_model_is_synthetic(const ll_model *model);
bool ll_model_from_cache(const ll_model *model); /* its packed weights were kept */
/* Why its packed weights were not kept for the next run, one sentence; NULL: nothing to say. */
const char *ll_model_cache_note(const ll_model *model);
/* What its user should know of the matmul on this CPU, one sentence; NULL: nothing to say. */
const char *ll_model_matmul_note(const ll_model *model);
const ll_kernels *ll_model_kernels(const ll_model *model);
const ll_machine *ll_model_machine(const ll_model *model);
const ll_model_options *ll_model_options_used(const ll_model *model); /* threads filled in */
uint64_t ll_model_weight_bytes(const ll_model *model);                /* allocated for weights */
/* Memory of the weights of a synthetic model, from the shape alone; a file's differ where its embedding is not bf16. UINT64_MAX:
 * no such ISA, or no memory to find out. */
uint64_t ll_config_weight_bytes(const ll_config *config, const ll_model_options *options);
ll_kv_type ll_kv_type_of(const ll_model_options *options);
/* Bytes of KV-cache of one sequence of capacity positions (rounded up to LL_KV_BLOCK), scales included, by arithmetic: what
 * a session allocates. mask NULL: the full model. */
uint64_t ll_config_kv_bytes(const ll_config *config, ll_kv_type type, const ll_mask *mask, size_t capacity);

/* ---- where threads and memory are ---- */
const ll_placement *ll_model_placement(const ll_model *model);
const ll_topology *ll_model_topology(const ll_model *model);
/* Threads that a decode step has. */
size_t ll_model_decode_threads(const ll_model *model);
/* Threads of a decode step from now on, 1 to all; on several nodes one of each at least. */
void ll_model_set_decode_threads(ll_model *model, size_t threads);
/* Seconds that the threads have waited for each other since the model was loaded, those of all together. */
double ll_model_waited(const ll_model *model);
/* Bytes that a node holds: of weights, of KV-cache with its threads' own buffers; of the last one what all nodes share. */
typedef struct {
    uint64_t weights, session;
} ll_node_bytes;
/* By arithmetic, for batch sequences of capacity positions. */
ll_status ll_placement_bytes(ll_node_bytes out[LL_MAX_NODES + 1], const ll_config *config,
                             const ll_model_options *options, const ll_placement *placement,
                             const ll_topology *topology, size_t batch, size_t capacity, ll_error *error);
/* As the system says when asked now. Pages are those of 4 KiB, of large memory some evenly spread ones. */
typedef struct {
    size_t bound;     /* threads on the plan's CPU and no other */
    int thread_error; /* the first errno of binding; 0: none */
    int memory_error;
    uint64_t huge_bytes;                /* in huge pages, of the process; UINT64_MAX: not known */
    bool pages_known;                   /* the system says where pages are */
    size_t pages[LL_MAX_NODES];         /* that the plan gives node i of the placement */
    size_t there[LL_MAX_NODES];         /* of which are on it */
    size_t on[LL_MAX_NODES], elsewhere; /* pages of all memory by the topology's nodes; on none of these */
} ll_placed;
ll_placed ll_model_read_placement(const ll_model *model,
                                  const ll_session *session); /* session NULL: weights alone */
/* In a line: "split: node 0 CPUs 0-23, node 1 CPUs 24-47; 48 of 48 threads bound; 100.0 % of pages in place". */
void ll_placed_text(const ll_model *model, const ll_placed *placed, char *out, size_t capacity);

/* ---- what a pass costs, by arithmetic ---- */
typedef struct {
    double linear_ops;    /* multiplies and adds of matmuls for one token, the head included */
    double head_ops;      /* of which the head's */
    double attention_ops; /* of attention, for one token and one position that it sees */
    double weight_bytes;  /* packed weights read for one decoded token, the head included */
    double
        kv_bytes; /* KV-cache bytes of one position, all kept layers; a decode step reads as many as its token sees */
    double window; /* positions that a token sees at most; infinite without a sliding window */
} ll_cost;
/* Positions that the first tokens tokens see, all together: the n-th sees n, or the window. */
double ll_cost_seen_by_all(const ll_cost *cost, double tokens);
ll_cost ll_model_cost(const ll_model *model, const ll_mask *mask);
/* The same from the shape alone, with the packed layout that the options' matmul has with these kernels. */
ll_status ll_config_cost(ll_cost *out, const ll_config *config, const ll_model_options *options,
                         const ll_kernels *kernels, const ll_mask *mask, ll_error *error);

/* ---- the machine's limits, measured now on the model's own threads and weights ---- */
typedef struct {
    double ops_per_s;     /* register-only int8 multiply-adds, all threads */
    double f32_ops_per_s; /* the same of f32 */
    double
        bytes_per_s; /* read bandwidth over packed weights of the model, a gigabyte at most: best of the variants */
} ll_limits;
/* Fills both peaks in some milliseconds, the bandwidth in less than a tenth of a second: probes between timings. */
void ll_model_measure_compute(const ll_model *model, ll_limits *out);
void ll_model_measure_bandwidth(const ll_model *model, ll_limits *out);
/* The same with memory of its own, before there is a model. */
ll_status ll_machine_measure_limits(const ll_model_options *options, ll_limits *out, ll_error *error);

/* ---- sessions: sequences, each with a KV-cache for the kept attention layers ---- */
enum {
    LL_MAX_BATCH = 4096,
    LL_CHUNK = 512, /* tokens of a prefill that go through the layers together */
};

/* capacity: positions, 1 .. config.context. LL_NO_RESOURCE when memory does not suffice. */
ll_status ll_session_create(ll_session **out, const ll_model *model, const ll_mask *mask, size_t capacity,
                            ll_error *error);
/* batch sequences of capacity positions each. */
ll_status ll_session_create_batch(ll_session **out, const ll_model *model, const ll_mask *mask, size_t batch,
                                  size_t capacity, ll_error *error);
/* Bytes that such a session of the full model takes, buffers included, from the shape alone. UINT64_MAX: no memory to find
 * out. */
uint64_t ll_config_session_bytes(const ll_config *config, const ll_model_options *options, size_t batch,
                                 size_t capacity);
void ll_session_destroy(ll_session *session); /* NULL is fine */
/* The sequence (0 at first) that reset, depth, forward and skip_to are about. */
void ll_session_select(ll_session *session, size_t sequence);
void ll_session_reset(ll_session *session); /* back to position 0 */
/* Back to a position that it has passed: what came later is as if it had never been. LL_BAD_USAGE: it has not come so far. */
ll_status ll_session_rewind(ll_session *session, size_t positions, ll_error *error);
/* Sequence to becomes the first positions positions of sequence from: copies its cache, computes nothing. LL_BAD_USAGE: no such
 * sequence, or from has not come so far. */
ll_status ll_session_fork(ll_session *session, size_t from, size_t to, size_t positions, ll_error *error);
size_t ll_session_depth(const ll_session *session);
uint64_t ll_session_kv_bytes(const ll_session *session); /* as allocated, of all sequences */
/* Passes from now on leave these modules out. LL_BAD_USAGE: mask keeps an attention layer without a cache here. */
ll_status ll_session_set_mask(ll_session *session, const ll_mask *mask, ll_error *error);

/* Called for every module that is not dropped with the residual stream before and after it, by every thread of the pass at
 * once, each with rows of its own: first is the first one's token in the forward call, before and after are [rows][hidden].
 * A thread's calls are in the modules' order; the block's comes after its MLP's and holds the block's input and output. */
typedef struct {
    void (*module)(void *context, ll_module module, size_t first, const float *before, const float *after,
                   size_t rows);
    void *context;
} ll_observer;

/* Runs count tokens from the present depth on. residual, when not NULL, receives the residual stream after
 * the last block, [count][hidden], before the final norm. Refused: an id outside the vocabulary, a depth
 * beyond capacity, a residual stream that is not finite (names the layer). */
ll_status ll_session_forward(ll_session *session, const int32_t *ids, size_t count, float *residual,
                             const ll_observer *observer, ll_error *error);
/* Tokens of one sequence, in a pass with others; the last outputs of them give their residual stream. */
typedef struct {
    size_t sequence, count, outputs;
} ll_segment;
/* Runs segments, of sequences in ascending order and whatever their depths, in passes of LL_CHUNK rows that read the weights once
 * for all of them. ids are the segments' one after the other; so are the outputs in residual, [outputs of all][hidden] (may be
 * NULL). The same bits as from forward, which see for what is refused. */
ll_status ll_session_forward_segments(ll_session *session, const int32_t *ids, const ll_segment *segments,
                                      size_t count, float *residual, ll_error *error);
/* One token for each sequence, whatever their depths, with one read of the weights: ids[batch], residual [batch][hidden]
 * (may be NULL). The same bits as from forward. */
ll_status ll_session_decode(ll_session *session, const int32_t *ids, float *residual, ll_error *error);
/* A session that takes residual streams of capacity positions at most through one module at a time; its one cache serves every
 * attention layer in turn. forward and decode refuse it; logits take it. */
ll_status ll_session_create_stream(ll_session **out, const ll_model *model, size_t capacity, ll_error *error);
/* The embedding of a sequence's tokens: stream [count][hidden]. */
ll_status ll_session_embed(const ll_session *session, const int32_t *ids, size_t count, float *stream,
                           ll_error *error);
/* stream [count][hidden], a sequence's from its first position on, becomes what the attention or MLP layer makes of it, residual
 * add included: all kept modules in turn give the bits of forward. observer may be NULL. LL_BAD_USAGE: a block, a layer that the
 * model has not loaded; refused as by forward: a stream that is not finite. */
ll_status ll_session_run_module(ll_session *session, ll_module module, float *stream, size_t count,
                                const ll_observer *observer, ll_error *error);
/* What the matrices of a block multiply: the normed residual stream (Q, K and V; gate and up), the heads' outputs (O), silu(gate) * up
 * (down). */
typedef enum { LL_INPUT_QKV, LL_INPUT_O, LL_INPUT_GATE_UP, LL_INPUT_DOWN, LL_INPUTS } ll_input;
/* Called as an observer is, before they are multiplied: x [rows][ldx]. */
typedef struct {
    void (*input)(void *context, ll_input input, size_t layer, size_t first, const float *x, size_t ldx,
                  size_t rows);
    void *context;
} ll_input_observer;
/* What the passes multiply from now on is seen by observer, which outlives them; NULL: by nobody. LL_BAD_USAGE: int8 weights, whose inputs
 * are int8 too. */
ll_status ll_session_watch_inputs(ll_session *session, const ll_input_observer *observer, ll_error *error);
/* Logits [rows][vocab] of rows rows of residual stream: final norm and head. Refuses logits that are not
 * finite. */
ll_status ll_session_logits(ll_session *session, const float *residual, size_t rows, float *logits,
                            ll_error *error);
/* Logits of some tokens for some of the vocabulary. */
enum { LL_LOGITS_SETS = 8, LL_LOGITS_IDS = 512 };
typedef struct {
    size_t row, rows;
    size_t id, ids; /* id: a multiple of LL_LOGITS_IDS; ids: as many, fewer at the vocabulary's end */
    const float *logits[LL_LOGITS_SETS]; /* of each set: [rows][LL_LOGITS_IDS] */
} ll_logits_tile;
/* Called by the model's threads at once, each with tiles of its own. */
typedef struct {
    void (*tile)(void *context, const ll_logits_tile *tile);
    void *context;
} ll_logits_visitor;
/* Logits of rows rows of sets (1 to LL_LOGITS_SETS) residual streams, tile by tile while they are in the cache: rows x vocabulary is
 * never held whole. Every row meets every id once. The same bits as ll_session_logits; refuses as it does. */
ll_status ll_session_visit_logits(ll_session *session, const float *const residual[], size_t sets,
                                  size_t rows, const ll_logits_visitor *visitor, ll_error *error);
/* Puts the depth to positions without computing, so that a decode step at that depth can be timed: the cache
 * is read as it is. The outputs mean nothing afterwards until reset. */
void ll_session_skip_to(ll_session *session, size_t positions);
#endif
