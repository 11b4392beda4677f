#include "eval/questions.h"
#include "eval/prompt.h"
#include "eval/shots.h"
#include "eval/task_list.h"
#include "order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A set while it is made. */
typedef struct {
    ll_question_set *set;
    const ll_tokenizer *tokenizer;
    const ll_question_options *options;
    ll_shots shots;
    ll_string hashes; /* of the files so far */
    double chances;   /* sum over the questions */
    ll_string last;   /* text of the request before, where it is not kept there */
    ll_progress *progress;
    ll_error *error;
} making;

static ll_status no_memory(const making *m) {
    return ll_fail(m->error, LL_NO_RESOURCE, "%s: no memory for its questions", m->set->task->name);
}

static ll_status grow(const making *m, void **items, size_t size, size_t count, size_t *capacity) {
    if (count < *capacity)
        return LL_OK;
    const size_t more = 2 * *capacity + 64;
    void *larger = realloc(*items, more * size);
    if (!larger)
        return no_memory(m);
    *items = larger;
    *capacity = more;
    return LL_OK;
}

size_t ll_question_tokens(const ll_question_set *set, const ll_question *q) {
    size_t tokens = 0;
    for (size_t k = 0; k < q->requests; k++)
        tokens += set->requests[q->first + k].context + set->requests[q->first + k].continuation;
    return tokens;
}

const int32_t *ll_request_ids(const ll_question_set *set, const ll_request *request) {
    return set->ids.data + request->first;
}

/* Tokens that a request may have at most beside what is generated; the last one of a choice is only predicted. */
static size_t room_of(const making *m) {
    const ll_task *task = m->set->task;
    const size_t context = m->options->context;
    if (task->kind != LL_TASK_GENERATE)
        return context + 1;
    return context > task->max_tokens ? context - task->max_tokens : 0;
}

static ll_status fail_too_long(const making *m, const ll_request *r) {
    const ll_task *task = m->set->task;
    char generated[64] = "";
    if (task->kind == LL_TASK_GENERATE)
        snprintf(generated, sizeof generated, " and %zu to generate", task->max_tokens);
    if (r->continuation >= room_of(m))
        return ll_fail(
            m->error, LL_BAD_INPUT,
            "the model's context of %zu positions has no room for a prompt: there are %zu tokens to score%s",
            m->options->context, r->continuation, generated);
    return ll_fail(
        m->error, LL_BAD_INPUT,
        "the prompt has %zu tokens%s, the model's context %zu positions; fewer --num-fewshot, or --too-long "
        "cut, which takes its beginning away",
        r->context + r->continuation, generated, m->options->context);
}

/* What is too long loses its beginning, as in the harness, or is refused. */
static ll_status fit(const making *m, ll_request *r) {
    const size_t length = r->context + r->continuation, room = room_of(m);
    if (length <= room)
        return LL_OK;
    if (!m->options->cut || r->continuation >= room)
        return fail_too_long(m, r);
    ll_ids *ids = &m->set->ids;
    const size_t over = length - room;
    memmove(ids->data + r->first, ids->data + r->first + over, room * sizeof *ids->data);
    ids->count -= over;
    r->context -= over;
    m->set->cut++;
    return LL_OK;
}

/* The context is encoded once for all choices: it is the request's before, as long as that is whole. */
static ll_status encode(const making *m, ll_request *r, const ll_string *text) {
    ll_question_set *set = m->set;
    const ll_request *before = set->request_count > 1 ? r - 1 : NULL;
    const size_t bytes = r->text_context;
    const bool alike = before && bytes == before->text_context && bytes < text->length &&
                       before->context > 1 && m->last.length > bytes &&
                       memcmp(m->last.data, text->data, bytes) == 0 && !set->cut;
    if (!alike)
        return ll_encode_pair(m->tokenizer, text->data, bytes, text->length - bytes, &set->ids, &r->context,
                              &r->continuation, m->error);
    for (size_t i = 0; i < before->context; i++)
        LL_TRY(ll_ids_append(&set->ids, set->ids.data[before->first + i], m->error));
    r->context = before->context;
    return ll_encode_continuation(m->tokenizer, text->data, text->length, &set->ids, r->context,
                                  &r->continuation, m->error);
}

