#include "needs.h"
#include "quality_private.h"
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers out of sums ---- */
static double mean(const ll_moments *m, size_t n) {
    return m->sum / (double)n;
}

/* Of a mean over clusters of unlike sizes (the ratio estimator; Cochran, Sampling Techniques, 6.3): with D a passage's sum and n its
 * tokens, the variance of sum D / sum n is about c / (c - 1) sum (D - mean n)^2 / (sum n)^2 for c passages. */
static double standard_error(const ll_moments *m, const ll_passages *passages) {
    const size_t count = passages->count;
    double tokens = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        const double n = (double)passages->passage[i].scored;
        tokens += n;
        squares += n * n;
    }
    if (count < 2)
        return NAN;
    const double average = m->sum / tokens,
                 spread = m->squares - 2 * average * m->weighted + average * average * squares;
    return spread > 0 ? sqrt(spread * (double)count / (double)(count - 1)) / tokens : 0;
}

static ll_quality quality_of(const ll_quality_sums *sums, const ll_passages *passages, bool compared) {
    const size_t n = ll_passages_scored(passages);
    ll_quality q = {.kl = NAN,
                    .kl_stderr = NAN,
                    .top1 = NAN,
                    .top1_stderr = NAN,
                    .difference = NAN,
                    .difference_stderr = NAN,
                    .word_perplexity = NAN,
                    .byte_perplexity = NAN,
                    .tokens = n,
                    .passages = passages->count};
    q.perplexity = exp(mean(&sums->loss, n));
    q.perplexity_stderr = q.perplexity * standard_error(&sums->loss, passages);
    if (passages->recipe == LL_RECIPE_ROLLING) {
        q.word_perplexity = exp(mean(&sums->loss, passages->words));
        q.byte_perplexity = exp(mean(&sums->loss, passages->bytes));
    }
    if (!compared)
        return q;
    q.kl = mean(&sums->kl, n);
    q.kl_stderr = standard_error(&sums->kl, passages);
    q.top1 = mean(&sums->same, n);
    q.top1_stderr = standard_error(&sums->same, passages);
    q.difference = mean(&sums->difference, n);
    q.difference_stderr = standard_error(&sums->difference, passages);
    return q;
}

/* ---- a run ---- */
typedef struct {
    const ll_quality_job *job;
    const ll_config *config;
    ll_mask *masks;  /* the job's with what the model lacks; then, where the job has none, the full model's */
    size_t count;    /* of these */
    size_t full;     /* index of the full model; SIZE_MAX: not run */
    ll_tree tree;    /* of masks */
    size_t room;     /* streams that there is memory for */
    size_t tokens;   /* of the longest passage's stream */
    float *memory;   /* [room][tokens][hidden] */
    float **streams; /* [room] */
    size_t modules;  /* of a token, all groups together */
    double head;     /* what a stream's head costs, in modules */
    ll_session *session;
    ll_scorer_of_streams scorer;
    ll_passage_sums *here;  /* [job->count] of the present passage */
    ll_passage_sums **sums; /* [room] */
} run;

static bool has_full(const run *r) {
    return r->full != SIZE_MAX;
}

/* Where the full model runs beside, its stream is the first of the first group, and stays while other groups run. */
static size_t group_begin(const run *r, size_t group) {
    const size_t of_first = r->room < r->count ? r->room : r->count;
    const size_t kept = has_full(r) ? 1 : 0, others = r->room - kept;
    if (group == 0)
        return 0;
    const size_t begin = of_first + (group - 1) * others;
    return begin < r->count ? begin : r->count;
}

static void count_modules(run *r) {
    r->modules = 0;
    for (size_t group = 0; group_begin(r, group) < r->count; group++)
        r->modules += ll_tree_modules(&r->tree, group_begin(r, group), group_begin(r, group + 1), NULL);
}

static ll_status make_masks(run *r, ll_error *error) {
    const ll_quality_job *job = r->job;
    r->masks = calloc(job->count + 1, sizeof *r->masks);
    if (!r->masks)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu drops", job->count);
    r->full = SIZE_MAX;
    for (r->count = 0; r->count < job->count; r->count++) {
        r->masks[r->count] = job->masks[r->count];
        ll_mask_add(&r->masks[r->count], &r->config->dropped);
        if (memcmp(&r->masks[r->count], &r->config->dropped, sizeof *r->masks) == 0)
            r->full = r->count;
    }
    if (!job->compare)
        r->full = SIZE_MAX;
    else if (!has_full(r)) {
        r->masks[r->count] = r->config->dropped;
        r->full = r->count++;
    }
    return ll_tree_make(&r->tree, r->masks, r->count, r->config->layers, error);
}

