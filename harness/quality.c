#include "quality.h"
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 32 }; /* positions whose logits are held at once: tokens x vocabulary is never held whole */

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
    float *residual, *logits, *full_logits, *p; /* [window][hidden], [TILE][vocab] three times */
    double nll_of[TILE], kl_of[TILE], same_of[TILE];
    moments nll, kl, same;
} run;

/* KL(full || dropped) of one position; turns p, a copy of the full logits, into probabilities. */
static double divergence(const ll_kernels *kernels, const float *full, const float *dropped, float *p,
                         size_t n) {
    const double full_lse = kernels->logsumexp_f32(full, n), dropped_lse = kernels->logsumexp_f32(dropped, n);
    memcpy(p, full, n * sizeof *p);
    kernels->softmax_f32(p, n);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += (double)p[i] * ((double)full[i] - (double)dropped[i]);
    return sum - full_lse + dropped_lse;
}

static void score_position(run *r, size_t i, int32_t next) {
    const ll_kernels *kernels = ll_model_kernels(r->model);
    const size_t vocab = ll_model_config(r->model)->vocab;
    const float *logits = r->logits + i * vocab;
    r->nll_of[i] = kernels->logsumexp_f32(logits, vocab) - (double)logits[next];
    if (!r->baseline)
        return;
    const float *full = r->full_logits + i * vocab;
    r->same_of[i] = ll_argmax(full, vocab) == ll_argmax(logits, vocab);
    r->kl_of[i] = divergence(kernels, full, logits, r->p + i * vocab, vocab);
}

/* Scores rows positions from position first on of window w; next[i] is what follows position first + i. */
static ll_status score_tile(run *r, size_t w, size_t first, size_t rows, const int32_t *next, size_t bos,
                            ll_error *error) {
    const size_t hidden = ll_model_config(r->model)->hidden, per_window = r->windows->window + bos;
    LL_TRY(ll_session_logits(r->session, r->residual + first * hidden, rows, r->logits, error));
    if (r->baseline)
        LL_TRY(ll_session_logits(r->session, r->baseline->residual + (w * per_window + first) * hidden, rows,
                                 r->full_logits, error));
#pragma omp parallel for schedule(static) num_threads((int)ll_model_options_used(r->model)->threads)
    for (size_t i = 0; i < rows; i++)
        score_position(r, i, next[i]);
    for (size_t i = 0; i < rows; i++) { /* in order: the same bits at any thread count */
        add(&r->nll, r->nll_of[i]);
        add(&r->kl, r->baseline ? r->kl_of[i] : 0);
        add(&r->same, r->baseline ? r->same_of[i] : 0);
    }
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
    for (size_t at = 0; at + 1 < window; at += TILE) {
        const size_t rows = window - 1 - at < TILE ? window - 1 - at : TILE;
        LL_TRY(score_tile(r, w, at + bos, rows, ids + at + 1, bos, error));
    }
    return LL_OK;
}

static ll_status score_windows(run *r, ll_progress *progress, ll_error *error) {
    const ll_config *c = ll_model_config(r->model);
    const size_t tile = TILE * c->vocab * sizeof(float);
    r->residual = malloc((r->windows->window + 1) * c->hidden * sizeof(float));
    r->logits = malloc(tile);
    r->full_logits = malloc(tile);
    r->p = malloc(tile);
    if (!r->residual || !r->logits || !r->full_logits || !r->p)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the logits of %d positions", (int)TILE);
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
    free(r.logits);
    free(r.full_logits);
    free(r.p);
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
