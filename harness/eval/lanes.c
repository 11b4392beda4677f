#include "eval/lanes.h"
#include "needs.h"

#include <stdlib.h>
#include <string.h>

enum { WORTH_SHARING = 8 }; /* tokens: fewer are sooner computed with what follows them */

size_t ll_common_tokens(const int32_t *a, size_t a_count, const int32_t *b, size_t b_count) {
    const size_t most = a_count < b_count ? a_count : b_count;
    size_t n = 0;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

size_t ll_lanes_fit(const ll_model *model, size_t wanted, size_t capacity) {
    const uint64_t room = ll_needs_room();
    size_t lanes = wanted;
    while (lanes > 1 && ll_config_session_bytes(ll_model_config(model), ll_model_options_used(model), lanes,
                                                capacity) > room)
        lanes = lanes * 3 / 4;
    return lanes ? lanes : 1;
}

ll_status ll_lanes_create(ll_lanes *out, const ll_model *model, const ll_mask *mask, size_t lanes,
                          size_t capacity, ll_error *error) {
    *out = (ll_lanes){.model = model, .lanes = lanes, .capacity = capacity};
    out->held = malloc(lanes * capacity * sizeof *out->held);
    out->ids = malloc(lanes * capacity * sizeof *out->ids);
    out->held_count = calloc(lanes, sizeof *out->held_count);
    out->segments = calloc(lanes, sizeof *out->segments);
    ll_status status = LL_OK;
    if (!out->held || !out->ids || !out->held_count || !out->segments)
        status = ll_fail(error, LL_NO_RESOURCE, "no memory for %zu sequences of %zu tokens", lanes, capacity);
    if (status == LL_OK)
        status = ll_session_create_batch(&out->session, model, mask, lanes, capacity, error);
    if (status != LL_OK)
        ll_lanes_destroy(out);
    return status;
}

void ll_lanes_destroy(ll_lanes *l) {
    ll_session_destroy(l->session);
    free(l->held);
    free(l->ids);
    free(l->held_count);
    free(l->segments);
    free(l->residual);
    *l = (ll_lanes){0};
}

static int32_t *held_of(const ll_lanes *l, size_t lane) {
    return l->held + lane * l->capacity;
}

static size_t in_common(const ll_lanes *l, size_t lane, const int32_t *ids, size_t count) {
    return ll_common_tokens(held_of(l, lane), l->held_count[lane], ids, count);
}

void ll_lanes_add(ll_lanes *l, size_t lane, const int32_t *ids, size_t count, size_t outputs) {
    const size_t kept = in_common(l, lane, ids, count - outputs), more = count - kept;
    memcpy(held_of(l, lane) + kept, ids + kept, more * sizeof *ids);
    l->held_count[lane] = count;
    memcpy(l->ids + l->id_count, ids + kept, more * sizeof *ids);
    l->id_count += more;
    l->outputs += outputs;
    l->segments[l->segment_count++] = (ll_segment){lane, more, outputs};
}

static ll_status make_room(ll_lanes *l, ll_error *error) {
    if (l->outputs <= l->residual_rows)
        return LL_OK;
    const size_t hidden = ll_model_config(l->model)->hidden;
    float *residual = realloc(l->residual, l->outputs * hidden * sizeof *residual);
    if (!residual)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu rows of residual stream", l->outputs);
    l->residual = residual;
    l->residual_rows = l->outputs;
    return LL_OK;
}

ll_status ll_lanes_run(ll_lanes *l, ll_error *error) {
    for (size_t i = 0; i < l->segment_count; i++) {
        const ll_segment *s = &l->segments[i];
        ll_session_select(l->session, s->sequence);
        LL_TRY(ll_session_rewind(l->session, l->held_count[s->sequence] - s->count, error));
    }
    LL_TRY(make_room(l, error));
    LL_TRY(
        ll_session_forward_segments(l->session, l->ids, l->segments, l->segment_count, l->residual, error));
    l->computed += l->id_count;
    l->segment_count = l->id_count = l->outputs = 0;
    return LL_OK;
}

ll_status ll_lanes_share(ll_lanes *l, size_t some, const int32_t *ids, size_t count, ll_error *error) {
    size_t best = 0, least = count;
    for (size_t i = 0; i < some; i++) {
        best = in_common(l, i, ids, count) > in_common(l, best, ids, count) ? i : best;
        least = in_common(l, i, ids, count) < least ? in_common(l, i, ids, count) : least;
    }
    if (some < 2 || count < least + WORTH_SHARING)
        return LL_OK;
    if (in_common(l, best, ids, count) < count) {
        ll_lanes_add(l, best, ids, count, 0);
        LL_TRY(ll_lanes_run(l, error));
    }
    for (size_t i = 0; i < some; i++) {
        if (in_common(l, i, ids, count) == count)
            continue;
        LL_TRY(ll_session_fork(l->session, best, i, count, error));
        memcpy(held_of(l, i), ids, count * sizeof *ids);
        l->held_count[i] = count;
    }
    return LL_OK;
}
