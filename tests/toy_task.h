/* Small tasks: their definitions, data and tokenizers. JSON here has ' for ".
 *
 *   ll_toy_data("q.jsonl", "{'q':'1+1','k':'0'}\n");
 *   ll_toy_asked a;
 *   ll_toy_ask(&a, "{'task':'toy', ...}", "llama2", NULL);
 *   if (a.status == LL_OK) ... a.set ...
 *   ll_toy_asked_free(&a);
 */
#ifndef LL_TOY_TASK_H
#define LL_TOY_TASK_H
#include "eval/questions.h"

/* NULL after having failed the running test. */
json_t *ll_toy_json(const char *text);
/* Writes DATA/toy/name, which $LAYERLAB_DATA is set to. */
void ll_toy_data(const char *name, const char *text);
/* False after having failed the running test. */
bool ll_toy_task(ll_task *out, const char *definition);
/* tests/golden/tokenizer-NAME; config: instead of its tokenizer_config.json. NULL after having failed the running test. */
ll_tokenizer *ll_toy_tokenizer(const char *name, const char *config);

typedef struct {
    ll_task task;
    ll_tokenizer *own;   /* that goes with it */
    ll_question_set set; /* empty where it was refused */
    ll_status status;
    ll_error error;
} ll_toy_asked;
/* The task's questions over the data that is there, with ll_toy_tokenizer(tokenizer, NULL). options NULL: all questions, examples as
 * the task says, a context of 1000. The set says of its task where out is: it must not be moved. */
void ll_toy_ask(ll_toy_asked *out, const char *definition, const char *tokenizer,
                const ll_question_options *options);
/* The same with a tokenizer of the caller's. */
void ll_toy_ask_by(ll_toy_asked *out, const char *definition, const ll_tokenizer *tokenizer,
                   const ll_question_options *options);
void ll_toy_asked_free(ll_toy_asked *asked);
#endif
