/* What a model takes of memory, by arithmetic from its shape: before anything is read or made. */
#ifndef LL_NEEDS_H
#define LL_NEEDS_H
#include "count.h"
#include "model.h"

/* Memory left to buffers, the tokenizer and whatever else runs. */
enum { LL_NEEDS_RESERVE = 256 << 20 };
/* Fewer resident blocks would be read from caches, which the blocks of a whole model are not. */
enum { LL_NEEDS_RESIDENT_MIN = 8 };

/* A way to hold a model: weights and KV-cache. */
typedef enum { LL_HELD_F32 = 0, LL_HELD_INT8 = 1, LL_HELD_INT8_KV = 2 } ll_held;
enum { LL_HELD_COUNT = 3 };

typedef struct {
    const ll_config *config;
    size_t group;             /* int8: as in ll_model_options */
    const char *isa;          /* its packed layout; NULL: the best this CPU has */
    uint64_t embedding_bytes; /* as the file holds it; 0: in bf16 */
    size_t length, batch;     /* positions of each sequence, sequences */
    size_t threads;           /* 0: the machine's default */
    ll_matmul_kind matmul;    /* of int8 weights */
} ll_needs_setting;

typedef struct {
    uint64_t published;                   /* weights at 16 bits each, as they are published */
    uint64_t weights[LL_WEIGHTS_F32 + 1]; /* by ll_weights_kind: packed, with embedding and norms */
    uint64_t kv[LL_KV_I8 + 1];            /* by ll_kv_type: of all sequences */
    uint64_t buffers[LL_HELD_COUNT];      /* of a session, and of timing it: whatever is dropped */
    uint64_t total[LL_HELD_COUNT];        /* weights, KV-cache and buffers of one session */
    bool fits[LL_HELD_COUNT];
    /* Blocks that can have weights of their own in the memory that there is, so that `speed --synthetic --resident` takes
     * them beside a session of the full model; 0: too few. */
    size_t resident[LL_HELD_COUNT];
} ll_needs;

/* Bytes that buffers may take whose number is free to choose: half of what is there, and no more than 4 GiB, beyond which more of
 * them gain nothing. */
uint64_t ll_needs_room(void);
/* Parameters of the modules that the mask (NULL: none dropped) keeps, and of the rest of the model. */
uint64_t ll_needs_parameters(const ll_config *config, const ll_mask *drop);
/* What a timing keeps beside its session: the residual stream of tokens tokens, and logits of batch sequences. */
uint64_t ll_needs_timing_bytes(const ll_config *config, size_t tokens, size_t batch);
/* The fewest blocks that stand for a model: LL_NEEDS_RESIDENT_MIN, or all of a smaller one. */
size_t ll_needs_least_resident(const ll_config *config);
/* The most blocks whose weights fit in available bytes with beside others; 0: not even the fewest. options' own resident is
 * not looked at. */
size_t ll_needs_resident(const ll_config *config, const ll_model_options *options, uint64_t beside,
                         uint64_t available);
/* available: bytes that may be taken. */
void ll_needs_compute(ll_needs *out, const ll_needs_setting *setting, const ll_mask *drop,
                      uint64_t available);
#endif
