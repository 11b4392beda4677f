/* What the head says of residual streams of the same tokens, side by side: the full model's logits are computed once for several
 * drops, and never held whole. */
#include "quality_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = LL_SCORE_ROWS };

ll_status ll_score_begin(ll_scorer_of_streams *out, const ll_model *model, ll_session *session, bool compare,
                         ll_error *error) {
    *out = (ll_scorer_of_streams){.model = model, .session = session, .compare = compare};
    out->blocks = (ll_model_config(model)->vocab + LL_LOGITS_IDS - 1) / LL_LOGITS_IDS;
    bool good = true;
    for (size_t set = 0; set < LL_LOGITS_SETS; set++) {
        out->parts[set] = malloc(out->blocks * ROWS * sizeof *out->parts[set]);
        out->gap[set] = malloc(out->blocks * ROWS * sizeof *out->gap[set]);
        good = good && out->parts[set] && out->gap[set];
    }
    if (good)
        return LL_OK;
    ll_score_end(out);
    return ll_fail(error, LL_NO_RESOURCE, "no memory for the scores of %d positions", (int)ROWS);
}

void ll_score_end(ll_scorer_of_streams *scorer) {
    for (size_t set = 0; set < LL_LOGITS_SETS; set++) {
        free(scorer->parts[set]);
        free(scorer->gap[set]);
    }
    *scorer = (ll_scorer_of_streams){0};
}

/* p: the full model's softmax of the block. */
static double mean_gap(const float *p, const float *full, const float *dropped, size_t ids) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < ids; i++)
        sum += (double)p[i] * ((double)full[i] - (double)dropped[i]);
    return sum;
}

static void see_row(ll_scorer_of_streams *s, const ll_logits_tile *tile, size_t i) {
    const ll_kernels *kernels = ll_model_kernels(s->model);
    const size_t row = tile->row + i, at = tile->id / LL_LOGITS_IDS * ROWS + row, next = (size_t)s->next[row];
    const float *const full = tile->logits[0] + i * LL_LOGITS_IDS;
    float p[LL_LOGITS_IDS];
    if (s->compare) {
        memcpy(p, full, tile->ids * sizeof *p);
        kernels->softmax_f32(p, tile->ids);
    }
    for (size_t set = 0; set < s->sets; set++) {
        const float *logits = tile->logits[set] + i * LL_LOGITS_IDS;
        s->parts[set][at] = ll_head_part_of(kernels, logits, tile->id, tile->ids);
        if (next >= tile->id && next - tile->id < tile->ids)
            s->next_logit[set][row] = logits[next - tile->id];
        if (s->compare && set > 0)
            s->gap[set][at] = mean_gap(p, full, logits, tile->ids);
    }
}

static void see_tile(void *context, const ll_logits_tile *tile) {
    for (size_t i = 0; i < tile->rows; i++)
        see_row(context, tile, i);
}

/* KL(full || dropped) = sum p (full - dropped) - lse(full) + lse(dropped), p the full model's. */
static double divergence(const ll_scorer_of_streams *s, size_t set, size_t row, double full_lse,
                         double dropped_lse) {
    double sum = 0;
    for (size_t b = 0; b < s->blocks; b++)
        sum += exp(s->parts[0][b * ROWS + row].lse - full_lse) * s->gap[set][b * ROWS + row];
    return sum - full_lse + dropped_lse;
}

static void add_position(const ll_scorer_of_streams *s, size_t row, ll_passage_sums *const *sums) {
    const ll_head_part full = ll_head_join(s->parts[0] + row, s->blocks, ROWS);
    const double full_loss = full.lse - (double)s->next_logit[0][row];
    for (size_t set = s->compare ? 1 : 0; set < s->sets; set++) {
        ll_passage_sums *const to = sums[s->compare ? set - 1 : set];
        const ll_head_part one = ll_head_join(s->parts[set] + row, s->blocks, ROWS);
        const double loss = one.lse - (double)s->next_logit[set][row];
        to->loss += loss;
        if (!s->compare)
            continue;
        to->kl += divergence(s, set, row, full.lse, one.lse);
        to->same += full.top_id == one.top_id;
        to->difference += loss - full_loss;
    }
}

/* Positions [first, first + rows) of the streams of all sets; next[i] is what follows position first + i. */
static ll_status score_rows(ll_scorer_of_streams *s, const float *const *streams,
                            ll_passage_sums *const *sums, size_t first, size_t rows, const int32_t *next,
                            ll_error *error) {
    const ll_logits_visitor visitor = {see_tile, s};
    const float *residual[LL_LOGITS_SETS];
    for (size_t set = 0; set < s->sets; set++)
        residual[set] = streams[set] + first * ll_model_config(s->model)->hidden;
    s->next = next;
    LL_TRY(ll_session_visit_logits(s->session, residual, s->sets, rows, &visitor, error));
    for (size_t row = 0; row < rows; row++)
        add_position(s, row, sums);
    return LL_OK;
}

ll_status ll_score_streams(ll_scorer_of_streams *s, const float *full, const float *const *streams,
                           ll_passage_sums *const *sums, size_t stream_count, const int32_t *ids,
                           size_t count, size_t scored, ll_error *error) {
    const size_t before = s->compare ? 1 : 0, most = LL_LOGITS_SETS - before;
    const float *sets[LL_LOGITS_SETS] = {full};
    for (size_t done = 0; done < stream_count; done += most) {
        const size_t some = stream_count - done < most ? stream_count - done : most;
        s->sets = before + some;
        memcpy(sets + before, streams + done, some * sizeof *sets);
        for (size_t at = count - scored; at < count; at += ROWS) {
            const size_t rows = count - at < ROWS ? count - at : ROWS;
            LL_TRY(score_rows(s, sets, sums + done, at, rows, ids + at + 1, error));
        }
    }
    return LL_OK;
}
