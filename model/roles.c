/* What each tensor of a Llama model is called and how large it is. */
#include "checkpoint.h"
#include <stdio.h>

static const struct {
    bool in_block;
    const char *name[2]; /* by ll_format */
} ROLES[LL_ROLE_COUNT] = {
#define ROLE_ENTRY(role, in_block, gguf, hf) {in_block, {gguf, hf}},
    LL_ROLES(ROLE_ENTRY)
#undef ROLE_ENTRY
};

bool ll_role_in_block(ll_role role) {
    return ROLES[role].in_block;
}

void ll_role_name(ll_format format, ll_role role, size_t layer, char out[LL_TENSOR_NAME]) {
    const char *name = ROLES[role].name[format];
    if (ROLES[role].in_block)
        snprintf(out, LL_TENSOR_NAME, "%s%zu.%s", format == LL_FORMAT_GGUF ? "blk." : "model.layers.", layer,
                 name);
    else
        snprintf(out, LL_TENSOR_NAME, "%s", name);
}

void ll_role_shape(const ll_config *c, ll_role role, size_t *row, size_t *rows) {
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const struct {
        size_t row, rows;
    } shapes[LL_ROLE_COUNT] = {
        [LL_ROLE_EMBEDDING] = {c->hidden, c->vocab},
        [LL_ROLE_FINAL_NORM] = {c->hidden, 0},
        [LL_ROLE_HEAD] = {c->hidden, c->vocab},
        [LL_ROLE_ROPE_FACTORS] = {c->head_dim / 2, 0},
        [LL_ROLE_ATTN_NORM] = {c->hidden, 0},
        [LL_ROLE_Q] = {c->hidden, q},
        [LL_ROLE_K] = {c->hidden, kv},
        [LL_ROLE_V] = {c->hidden, kv},
        [LL_ROLE_O] = {q, c->hidden},
        [LL_ROLE_Q_BIAS] = {q, 0},
        [LL_ROLE_K_BIAS] = {kv, 0},
        [LL_ROLE_V_BIAS] = {kv, 0},
        [LL_ROLE_O_BIAS] = {c->hidden, 0},
        [LL_ROLE_MLP_NORM] = {c->hidden, 0},
        [LL_ROLE_GATE] = {c->hidden, c->mlp},
        [LL_ROLE_UP] = {c->hidden, c->mlp},
        [LL_ROLE_DOWN] = {c->mlp, c->hidden},
        [LL_ROLE_GATE_BIAS] = {c->mlp, 0},
        [LL_ROLE_UP_BIAS] = {c->mlp, 0},
        [LL_ROLE_DOWN_BIAS] = {c->hidden, 0},
    };
    *row = shapes[role].row;
    *rows = shapes[role].rows;
}

bool ll_role_needed(const ll_config *c, ll_role role, size_t layer) {
    switch (role) {
    case LL_ROLE_EMBEDDING:
    case LL_ROLE_FINAL_NORM:
        return true;
    case LL_ROLE_HEAD:
        return !c->tied;
    case LL_ROLE_ATTN_NORM:
    case LL_ROLE_Q:
    case LL_ROLE_K:
    case LL_ROLE_V:
    case LL_ROLE_O:
        return !c->dropped.attn[layer];
    case LL_ROLE_Q_BIAS:
    case LL_ROLE_K_BIAS:
    case LL_ROLE_V_BIAS:
        return c->bias_qkv && !c->dropped.attn[layer];
    case LL_ROLE_O_BIAS:
        return c->bias_o && !c->dropped.attn[layer];
    case LL_ROLE_MLP_NORM:
    case LL_ROLE_GATE:
    case LL_ROLE_UP:
    case LL_ROLE_DOWN:
        return !c->dropped.mlp[layer];
    case LL_ROLE_GATE_BIAS:
    case LL_ROLE_UP_BIAS:
    case LL_ROLE_DOWN_BIAS:
        return c->bias_mlp && !c->dropped.mlp[layer];
    case LL_ROLE_ROPE_FACTORS:
    case LL_ROLE_COUNT:
        break;
    }
    return false;
}