/* Takes over text, which is the context's up to context_bytes. */
static ll_status add_request(making *m, ll_string *text, size_t context_bytes, const ll_string *choice) {
    ll_question_set *set = m->set;
    LL_TRY(
        grow(m, (void **)&set->requests, sizeof *set->requests, set->request_count, &set->request_capacity));
    ll_request *r = &set->requests[set->request_count++];
    *r = (ll_request){.first = set->ids.count, .text_context = context_bytes};
    for (size_t i = 0; choice && i < choice->length; i++)
        r->characters += ((unsigned char)choice->data[i] & 0xC0) != 0x80;
    r->bytes = choice ? choice->length : 0;
    LL_TRY(encode(m, r, text));
    if (m->options->keep_text && !(r->text = strdup(text->data)))
        return no_memory(m);
    ll_string_free(&m->last);
    m->last = *text;
    *text = (ll_string){0};
    if (choice && r->continuation == 0)
        return ll_fail(m->error, LL_BAD_INPUT, "choice \"%.40s\" has no token of its own", choice->data);
    LL_TRY(fit(m, r));
    const size_t length = r->context + r->continuation + (choice ? 0 : set->task->max_tokens);
    set->longest = length > set->longest ? length : set->longest;
    set->asked += r->context + r->continuation;
    return LL_OK;
}

/* before: description and examples; then the context, and of a choice the delimiter and the continuation. */
static ll_status make_request(making *m, const ll_string *before, const ll_string *context,
                              const ll_string *continuation, const ll_string *choice) {
    const ll_task *task = m->set->task;
    ll_string text = {0};
    ll_status status = ll_string_append(&text, before->data, before->length, m->error);
    if (status == LL_OK)
        status = ll_string_append(&text, context->data, context->length, m->error);
    const size_t context_bytes = text.length;
    if (status == LL_OK && continuation)
        status = ll_string_append(&text, task->target_delimiter, strlen(task->target_delimiter), m->error);
    if (status == LL_OK && continuation)
        status = ll_string_append(&text, continuation->data, continuation->length, m->error);
    if (status == LL_OK)
        status = add_request(m, &text, context_bytes, choice);
    ll_string_free(&text);
    return status;
}

/* acc_norm divides by the choice's length; where the choices are in the contexts, the harness still means them. */
static ll_status make_requests(making *m, const ll_prompt *p, const ll_string *before, ll_question *q) {
    const ll_task *task = m->set->task;
    q->first = m->set->request_count;
    q->gold = p->gold;
    if (task->kind == LL_TASK_GENERATE) {
        q->requests = 1;
        q->target = strdup(p->answers[0].data);
        return q->target ? make_request(m, before, &p->contexts[0], NULL, NULL) : no_memory(m);
    }
    q->requests = p->choices;
    m->chances += 1 / (double)p->choices;
    for (size_t i = 0; i < p->choices; i++) {
        const bool contexts = task->kind == LL_TASK_CONTEXTS;
        LL_TRY(make_request(m, before, &p->contexts[contexts ? i : 0], &p->answers[contexts ? 0 : i],
                            contexts ? &p->contexts[i] : &p->answers[i]));
    }
    return LL_OK;
}

static ll_status make_question(making *m, const json_t *record, ll_question *q) {
    ll_prompt prompt;
    ll_string before = {0};
    LL_TRY(ll_prompt_make(&prompt, m->set->task, record, m->error));
    ll_status status = ll_template_render(m->set->task->description, record, &before, m->error);
    if (status == LL_OK)
        status = ll_shots_append(&m->shots, record, &before, m->error);
    if (status == LL_OK)
        status = make_requests(m, &prompt, &before, q);
    ll_string_free(&before);
    ll_prompt_free(&prompt);
    return status;
}

static ll_status add_question(making *m, const ll_dataset *data, size_t document) {
    ll_question_set *set = m->set;
    LL_TRY(grow(m, (void **)&set->questions, sizeof *set->questions, set->count, &set->capacity));
    ll_question *q = &set->questions[set->count++];
    *q =
        (ll_question){.document = document, .line = data->lines[document], .subject = set->subject_count - 1};
    const ll_status status = make_question(m, data->records[document], q);
    ll_progress_step(m->progress, 1);
    return status;
}

/* Which records are asked: all, the first ones, or a drawn subset in the file's order. malloc'd; NULL: no memory. */
static size_t *choose(const ll_question_options *o, size_t available, size_t *count) {
    *count = o->limit && o->limit < available ? o->limit : available;
    size_t *chosen = malloc((2 * available + 1) * sizeof *chosen);
    for (size_t i = 0; chosen && i < *count; i++)
        chosen[i] = i;
    if (chosen && o->subset && *count < available) {
        ll_python_random random;
        ll_python_random_seed(&random, o->seed);
        ll_python_random_sample(&random, available, *count, chosen, chosen + available);
        qsort(chosen, *count, sizeof *chosen, ll_order_sizes);
    }
    return chosen;
}

static ll_status ask(making *m, const char *path, const ll_dataset *data) {
    size_t count;
    size_t *chosen = choose(m->options, data->count, &count);
    if (!chosen)
        return no_memory(m);
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        status = add_question(m, data, chosen[i]);
        if (status != LL_OK)
            status = ll_fail_in(m->error, status, "%s: line %zu", path, data->lines[chosen[i]]);
    }
    free(chosen);
    return status;
}

