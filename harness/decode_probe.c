#include "decode_probe.h"
#include "progress.h"
#include "speed.h"

#include <stdlib.h>

enum { CHOICES = 4, ROUNDS = 5, STEPS = 2 };

typedef struct {
    ll_model *model;
    ll_session *session;
    float *logits, *residual;
    size_t threads[CHOICES];
    double seconds[CHOICES][ROUNDS];
} probe;

static ll_status step(probe *p, ll_error *error) {
    const int32_t id = 0;
    ll_session_reset(p->session);
    LL_TRY(ll_session_forward(p->session, &id, 1, p->residual, NULL, error));
    return ll_session_logits(p->session, p->residual, 1, p->logits, error);
}

static ll_status time_all(probe *p, ll_error *error) {
    LL_TRY(step(p, error)); /* pages and caches are warm then */
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < CHOICES; i++) {
            ll_model_set_decode_threads(p->model, p->threads[i]);
            const double began = ll_seconds();
            for (size_t s = 0; s < STEPS; s++)
                LL_TRY(step(p, error));
            p->seconds[i][round] = ll_seconds() - began;
        }
    return LL_OK;
}

/* Fewer threads must be clearly faster: by more than what shared machines differ by from one step to the next. */
static size_t fastest(probe *p) {
    const double CLEARLY = 0.97;
    size_t best = 0;
    double least = ll_spread_of(p->seconds[0], ROUNDS).median;
    for (size_t i = 1; i < CHOICES; i++) {
        const double median = ll_spread_of(p->seconds[i], ROUNDS).median;
        if (median < least * CLEARLY) {
            least = median;
            best = i;
        }
    }
    return p->threads[best];
}

ll_status ll_decode_probe(ll_model *model, ll_error *error) {
    const ll_mask full = {0};
    const ll_config *c = ll_model_config(model);
    const size_t threads = ll_model_options_used(model)->threads;
    probe p = {.model = model,
               .logits = malloc(c->vocab * sizeof(float)),
               .residual = malloc(c->hidden * sizeof(float))};
    for (size_t i = 0; i < CHOICES; i++)
        p.threads[i] = threads * (CHOICES - i) / CHOICES ? threads * (CHOICES - i) / CHOICES : 1;
    ll_status status =
        p.logits && p.residual ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory to probe decode");
    if (status == LL_OK)
        status = ll_session_create(&p.session, model, &full, 1, error);
    if (status == LL_OK)
        status = time_all(&p, error);
    if (status == LL_OK)
        ll_model_set_decode_threads(model, fastest(&p));
    ll_session_destroy(p.session);
    free(p.logits);
    free(p.residual);
    return status;
}
