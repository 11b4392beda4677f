/* Several tasks put to one model, whole or dropped. */
#ifndef LL_EXAM_H
#define LL_EXAM_H
#include "eval/score.h"
#include "options.h"

typedef struct {
    ll_task *tasks;
    ll_question_set *sets;
    size_t count;
} ll_exam;

/* The tasks of --tasks (NULL, "paper": the paper's eight, of which those without data are left out and named on stderr), their questions for
 * this model. Says on stderr what of the data is a sample, which limit is beyond it, how many prompts were cut; unless quiet. */
ll_status ll_exam_make(ll_exam *out, const ll_options *options, const ll_tokenizer *tokenizer, size_t context,
                       ll_error *error);
void ll_exam_free(ll_exam *exam); /* a zeroed one is fine */

/* Which model's answers: sha256 NULL where none are kept. */
typedef struct {
    const ll_options *options;
    const char *model_sha256, *drop;
    const ll_kernels *kernels;
    const char *folder; /* where answers are kept; NULL: nowhere */
    const char *weights,
        *group; /* of weights that are not simply the options': what rows call them; else NULL */
} ll_examinee;
/* The answers to task i that are there already. */
ll_status ll_exam_open(const ll_exam *exam, size_t i, const ll_examinee *who, ll_answers *out,
                       ll_error *error);
/* "first 100", "100 drawn with seed 0", "all" */
enum { LL_LIMIT_TEXT = 64 };
void ll_exam_limit_text(const ll_options *options, char out[LL_LIMIT_TEXT]);
#endif
