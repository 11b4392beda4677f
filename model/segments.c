/* What goes through the layers together: tokens of one or several sequences, chunk by chunk. */
#include "forward.h"

ll_status ll_session_check_ids(const ll_session *s, const int32_t *ids, size_t count, ll_error *error) {
    const size_t vocab = s->model->config.vocab;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocab)
            return ll_fail(error, LL_BAD_INPUT, "token %zu has id %d, expected 0 to %zu", i, ids[i],
                           vocab - 1);
    return LL_OK;
}

static ll_status check_room(const ll_session *s, size_t sequence, size_t count, ll_error *error) {
    if (count <= s->capacity - s->depth[sequence])
        return LL_OK;
    return ll_fail(error, LL_BAD_INPUT,
                   "%zu tokens at depth %zu do not fit in %zu positions (the model's context is %zu)", count,
                   s->depth[sequence], s->capacity, s->model->config.context);
}

/* The call's segments, while they are taken chunk by chunk. */
typedef struct {
    const ll_segment *segments;
    size_t count, at; /* at: the first that is not taken whole */
    size_t taken;     /* of its tokens */
} queue;

/* Tokens [taken, taken + rows) of a segment, as the chunk's next run. */
static void add_run(ll_session *s, ll_tokens *some, const ll_segment *segment, size_t taken, size_t rows) {
    const size_t silent = segment->count - segment->outputs;
    const size_t still = silent < taken ? 0 : silent - taken < rows ? silent - taken : rows;
    s->runs[some->runs++] = (ll_run){.row = some->rows,
                                     .rows = rows,
                                     .sequence = segment->sequence,
                                     .position = s->depth[segment->sequence],
                                     .silent = still,
                                     .output = some->outputs};
    some->rows += rows;
    some->outputs += rows - still;
}

/* Fills the session's runs with the next chunk. */
static ll_tokens take_chunk(ll_session *s, queue *q) {
    ll_tokens some = {0};
    while (q->at < q->count && some.rows < s->chunk) {
        const ll_segment *segment = &q->segments[q->at];
        const size_t left = segment->count - q->taken, room = s->chunk - some.rows,
                     rows = left < room ? left : room;
        if (rows)
            add_run(s, &some, segment, q->taken, rows);
        q->taken += rows;
        if (q->taken == segment->count) {
            q->at++;
            q->taken = 0;
        }
    }
    return some;
}

static ll_status check_segments(const ll_session *s, const int32_t *ids, const ll_segment *segments,
                                size_t count, ll_error *error) {
    size_t total = 0;
    if (s->one_cache)
        return ll_fail(error, LL_BAD_USAGE,
                       "a session for streams has one cache: it runs one module at a time");
    for (size_t i = 0; i < count; i++) {
        if (segments[i].sequence >= s->batch || (i && segments[i].sequence <= segments[i - 1].sequence))
            return ll_fail(error, LL_BAD_USAGE,
                           "segment %zu is of sequence %zu: expected ascending numbers below %zu", i,
                           segments[i].sequence, s->batch);
        if (segments[i].outputs > segments[i].count)
            return ll_fail(error, LL_BAD_USAGE, "segment %zu has %zu tokens: no %zu outputs", i,
                           segments[i].count, segments[i].outputs);
        LL_TRY(check_room(s, segments[i].sequence, segments[i].count, error));
        total += segments[i].count;
    }
    return ll_session_check_ids(s, ids, total, error);
}

static ll_status forward(ll_session *s, const int32_t *ids, const ll_segment *segments, size_t count,
                         float *residual, const ll_observer *observer, ll_error *error) {
    const size_t hidden = s->model->config.hidden;
    queue q = {.segments = segments, .count = count};
    size_t done = 0, outputs = 0;
    LL_TRY(check_segments(s, ids, segments, count, error));
    for (ll_tokens some = take_chunk(s, &q); some.rows; some = take_chunk(s, &q)) {
        some.ids = ids + done;
        some.first = done;
        some.residual = residual ? residual + outputs * hidden : NULL;
        some.observer = observer;
        LL_TRY(ll_session_run_tokens(s, &some, error));
        for (size_t i = 0; i < some.runs; i++)
            s->depth[s->runs[i].sequence] += s->runs[i].rows;
        done += some.rows;
        outputs += some.outputs;
    }
    return LL_OK;
}

ll_status ll_session_forward(ll_session *session, const int32_t *ids, size_t count, float *residual,
                             const ll_observer *observer, ll_error *error) {
    const ll_segment all = {session->sequence, count, count};
    return forward(session, ids, &all, 1, residual, observer, error);
}

ll_status ll_session_forward_segments(ll_session *session, const int32_t *ids, const ll_segment *segments,
                                      size_t count, float *residual, ll_error *error) {
    return forward(session, ids, segments, count, residual, NULL, error);
}

ll_status ll_session_decode(ll_session *session, const int32_t *ids, float *residual, ll_error *error) {
    for (size_t i = 0; i < session->batch; i++)
        session->steps[i] = (ll_segment){i, 1, 1};
    return forward(session, ids, session->steps, session->batch, residual, NULL, error);
}
