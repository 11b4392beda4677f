/* The tasks that come with the program (harness/tasks/), and where their data lies. */
#ifndef LL_TASK_LIST_H
#define LL_TASK_LIST_H
#include "eval/task.h"

enum { LL_TASK_PATH = 4096 };

/* Names of all, in alphabetical order, malloc'd as ll_names_free takes them. */
ll_status ll_task_names(char ***names, size_t *count, ll_error *error);
void ll_names_free(char **names, size_t count);
/* name: one of these, or the path of a definition (.json). Of an unknown one the nearest is proposed. */
ll_status ll_task_find(ll_task *out, const char *name, ll_error *error);

/* The first of files, with {subject} as it is, that lies in $LAYERLAB_DATA/TASK/ or among the samples of the program; false: none
 * does. sample: it is a sample. */
bool ll_task_locate(const ll_task *task, const json_t *files, const char *subject, char path[LL_TASK_PATH],
                    bool *sample);
/* What a user reads where nothing was found: names, folders, where to get them. */
ll_status ll_task_fail_missing(const ll_task *task, const json_t *files, const char *subject,
                               ll_error *error);
#endif
