/* One sequence's beginning becomes another's: its cache is copied, nothing is computed again. */
#include "session.h"

#include <string.h>

/* Sequences of one node's heads, positions [0, depth) of them. */
typedef struct {
    const ll_session *s;
    size_t from, to, depth;
} fork_of;

/* A head's positions follow each other in blocks of LL_KV_BLOCK at most. */
static void copy_heads(char *to, const char *from, size_t heads, size_t head_bytes, size_t used) {
    for (size_t h = 0; h < heads; h++)
        memcpy(to + h * head_bytes, from + h * head_bytes, used);
}

static void copy_cache(const ll_kv *to, const ll_kv *from, size_t depth) {
    const size_t positions = (depth + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK, heads = from->kv_heads;
    const size_t head = ll_kv_bytes(from->type, from->capacity, 1, from->head_dim),
                 used = ll_kv_bytes(from->type, positions, 1, from->head_dim);
    copy_heads(to->k, from->k, heads, head, used);
    copy_heads(to->v, from->v, heads, head, used);
    if (!from->k_scale)
        return;
    const size_t scales = ll_kv_scale_bytes(from->type, from->capacity, 1),
                 used_scales = ll_kv_scale_bytes(from->type, positions, 1);
    copy_heads((char *)to->k_scale, (const char *)from->k_scale, heads, scales, used_scales);
    copy_heads((char *)to->v_scale, (const char *)from->v_scale, heads, scales, used_scales);
}

/* A node's threads copy what it holds. */
static void copy_sequence(void *context, ll_member *m) {
    const fork_of *f = context;
    const ll_session *s = f->s;
    size_t layer, end;
    ll_share(s->model->config.layers, m->place, m->places, 1, &layer, &end);
    for (; layer < end; layer++) {
        const ll_kv *const caches = &s->kv[layer * s->batch * m->nodes];
        if (caches[m->node].kv_heads) /* none where the session was made without the layer */
            copy_cache(&caches[f->to * m->nodes + m->node], &caches[f->from * m->nodes + m->node], f->depth);
    }
}

ll_status ll_session_fork(ll_session *session, size_t from, size_t to, size_t positions, ll_error *error) {
    if (from >= session->batch || to >= session->batch || positions > session->depth[from])
        return ll_fail(
            error, LL_BAD_USAGE,
            "%zu positions of sequence %zu cannot go to sequence %zu: expected sequences below %zu, and "
            "positions that it has reached",
            positions, from, to, session->batch);
    fork_of f = {session, from, to, positions};
    if (from != to && positions)
        ll_team_run(session->model->team, 0, copy_sequence, &f);
    session->depth[to] = positions;
    return LL_OK;
}
