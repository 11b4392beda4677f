/* Greedy generation: every lane goes on with its question until it stops, and then takes the next question. */
#include "eval/scorer_private.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* A question on its lane. */
typedef struct {
    bool busy;
    size_t question; /* of the set */
    int32_t *ids;    /* [capacity] context, then what was generated */
    size_t context, count;
    ll_string text; /* generated, without tokens of control */
    ll_string all;  /* with them: they may be what it stops at */
    bool stopped;
} lane;

typedef struct {
    ll_scorer *s;
    lane *lanes;
    int32_t *ids; /* of all lanes */
    size_t next;  /* of the list */
} generating;

static const ll_task *task_of(const generating *g) {
    return g->s->set->task;
}

static bool take_next(generating *g, lane *l) {
    if (g->next == g->s->count)
        return false;
    l->question = g->s->list[g->next++];
    const ll_request *r = &g->s->set->requests[g->s->set->questions[l->question].first];
    memcpy(l->ids, ll_request_ids(g->s->set, r), r->context * sizeof *l->ids);
    l->context = l->count = r->context;
    l->text.length = l->all.length = 0;
    l->stopped = false;
    l->busy = true;
    return true;
}

/* Where the first stop string begins; the text's end where it holds none. */
static size_t find_stop(const ll_task *task, const ll_string *text) {
    size_t stop = text->length;
    for (size_t i = 0; i < json_array_size(task->until); i++) {
        const json_t *until = json_array_get(task->until, i);
        const char *found =
            memmem(text->data, text->length, json_string_value(until), json_string_length(until));
        if (found && (size_t)(found - text->data) < stop)
            stop = (size_t)(found - text->data);
    }
    return stop;
}

/* It stops at a stop string, at the end token, or when it is long enough. */
static ll_status see_token(const generating *g, lane *l, int32_t id) {
    const ll_tokenizer *tokenizer = ll_model_tokenizer(g->s->lanes.model);
    const ll_text piece = ll_tokenizer_decode(tokenizer, id);
    const bool end = id == ll_tokenizer_eos(tokenizer),
               shown = !end && !ll_tokenizer_is_control(tokenizer, id);
    LL_TRY(ll_string_append(&l->text, piece.data, shown ? piece.length : 0, g->s->error));
    LL_TRY(ll_string_append(&l->all, piece.data, end ? 0 : piece.length, g->s->error));
    l->ids[l->count++] = id;
    l->stopped = end || find_stop(task_of(g), &l->all) < l->all.length ||
                 l->count - l->context == task_of(g)->max_tokens;
    return LL_OK;
}

/* What is no UTF-8 becomes U+FFFD, as in the harness. */
static ll_status clean(const ll_string *text, size_t bytes, ll_string *out, ll_error *error) {
    ll_utf8 stream = {0};
    char *room = malloc(LL_UTF8_ROOM(bytes));
    if (!room)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for an answer of %zu bytes", bytes);
    size_t length = ll_utf8_feed(&stream, text->data, bytes, room);
    length += ll_utf8_flush(&stream, room + length);
    const ll_status status = ll_string_append(out, room, length, error);
    free(room);
    return status;
}

static ll_status finish(const generating *g, lane *l) {
    const ll_scorer_options *o = g->s->options;
    g->s->generated += l->count - l->context;
    ll_string answer = {0};
    ll_status status = clean(&l->text, find_stop(task_of(g), &l->text), &answer, g->s->error);
    const ll_said said = {.text = answer.data, .tokens = l->count - l->context};
    if (status == LL_OK)
        status = o->answered(o->context, l->question, &said, g->s->error);
    ll_string_free(&answer);
    l->busy = false;
    return status;
}

/* What the questions that have just taken a lane begin with is computed once, if all lanes are theirs. */
static ll_status share(const generating *g) {
    const ll_lanes *lanes = &g->s->lanes;
    const lane *first = &g->lanes[0];
    size_t common = first->count;
    for (size_t i = 0; i < lanes->lanes; i++) {
        if (!g->lanes[i].busy || g->lanes[i].count > g->lanes[i].context)
            return LL_OK;
        common = ll_common_tokens(first->ids, common, g->lanes[i].ids, g->lanes[i].count - 1);
    }
    return ll_lanes_share(&g->s->lanes, lanes->lanes, first->ids, common, g->s->error);
}

/* One token for every lane that has a question. *busy: how many. */
static ll_status step(generating *g, size_t *busy) {
    ll_scorer *s = g->s;
    *busy = 0;
    for (size_t i = 0; i < s->lanes.lanes; i++)
        if (g->lanes[i].busy || take_next(g, &g->lanes[i]))
            ++*busy;
    LL_TRY(share(g));
    for (size_t i = 0; i < s->lanes.lanes; i++)
        if (g->lanes[i].busy)
            ll_lanes_add(&s->lanes, i, g->lanes[i].ids, g->lanes[i].count, 1);
    if (!*busy)
        return LL_OK;
    LL_TRY(ll_lanes_run(&s->lanes, s->error));
    LL_TRY(ll_scorer_head(s, *busy));
    for (size_t i = 0, row = 0; i < s->lanes.lanes; i++) {
        lane *l = &g->lanes[i];
        if (!l->busy)
            continue;
        LL_TRY(see_token(g, l, (int32_t)s->rows[row++].top_id));
        if (l->stopped)
            LL_TRY(finish(g, l));
    }
    return LL_OK;
}

ll_status ll_score_generations(ll_scorer *s) {
    const size_t capacity = s->lanes.capacity;
    generating g = {.s = s,
                    .lanes = calloc(s->lanes.lanes, sizeof *g.lanes),
                    .ids = malloc(s->lanes.lanes * (capacity + 1) * sizeof *g.ids)};
    ll_status status = LL_OK;
    if (!g.lanes || !g.ids)
        status = ll_fail(s->error, LL_NO_RESOURCE, "no memory for %zu answers at once", s->lanes.lanes);
    for (size_t i = 0; status == LL_OK && i < s->lanes.lanes; i++)
        g.lanes[i].ids = g.ids + i * (capacity + 1);
    for (size_t busy = 1; busy && status == LL_OK;)
        status = step(&g, &busy);
    for (size_t i = 0; g.lanes && i < s->lanes.lanes; i++) {
        ll_string_free(&g.lanes[i].text);
        ll_string_free(&g.lanes[i].all);
    }
    free(g.lanes);
    free(g.ids);
    return status;
}
