/* Residual streams that the caller holds, taken through the modules one by one: what several drop masks have in common is computed
 * once, and one cache serves all layers, since a stream leaves a module whole. */
#include "forward.h"

ll_status ll_session_embed(const ll_session *session, const int32_t *ids, size_t count, float *stream,
                           ll_error *error) {
    LL_TRY(ll_session_check_ids(session, ids, count, error));
    ll_model_embed(session->model, ids, count, stream);
    return LL_OK;
}

ll_status ll_session_watch_inputs(ll_session *session, const ll_input_observer *observer, ll_error *error) {
    if (observer && session->model->options.weights != LL_WEIGHTS_F32)
        return ll_fail(error, LL_BAD_USAGE, "what matrices multiply is seen with f32 weights, these are %s",
                       ll_weights_kind_name(session->model->options.weights));
    session->inputs = observer;
    return LL_OK;
}

static ll_status check_module(const ll_session *s, ll_module module, size_t count, ll_error *error) {
    const bool there = module.layer < s->model->config.layers &&
                       (module.kind == LL_ATTN || module.kind == LL_MLP) && !ll_mask_drops(&s->mask, module);
    if (!s->one_cache)
        return ll_fail(error, LL_BAD_USAGE, "a module alone needs a session for streams");
    if (!there)
        return ll_fail(
            error, LL_BAD_USAGE,
            "%s %zu is no module of this session: expected an attention or MLP layer that it keeps",
            ll_drop_kind_name(module.kind), module.layer);
    if (count > s->capacity)
        return ll_fail(error, LL_BAD_USAGE, "a stream of %zu positions: the session has room for %zu", count,
                       s->capacity);
    return LL_OK;
}

ll_status ll_session_run_module(ll_session *session, ll_module module, float *stream, size_t count,
                                const ll_observer *observer, ll_error *error) {
    LL_TRY(check_module(session, module, count, error));
    float *const own = session->x;
    ll_status status = LL_OK;
    for (size_t at = 0; at < count && status == LL_OK; at += session->chunk) {
        const size_t rows = count - at < session->chunk ? count - at : session->chunk;
        const ll_tokens some = {.first = at, .rows = rows, .runs = 1, .observer = observer, .only = &module};
        session->runs[0] = (ll_run){.rows = rows, .position = at};
        session->x = stream + at * session->model->config.hidden;
        status = ll_session_run_tokens(session, &some, error);
    }
    session->x = own;
    return status;
}
