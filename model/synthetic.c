/* Random weights of a true shape, for speed and memory: what they say means nothing, but every number is finite. */
#include "weights.h"

#include <math.h>
#include <string.h>

/* SplitMix64's finalizer: one number makes another (Steele, Lea, Flood, 2014). */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Every panel starts a stream of its own, so weights do not depend on the number of threads. */
static uint64_t stream_of(const ll_weights_source *source, ll_matrix matrix, size_t layer, size_t n0) {
    return mix(mix(source->options->seed + 1) ^ ((uint64_t)layer << 40 | (uint64_t)matrix << 32 | n0));
}

/* Bytes, all values in [-127, 127]; exactly count of them, which need not divide by 8. */
static void fill_bytes(int8_t *q, size_t count, uint64_t state) {
    size_t at = 0;
    for (; at + 8 <= count; at += 8) {
        state += 0x9e3779b97f4a7c15u;
        const uint64_t bits = mix(state);
        memcpy(q + at, &bits, 8);
    }
    const uint64_t bits = mix(state + 0x9e3779b97f4a7c15u);
    memcpy(q + at, &bits, count - at);
    for (size_t i = 0; i < count; i++)
        q[i] = q[i] == -128 ? -127 : q[i];
}

/* Uniform bytes have a standard deviation of 73; weights of 1 / sqrt(k) keep the size of what they are applied to. */
static float scale_of(size_t k) {
    return 1.0f / (73 * sqrtf((float)k));
}

void ll_synthetic_panel(const ll_weights_source *source, ll_matrix matrix, size_t layer, const ll_packed *w,
                        size_t n0, size_t n1, ll_panel *panel) {
    const size_t count = (n1 - n0) * w->k;
    const float scale = scale_of(w->k);
    fill_bytes(panel->q, count, stream_of(source, matrix, layer, n0));
    if (source->options->weights == LL_WEIGHTS_F32)
        for (size_t i = 0; i < count; i++)
            panel->row[i] = scale * (float)panel->q[i];
    else
        for (size_t i = 0; i < (n1 - n0) * w->groups; i++)
            panel->scale[i] = scale;
}

static void fill(float *out, size_t n, float value) {
    for (size_t i = 0; out && i < n; i++)
        out[i] = value;
}

/* bf16 of either sign in [0.5, 1): one exponent, any mantissa. */
static void fill_embedding(const ll_weights_source *source, ll_weights *w) {
    uint16_t *out = w->embedding;
    const size_t count = source->config->vocab * source->config->hidden;
    uint64_t state = mix(source->options->seed + 2), bits = 0;
    for (size_t i = 0; i < count; i++) {
        if (i % 4 == 0)
            bits = mix(state += 0x9e3779b97f4a7c15u);
        out[i] = (uint16_t)((bits & 0x807f) | 0x3f00);
        bits >>= 16;
    }
}

void ll_synthetic_vectors(const ll_weights_source *source, ll_weights *w) {
    const ll_config *c = source->config;
    for (size_t i = 0; i < c->layers; i++) {
        const ll_layer_weights *layer = &w->layer[i];
        fill(layer->attn_norm, c->hidden, 1);
        fill(layer->mlp_norm, c->hidden, 1);
        fill(layer->qkv_bias, layer->qkv.n, 0);
        fill(layer->o_bias, layer->o.n, 0);
        fill(layer->gate_up_bias, layer->gate_up.n, 0);
        fill(layer->down_bias, layer->down.n, 0);
    }
    fill(w->final_norm, c->hidden, 1);
    fill_embedding(source, w);
}
