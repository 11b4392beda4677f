/* Rows of a checkpoint's tensors, in the order that the forward pass wants. */
#include "dequant.h"
#include "finite.h"
#include "quantize.h"
#include "weights.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One packed matrix is made of up to three tensors, one below the other. */
typedef struct {
    const ll_tensor *tensor;
    size_t rows;
    size_t head_dim; /* > 0: rows are permuted per head for interleaved rotation (see source_row) */
} part;

enum { MAX_PARTS = 3 };

static void find_parts(const ll_weights_source *source, ll_matrix matrix, size_t layer, part out[MAX_PARTS]) {
    static const struct {
        ll_role role[MAX_PARTS];
        size_t count;
    } PARTS[] = {
        [LL_MATRIX_QKV] = {{LL_ROLE_Q, LL_ROLE_K, LL_ROLE_V}, 3},
        [LL_MATRIX_O] = {{LL_ROLE_O}, 1},
        [LL_MATRIX_GATE_UP] = {{LL_ROLE_GATE, LL_ROLE_UP}, 2},
        [LL_MATRIX_DOWN] = {{LL_ROLE_DOWN}, 1},
        [LL_MATRIX_HEAD] = {{LL_ROLE_HEAD}, 1},
    };
    const bool permuted = ll_checkpoint_format(source->checkpoint) == LL_FORMAT_GGUF;
    for (size_t i = 0; i < PARTS[matrix].count; i++) {
        ll_role role = PARTS[matrix].role[i];
        if (role == LL_ROLE_HEAD && source->config->tied)
            role = LL_ROLE_EMBEDDING;
        size_t row;
        out[i] = (part){.tensor = ll_checkpoint_tensor(source->checkpoint, role, layer)};
        ll_role_shape(source->config, role, &row, &out[i].rows);
        if (permuted && (role == LL_ROLE_Q || role == LL_ROLE_K))
            out[i].head_dim = source->config->head_dim;
    }
}

/* The file's row that holds output row `row` of the part. Converters to GGUF permute Q and K per head so that
 * rotation pairs lie side by side: their row 2 i + s of a head is the model's row s * head_dim / 2 + i. */
static size_t source_row(size_t head_dim, size_t row) {
    if (!head_dim)
        return row;
    const size_t head = row / head_dim, in_head = row % head_dim, half = head_dim / 2;
    return head * head_dim + 2 * (in_head % half) + in_head / half;
}

/* Lets go of rows [n0, n1) of the stacked parts: all of them were read for the last time, but for those of a permuted part,
 * where another panel reads other rows of the same pages. */
static void release_rows(const part *parts, size_t n0, size_t n1) {
    for (size_t first = 0; first < n1; first += (parts++)->rows) {
        const size_t begin = n0 > first ? n0 - first : 0;
        const size_t end = n1 - first < parts->rows ? n1 - first : parts->rows;
        if (!parts->head_dim && begin < end)
            ll_checkpoint_release(parts->tensor, begin, end - begin);
    }
}

void ll_weights_release_permuted(const ll_weights_source *source, ll_matrix matrix, size_t layer) {
    part parts[MAX_PARTS] = {{0}};
    find_parts(source, matrix, layer, parts);
    for (size_t i = 0; i < MAX_PARTS; i++)
        if (parts[i].head_dim)
            ll_checkpoint_release(parts[i].tensor, 0, parts[i].rows);
}

bool ll_weights_read_panel(const ll_weights_source *source, ll_matrix matrix, size_t layer,
                           const ll_packed *w, size_t n0, size_t n1, ll_panel *panel, const ll_tensor **bad) {
    const bool f32 = source->options->weights == LL_WEIGHTS_F32;
    part parts[MAX_PARTS] = {{0}};
    find_parts(source, matrix, layer, parts);
    for (size_t i = 0; i < n1 - n0; i++) {
        const part *p = parts;
        size_t row = n0 + i;
        while (row >= p->rows)
            row -= (p++)->rows;
        const uint64_t row_bytes = p->tensor->bytes / p->tensor->dims[1];
        float *out = f32 ? panel->row + i * w->k : panel->row;
        ll_dequant(p->tensor->type,
                   (const uint8_t *)p->tensor->data + source_row(p->head_dim, row) * row_bytes, w->k, out);
        const bool good =
            f32 ? ll_all_finite(out, w->k)
                : ll_quantize_row(out, w->k, w->group, panel->q + i * w->k, panel->scale + i * w->groups);
        *bad = p->tensor;
        if (!good)
            return false;
    }
    release_rows(parts, n0, n1);
    return true;
}

/* ---- vectors ---- */

