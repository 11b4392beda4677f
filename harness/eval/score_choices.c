/* A batch of questions takes a lane each. First runs what a question's requests have in common, its stem, then in turn each request's
 * branch off it, of all questions together. A row of the stem or of a branch tells the next token's log-probability. */
#include "eval/scorer_private.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    ll_scorer *s;
    const size_t *questions; /* of the set */
    size_t count;
    size_t *stem;   /* [count]: tokens in common, one fewer than the shortest request at most */
    size_t *offset; /* [count]: of the question's requests among the batch's */
    ll_said *said;  /* of all its requests */
} batch;

static const ll_question *question(const batch *b, size_t i) {
    return &b->s->set->questions[b->questions[i]];
}

static const ll_request *request(const batch *b, size_t i, size_t k) {
    return &b->s->set->requests[question(b, i)->first + k];
}

static size_t length_of(const ll_request *r) {
    return r->context + r->continuation;
}

/* The last token of a request is predicted, never run. */
static size_t find_stem(const ll_question_set *set, const ll_question *q) {
    const ll_request *r = &set->requests[q->first];
    size_t stem = length_of(r) - 1;
    for (size_t k = 1; k < q->requests; k++) {
        const size_t same =
            ll_common_tokens(ll_request_ids(set, r), stem, ll_request_ids(set, r + k), length_of(r + k) - 1);
        stem = same < stem ? same : stem;
    }
    return stem;
}

/* What all stems of the batch begin with. */
static ll_status share(const batch *b) {
    const ll_question_set *set = b->s->set;
    const int32_t *first = ll_request_ids(set, request(b, 0, 0));
    size_t common = b->stem[0];
    for (size_t i = 1; i < b->count; i++)
        common = ll_common_tokens(first, common, ll_request_ids(set, request(b, i, 0)), b->stem[i]);
    return ll_lanes_share(&b->s->lanes, b->count, first, common, b->s->error);
}

/* Rows from position from on of question i's requests [k, k_end) tell something up to position end; row: of the first of them among the
 * pass's outputs. */
static ll_status want(const batch *b, size_t i, size_t k, size_t k_end, size_t from, size_t end, size_t row) {
    for (size_t position = from; position < end; position++)
        for (size_t one = k; one < k_end; one++) {
            const ll_request *r = request(b, i, one);
            if (position + 1 >= r->context)
                LL_TRY(ll_scorer_want(b->s, row + position - from, ll_request_ids(b->s->set, r)[position + 1],
                                      b->offset[i] + one));
        }
    return LL_OK;
}

/* Runs the lanes, and adds what their rows say to the requests' scores. */
static ll_status run(const batch *b, size_t rows) {
    ll_scorer *s = b->s;
    LL_TRY(ll_lanes_run(&s->lanes, s->error));
    LL_TRY(ll_scorer_head(s, rows));
    for (size_t w = 0; w < s->want_count; w++) {
        const ll_head_want *wanted = &s->wants[w];
        ll_said *said = &b->said[s->want_request[w]];
        said->ll += (double)wanted->logit - s->rows[wanted->row].lse;
        said->greedy = said->greedy && s->rows[wanted->row].top_id == (uint32_t)wanted->id;
    }
    s->want_count = 0;
    return LL_OK;
}

/* The first position of the stem that tells something of a request. */
static size_t first_telling(const batch *b, size_t i) {
    size_t first = b->stem[i];
    for (size_t k = 0; k < question(b, i)->requests; k++)
        first = request(b, i, k)->context - 1 < first ? request(b, i, k)->context - 1 : first;
    return first;
}

static ll_status run_stems(const batch *b) {
    size_t rows = 0;
    for (size_t i = 0; i < b->count; i++) {
        const size_t from = first_telling(b, i), outputs = b->stem[i] - from;
        ll_lanes_add(&b->s->lanes, i, ll_request_ids(b->s->set, request(b, i, 0)), b->stem[i], outputs);
        LL_TRY(want(b, i, 0, question(b, i)->requests, from, b->stem[i], rows));
        rows += outputs;
    }
    return run(b, rows);
}

/* The k-th request of every question that has a token left to run. */
static ll_status run_branches(const batch *b, size_t k) {
    size_t rows = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (k >= question(b, i)->requests)
            continue;
        const ll_request *r = request(b, i, k);
        const size_t end = length_of(r) - 1, telling = r->context - 1,
                     from = telling > b->stem[i] ? telling : b->stem[i];
        if (end == b->stem[i])
            continue;
        ll_lanes_add(&b->s->lanes, i, ll_request_ids(b->s->set, r), end, end - from);
        LL_TRY(want(b, i, k, k + 1, from, end, rows));
        rows += end - from;
    }
    return rows ? run(b, rows) : LL_OK;
}

static ll_status report(const batch *b) {
    const ll_scorer_options *o = b->s->options;
    for (size_t i = 0; i < b->count; i++)
        LL_TRY(o->answered(o->context, b->questions[i], b->said + b->offset[i], b->s->error));
    return LL_OK;
}

static ll_status run_batch(batch *b) {
    size_t requests = 0, most = 0;
    for (size_t i = 0; i < b->count; i++) {
        b->stem[i] = find_stem(b->s->set, question(b, i));
        b->offset[i] = requests;
        requests += question(b, i)->requests;
        most = question(b, i)->requests > most ? question(b, i)->requests : most;
    }
    b->said = calloc(requests, sizeof *b->said);
    if (!b->said)
        return ll_fail(b->s->error, LL_NO_RESOURCE, "no memory for %zu scores", requests);
    for (size_t i = 0; i < requests; i++)
        b->said[i].greedy = true;
    ll_status status = share(b);
    if (status == LL_OK)
        status = run_stems(b);
    for (size_t k = 0; k < most && status == LL_OK; k++)
        status = run_branches(b, k);
    if (status == LL_OK)
        status = report(b);
    free(b->said);
    return status;
}

/* As many questions as there are lanes, but of one subject: they begin alike. */
static size_t count_batch(const ll_scorer *s, size_t first) {
    size_t count = 1;
    while (count < s->lanes.lanes && first + count < s->count &&
           s->set->questions[s->list[first + count]].subject == s->set->questions[s->list[first]].subject)
        count++;
    return count;
}

ll_status ll_score_choices(ll_scorer *s) {
    batch b = {.s = s};
    b.stem = calloc(2 * s->lanes.lanes, sizeof *b.stem);
    if (!b.stem)
        return ll_fail(s->error, LL_NO_RESOURCE, "no memory for %zu questions at once", s->lanes.lanes);
    b.offset = b.stem + s->lanes.lanes;
    ll_status status = LL_OK;
    for (size_t first = 0; first < s->count && status == LL_OK; first += b.count) {
        b.questions = s->list + first;
        b.count = count_batch(s, first);
        status = run_batch(&b);
    }
    free(b.stem);
    return status;
}
