/* A model on disk, whatever form it has: a GGUF file (whole or split) or a Hugging Face folder. Shape, tensors by
 * their role, tokenizer. */
#ifndef LL_CHECKPOINT_H
#define LL_CHECKPOINT_H
#include "config.h"
#include "sha256.h"
#include "tensor.h"
#include "tokenizer.h"

/* What a tensor is for. Each row: role, whether every block has one, name in GGUF, name in Hugging Face files. */
#define LL_ROLES(ROLE)                                                                                       \
    ROLE(EMBEDDING, false, "token_embd.weight", "model.embed_tokens.weight")                                 \
    ROLE(FINAL_NORM, false, "output_norm.weight", "model.norm.weight")                                       \
    ROLE(HEAD, false, "output.weight", "lm_head.weight")                                                     \
    ROLE(ROPE_FACTORS, false, "rope_freqs.weight", "")                                                       \
    ROLE(ATTN_NORM, true, "attn_norm.weight", "input_layernorm.weight")                                      \
    ROLE(Q, true, "attn_q.weight", "self_attn.q_proj.weight")                                                \
    ROLE(K, true, "attn_k.weight", "self_attn.k_proj.weight")                                                \
    ROLE(V, true, "attn_v.weight", "self_attn.v_proj.weight")                                                \
    ROLE(O, true, "attn_output.weight", "self_attn.o_proj.weight")                                           \
    ROLE(Q_BIAS, true, "attn_q.bias", "self_attn.q_proj.bias")                                               \
    ROLE(K_BIAS, true, "attn_k.bias", "self_attn.k_proj.bias")                                               \
    ROLE(V_BIAS, true, "attn_v.bias", "self_attn.v_proj.bias")                                               \
    ROLE(O_BIAS, true, "attn_output.bias", "self_attn.o_proj.bias")                                          \
    ROLE(MLP_NORM, true, "ffn_norm.weight", "post_attention_layernorm.weight")                               \
    ROLE(GATE, true, "ffn_gate.weight", "mlp.gate_proj.weight")                                              \
    ROLE(UP, true, "ffn_up.weight", "mlp.up_proj.weight")                                                    \
    ROLE(DOWN, true, "ffn_down.weight", "mlp.down_proj.weight")                                              \
    ROLE(GATE_BIAS, true, "ffn_gate.bias", "mlp.gate_proj.bias")                                             \
    ROLE(UP_BIAS, true, "ffn_up.bias", "mlp.up_proj.bias")                                                   \
    ROLE(DOWN_BIAS, true, "ffn_down.bias", "mlp.down_proj.bias")

typedef enum {
#define LL_ROLE_ENUM(name, in_block, gguf, hf) LL_ROLE_##name,
    LL_ROLES(LL_ROLE_ENUM)
#undef LL_ROLE_ENUM
        LL_ROLE_COUNT
} ll_role;

typedef enum { LL_FORMAT_GGUF, LL_FORMAT_HF } ll_format;

enum { LL_TENSOR_NAME = 96 };
/* The tensor's name in a format ("blk.3.attn_q.weight"); empty where the format has none. layer is ignored outside
 * of blocks. */
void ll_role_name(ll_format format, ll_role role, size_t layer, char out[LL_TENSOR_NAME]);
bool ll_role_in_block(ll_role role);
/* The shape the role has under config: values of a row, rows (0: a vector). */
void ll_role_shape(const ll_config *config, ll_role role, size_t *row, size_t *rows);
/* Whether a model of this shape has the tensor: biases, a head of its own, dropped modules. ROPE_FACTORS: false (it
 * is optional). */
bool ll_role_needed(const ll_config *config, ll_role role, size_t layer);

typedef struct ll_checkpoint ll_checkpoint;

/* path: a .gguf file (of a split model any part), a folder in Hugging Face form (config.json, model.safetensors or
 * model.safetensors.index.json), or a folder that holds the parts of one GGUF model. Checks every header, and that each
 * tensor that the shape needs is there with its shape: no weight is read. A tensor of a dropped module may be there or
 * not. A tensor inside a block that no role names is refused, since the model would be wrong without it. */
ll_status ll_checkpoint_open(ll_checkpoint **out, const char *path, ll_error *error);
void ll_checkpoint_close(ll_checkpoint *checkpoint); /* NULL is fine */

const char *ll_checkpoint_path(const ll_checkpoint *checkpoint);
ll_format ll_checkpoint_format(const ll_checkpoint *checkpoint);
const ll_config *ll_checkpoint_config(const ll_checkpoint *checkpoint);
/* Its files: those of weights, and config.json. */
size_t ll_checkpoint_file_count(const ll_checkpoint *checkpoint);
const char *ll_checkpoint_file(const ll_checkpoint *checkpoint, size_t index);
uint64_t ll_checkpoint_bytes(const ll_checkpoint *checkpoint); /* of its weight files */
/* NULL: not there. layer is ignored outside of blocks. */
const ll_tensor *ll_checkpoint_tensor(const ll_checkpoint *checkpoint, ll_role role, size_t layer);
/* The path of the file that holds the tensor. */
const char *ll_checkpoint_file_of(const ll_checkpoint *checkpoint, const ll_tensor *tensor);
/* Names of tensors that no role uses, or a role that the model has not: a head beside tied embeddings. NULL past the end. */
const char *ll_checkpoint_unused(const ll_checkpoint *checkpoint, size_t index);
/* A GGUF model's first part, which holds its metadata; NULL for a folder in Hugging Face form. */
const ll_gguf *ll_checkpoint_gguf(const ll_checkpoint *checkpoint);
ll_status ll_checkpoint_tokenizer(ll_tokenizer **out, const ll_checkpoint *checkpoint, ll_error *error);
/* The tokenizer of what lies at path, whose weights need not be there: config.json and tokenizer files, or a GGUF file's
 * header. */
ll_status ll_tokenizer_open(ll_tokenizer **out, const char *path, ll_error *error);
/* rows rows of the tensor from first on were read for the last time: their pages need not stay in memory. */
void ll_checkpoint_release(const ll_tensor *tensor, size_t first, size_t rows);

/* SHA-256 of the files' contents: of a single file its own, of several that of the lines "HASH NAME". Reads everything,
 * ll_checkpoint_bytes of it. */
ll_status ll_checkpoint_sha256(const ll_checkpoint *checkpoint, const ll_hash_watch *watch,
                               char hex[LL_SHA256_TEXT], ll_error *error);
/* A hash that changes whenever a file's path, size, modification time, inode or its change time does; reads no weights. */
ll_status ll_checkpoint_identity(const ll_checkpoint *checkpoint, char hex[LL_SHA256_TEXT], ll_error *error);
#endif
