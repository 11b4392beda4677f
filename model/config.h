/* The shape of a Llama-family model. */
#ifndef LL_CONFIG_H
#define LL_CONFIG_H
#include "error.h"

enum { LL_MAX_LAYERS = 512 };

/* What is dropped. {0}: the full model. */
typedef struct {
    bool attn[LL_MAX_LAYERS];
    bool mlp[LL_MAX_LAYERS];
} ll_mask;

/* How rotation frequencies are stretched for contexts longer than those trained on. */
typedef enum {
    LL_ROPE_PLAIN = 0,
    LL_ROPE_LINEAR, /* every frequency over factor (arXiv 2306.15595) */
    LL_ROPE_LLAMA3, /* low frequencies over factor, high ones kept, those between blended (Llama 3.1) */
} ll_rope_kind;
typedef struct {
    ll_rope_kind kind;
    double factor;
    double low_factor, high_factor, original_context; /* LL_ROPE_LLAMA3 */
} ll_rope_scaling;

typedef struct {
    size_t layers;   /* blocks */
    size_t hidden;   /* residual stream width */
    size_t heads;    /* query heads */
    size_t kv_heads; /* divides heads */
    size_t head_dim; /* even */
    size_t mlp;      /* MLP width */
    size_t vocab;    /* embedding rows */
    size_t context;  /* positions the model was made for */
    size_t window;   /* a position sees itself and the window - 1 before it (Mistral); 0: all */
    double rope_theta;
    ll_rope_scaling rope;
    float eps;       /* RMSNorm */
    bool tied;       /* the head is the embedding */
    bool bias_qkv;   /* Q, K and V have biases */
    bool bias_o;     /* so has O */
    bool bias_mlp;   /* so have gate, up and down */
    ll_mask dropped; /* modules that the checkpoint itself says are left out: their weights may be absent */
} ll_config;

/* Refuses shapes that cannot be: zeros, > LL_MAX_LAYERS, kv_heads not dividing heads, odd head_dim, sizes
 * whose products pass 2^40, eps, theta or a rope factor not finite and positive. file names the source in the
 * sentence. */
ll_status ll_config_check(const ll_config *config, const char *file, ll_error *error);

/* The head_dim / 2 rotation frequencies: theta^(-2 i / head_dim) (arXiv 2104.09864, section 3.2), stretched as
 * the config says. */
void ll_config_rope_frequencies(const ll_config *config, double *out);

/* Parameters of one attention layer, MLP layer (with their norms), and of embedding plus final norm (plus
 * head). */
uint64_t ll_config_attn_params(const ll_config *config);
uint64_t ll_config_mlp_params(const ll_config *config);
uint64_t ll_config_other_params(const ll_config *config);
#endif
