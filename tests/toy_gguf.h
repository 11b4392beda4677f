/* Small random Llama models as GGUF files, sound or broken in one place, and the bytes of hand-made files.
 *
 *   ll_toy toy = ll_toy_default();
 *   toy.heads = 6;
 *   ll_toy_weights weights;
 *   if (!ll_toy_write(path, &toy, &weights)) return;
 *   const float *q = ll_toy_find(&weights, "blk.%zu.attn_q.weight", layer); // [heads * head_dim][hidden],
 * row by row ll_toy_free(&weights);
 */
#ifndef LL_TOY_GGUF_H
#define LL_TOY_GGUF_H
#include "bytes.h"
#include "gguf.h"

/* Whole metadata entries: key, kind, value. */
void ll_put_key_u32(ll_bytes *bytes, const char *key, uint32_t value);
void ll_put_key_f32(ll_bytes *bytes, const char *key, float value);
void ll_put_key_bool(ll_bytes *bytes, const char *key, bool value);
void ll_put_key_text(ll_bytes *bytes, const char *key, const char *value);

/* ---- models ---- */
typedef struct {
    size_t layers, hidden, heads, kv_heads, head_dim, mlp, context;
    /* Token i < 256 is byte i; 256 .. 931 are pairs of small letters with their merges ("aa", "ab", ...);
     * further ones are unused tokens. Below 256 the bytes from vocab on have no token. */
    size_t vocab;
    double theta;
    float eps;
    bool tied;
    uint32_t type; /* of the matrices: F32, F16, BF16, Q8_0 or Q4_1 (rows of 32 n); norms are F32 */
    bool biases;   /* Q, K and V have biases */
    uint32_t bias_type;
    uint64_t seed;

    /* Called for every tensor before it is written; values is [rows][cols], Q and K not permuted. NULL: none.
     */
    void (*edit)(const char *name, float *values, size_t rows, size_t cols, void *context);
    void *edit_context;
    size_t (*more_keys)(ll_bytes *out); /* appends metadata entries, returns how many. NULL: none */
    const char *missing_key;            /* these are NULL for a sound file */
    const char *architecture;           /* instead of llama */
    const char *pre;                    /* tokenizer.ggml.pre instead of smollm */
    const char *extra_tensor;           /* one more matrix */
    const char *missing_tensor;
    const char
        *misshapen_tensor; /* written with one row more than its shape needs (a vector: one value more) */
} ll_toy;

/* 3 blocks, hidden 32, 4 heads of 8, 2 KV heads, MLP 64, vocabulary 256, context 256, theta 10000, eps 1e-5,
 * tied, F32. */
ll_toy ll_toy_default(void);

/* What the file says, as a reader of its types sees it, Q and K not permuted. */
typedef struct {
    char name[64];
    size_t rows, cols; /* a vector has 1 row */
    float *values;     /* [rows][cols] */
} ll_toy_tensor;

typedef struct {
    ll_toy_tensor *tensors;
    size_t count;
} ll_toy_weights;

/* Writes the file; false after having failed the running test. weights may be NULL. */
bool ll_toy_write(const char *path, const ll_toy *toy, ll_toy_weights *weights);
/* Values of the tensor of that name (printf-like), NULL: none. */
const float *ll_toy_find(const ll_toy_weights *weights, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void ll_toy_free(ll_toy_weights *weights);
#endif
