#include "eval/scorer_private.h"
#include "progress.h"

#include <stdlib.h>

static ll_status no_memory(const ll_scorer *s) {
    return ll_fail(s->error, LL_NO_RESOURCE, "no memory for the scores of %zu questions", s->lanes.lanes);
}

ll_status ll_scorer_want(ll_scorer *s, size_t row, int32_t id, size_t request) {
    if (s->want_count == s->want_capacity) {
        const size_t capacity = 2 * s->want_capacity + 256;
        ll_head_want *wants = realloc(s->wants, capacity * sizeof *wants);
        size_t *requests = realloc(s->want_request, capacity * sizeof *requests);
        s->wants = wants ? wants : s->wants;
        s->want_request = requests ? requests : s->want_request;
        if (!wants || !requests)
            return no_memory(s);
        s->want_capacity = capacity;
    }
    s->wants[s->want_count] = (ll_head_want){.row = row, .id = id};
    s->want_request[s->want_count++] = request;
    return LL_OK;
}

ll_status ll_scorer_head(ll_scorer *s, size_t rows) {
    if (rows > s->row_capacity) {
        ll_head_part *larger = realloc(s->rows, rows * sizeof *larger);
        if (!larger)
            return no_memory(s);
        s->rows = larger;
        s->row_capacity = rows;
    }
    s->row_count = rows;
    return ll_head_run(s->lanes.model, s->lanes.session, s->lanes.residual, rows, s->rows, s->wants,
                       s->want_count, s->error);
}

/* Tokens of a question's passes beside what its requests have in common: those fill a pass worst. */
static double tokens_of_a_pass(const ll_question_set *set) {
    double tokens = 0;
    for (size_t i = 0; i < set->count; i++) {
        const ll_question *q = &set->questions[i];
        const ll_request *r = &set->requests[q->first];
        const size_t length = r->context + r->continuation;
        size_t common = length;
        for (size_t k = 1; k < q->requests; k++) {
            const size_t same = ll_common_tokens(ll_request_ids(set, r), length, ll_request_ids(set, r + k),
                                                 r[k].context + r[k].continuation);
            common = same < common ? same : common;
        }
        tokens += (double)(length - common > 1 ? length - common : length);
    }
    return tokens / (double)set->count;
}

/* Enough questions to fill a pass, as far as memory goes. */
static size_t choose_batch(const ll_question_set *set, const ll_model *model, size_t count, size_t capacity) {
    enum { LEAST = 4, MOST = 64, MOST_GENERATED = 32 };
    const bool generated = set->task->kind == LL_TASK_GENERATE;
    size_t batch = generated ? MOST_GENERATED : (size_t)(LL_CHUNK / (1 + tokens_of_a_pass(set))) + LEAST;
    batch = batch < MOST ? batch : MOST;
    batch = batch < count ? batch : count;
    return ll_lanes_fit(model, batch, capacity);
}

ll_status ll_score(const ll_question_set *set, const size_t *list, size_t count, const ll_model *model,
                   const ll_mask *mask, const ll_scorer_options *options, ll_scorer_use *use,
                   ll_error *error) {
    const double began = ll_seconds();
    *use = (ll_scorer_use){0};
    if (!count)
        return LL_OK;
    ll_scorer s = {.set = set, .list = list, .count = count, .options = options, .error = error};
    const size_t context = ll_model_config(model)->context,
                 capacity = set->longest < context ? set->longest : context;
    use->batch = options->batch && options->batch < count ? options->batch : options->batch ? count : 0;
    if (!use->batch)
        use->batch = choose_batch(set, model, count, capacity);
    ll_status status = ll_lanes_create(&s.lanes, model, mask, use->batch, capacity, error);
    if (status == LL_OK)
        status = set->task->kind == LL_TASK_GENERATE ? ll_score_generations(&s) : ll_score_choices(&s);
    use->questions = count;
    use->asked = s.generated;
    for (size_t i = 0; i < count; i++)
        use->asked += ll_question_tokens(set, &set->questions[list[i]]);
    use->computed = s.lanes.computed;
    use->seconds = ll_seconds() - began;
    ll_lanes_destroy(&s.lanes);
    free(s.rows);
    free(s.wants);
    free(s.want_request);
    return status;
}
