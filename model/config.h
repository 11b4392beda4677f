/* The shape of a Llama-family model. */
#ifndef LL_CONFIG_H
#define LL_CONFIG_H
#include "error.h"

enum { LL_MAX_LAYERS = 512 };

typedef struct {
    size_t layers;   /* blocks */
    size_t hidden;   /* residual stream width */
    size_t heads;    /* query heads */
    size_t kv_heads; /* divides heads */
    size_t head_dim; /* even */
    size_t mlp;      /* MLP width */
    size_t vocab;    /* embedding rows */
    size_t context;  /* positions the model was made for */
    double rope_theta;
    float eps; /* RMSNorm */
    bool tied; /* the head is the embedding */
} ll_config;

/* Refuses shapes that cannot be: zeros, > LL_MAX_LAYERS, kv_heads not dividing heads, odd head_dim, sizes
 * whose products pass 2^40 or eps/theta not finite and positive. file names the source in the sentence. */
ll_status ll_config_check(const ll_config *config, const char *file, ll_error *error);

/* Parameters of one attention layer, MLP layer (with their norms), and of embedding plus final norm (plus
 * head). */
uint64_t ll_config_attn_params(const ll_config *config);
uint64_t ll_config_mlp_params(const ll_config *config);
uint64_t ll_config_other_params(const ll_config *config);
#endif
