/* From what a model said to right and wrong, and to the numbers of a task. */
#ifndef LL_SCORE_H
#define LL_SCORE_H
#include "eval/answers.h"

enum { LL_MAX_METRICS = 8 };

/* A share of right answers. stderr: sample standard deviation over the root of the count, of subjects together the pooled one, as in
 * lm-evaluation-harness; NAN where it is not defined. */
typedef struct {
    double mean, stderr_mean;
} ll_share_right;

typedef struct {
    const char *name; /* of a group or subject */
    size_t count;
    ll_share_right metric[LL_MAX_METRICS];
} ll_score_part;

typedef struct {
    size_t count; /* questions */
    size_t metrics, main;
    const char *metric[LL_MAX_METRICS];
    ll_share_right total[LL_MAX_METRICS]; /* every question counts the same */
    double macro[LL_MAX_METRICS];         /* every subject counts the same */
    ll_score_part *subjects, *groups;     /* of a task with subjects */
    size_t subject_count, group_count;
    unsigned char *right; /* [metrics][count] */
} ll_score_sheet;

/* Every question has been answered. */
ll_status ll_score_sheet_make(ll_score_sheet *out, const ll_question_set *set, const ll_answers *answers,
                              ll_error *error);
void ll_score_sheet_free(ll_score_sheet *sheet);

/* Names of a task's metrics, at most LL_MAX_METRICS; returns how many. *main: the one that stands for the task. */
size_t ll_task_metrics(const ll_task *task, const char *names[LL_MAX_METRICS], size_t *main);
/* A generated text's answer by a filter, and whether it is the target's. */
ll_status ll_answer_take(const ll_answer_filter *filter, const char *text, ll_string *out, ll_error *error);
ll_status ll_answer_is_right(const ll_task *task, const char *answer, const char *target, bool *right,
                             ll_error *error);
/* Which choice a metric takes: the first of the best. */
size_t ll_choice_of(const ll_question_set *set, const ll_question *question, const ll_said *said,
                    const char *metric);

/* Two models on the same questions. */
typedef struct {
    size_t only_first, only_second; /* questions that only one of them has right */
    double difference;              /* second's share less first's */
    double stderr_difference;       /* of paired differences; NAN for one question */
    double p;                       /* McNemar's exact test: of a difference as large by chance (two-sided) */
} ll_paired;
ll_paired ll_pair(const unsigned char *first, const unsigned char *second, size_t count);
#endif
