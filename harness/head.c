#include "head.h"
#include "sampler.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 256 }; /* positions that meet the head together: weights are read once for them */

ll_head_part ll_head_part_of(const ll_kernels *kernels, const float *logits, size_t id, size_t ids) {
    const size_t top = ll_argmax(logits, ids);
    return (ll_head_part){kernels->logsumexp_f32(logits, ids), logits[top], (uint32_t)(id + top)};
}

ll_head_part ll_head_join(const ll_head_part *parts, size_t blocks, size_t stride) {
    ll_head_part all = parts[0];
    for (size_t b = 1; b < blocks; b++) {
        const ll_head_part *one = &parts[b * stride];
        if (one->top > all.top) {
            all.top = one->top;
            all.top_id = one->top_id;
        }
    }
    double sum = 0;
    for (size_t b = 0; b < blocks; b++)
        sum += exp(parts[b * stride].lse - (double)all.top);
    all.lse = (double)all.top + log(sum);
    return all;
}

/* ROWS rows at most on their way. */
typedef struct {
    const ll_kernels *kernels;
    ll_head_part *parts; /* [blocks][ROWS] */
    size_t first;        /* row 0 among the caller's */
    ll_head_want *wants; /* of these rows */
    size_t want_count;
} group;

/* The first want of a row that is not before row. */
static size_t first_want(const group *g, size_t row) {
    size_t low = 0, high = g->want_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (g->wants[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* An id of a row is in one tile, so that no two threads meet. */
static void see_tile(void *context, const ll_logits_tile *tile) {
    const group *g = context;
    for (size_t i = 0; i < tile->rows; i++) {
        const size_t row = tile->row + i;
        const float *logits = tile->logits[0] + i * LL_LOGITS_IDS;
        g->parts[tile->id / LL_LOGITS_IDS * ROWS + row] =
            ll_head_part_of(g->kernels, logits, tile->id, tile->ids);
        for (size_t w = first_want(g, g->first + row); w < g->want_count && g->wants[w].row == g->first + row;
             w++) {
            const size_t id = (size_t)g->wants[w].id;
            if (id >= tile->id && id - tile->id < tile->ids)
                g->wants[w].logit = logits[id - tile->id];
        }
    }
}

static ll_status run_group(group *g, ll_session *session, const float *residual, size_t rows, size_t blocks,
                           ll_head_part *rows_out, ll_error *error) {
    const ll_logits_visitor visitor = {see_tile, g};
    LL_TRY(ll_session_visit_logits(session, &residual, 1, rows, &visitor, error));
    for (size_t i = 0; i < rows; i++)
        rows_out[i] = ll_head_join(g->parts + i, blocks, ROWS);
    return LL_OK;
}

ll_status ll_head_run(const ll_model *model, ll_session *session, const float *residual, size_t rows,
                      ll_head_part *rows_out, ll_head_want *wants, size_t want_count, ll_error *error) {
    const ll_config *c = ll_model_config(model);
    const size_t blocks = (c->vocab + LL_LOGITS_IDS - 1) / LL_LOGITS_IDS;
    group g = {.kernels = ll_model_kernels(model), .parts = malloc(blocks * ROWS * sizeof *g.parts)};
    if (!g.parts)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for what the head says of %d positions", ROWS);
    ll_status status = LL_OK;
    for (; g.first < rows && status == LL_OK; g.first += ROWS) {
        const size_t some = rows - g.first < ROWS ? rows - g.first : ROWS;
        g.wants = wants;
        g.want_count = want_count;
        const size_t skipped = first_want(&g, g.first);
        g.want_count = first_want(&g, g.first + some) - skipped;
        g.wants = wants + skipped;
        status =
            run_group(&g, session, residual + g.first * c->hidden, some, blocks, rows_out + g.first, error);
    }
    free(g.parts);
    return status;
}
