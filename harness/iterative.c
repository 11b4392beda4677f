#include "iterative.h"

static bool is_dropped(const ll_mask *mask, ll_module module) {
    return (module.kind == LL_MLP || mask->attn[module.layer]) &&
           (module.kind == LL_ATTN || mask->mlp[module.layer]);
}

static bool is_of_kind(ll_module module, ll_drop_kind kind) {
    return kind == LL_JOINT ? module.kind != LL_BLOCK : module.kind == kind;
}

size_t ll_iterative_count(const ll_mask *mask, ll_drop_kind kind, size_t layers) {
    size_t count = 0;
    for (size_t layer = 0; layer < layers; layer++)
        for (int own = 0; own < LL_MODULE_KINDS; own++) {
            const ll_module module = {(ll_drop_kind)own, layer};
            count += is_of_kind(module, kind) && is_dropped(mask, module);
        }
    return count;
}

/* The least important module of kind that is left; false: none is. */
static bool find_least(const ll_tally *tally, const ll_mask *mask, ll_drop_kind kind, size_t layers,
                       ll_module *out) {
    bool found = false;
    for (size_t layer = 0; layer < layers; layer++)
        for (int own = 0; own < LL_MODULE_KINDS; own++) {
            const ll_module module = {(ll_drop_kind)own, layer};
            const double(*sum)[LL_MAX_LAYERS] = tally->sum[LL_COSINE];
            if (is_of_kind(module, kind) && !is_dropped(mask, module) &&
                (!found || sum[own][layer] < sum[out->kind][out->layer])) {
                *out = module;
                found = true;
            }
        }
    return found;
}

static void drop(ll_mask *mask, ll_module module) {
    mask->attn[module.layer] |= module.kind != LL_MLP;
    mask->mlp[module.layer] |= module.kind != LL_ATTN;
}

ll_status ll_iterative_run(ll_mask *mask, const ll_model *model, const ll_sequences *sequences,
                           ll_drop_kind kind, size_t count, const ll_iterative_keeper *keeper,
                           ll_progress *progress, ll_error *error) {
    const size_t layers = ll_model_config(model)->layers;
    for (size_t dropped = ll_iterative_count(mask, kind, layers); dropped < count; dropped++) {
        ll_tally tally = {0};
        ll_module least = {LL_ATTN, 0};
        LL_TRY(ll_tally_run(&tally, model, mask, sequences, NULL, progress, error));
        if (!find_least(&tally, mask, kind, layers, &least))
            return LL_OK;
        drop(mask, least);
        if (keeper)
            LL_TRY(keeper->dropped(keeper->context, mask, least, error));
    }
    return LL_OK;
}