/* A subject's documents say which it is, for the description. */
static ll_status name_subject(const making *m, ll_dataset *data, const char *subject) {
    for (size_t i = 0; subject && i < data->count; i++)
        if (json_object_set_new(data->records[i], "subject", json_string(subject)) != 0)
            return no_memory(m);
    return LL_OK;
}

static ll_status open_shots(making *m, const char *subject) {
    char path[LL_TASK_PATH];
    bool sample;
    const ll_task *task = m->set->task;
    if (!m->set->shots)
        return LL_OK;
    if (!task->shots_from)
        return ll_fail(m->error, LL_BAD_USAGE,
                       "%s: --num-fewshot %zu, but the task names no file of examples", task->name,
                       m->set->shots);
    if (!ll_task_locate(task, task->shots_from, subject, path, &sample))
        return ll_task_fail_missing(task, task->shots_from, subject, m->error);
    LL_TRY(ll_shots_open(&m->shots, path, m->error));
    LL_TRY(name_subject(m, &m->shots.pool, subject));
    m->set->sample_shots |= sample;
    return ll_string_append(&m->hashes, m->shots.pool.sha256, strlen(m->shots.pool.sha256), m->error);
}

static ll_status read_subject(making *m, const char *path, ll_dataset *data) {
    char labels[LL_TASK_PATH];
    const ll_task *task = m->set->task;
    const ll_question_subject *subject = &m->set->subjects[m->set->subject_count - 1];
    const ll_dataset_form form = {task->columns, ll_dataset_beside(path, task->labels, labels), task->id};
    LL_TRY(ll_dataset_read(data, path, &form, m->error));
    LL_TRY(name_subject(m, data, subject->name));
    LL_TRY(ll_string_append(&m->hashes, data->sha256, strlen(data->sha256), m->error));
    LL_TRY(open_shots(m, subject->name));
    return ask(m, path, data);
}

/* A subject, or all of a task without subjects. *found: its file is there. */
static ll_status add_subject(making *m, const char *group, const char *name, bool *found) {
    ll_question_set *set = m->set;
    char path[LL_TASK_PATH];
    bool sample;
    ll_dataset data = {0};
    *found = ll_task_locate(set->task, set->task->questions, name, path, &sample);
    if (!*found)
        return LL_OK;
    set->sample |= sample;
    ll_question_subject *subject = &set->subjects[set->subject_count++];
    *subject = (ll_question_subject){.group = group, .name = name, .first = set->count};
    const ll_status status = read_subject(m, path, &data);
    subject->count = set->count - subject->first;
    subject->available = data.count;
    set->available += data.count;
    ll_dataset_free(&data);
    return status;
}

static ll_status make_all(making *m) {
    const ll_task *task = m->set->task;
    bool found, any = false;
    m->set->subjects = calloc(task->subject_count + 1, sizeof *m->set->subjects);
    if (!m->set->subjects)
        return no_memory(m);
    if (!task->subject_count)
        LL_TRY(add_subject(m, NULL, NULL, &any));
    for (size_t i = 0; i < task->subject_count; i++) {
        LL_TRY(add_subject(m, task->subjects[i].group, task->subjects[i].name, &found));
        any |= found;
    }
    if (!any)
        return ll_task_fail_missing(task, task->questions,
                                    task->subject_count ? task->subjects[0].name : NULL, m->error);
    m->set->chance = isnan(task->chance) ? m->chances / (double)m->set->count : task->chance;
    ll_sha256_bytes(m->hashes.data, m->hashes.length, m->set->data_sha256);
    return LL_OK;
}

ll_status ll_questions_make(ll_question_set *out, const ll_task *task, const ll_tokenizer *tokenizer,
                            const ll_question_options *options, ll_progress *progress, ll_error *error) {
    *out =
        (ll_question_set){.task = task, .shots = options->shots == SIZE_MAX ? task->shots : options->shots};
    making m = {.set = out, .tokenizer = tokenizer, .options = options, .progress = progress, .error = error};
    ll_shots_begin(&m.shots, task, out->shots);
    const ll_status status = make_all(&m);
    ll_shots_close(&m.shots);
    ll_string_free(&m.hashes);
    ll_string_free(&m.last);
    if (status != LL_OK)
        ll_questions_free(out);
    return status;
}

void ll_questions_free(ll_question_set *set) {
    for (size_t i = 0; i < set->request_count; i++)
        free(set->requests[i].text);
    for (size_t i = 0; i < set->count; i++)
        free(set->questions[i].target);
    free(set->requests);
    free(set->questions);
    free(set->subjects);
    ll_ids_free(&set->ids);
    *set = (ll_question_set){0};
}
