#include "config.h"
#include <inttypes.h>
#include <math.h>

static const uint64_t MAX_PRODUCT = 1ull << 40;

/* Whether a * b passes the largest size any array of a model may have. */
static bool too_large(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) || product > MAX_PRODUCT;
}

static ll_status check_sizes(const ll_config *c, const char *file, ll_error *error) {
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {{"blocks", c->layers},         {"hidden size", c->hidden},    {"heads", c->heads},
                 {"KV heads", c->kv_heads},     {"head size", c->head_dim},    {"MLP size", c->mlp},
                 {"vocabulary size", c->vocab}, {"context length", c->context}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].value == 0 || sizes[i].value > MAX_PRODUCT)
            return ll_fail(error, LL_BAD_INPUT, "%s: the %s of the model is %zu, expected 1 to 2^40", file,
                           sizes[i].name, sizes[i].value);
    if (c->layers > LL_MAX_LAYERS)
        return ll_fail(error, LL_BAD_INPUT, "%s: the model has %zu blocks, at most %d are supported", file,
                       c->layers, LL_MAX_LAYERS);
    return LL_OK;
}

static ll_status check_products(const ll_config *c, const char *file, ll_error *error) {
    const struct {
        const char *name;
        uint64_t a, b;
    } products[] = {{"heads x head size", c->heads, c->head_dim},
                    {"Q matrix", c->heads * c->head_dim, c->hidden},
                    {"MLP matrix", c->mlp, c->hidden},
                    {"embedding", c->vocab, c->hidden},
                    {"KV-cache of a block", c->kv_heads * c->head_dim, c->context}};
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++)
        if (too_large(products[i].a, products[i].b))
            return ll_fail(error, LL_BAD_INPUT,
                           "%s: the %s of the model has %" PRIu64 " x %" PRIu64 " values, more than 2^40",
                           file, products[i].name, products[i].a, products[i].b);
    return LL_OK;
}

static ll_status check_rope(const ll_config *c, const char *file, ll_error *error) {
    const ll_rope_scaling *r = &c->rope;
    if (r->kind == LL_ROPE_PLAIN)
        return LL_OK;
    if (!isfinite(r->factor) || r->factor <= 0)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: the rotation's scaling factor is %g, expected a positive number", file,
                       r->factor);
    if (r->kind != LL_ROPE_LLAMA3)
        return LL_OK;
    /* The comparisons are false for NaN. */
    if (!(r->low_factor > 0 && r->high_factor > r->low_factor && isfinite(r->high_factor)))
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: the rotation's low and high frequency factors are %g and %g, expected 0 < low < high", file,
            r->low_factor, r->high_factor);
    if (!isfinite(r->original_context) || r->original_context <= 0)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: the rotation's original context is %g, expected a positive number", file,
                       r->original_context);
    return LL_OK;
}

ll_status ll_config_check(const ll_config *c, const char *file, ll_error *error) {
    LL_TRY(check_sizes(c, file, error));
    if (c->kv_heads > c->heads || c->heads % c->kv_heads != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: %zu KV heads do not divide %zu heads", file, c->kv_heads,
                       c->heads);
    LL_TRY(check_products(c, file, error));
    if (c->head_dim % 2 != 0)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: the head size is %zu, expected an even number (rotation works on pairs)", file,
                       c->head_dim);
    if (!isfinite(c->rope_theta) || c->rope_theta <= 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: the rotation base is %g, expected a positive number", file,
                       c->rope_theta);
    LL_TRY(check_rope(c, file, error));
    if (!isfinite(c->eps) || c->eps <= 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: the epsilon of RMSNorm is %g, expected a positive number",
                       file, (double)c->eps);
    return LL_OK;
}

uint64_t ll_config_attn_params(const ll_config *c) {
    const uint64_t q_and_o = 2 * (uint64_t)c->heads * c->head_dim * c->hidden;
    const uint64_t k_and_v = 2 * (uint64_t)c->kv_heads * c->head_dim * c->hidden;
    return q_and_o + k_and_v + c->hidden;
}

uint64_t ll_config_mlp_params(const ll_config *c) {
    return 3 * (uint64_t)c->mlp * c->hidden + c->hidden;
}

uint64_t ll_config_other_params(const ll_config *c) {
    const uint64_t embedding = (uint64_t)c->vocab * c->hidden;
    return (c->tied ? 1 : 2) * embedding + c->hidden;
}

/* Llama 3.1's three bands by wavelength: short ones kept, long ones over factor, a blend between. The divisor is rounded
 * to the f32 that GGUF files hold it in, so that both forms of a model give the same bits. */
static double llama3_frequency(const ll_rope_scaling *r, double frequency) {
    const double pi = 3.14159265358979323846, turns = r->original_context * frequency / (2 * pi);
    const double kept = fmin(1, fmax(0, (turns - r->low_factor) / (r->high_factor - r->low_factor)));
    const double divisor = 1 / ((1 - kept) / r->factor + kept);
    return frequency / (double)(float)divisor;
}

void ll_config_rope_frequencies(const ll_config *c, double *out) {
    const size_t half = c->head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        const double frequency = pow(c->rope_theta, -(double)i / (double)half);
        out[i] = c->rope.kind == LL_ROPE_LINEAR   ? frequency / c->rope.factor
                 : c->rope.kind == LL_ROPE_LLAMA3 ? llama3_frequency(&c->rope, frequency)
                                                  : frequency;
    }
}
