/* The pass, for those who say what goes through it. Private to model/. */
#ifndef LL_FORWARD_H
#define LL_FORWARD_H
#include "session.h"

/* Tokens that go through all layers together, or through one module. */
typedef struct {
    const int32_t *ids; /* [rows] */
    size_t first, rows; /* first: of the call's tokens */
    size_t runs;        /* of the session's runs, which hold them */
    size_t outputs;     /* rows of residual */
    float *residual;    /* [outputs][hidden], NULL: not asked for */
    const ll_observer *observer;
    const ll_module
        *only; /* this one alone, on the residual stream that session->x holds; NULL: all, from the ids on */
} ll_tokens;

/* The embedding of ids: x [count][hidden]. */
void ll_model_embed(const ll_model *model, const int32_t *ids, size_t count, float *x);
/* Runs them on the team. Refused: a residual stream that is not finite (names the block). */
ll_status ll_session_run_tokens(ll_session *session, const ll_tokens *tokens, ll_error *error);
#endif