/* As many streams as memory is meant for, and as few as the run can do with. */
static void find_room(run *r) {
    const uint64_t memory = r->job->memory ? r->job->memory : ll_needs_room(),
                   one = (uint64_t)r->tokens * r->config->hidden * sizeof(float), streams = memory / one;
    const size_t least = has_full(r) ? 2 : 1;
    r->room = streams < r->count ? (size_t)streams : r->count;
    r->room = r->room < least ? least : r->room;
}

static ll_status plan_run(run *r, const ll_quality_job *job, ll_error *error) {
    *r = (run){.job = job, .config = ll_model_config(job->model), .tokens = job->passages->longest - 1};
    LL_TRY(make_masks(r, error));
    find_room(r);
    count_modules(r);
    const ll_mask none = {0};
    const ll_cost cost = ll_model_cost(job->model, &none);
    const double module = (cost.linear_ops - cost.head_ops) / (double)(2 * r->config->layers);
    r->head = module > 0 ? cost.head_ops / module : 1;
    return LL_OK;
}

static ll_status take_memory(run *r, ll_error *error) {
    const size_t stream = r->tokens * r->config->hidden;
    LL_TRY(ll_memory_require((uint64_t)r->room * stream * sizeof(float),
                             "residual streams (use a shorter --window)", error));
    r->memory = malloc(r->room * stream * sizeof *r->memory);
    r->streams = malloc(r->room * sizeof *r->streams);
    r->sums = malloc(r->room * sizeof *r->sums);
    r->here = malloc((r->job->count + 1) * sizeof *r->here);
    if (!r->memory || !r->streams || !r->sums || !r->here)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu residual streams", r->room);
    for (size_t i = 0; i < r->room; i++)
        r->streams[i] = r->memory + i * stream;
    LL_TRY(ll_session_create_stream(&r->session, r->job->model, r->tokens, error));
    return ll_score_begin(&r->scorer, r->job->model, r->session, has_full(r) || r->job->baseline, error);
}

static void end_run(run *r) {
    if (r->session)
        ll_score_end(&r->scorer);
    ll_session_destroy(r->session);
    ll_tree_free(&r->tree);
    free(r->masks);
    free(r->memory);
    free(r->streams);
    free(r->sums);
    free(r->here);
}

/* Where passage p's stream begins in a baseline: a token of each passage goes through no model. */
static const float *baseline_at(const run *r, size_t p) {
    const size_t before = r->job->passages->passage[p].begin - p;
    return r->job->baseline->residual + before * r->config->hidden;
}

/* Drops order[first .. end) of the tree, whose streams lie from stream slot on. */
static ll_status run_group(run *r, size_t first, size_t end, size_t slot, size_t p, ll_progress *progress,
                           ll_error *error) {
    const ll_passage *passage = &r->job->passages->passage[p];
    const int32_t *ids = r->job->passages->ids.data + passage->begin;
    float *const *streams = r->streams + slot;
    const float *full = has_full(r) ? r->streams[0] : r->job->baseline ? baseline_at(r, p) : NULL;
    LL_TRY(ll_tree_run(&r->tree, first, end, r->session, ids, passage->count - 1, r->config->hidden, streams,
                       progress, error));
    const float *scored[LL_LOGITS_SETS];
    for (size_t i = first; i < end;) {
        size_t some = 0;
        for (; i < end && some < LL_LOGITS_SETS - 1; i++)
            if (r->tree.order[i] < r->job->count) {
                r->sums[some] = &r->here[r->tree.order[i]];
                scored[some++] = streams[i - first];
            }
        LL_TRY(ll_score_streams(&r->scorer, full, scored, r->sums, some, ids, passage->count - 1,
                                passage->scored, error));
        ll_progress_step(progress, r->head * (double)some);
    }
    return LL_OK;
}

static void add(ll_moments *m, double sum, size_t tokens) {
    m->sum += sum;
    m->squares += sum * sum;
    m->weighted += sum * (double)tokens;
}

static void add_passage(ll_quality_sums *to, const ll_passage_sums *here, size_t tokens) {
    add(&to->loss, here->loss, tokens);
    add(&to->kl, here->kl, tokens);
    add(&to->same, here->same, tokens);
    add(&to->difference, here->difference, tokens);
}

