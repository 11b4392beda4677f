#include "needs.h"

/* The shape without the modules that the mask drops beside those that the checkpoint itself leaves out. */
static ll_config without(const ll_config *config, const ll_mask *drop) {
    ll_config kept = *config;
    ll_mask_add(&kept.dropped, drop);
    return kept;
}

uint64_t ll_needs_room(void) {
    const uint64_t most = UINT64_C(4) << 30;
    ll_machine machine;
    if (ll_machine_probe(&machine, "", NULL) != LL_OK || machine.available < LL_NEEDS_RESERVE)
        return 0;
    const uint64_t half = (machine.available - LL_NEEDS_RESERVE) / 2;
    return half < most ? half : most;
}

uint64_t ll_needs_parameters(const ll_config *config, const ll_mask *drop) {
    const ll_config kept = without(config, drop);
    uint64_t sum = ll_config_other_params(config);
    for (size_t i = 0; i < config->layers; i++)
        sum += (kept.dropped.attn[i] ? 0 : ll_config_attn_params(config)) +
               (kept.dropped.mlp[i] ? 0 : ll_config_mlp_params(config));
    return sum;
}

static const struct {
    ll_weights_kind weights;
    ll_kv_type kv;
} PARTS[LL_HELD_COUNT] = {
    [LL_HELD_F32] = {LL_WEIGHTS_F32, LL_KV_F32},
    [LL_HELD_INT8] = {LL_WEIGHTS_INT8, LL_KV_BF16},
    [LL_HELD_INT8_KV] = {LL_WEIGHTS_INT8, LL_KV_I8},
};

static ll_model_options options_of(const ll_needs_setting *setting, ll_held held) {
    return (ll_model_options){.weights = PARTS[held].weights,
                              .group = setting->group,
                              .threads = setting->threads,
                              .isa = setting->isa,
                              .matmul =
                                  PARTS[held].weights == LL_WEIGHTS_INT8 ? setting->matmul : LL_MATMUL_OWN,
                              .kv_i8 = PARTS[held].kv == LL_KV_I8};
}

/* A file's embedding may be of another type than bf16, which synthetic weights have. */
static uint64_t weight_bytes(const ll_needs_setting *setting, const ll_config *kept, ll_held held) {
    const ll_model_options options = options_of(setting, held);
    const uint64_t with_bf16 = ll_config_weight_bytes(kept, &options);
    const uint64_t embedding_bf16 = 2 * (uint64_t)kept->vocab * kept->hidden;
    return setting->embedding_bytes ? with_bf16 - embedding_bf16 + setting->embedding_bytes : with_bf16;
}

static uint64_t kv_bytes(const ll_needs_setting *setting, const ll_config *kept, ll_kv_type type) {
    return ll_product_or_max(ll_config_kv_bytes(kept, type, NULL, setting->length), setting->batch);
}

/* What a session of the full model takes, and a timing beside it. */
static uint64_t session_bytes(const ll_needs_setting *setting, ll_held held) {
    const ll_model_options options = options_of(setting, held);
    return setting->batch > LL_MAX_BATCH
               ? UINT64_MAX
               : ll_config_session_bytes(setting->config, &options, setting->batch, setting->length);
}

uint64_t ll_needs_timing_bytes(const ll_config *config, size_t tokens, size_t batch) {
    const uint64_t rows = tokens > batch ? tokens : batch;
    const uint64_t values =
        ll_sum_or_max(ll_product_or_max(rows, config->hidden), ll_product_or_max(batch, config->vocab));
    return ll_product_or_max(sizeof(float), values);
}

size_t ll_needs_least_resident(const ll_config *config) {
    return config->layers < LL_NEEDS_RESIDENT_MIN ? config->layers : LL_NEEDS_RESIDENT_MIN;
}

size_t ll_needs_resident(const ll_config *config, const ll_model_options *options, uint64_t beside,
                         uint64_t available) {
    ll_model_options tried = *options;
    for (size_t blocks = config->layers; blocks >= ll_needs_least_resident(config); blocks--) {
        tried.resident = blocks;
        if (ll_sum_or_max(ll_config_weight_bytes(config, &tried), beside) <= available)
            return blocks;
    }
    return 0;
}

static void compute_held(ll_needs *out, ll_held held, const ll_needs_setting *setting, uint64_t available) {
    const uint64_t session = session_bytes(setting, held);
    /* A prefill may be as long as the sequence. */
    const uint64_t stream = ll_needs_timing_bytes(setting->config, setting->length, setting->batch);
    const uint64_t kv = kv_bytes(setting, setting->config, PARTS[held].kv);
    out->buffers[held] = session < UINT64_MAX ? ll_sum_or_max(session - kv, stream) : UINT64_MAX;
    out->total[held] = ll_sum_or_max(
        ll_sum_or_max(out->weights[PARTS[held].weights], out->kv[PARTS[held].kv]), out->buffers[held]);
    out->fits[held] = ll_sum_or_max(out->total[held], LL_NEEDS_RESERVE) <= available;
    /* The blocks that stay resident are whole ones: any of them runs in a dropped one's place. */
    ll_config whole = *setting->config;
    whole.dropped = (ll_mask){{false}, {false}};
    const ll_model_options options = options_of(setting, held);
    const uint64_t beside = ll_sum_or_max(ll_sum_or_max(session, stream), LL_NEEDS_RESERVE);
    out->resident[held] = ll_needs_resident(&whole, &options, beside, available);
}

void ll_needs_compute(ll_needs *out, const ll_needs_setting *setting, const ll_mask *drop,
                      uint64_t available) {
    const ll_config kept = without(setting->config, drop);
    out->published = 2 * ll_needs_parameters(setting->config, drop);
    for (int held = 0; held < LL_HELD_COUNT; held++) {
        out->weights[PARTS[held].weights] = weight_bytes(setting, &kept, (ll_held)held);
        out->kv[PARTS[held].kv] = kv_bytes(setting, &kept, PARTS[held].kv);
        compute_held(out, (ll_held)held, setting, available);
    }
}
