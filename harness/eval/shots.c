#include "eval/shots.h"
#include "eval/prompt.h"

#include <stdlib.h>
#include <string.h>

void ll_shots_begin(ll_shots *out, const ll_task *task, size_t count) {
    *out = (ll_shots){.task = task, .count = count};
}

/* How many records of its class come before each. */
static ll_status count_in_class(const ll_shots *s, size_t *before, ll_error *error) {
    json_t *counts = json_object();
    ll_status status = LL_OK;
    for (size_t i = 0; i < s->pool.count && status == LL_OK; i++) {
        const char *class = json_string_value(json_object_get(s->pool.records[i], s->task->rounds_of));
        const json_int_t seen = class ? json_integer_value(json_object_get(counts, class)) : 0;
        before[i] = (size_t)seen;
        if (!class || json_object_set_new(counts, class, json_integer(seen + 1)) != 0)
            status = ll_fail(error, LL_BAD_INPUT, "%s: line %zu: there is no text \"%s\"", s->path,
                             s->pool.lines[i], s->task->rounds_of);
    }
    json_decref(counts);
    return status;
}

/* Round after round: the classes' first examples in a drawn order, their second ones, ... */
static ll_status draw_rounds(ll_shots *s, ll_error *error) {
    const size_t n = s->pool.count;
    size_t *before = malloc((3 * n + 1) * sizeof *before), *members = before + n, *order = members + n;
    ll_status status = before ? count_in_class(s, before, error)
                              : ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its examples", s->path);
    for (size_t round = 0, taken = 0; status == LL_OK && taken < s->count; round++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (before[i] == round)
                members[count++] = i;
        ll_python_random_sample(&s->random, count, count, order, s->room);
        for (size_t i = 0; i < count && taken < s->count; i++)
            s->drawn[taken++] = members[order[i]];
    }
    free(before);
    return status;
}

/* What stays the same for every question of the file. */
static ll_status draw_fixed(ll_shots *s, ll_error *error) {
    for (size_t i = 0; i < s->count; i++)
        s->drawn[i] = i;
    return s->task->shot_order == LL_SHOTS_ROUNDS ? draw_rounds(s, error) : LL_OK;
}

ll_status ll_shots_open(ll_shots *s, const char *path, ll_error *error) {
    char labels[LL_DATASET_PATH];
    ll_shots_close(s);
    ll_python_random_seed(&s->random, LL_SHOTS_SEED); /* a subject is a task of its own there */
    const ll_dataset_form form = {s->task->columns, ll_dataset_beside(path, s->task->shots_labels, labels),
                                  s->task->id};
    snprintf(s->path, sizeof s->path, "%s", path);
    LL_TRY(ll_dataset_read(&s->pool, path, &form, error));
    const size_t spare = s->task->shot_order == LL_SHOTS_SPARE;
    if (s->pool.count < s->count + spare)
        return ll_fail(error, LL_BAD_INPUT, "%s: %zu examples are asked, the file has %zu%s", path, s->count,
                       s->pool.count, spare ? " and one is to spare" : "");
    s->text = calloc(s->pool.count, sizeof *s->text);
    s->drawn = calloc(s->count + 1, sizeof *s->drawn);
    s->room = calloc(s->pool.count, sizeof *s->room);
    if (!s->text || !s->drawn || !s->room)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its examples", path);
    return draw_fixed(s, error);
}

void ll_shots_close(ll_shots *s) {
    ll_strings_free(s->text, s->pool.count);
    ll_dataset_free(&s->pool);
    free(s->drawn);
    free(s->room);
    s->text = NULL;
    s->drawn = s->room = NULL;
}

/* The examples that are not the question itself, count of them; returns how many there are. */
static size_t take_out(ll_shots *s, const json_t *question, size_t drawn) {
    size_t kept = 0;
    for (size_t i = 0; i < drawn && kept < s->count; i++)
        if (!json_equal(s->pool.records[s->drawn[i]], question))
            s->drawn[kept++] = s->drawn[i];
    return kept;
}

/* As the harness: where the question was drawn more than once, all are drawn again from the others. */
static ll_status draw_with_spare(ll_shots *s, const json_t *question, ll_error *error) {
    ll_python_random_sample(&s->random, s->pool.count, s->count + 1, s->drawn, s->room);
    if (take_out(s, question, s->count + 1) == s->count)
        return LL_OK;
    size_t others = 0, *other = malloc(s->pool.count * sizeof *other);
    if (!other)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its examples", s->path);
    for (size_t i = 0; i < s->pool.count; i++)
        if (!json_equal(s->pool.records[i], question))
            other[others++] = i;
    ll_status status = LL_OK;
    if (others < s->count)
        status = ll_fail(error, LL_BAD_INPUT, "%s: %zu examples are asked, %zu are not the question", s->path,
                         s->count, others);
    else
        ll_python_random_sample(&s->random, others, s->count, s->drawn, s->room);
    for (size_t i = 0; i < s->count && status == LL_OK; i++)
        s->drawn[i] = other[s->drawn[i]];
    free(other);
    return status;
}

static ll_status append_example(ll_shots *s, size_t record, ll_string *out, ll_error *error) {
    ll_string *text = &s->text[record];
    if (!text->length) {
        ll_prompt prompt;
        ll_status status = ll_prompt_make(&prompt, s->task, s->pool.records[record], error);
        if (status == LL_OK)
            status = ll_prompt_append_solved(&prompt, s->task, text, error);
        ll_prompt_free(&prompt);
        if (status != LL_OK)
            return ll_fail_in(error, status, "%s: line %zu", s->path, s->pool.lines[record]);
    }
    return ll_string_append(out, text->data, text->length, error);
}

ll_status ll_shots_append(ll_shots *s, const json_t *question, ll_string *out, ll_error *error) {
    if (!s->count)
        return LL_OK;
    if (s->task->shot_order == LL_SHOTS_SAMPLED)
        ll_python_random_sample(&s->random, s->pool.count, s->count, s->drawn, s->room);
    else if (s->task->shot_order == LL_SHOTS_SPARE)
        LL_TRY(draw_with_spare(s, question, error));
    for (size_t i = 0; i < s->count; i++)
        LL_TRY(append_example(s, s->drawn[i], out, error));
    return LL_OK;
}
