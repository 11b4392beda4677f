#include "needs.h"

/* The shape without the modules that the mask drops beside those that the checkpoint itself leaves out. */
static ll_config without(const ll_config *config, const ll_mask *drop) {
    ll_config kept = *config;
    for (size_t i = 0; drop && i < config->layers; i++) {
        kept.dropped.attn[i] |= drop->attn[i];
        kept.dropped.mlp[i] |= drop->mlp[i];
    }
    return kept;
}

uint64_t ll_needs_parameters(const ll_config *config, const ll_mask *drop) {
    const ll_config kept = without(config, drop);
    uint64_t sum = ll_config_other_params(config);
    for (size_t i = 0; i < config->layers; i++)
        sum += (kept.dropped.attn[i] ? 0 : ll_config_attn_params(config)) +
               (kept.dropped.mlp[i] ? 0 : ll_config_mlp_params(config));
    return sum;
}

/* Saturating, so that what cannot be counted never fits. */
static uint64_t add(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Weights of which resident blocks (0: all) have their own. */
static uint64_t weight_bytes(const ll_needs_setting *setting, const ll_config *kept, ll_weights_kind kind,
                             size_t resident) {
    const ll_model_options options = {
        .weights = kind, .group = setting->group, .isa = setting->isa, .resident = resident};
    const uint64_t with_bf16 = ll_config_weight_bytes(kept, &options);
    const uint64_t embedding_bf16 = 2 * (uint64_t)kept->vocab * kept->hidden;
    return setting->embedding_bytes ? with_bf16 - embedding_bf16 + setting->embedding_bytes : with_bf16;
}

/* Weights and KV-cache together. The blocks that stay resident are whole ones: any of them runs in a dropped one's place. */
static void compute_held(ll_needs *out, ll_held held, const ll_needs_setting *setting, uint64_t available) {
    static const struct {
        ll_weights_kind weights;
        ll_kv_type kv;
    } parts[LL_HELD_COUNT] = {
        [LL_HELD_F32] = {LL_WEIGHTS_F32, LL_KV_F32},
        [LL_HELD_INT8] = {LL_WEIGHTS_INT8, LL_KV_BF16},
        [LL_HELD_INT8_KV] = {LL_WEIGHTS_INT8, LL_KV_I8},
    };
    const ll_weights_kind kind = parts[held].weights;
    const uint64_t beside = add(out->kv[parts[held].kv], LL_NEEDS_RESERVE);
    out->total[held] = add(out->weights[kind], out->kv[parts[held].kv]);
    out->fits[held] = add(out->total[held], LL_NEEDS_RESERVE) <= available;
    size_t blocks = setting->config->layers;
    ll_config whole = *setting->config;
    whole.dropped = (ll_mask){{false}, {false}};
    while (!out->fits[held] && blocks >= LL_NEEDS_RESIDENT_MIN &&
           add(weight_bytes(setting, &whole, kind, blocks), beside) > available)
        blocks--;
    out->resident[held] = out->fits[held] || blocks >= LL_NEEDS_RESIDENT_MIN ? blocks : 0;
}

void ll_needs_compute(ll_needs *out, const ll_needs_setting *setting, const ll_mask *drop,
                      uint64_t available) {
    const ll_config kept = without(setting->config, drop);
    out->published = 2 * ll_needs_parameters(setting->config, drop);
    for (int kind = 0; kind <= LL_WEIGHTS_F32; kind++)
        out->weights[kind] = weight_bytes(setting, &kept, (ll_weights_kind)kind, 0);
    for (int type = 0; type <= LL_KV_I8; type++)
        out->kv[type] =
            times(ll_config_kv_bytes(&kept, (ll_kv_type)type, NULL, setting->length), setting->batch);
    for (int held = 0; held < LL_HELD_COUNT; held++)
        compute_held(out, (ll_held)held, setting, available);
}
