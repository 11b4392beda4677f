/* What a task's templates make of one record. */
#ifndef LL_PROMPT_H
#define LL_PROMPT_H
#include "eval/task.h"

typedef struct {
    ll_string *contexts; /* one, or one for each choice (LL_TASK_CONTEXTS) */
    size_t context_count;
    ll_string *answers; /* of LL_TASK_CHOICES the choices; else one: the continuation, or the right text */
    size_t answer_count;
    size_t choices; /* to choose among; 0: the answer is generated */
    size_t gold;    /* the right one */
} ll_prompt;

/* Refused: what a template refuses, no choice or an empty one, a key that is none of the targets. */
ll_status ll_prompt_make(ll_prompt *out, const ll_task *task, const json_t *record, ll_error *error);
void ll_prompt_free(ll_prompt *prompt);
/* Appends the record as an example, with its right answer. */
ll_status ll_prompt_append_solved(const ll_prompt *prompt, const ll_task *task, ll_string *out,
                                  ll_error *error);
#endif
