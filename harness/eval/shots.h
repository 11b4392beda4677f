/* The examples before a question: which ones, and their text. */
#ifndef LL_SHOTS_H
#define LL_SHOTS_H
#include "eval/dataset.h"
#include "eval/python_random.h"
#include "eval/task.h"

/* The seed of lm-evaluation-harness (fewshot_random_seed). */
enum { LL_SHOTS_SEED = 1234 };

/* The examples of one task; what was drawn for one question of a file moves the draws of the next. */
typedef struct {
    const ll_task *task;
    size_t count; /* before each question */
    ll_python_random random;
    /* of one file */
    ll_dataset pool;
    char path[LL_DATASET_PATH];
    ll_string *text; /* [pool.count] of those that were needed */
    size_t *drawn, *room;
} ll_shots;

void ll_shots_begin(ll_shots *out, const ll_task *task, size_t count);
/* From now on examples come from this file. Refused: fewer records than examples. */
ll_status ll_shots_open(ll_shots *shots, const char *path, ll_error *error);
void ll_shots_close(ll_shots *shots);
/* Appends the examples for a question. */
ll_status ll_shots_append(ll_shots *shots, const json_t *question, ll_string *out, ll_error *error);
#endif
