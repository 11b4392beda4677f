/* Small random Llama models as Hugging Face folders (config.json, model.safetensors or shards with their index), sound
 * or broken in one place, and the bytes of hand-made safetensors files. Models whose logits are known: families.h.
 *
 *   ll_toy_hf toy = ll_toy_hf_default();
 *   toy.shards = 2;
 *   if (!ll_toy_hf_write(folder, &toy)) return;
 */
#ifndef LL_TOY_HF_H
#define LL_TOY_HF_H
#include "config.h"
#include "toy_gguf.h"

/* A file with this header, followed by data_bytes bytes 0, 1, 2, ... */
ll_bytes ll_toy_safetensors(const char *header, size_t data_bytes);

typedef struct {
    ll_config config;       /* what config.json says and the tensors are; a window makes it a Mistral model */
    uint32_t type;          /* of all tensors: F32, F16 or BF16 */
    size_t shards;          /* 0: model.safetensors */
    uint64_t seed;          /* of the weights */
    bool hollow;            /* the weights are a hole in the file: any shape, in no time and on no disk */
    bool without_dropped;   /* leaves out what config.dropped drops */
    const char *more_keys;  /* at the end of config.json: ", \"drop_attn_list\": [1]". NULL: none */
    const char *more_index; /* at the end of weight_map: ", \"foo\": \"model-2.safetensors\"". NULL: none */
    const char *extra_tensor;   /* one more vector. These are NULL for a sound folder */
    const char *missing_tensor; /* in no file, though the index has it */
    const char
        *misshapen_tensor; /* written with one row more than its shape needs (a vector: one value more) */
} ll_toy_hf;

/* 3 blocks, hidden 32, 4 heads of 8, 2 KV heads, MLP 64, vocabulary 256, context 256, theta 10000, eps 1e-5, not tied,
 * F32, one file. */
ll_toy_hf ll_toy_hf_default(void);
/* Makes the folder where it is missing; shards are model-1.safetensors and on. False after having failed the running
 * test. */
bool ll_toy_hf_write(const char *folder, const ll_toy_hf *toy);
#endif
