#include "logits.h"
#include "test.h"
#include <stdlib.h>

float *ll_logits_in_steps(const ll_model *model, const ll_mask *mask, const int32_t *ids, size_t count,
                          size_t step) {
    const ll_config *c = ll_model_config(model);
    ll_error error = {{0}};
    ll_session *session = NULL;
    float *residual = calloc(count * c->hidden, sizeof *residual),
          *logits = calloc(count * c->vocab, sizeof *logits);
    ll_status status = ll_session_create(&session, model, mask, count, &error);
    for (size_t at = 0; status == LL_OK && at < count; at += step) {
        const size_t rows = count - at < step ? count - at : step;
        status = ll_session_forward(session, ids + at, rows, residual + at * c->hidden, NULL, &error);
    }
    if (status == LL_OK)
        status = ll_session_logits(session, residual, count, logits, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    ll_session_destroy(session);
    free(residual);
    return logits;
}
