/* Which tasks there are, what of their data, and where to get the rest. */
#include "cmd.h"
#include "eval/dataset.h"
#include "eval/task_list.h"

#include <stdio.h>
#include <string.h>

/* What lies there of a task's questions. */
typedef struct {
    size_t questions, files, missing;
    bool sample;
    char path[LL_TASK_PATH]; /* of the first file */
    bool examples;           /* files of examples are there, or none are needed */
} found;

static ll_status count_file(const ll_task *task, const char *subject, found *f, ll_error *error) {
    char path[LL_TASK_PATH];
    bool sample;
    ll_dataset data;
    const ll_dataset_form form = {.columns = task->columns, .id = task->id};
    if (!ll_task_locate(task, task->questions, subject, path, &sample)) {
        f->missing++;
        return LL_OK;
    }
    LL_TRY(ll_dataset_read(&data, path, &form, error));
    f->questions += data.count;
    f->sample |= sample;
    if (!f->files++)
        memcpy(f->path, path, sizeof path);
    ll_dataset_free(&data);
    if (task->shots && !ll_task_locate(task, task->shots_from, subject, path, &sample))
        f->examples = false;
    return LL_OK;
}

static ll_status look(const ll_task *task, found *f, ll_error *error) {
    *f = (found){.examples = true};
    if (!task->subject_count)
        return count_file(task, NULL, f, error);
    for (size_t i = 0; i < task->subject_count; i++)
        LL_TRY(count_file(task, task->subjects[i].name, f, error));
    return LL_OK;
}

static const char *state_of(const ll_task *task, const found *f) {
    if (!f->files)
        return "missing";
    if (!f->examples)
        return "no examples";
    return f->sample ? "sample" : f->questions == task->whole ? "whole" : "part";
}

static json_t *describe(const ll_task *task, const found *f) {
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "task", task->name,
                             "title", task->title, "about", task->about, "metric", task->metric,
                             "num_fewshot", (json_int_t)task->shots, "questions", (json_int_t)f->questions,
                             "whole", (json_int_t)task->whole, "data", state_of(task, f), "get", task->get,
                             "licence", task->licence);
    if (f->files)
        json_object_set_new(json, "path", json_string(f->path));
    return json;
}

static void print(const ll_task *task, const found *f) {
    printf("%-14s %2zu shots  %-9s %-11s %5zu of %5zu  %s\n", task->name, task->shots, task->metric,
           state_of(task, f), f->questions, task->whole, task->about);
    if (f->files)
        printf("%17s%s%s\n", "", f->path, f->files > 1 ? ", ..." : "");
    if (f->missing && f->files)
        printf("%17s%zu of %zu subjects have no file\n", "", f->missing, task->subject_count);
    if (f->questions < task->whole)
        printf("%17swhole: %s (%s)\n", "", task->get, task->licence);
}

static ll_status show(const char *name, json_t *list, ll_error *error) {
    ll_task task;
    found f;
    LL_TRY(ll_task_find(&task, name, error));
    const ll_status status = look(&task, &f, error);
    if (status == LL_OK && list)
        json_array_append_new(list, describe(&task, &f));
    else if (status == LL_OK)
        print(&task, &f);
    ll_task_free(&task);
    return status;
}

static ll_status show_all(json_t *list, ll_error *error) {
    char **names;
    size_t count;
    LL_TRY(ll_task_names(&names, &count, error));
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++)
        status = show(names[i], list, error);
    ll_names_free(names, count);
    return status;
}

ll_status ll_cmd_tasks(const ll_options *options, ll_error *error) {
    json_t *list = options->json ? json_array() : NULL;
    const ll_status status = options->model ? show(options->model, list, error) : show_all(list, error);
    if (list && status == LL_OK)
        return ll_cmd_print_json(list, error);
    json_decref(list);
    if (status == LL_OK && !options->model)
        printf("Your own data goes into $LAYERLAB_DATA/TASK/, under the names of its makers; a task of your "
               "own is one file:\n"
               "--tasks my_task.json (harness/tasks/README.md).\n");
    return status;
}
