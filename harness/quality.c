#include "quality.h"
#include "head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 256 }; /* positions that meet the head together: weights are read once for them */

typedef struct {
    double sum, squares;
} moments;

static void add(moments *m, double value) {
    m->sum += value;
    m->squares += value * value;
}

static double mean(const moments *m, size_t n) {
    return m->sum / (double)n;
}

static double standard_error(const moments *m, size_t n) {
    if (n < 2)
        return NAN;
    const double average = mean(m, n),
                 variance = (m->squares - (double)n * average * average) / (double)(n - 1);
    return sqrt(variance > 0 ? variance / (double)n : 0);
}

/* Everything one run needs, so that each step takes one argument. */
typedef struct {
    const ll_model *model;
    const ll_windows *windows;
    const ll_baseline *baseline;
    ll_session *session;
    size_t blocks;                       /* of the vocabulary */
    float *residual;                     /* [bos + window][hidden] */
    ll_head_part *parts[LL_LOGITS_SETS]; /* [blocks][ROWS]: of the dropped model, of the full one */
    double *gap;            /* [blocks][ROWS]: mean of full - dropped logit under the block's own softmax */
    float next_logit[ROWS]; /* the dropped model's, of what follows */
    const int32_t *next;    /* [ROWS] what follows */
    moments nll, kl, same;
} run;

static double mean_gap(const ll_kernels *kernels, const float *full, const float *dropped, size_t ids) {
    float p[LL_LOGITS_IDS];
    double sum = 0;
    memcpy(p, full, ids * sizeof *p);
    kernels->softmax_f32(p, ids);
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < ids; i++)
        sum += (double)p[i] * ((double)full[i] - (double)dropped[i]);
    return sum;
}

/* Set 0 is the dropped model, set 1 the full one. */
static void score_tile(void *context, const ll_logits_tile *tile) {
    run *r = context;
    const ll_kernels *kernels = ll_model_kernels(r->model);
    for (size_t i = 0; i < tile->rows; i++) {
        const size_t row = tile->row + i, at = tile->id / LL_LOGITS_IDS * ROWS + row;
        const float *dropped = tile->logits[0] + i * LL_LOGITS_IDS;
        const size_t next = (size_t)r->next[row];
        r->parts[0][at] = ll_head_part_of(kernels, dropped, tile->id, tile->ids);
        if (next >= tile->id && next - tile->id < tile->ids)
            r->next_logit[row] = dropped[next - tile->id];
        if (!r->baseline)
            continue;
        const float *full = tile->logits[1] + i * LL_LOGITS_IDS;
        r->parts[1][at] = ll_head_part_of(kernels, full, tile->id, tile->ids);
        r->gap[at] = mean_gap(kernels, full, dropped, tile->ids);
    }
}

/* KL(full || dropped) = sum p (full - dropped) - lse(full) + lse(dropped), p the full model's. */
static double divergence(const run *r, size_t row, double full_lse, double dropped_lse) {
    double sum = 0;
    for (size_t b = 0; b < r->blocks; b++)
        sum += exp(r->parts[1][b * ROWS + row].lse - full_lse) * r->gap[b * ROWS + row];
    return sum - full_lse + dropped_lse;
}

static void score_position(run *r, size_t row) {
    const ll_head_part dropped = ll_head_join(r->parts[0] + row, r->blocks, ROWS);
    add(&r->nll, dropped.lse - (double)r->next_logit[row]);
    if (!r->baseline)
        return;
    const ll_head_part full = ll_head_join(r->parts[1] + row, r->blocks, ROWS);
    add(&r->kl, divergence(r, row, full.lse, dropped.lse));
    add(&r->same, full.top_id == dropped.top_id);
}

/* Scores rows positions from position first on of window w; next[i] is what follows position first + i. */
static ll_status score_rows(run *r, size_t w, size_t first, size_t rows, const int32_t *next, size_t bos,
                            ll_error *error) {
    const size_t hidden = ll_model_config(r->model)->hidden, per_window = r->windows->window + bos;
    const ll_logits_visitor visitor = {score_tile, r};
    const float *residual[LL_LOGITS_SETS] = {r->residual + first * hidden};
    if (r->baseline)
        residual[1] = r->baseline->residual + (w * per_window + first) * hidden;
    r->next = next;
    LL_TRY(ll_session_visit_logits(r->session, residual, r->baseline ? 2 : 1, rows, &visitor, error));
    for (size_t row = 0; row < rows; row++)
        score_position(r, row);
    return LL_OK;
}

static size_t bos_count(const ll_model *model) {
    return ll_tokenizer_adds_bos(ll_model_tokenizer(model)) ? 1 : 0;
}

