#include "eval/prompt.h"

#include <string.h>

static ll_status rewrite(const ll_task *task, ll_string *text, ll_error *error) {
    for (size_t i = 0; i < task->rewrite_count; i++)
        LL_TRY(ll_regex_replace(task->rewrites[i].pattern, text, task->rewrites[i].with, error));
    return LL_OK;
}

static ll_status rewrite_all(const ll_task *task, ll_string *texts, size_t count, ll_error *error) {
    for (size_t i = 0; i < count; i++)
        LL_TRY(rewrite(task, &texts[i], error));
    return LL_OK;
}

/* One rendered template as a list of one. */
static ll_status render_one(const char *template, const json_t *record, ll_string **out, size_t *count,
                            ll_error *error) {
    json_t *list = json_pack("[s]", template);
    const ll_status status = list ? ll_template_list(list, record, out, count, error)
                                  : ll_fail(error, LL_NO_RESOURCE, "no memory for a template");
    json_decref(list);
    return status;
}

/* The place of the right answer among the targets. */
static ll_status find_gold(ll_prompt *p, const ll_task *task, const json_t *record, ll_error *error) {
    ll_string key = {0}, *targets = NULL;
    size_t count = 0;
    ll_status status = ll_template_render(task->target, record, &key, error);
    if (status == LL_OK)
        status = ll_template_list(task->targets, record, &targets, &count, error);
    p->gold = count;
    for (size_t i = count; i-- > 0;)
        if (targets[i].length == key.length && memcmp(targets[i].data, key.data, key.length) == 0)
            p->gold = i;
    if (status == LL_OK && count != p->choices)
        status = ll_fail(error, LL_BAD_INPUT, "%zu choices have %zu keys", p->choices, count);
    else if (status == LL_OK && p->gold == count)
        status = ll_fail(error, LL_BAD_INPUT,
                         "the right answer \"%.40s\" is none of the %zu keys from \"%.40s\" on", key.data,
                         count, count ? targets[0].data : "");
    ll_strings_free(targets, count);
    ll_string_free(&key);
    return status;
}

static ll_status check_choices(const ll_prompt *p, ll_error *error) {
    if (p->choices == 0)
        return ll_fail(error, LL_BAD_INPUT, "there are no choices");
    for (size_t i = 0; i < p->answer_count; i++)
        if (p->answers[i].length == 0)
            return ll_fail(error, LL_BAD_INPUT, "choice %zu is empty", i + 1);
    return LL_OK;
}

static ll_status make(ll_prompt *p, const ll_task *task, const json_t *record, ll_error *error) {
    if (task->kind == LL_TASK_CONTEXTS)
        LL_TRY(ll_template_list(task->texts, record, &p->contexts, &p->context_count, error));
    else
        LL_TRY(render_one(task->text, record, &p->contexts, &p->context_count, error));
    LL_TRY(rewrite_all(task, p->contexts, p->context_count, error));
    if (task->kind == LL_TASK_CHOICES)
        LL_TRY(ll_template_list(task->choices, record, &p->answers, &p->answer_count, error));
    else
        LL_TRY(render_one(task->kind == LL_TASK_CONTEXTS ? task->continuation : task->target, record,
                          &p->answers, &p->answer_count, error));
    LL_TRY(rewrite_all(task, p->answers, p->answer_count, error));
    if (task->kind == LL_TASK_GENERATE)
        return LL_OK;
    p->choices = task->kind == LL_TASK_CONTEXTS ? p->context_count : p->answer_count;
    LL_TRY(check_choices(p, error));
    return find_gold(p, task, record, error);
}

ll_status ll_prompt_make(ll_prompt *out, const ll_task *task, const json_t *record, ll_error *error) {
    *out = (ll_prompt){0};
    const ll_status status = make(out, task, record, error);
    if (status != LL_OK)
        ll_prompt_free(out);
    return status;
}

void ll_prompt_free(ll_prompt *p) {
    ll_strings_free(p->contexts, p->context_count);
    ll_strings_free(p->answers, p->answer_count);
    *p = (ll_prompt){0};
}

ll_status ll_prompt_append_solved(const ll_prompt *p, const ll_task *task, ll_string *out, ll_error *error) {
    const ll_string *context = &p->contexts[p->context_count > 1 ? p->gold : 0],
                    *answer = &p->answers[p->answer_count > 1 ? p->gold : 0];
    LL_TRY(ll_string_append(out, context->data, context->length, error));
    LL_TRY(ll_string_append(out, task->target_delimiter, strlen(task->target_delimiter), error));
    LL_TRY(ll_string_append(out, answer->data, answer->length, error));
    return ll_string_append(out, task->fewshot_delimiter, strlen(task->fewshot_delimiter), error);
}