static ll_status run_passage(run *r, size_t p, ll_quality_tally *tally, ll_progress *progress,
                             ll_error *error) {
    memset(r->here, 0, r->job->count * sizeof *r->here);
    for (size_t group = 0; group_begin(r, group) < r->count; group++)
        LL_TRY(run_group(r, group_begin(r, group), group_begin(r, group + 1), group && has_full(r) ? 1 : 0, p,
                         progress, error));
    for (size_t i = 0; i < r->job->count; i++)
        add_passage(&tally->sums[i], &r->here[i], r->job->passages->passage[p].scored);
    return LL_OK;
}

static ll_status run_passages(run *r, ll_quality_tally *tally, const ll_quality_keeper *keeper,
                              ll_progress *progress, ll_error *error) {
    const ll_passages *all = r->job->passages;
    const double steps = (double)r->modules + r->head * (double)r->job->count,
                 token = r->job->work / (double)ll_passages_run(all) / steps, unit = progress->unit;
    ll_status status = LL_OK;
    for (size_t p = 0; p < all->count && status == LL_OK; p++) {
        progress->unit = token * (double)(all->passage[p].count - 1);
        if (p < tally->passages) {
            ll_progress_step(progress, steps);
            continue;
        }
        status = run_passage(r, p, tally, progress, error);
        if (status != LL_OK)
            break;
        tally->passages = p + 1;
        if (keeper)
            status = keeper->save(keeper->context, tally, error);
    }
    progress->unit = unit;
    return status;
}

/* Modules that each of the job's masks was the first to need. */
static ll_status count_computed(const run *r, ll_quality *out, ll_error *error) {
    size_t *computed = calloc(r->count, sizeof *computed);
    if (!computed)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to count the modules of %zu drops", r->count);
    for (size_t group = 0; group_begin(r, group) < r->count; group++)
        (void)ll_tree_modules(&r->tree, group_begin(r, group), group_begin(r, group + 1), computed);
    const uint64_t tokens = ll_passages_run(r->job->passages);
    for (size_t i = 0; i < r->job->count; i++) {
        out[i].modules_asked = tokens * ll_mask_modules(&r->masks[i], r->config->layers);
        out[i].modules_computed = tokens * computed[i];
    }
    free(computed);
    return LL_OK;
}

static ll_status run_job(run *r, ll_quality *out, ll_quality_tally *tally, const ll_quality_keeper *keeper,
                         ll_progress *progress, ll_error *error) {
    LL_TRY(take_memory(r, error));
    LL_TRY(run_passages(r, tally, keeper, progress, error));
    for (size_t i = 0; i < r->job->count; i++)
        out[i] = quality_of(&tally->sums[i], r->job->passages, r->scorer.compare);
    return count_computed(r, out, error);
}

ll_status ll_quality_run(ll_quality *out, const ll_quality_job *job, ll_quality_tally *tally,
                         const ll_quality_keeper *keeper, ll_progress *progress, ll_error *error) {
    run r;
    ll_quality_tally own = {0};
    if (!tally) {
        own.sums = calloc(job->count + 1, sizeof *own.sums);
        if (!own.sums)
            return ll_fail(error, LL_NO_RESOURCE, "no memory for the sums of %zu drops", job->count);
        tally = &own;
    }
    ll_status status = plan_run(&r, job, error);
    if (status == LL_OK)
        status = run_job(&r, out, tally, keeper, progress, error);
    end_run(&r);
    free(own.sums);
    return status;
}

ll_status ll_quality_modules(const ll_quality_job *job, size_t *modules, ll_error *error) {
    run r;
    const ll_status status = plan_run(&r, job, error);
    *modules = r.modules;
    end_run(&r);
    return status;
}

/* ---- another model to compare with ---- */
ll_status ll_baseline_make(ll_baseline *out, const ll_model *model, const ll_passages *passages,
                           ll_progress *progress, ll_error *error) {
    const ll_mask full = {0};
    const size_t hidden = ll_model_config(model)->hidden;
    const uint64_t bytes = (uint64_t)ll_passages_run(passages) * hidden * sizeof(float);
    out->residual = NULL;
    LL_TRY(ll_memory_require(bytes, "the full model's residual streams (use fewer windows)", error));
    ll_session *session;
    LL_TRY(ll_session_create(&session, model, &full, passages->longest - 1, error));
    out->residual = malloc(bytes);
    ll_status status =
        out->residual ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for residual streams");
    for (size_t p = 0; status == LL_OK && p < passages->count; p++) {
        const ll_passage *passage = &passages->passage[p];
        ll_session_reset(session);
        status = ll_session_forward(session, passages->ids.data + passage->begin, passage->count - 1,
                                    out->residual + (passage->begin - p) * hidden, NULL, error);
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