/* Runs window w through the layers; residual gets [bos + window][hidden]. */
static ll_status forward_window(ll_session *session, const ll_model *model, const ll_windows *windows,
                                size_t w, float *residual, ll_error *error) {
    const size_t bos = bos_count(model), hidden = ll_model_config(model)->hidden;
    ll_session_reset(session);
    if (bos) {
        const int32_t id = ll_tokenizer_bos(ll_model_tokenizer(model));
        LL_TRY(ll_session_forward(session, &id, 1, residual, NULL, error));
    }
    const int32_t *ids = windows->ids.data + (windows->first + w) * windows->window;
    return ll_session_forward(session, ids, windows->window, residual + bos * hidden, NULL, error);
}

static ll_status score_window(run *r, size_t w, ll_error *error) {
    const size_t bos = bos_count(r->model), window = r->windows->window;
    LL_TRY(forward_window(r->session, r->model, r->windows, w, r->residual, error));
    const int32_t *ids = r->windows->ids.data + (r->windows->first + w) * window;
    for (size_t at = 0; at + 1 < window; at += ROWS) {
        const size_t rows = window - 1 - at < ROWS ? window - 1 - at : ROWS;
        LL_TRY(score_rows(r, w, at + bos, rows, ids + at + 1, bos, error));
    }
    return LL_OK;
}

static ll_status score_windows(run *r, ll_progress *progress, ll_error *error) {
    const ll_config *c = ll_model_config(r->model);
    r->blocks = (c->vocab + LL_LOGITS_IDS - 1) / LL_LOGITS_IDS;
    r->residual = malloc((r->windows->window + 1) * c->hidden * sizeof *r->residual);
    r->gap = malloc(r->blocks * ROWS * sizeof *r->gap);
    for (size_t set = 0; set < LL_LOGITS_SETS; set++)
        r->parts[set] = malloc(r->blocks * ROWS * sizeof *r->parts[set]);
    if (!r->residual || !r->gap || !r->parts[0] || !r->parts[1])
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the scores of %d positions", (int)ROWS);
    for (size_t w = 0; w < r->windows->count; w++) {
        LL_TRY(score_window(r, w, error));
        ll_progress_step(progress, 1);
    }
    return LL_OK;
}

ll_status ll_quality_run(ll_quality *out, const ll_model *model, const ll_mask *mask,
                         const ll_windows *windows, const ll_baseline *baseline, ll_progress *progress,
                         ll_error *error) {
    run r = {.model = model, .windows = windows, .baseline = baseline};
    LL_TRY(ll_session_create(&r.session, model, mask, windows->window + bos_count(model), error));
    const ll_status status = score_windows(&r, progress, error);
    ll_session_destroy(r.session);
    free(r.residual);
    free(r.gap);
    free(r.parts[0]);
    free(r.parts[1]);
    if (status != LL_OK)
        return status;
    const size_t n = windows->count * (windows->window - 1);
    *out = (ll_quality){.kl = NAN, .kl_stderr = NAN, .top1 = NAN, .top1_stderr = NAN, .tokens = n};
    out->windows = windows->count;
    out->perplexity = exp(mean(&r.nll, n));
    out->perplexity_stderr = out->perplexity * standard_error(&r.nll, n);
    if (baseline) {
        out->kl = mean(&r.kl, n);
        out->kl_stderr = standard_error(&r.kl, n);
        out->top1 = mean(&r.same, n);
        out->top1_stderr = standard_error(&r.same, n);
    }
    return LL_OK;
}

ll_status ll_baseline_make(ll_baseline *out, const ll_model *model, const ll_windows *windows,
                           ll_progress *progress, ll_error *error) {
    const ll_mask full = {0};
    const size_t rows = windows->window + bos_count(model), hidden = ll_model_config(model)->hidden;
    const uint64_t bytes = (uint64_t)windows->count * rows * hidden * sizeof(float);
    out->residual = NULL;
    LL_TRY(ll_memory_require(bytes, "the full model's residual streams (use fewer windows)", error));
    ll_session *session;
    LL_TRY(ll_session_create(&session, model, &full, rows, error));
    out->residual = malloc(bytes);
    ll_status status =
        out->residual ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for residual streams");
    for (size_t w = 0; status == LL_OK && w < windows->count; w++) {
        status = forward_window(session, model, windows, w, out->residual + w * rows * hidden, error);
        ll_progress_step(progress, 1);
    }
    ll_session_destroy(session);
    if (status != LL_OK)
        ll_baseline_free(out);
    return status;
}

void ll_baseline_free(ll_baseline *baseline) {
    free(baseline->residual);
    baseline->residual = NULL;
}
