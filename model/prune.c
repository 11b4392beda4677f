#include "prune.h"
#include "session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is asked for ---- */

/* Digits only, up to a few; false: none, others, or too many. */
static bool read_number(const char *text, size_t length, size_t *out) {
    *out = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = 10 * *out + (size_t)(text[i] - '0');
    }
    return length > 0 && length < 4;
}

static bool read_share(const char *text, size_t length, double *out) {
    char copy[LL_SPARSITY_TEXT], *end;
    if (length == 0 || length >= sizeof copy || strspn(text, "0123456789.") < length)
        return false;
    memcpy(copy, text, length);
    copy[length] = 0;
    *out = strtod(copy, &end);
    return end == copy + length && *out > 0 && *out < 1;
}

ll_status ll_sparsity_parse(ll_sparsity *out, const char *text, size_t length, ll_error *error) {
    const char *colon = memchr(text, ':', length);
    *out = (ll_sparsity){0};
    if (!colon && read_share(text, length, &out->share))
        return LL_OK;
    if (colon && read_number(text, (size_t)(colon - text), &out->keep) &&
        read_number(colon + 1, length - (size_t)(colon - text) - 1, &out->of) && out->keep > 0 &&
        out->keep < out->of && out->of <= LL_SPARSITY_OF_MAX)
        return LL_OK;
    return ll_fail(
        error, LL_BAD_USAGE,
        "\"%.*s\" is no sparsity: expected N:M such as 2:4 (0 < N < M <= %d), or the share of weights "
        "that go, above 0 and below 1, such as 0.5",
        (int)(length < 64 ? length : 64), text, LL_SPARSITY_OF_MAX);
}

void ll_sparsity_format(const ll_sparsity *sparsity, char out[LL_SPARSITY_TEXT]) {
    if (sparsity->of)
        snprintf(out, LL_SPARSITY_TEXT, "%zu:%zu", sparsity->keep, sparsity->of);
    else
        snprintf(out, LL_SPARSITY_TEXT, "%.9g", sparsity->share);
}

/* ---- a row ---- */

static float score(const float *w, const float *norm, size_t i) {
    return fabsf(w[i]) * norm[i];
}

/* Weights before i of the same score come first. */
static size_t rank(const float *w, const float *norm, size_t count, size_t i) {
    const float own = score(w, norm, i);
    size_t before = 0;
    for (size_t j = 0; j < count; j++) {
        const float other = score(w, norm, j);
        before += other < own || (other == own && j < i);
    }
    return before;
}

static void prune_group(float *w, const float *norm, size_t count, size_t keep) {
    bool gone[LL_SPARSITY_OF_MAX];
    for (size_t i = 0; i < count; i++)
        gone[i] = rank(w, norm, count, i) + keep < count;
    for (size_t i = 0; i < count; i++)
        if (gone[i])
            w[i] = 0;
}

/* Scores are not negative, so that their bits are in their order. */
static uint32_t bits(float x) {
    uint32_t out;
    memcpy(&out, &x, sizeof out);
    return out;
}

/* The score, as bits, of which fewer than count weights have a lower one, and count or more have it or a lower one. */
static uint32_t threshold_of(const float *w, const float *norm, size_t k, size_t count) {
    uint32_t low = 0;
    for (uint32_t bit = UINT32_C(1) << 30; bit; bit >>= 1) {
        size_t below = 0;
        for (size_t i = 0; i < k; i++)
            below += bits(score(w, norm, i)) < (low | bit);
        if (below < count)
            low |= bit;
    }
    return low;
}

static void prune_lowest(float *w, const float *norm, size_t k, size_t count) {
    const uint32_t threshold = threshold_of(w, norm, k, count);
    size_t equal = count; /* of those at the threshold, how many go */
    for (size_t i = 0; i < k; i++)
        equal -= bits(score(w, norm, i)) < threshold;
    for (size_t i = 0; i < k; i++) {
        const uint32_t own = bits(score(w, norm, i));
        if (own < threshold || (own == threshold && equal > 0)) {
            equal -= own == threshold;
            w[i] = 0;
        }
    }
}

void ll_prune_row(float *w, const float *norm, size_t k, const ll_sparsity *sparsity) {
    const size_t count = (size_t)((double)k * sparsity->share);
    for (size_t i = 0, length; sparsity->of && i < k; i += length) {
        length = k - i < sparsity->of ? k - i : sparsity->of;
        prune_group(w + i, norm + i, length, sparsity->keep);
    }
    if (!sparsity->of && count)
        prune_lowest(w, norm, k, count);
}

/* ---- a block ---- */

typedef struct {
    const float *norm;
    const ll_sparsity *sparsity;
    atomic_ullong zeros, weights;
} pruning;

static void prune(void *context, float *w, size_t k) {
    pruning *p = context;
    size_t zeros = 0;
    ll_prune_row(w, p->norm, k, p->sparsity);
    for (size_t i = 0; i < k; i++)
        zeros += w[i] == 0;
    atomic_fetch_add(&p->zeros, zeros);
    atomic_fetch_add(&p->weights, k);
}

ll_status ll_model_prune_block(ll_model *model, const ll_checkpoint *checkpoint, size_t layer,
                               const float *const norm[LL_INPUTS], const ll_sparsity *sparsity,
                               ll_pruned *out, ll_error *error) {
    static const ll_matrix matrices[LL_INPUTS] = {[LL_INPUT_QKV] = LL_MATRIX_QKV,
                                                  [LL_INPUT_O] = LL_MATRIX_O,
                                                  [LL_INPUT_GATE_UP] = LL_MATRIX_GATE_UP,
                                                  [LL_INPUT_DOWN] = LL_MATRIX_DOWN};
    const ll_weights_source source = {checkpoint,      &model->config, &model->kernels, model->matmul,
                                      &model->options, &model->home,   model->team,     error};
    if (model->options.weights != LL_WEIGHTS_F32)
        return ll_fail(error, LL_BAD_USAGE, "int8 weights are not pruned");
    for (size_t i = 0; i < LL_INPUTS; i++) {
        pruning p = {.norm = norm[i], .sparsity = sparsity};
        const ll_row_edit edit = {prune, &p};
        if (!norm[i])
            continue;
        LL_TRY(ll_weights_repack(&source, &model->weights, matrices[i], layer, &edit));
        out->zeros += p.zeros;
        out->weights += p.weights;
    }
    return LL_OK;
}