static ll_status read_vector(const ll_weights_source *source, ll_role role, size_t layer, float *out) {
    const ll_tensor *tensor = ll_checkpoint_tensor(source->checkpoint, role, layer);
    ll_dequant(tensor->type, tensor->data, tensor->values, out);
    if (!ll_all_finite(out, tensor->values))
        return ll_fail(source->error, LL_BAD_INPUT, "%s: tensor %s holds a weight that is not finite",
                       ll_checkpoint_file_of(source->checkpoint, tensor), tensor->name);
    return LL_OK;
}

/* A bias of Q or K is permuted as its matrix is. */
static ll_status read_rotated_bias(const ll_weights_source *source, ll_role role, size_t layer, float *out) {
    const ll_tensor *tensor = ll_checkpoint_tensor(source->checkpoint, role, layer);
    if (ll_checkpoint_format(source->checkpoint) != LL_FORMAT_GGUF)
        return read_vector(source, role, layer, out);
    float *stored = malloc((size_t)tensor->values * sizeof *stored);
    if (!stored)
        return ll_fail(source->error, LL_NO_RESOURCE, "%s: no memory for the %" PRIu64 " values of tensor %s",
                       ll_checkpoint_file_of(source->checkpoint, tensor), tensor->values, tensor->name);
    const ll_status status = read_vector(source, role, layer, stored);
    for (size_t i = 0; status == LL_OK && i < tensor->values; i++)
        out[i] = stored[source_row(source->config->head_dim, i)];
    free(stored);
    return status;
}

static ll_status read_attention(const ll_weights_source *source, size_t i, ll_layer_weights *layer) {
    const ll_config *c = source->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    LL_TRY(read_vector(source, LL_ROLE_ATTN_NORM, i, layer->attn_norm));
    if (c->bias_qkv) {
        LL_TRY(read_rotated_bias(source, LL_ROLE_Q_BIAS, i, layer->qkv_bias));
        LL_TRY(read_rotated_bias(source, LL_ROLE_K_BIAS, i, layer->qkv_bias + q));
        LL_TRY(read_vector(source, LL_ROLE_V_BIAS, i, layer->qkv_bias + q + kv));
    }
    return c->bias_o ? read_vector(source, LL_ROLE_O_BIAS, i, layer->o_bias) : LL_OK;
}

static ll_status read_mlp(const ll_weights_source *source, size_t i, ll_layer_weights *layer) {
    const ll_config *c = source->config;
    LL_TRY(read_vector(source, LL_ROLE_MLP_NORM, i, layer->mlp_norm));
    if (!c->bias_mlp)
        return LL_OK;
    LL_TRY(read_vector(source, LL_ROLE_GATE_BIAS, i, layer->gate_up_bias));
    LL_TRY(read_vector(source, LL_ROLE_UP_BIAS, i, layer->gate_up_bias + c->mlp));
    return read_vector(source, LL_ROLE_DOWN_BIAS, i, layer->down_bias);
}

static void copy_embedding(const ll_weights_source *source, ll_weights *w) {
    enum { ROWS = 256 }; /* copied between two releases */
    const ll_tensor *tensor = ll_checkpoint_tensor(source->checkpoint, LL_ROLE_EMBEDDING, 0);
    for (size_t first = 0; first < source->config->vocab; first += ROWS) {
        const size_t left = source->config->vocab - first, rows = left < ROWS ? left : ROWS;
        memcpy((uint8_t *)w->embedding + first * w->embedding_row,
               (const uint8_t *)tensor->data + first * w->embedding_row, rows * w->embedding_row);
        ll_checkpoint_release(tensor, first, rows);
    }
}

static ll_status read_rope_factors(const ll_weights_source *source, float *out) {
    LL_TRY(read_vector(source, LL_ROLE_ROPE_FACTORS, 0, out));
    for (size_t i = 0; i < source->config->head_dim / 2; i++)
        if (out[i] <= 0) {
            const ll_tensor *tensor = ll_checkpoint_tensor(source->checkpoint, LL_ROLE_ROPE_FACTORS, 0);
            return ll_fail(
                source->error, LL_BAD_INPUT, "%s: tensor %s: value %zu is %g, expected a positive number",
                ll_checkpoint_file_of(source->checkpoint, tensor), tensor->name, i, (double)out[i]);
        }
    return LL_OK;
}

ll_status ll_weights_read_vectors(const ll_weights_source *source, ll_weights *w) {
    const ll_config *c = source->config;
    for (size_t i = 0; i < c->layers; i++) {
        if (!c->dropped.attn[i])
            LL_TRY(read_attention(source, i, &w->layer[i]));
        if (!c->dropped.mlp[i])
            LL_TRY(read_mlp(source, i, &w->layer[i]));
    }
    if (w->rope_factors)
        LL_TRY(read_rope_factors(source, w->rope_factors));
    copy_embedding(source, w);
    return read_vector(source, LL_ROLE_FINAL_NORM, 0, w->final_norm);
}
