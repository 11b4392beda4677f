/* Task definitions: one JSON file a task (harness/tasks/README.md). */
#ifndef LL_TASK_H
#define LL_TASK_H
#include "regex.h"
#include "sha256.h"

typedef enum {
    LL_TASK_CHOICES,  /* one context, several continuations */
    LL_TASK_CONTEXTS, /* several contexts, one continuation ("partial evaluation", as WinoGrande) */
    LL_TASK_GENERATE, /* a text, from which an answer is taken */
} ll_task_kind;

typedef enum {
    LL_SHOTS_SAMPLED, /* other ones for every question, drawn as lm-evaluation-harness draws */
    LL_SHOTS_SPARE, /* the same with one more drawn, and the question itself taken out where it was: what the harness does for
                       * tasks without a test split */
    LL_SHOTS_FIRST,  /* the first ones of the file */
    LL_SHOTS_ROUNDS, /* one of every class, in a drawn order, then another one of every class, ... */
} ll_shot_order;

/* A replacement of every match. */
typedef struct {
    ll_regex *pattern;
    const char *with;
} ll_rewrite;

/* How an answer is taken from a generated text. */
typedef struct {
    const char *metric;
    ll_regex *pattern;
    bool last; /* of several matches */
} ll_answer_filter;

typedef struct {
    const char *group, *name;
} ll_subject;

/* All texts belong to root. */
typedef struct {
    json_t *root;
    char sha256[LL_SHA256_TEXT]; /* of the definition */
    const char *name, *title, *about, *get, *licence;
    const char *paper_column; /* of the paper's tables of eight tasks; NULL: not one of them */
    ll_task_kind kind;
    ll_subject *subjects; /* in the file's order; NULL: the task is one */
    size_t subject_count;
    const json_t *questions, *shots_from;     /* file names, the best first; shots_from NULL: none */
    const char *labels, *shots_labels;        /* files; NULL: none */
    const char *id;                           /* field; NULL: none */
    const json_t *columns;                    /* NULL: none */
    size_t whole;                             /* questions that the whole data has; 0: not known */
    const char *description;                  /* before the examples */
    const json_t *texts;                      /* of LL_TASK_CONTEXTS */
    const char *text, *continuation, *target; /* continuation: of LL_TASK_CONTEXTS */
    const json_t *choices, *targets;          /* targets: what target is for each choice */
    const char *target_delimiter, *fewshot_delimiter;
    ll_rewrite *rewrites;
    size_t rewrite_count;
    size_t shots;
    ll_shot_order shot_order;
    const char *rounds_of;
    const json_t *until;
    size_t max_tokens;
    ll_answer_filter *filters;
    size_t filter_count;
    ll_regex **ignore; /* taken out of answer and target before they are compared */
    size_t ignore_count;
    bool ignore_case;
    const char *metric; /* the one that stands for the task: acc, acc_norm, acc_bytes, or a filter's */
    double chance;      /* NAN: one over the number of choices */
} ll_task;

/* path: of the file. Untrusted: a key that is unknown, missing, or holds another kind of value is named. */
ll_status ll_task_read(ll_task *out, const char *path, ll_error *error);
void ll_task_free(ll_task *task);
#endif
