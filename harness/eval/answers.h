/* What a model said to the questions of a set, kept in a file so that a question is asked once. */
#ifndef LL_ANSWERS_H
#define LL_ANSWERS_H
#include "eval/scorer.h"

typedef struct {
    const ll_question_set *set;
    ll_said *said; /* [set->request_count]; texts are malloc'd */
    bool *there;   /* [set->count] */
    size_t missing;
    ll_scorer_use use; /* of those that were asked now */
    int file;          /* descriptor; -1: kept nowhere */
    char *path;
} ll_answers;

/* What answers depend on, beside the questions' set: all as text, in the order in which it is named. */
typedef struct {
    const char *name, *value;
    bool refused; /* a file that is the same but for this is refused, not another one's */
} ll_answer_key;

/* folder NULL: nothing is kept. Else the answers of the file for this key are taken; questions without one are missing. Refused: a file
 * with other values of a refused key (both are named), a damaged line (named), another program that has the file open. A last line that
 * was cut is asked again. */
ll_status ll_answers_open(ll_answers *out, const ll_question_set *set, const char *folder,
                          const ll_answer_key *keys, size_t key_count, ll_error *error);
/* Asks the questions that are missing; every answer goes to the file at once. One progress step a token asked. */
ll_status ll_answers_ask(ll_answers *answers, const ll_model *model, const ll_mask *mask, size_t batch,
                         ll_progress *progress, ll_error *error);
void ll_answers_close(ll_answers *answers); /* a zeroed one is fine */
#endif
