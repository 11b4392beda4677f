/* Logits of many rows in tiles: the head's columns pass by in blocks, each used while it is in the cache. */
#include "finite.h"
#include "session.h"

/* Rows of each set that go through the head together, and how. */
typedef struct {
    ll_session *s;
    const float *const *residual; /* [sets][.][hidden] */
    size_t sets;
    size_t first, rows; /* of every set */
    size_t
        tile_rows; /* of every set; a tile's rows of all sets lie in the session's buffers set by set, one multiplication */
    const ll_logits_visitor *visitor;
    atomic_bool infinite;
} head;

static size_t parts(size_t whole, size_t part) {
    return (whole + part - 1) / part;
}

static size_t rows_of_tile(const head *h, size_t row) {
    return h->rows - row < h->tile_rows ? h->rows - row : h->tile_rows;
}

/* Row row of every set, normed, as the head's input. */
static void norm_row(const head *h, size_t row) {
    ll_session *s = h->s;
    const ll_config *c = &s->model->config;
    const float *const weight = s->model->weights.final_norm;
    const size_t tile = row / h->tile_rows * h->tile_rows;
    for (size_t set = 0; set < h->sets; set++) {
        const float *x = h->residual[set] + (h->first + row) * c->hidden;
        const size_t at = tile * h->sets + set * rows_of_tile(h, tile) + row - tile;
        if (s->model->options.weights == LL_WEIGHTS_F32) {
            s->model->kernels.rmsnorm_f32(s->input + at * s->input_ld, s->input_ld, x, c->hidden, weight,
                                          c->eps, c->hidden, 0, 1);
            continue;
        }
        ll_act one = s->act_head;
        one.q += at * one.ld;
        one.scale += at * one.groups;
        one.sum += at * one.groups;
        one.rows = 1;
        s->model->kernels.rmsnorm_i8(&one, x, c->hidden, weight, c->eps, 0, 1);
    }
}

/* Rows [m, m + rows) of the buffers times ids [id, id + ids) of what the node holds, into y [rows][LL_LOGITS_IDS]. */
static void multiply(const head *h, const ll_member *member, float *y, size_t m, size_t rows, size_t id,
                     size_t ids) {
    ll_session *s = h->s;
    const ll_packed *w = &s->model->weights.head.part[member->node];
    /* y is the address of row 0, column 0: an address alone, outside the buffer. */
    float *const origin = (float *)((uintptr_t)y - (m * LL_LOGITS_IDS + id) * sizeof *y);
    ll_session_multiply(s, member->number, origin, LL_LOGITS_IDS, &s->act_head, m, m + rows, w, id, id + ids);
}

/* id: of what the node holds. False: a logit is not finite. */
static bool visit_tile(const head *h, const ll_member *m, size_t row, size_t id) {
    const ll_split *split = &h->s->model->weights.head;
    const size_t left = split->part[m->node].n - id;
    float *const logits = h->s->logits[m->number];
    ll_logits_tile tile = {.row = h->first + row,
                           .rows = rows_of_tile(h, row),
                           .id = split->begin[m->node] + id,
                           .ids = left < LL_LOGITS_IDS ? left : LL_LOGITS_IDS};
    const size_t rows = tile.rows * h->sets;
    multiply(h, m, logits, row * h->sets, rows, id, tile.ids);
    for (size_t r = 0; r < rows; r++)
        if (!ll_all_finite(logits + r * LL_LOGITS_IDS, tile.ids))
            return false;
    for (size_t set = 0; set < h->sets; set++)
        tile.logits[set] = logits + set * tile.rows * LL_LOGITS_IDS;
    h->visitor->tile(h->visitor->context, &tile);
    return true;
}

/* A thread's tiles follow each other: all rows meet a block of columns before the next one comes. */
static void visit(void *context, ll_member *m) {
    head *h = context;
    const size_t down = parts(h->rows, h->tile_rows),
                 tiles = down * parts(h->s->model->weights.head.part[m->node].n, LL_LOGITS_IDS);
    size_t at, end;
    ll_share(h->rows, m->thread, m->threads, 1, &at, &end);
    for (; at < end; at++)
        norm_row(h, at);
    ll_team_wait(m);
    ll_share(tiles, m->place, m->places, 1, &at, &end);
    for (; at < end; at++)
        if (!visit_tile(h, m, at % down * h->tile_rows, at / down * LL_LOGITS_IDS))
            atomic_store(&h->infinite, true);
}

ll_status ll_session_visit_logits(ll_session *session, const float *const residual[], size_t sets,
                                  size_t rows, const ll_logits_visitor *visitor, ll_error *error) {
    head h = {.s = session, .residual = residual, .sets = sets, .visitor = visitor};
    h.tile_rows = LL_LOGITS_ROWS / sets;
    for (; h.first < rows; h.first += h.rows) {
        h.rows = rows - h.first < session->chunk / sets ? rows - h.first : session->chunk / sets;
        ll_team_run(session->model->team, 0, visit, &h);
        LL_TRY(ll_session_check_logits(session, !h.infinite, error));
    }
    return LL_OK;
}
