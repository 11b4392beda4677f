#include "eval/task_list.h"
#include "nearest.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LL_DATA_DIR
#define LL_DATA_DIR "harness/data"
#endif
#ifndef LL_TASKS_DIR
#define LL_TASKS_DIR "harness/tasks"
#endif

static int is_definition(const struct dirent *entry) {
    const size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

ll_status ll_task_names(char ***names, size_t *count, ll_error *error) {
    struct dirent **entries;
    const int found = scandir(LL_TASKS_DIR, &entries, is_definition, alphasort);
    *names = NULL;
    *count = 0;
    if (found < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: the folder of task definitions cannot be read",
                       LL_TASKS_DIR);
    *names = calloc((size_t)found + 1, sizeof **names);
    for (int i = 0; i < found; i++) {
        if (*names)
            (*names)[(*count)++] = strndup(entries[i]->d_name, strlen(entries[i]->d_name) - 5);
        free(entries[i]);
    }
    free(entries);
    for (size_t i = 0; *names && i < *count; i++)
        if (!(*names)[i]) {
            ll_names_free(*names, *count);
            *names = NULL;
        }
    return *names ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "no memory for the names of the tasks");
}

void ll_names_free(char **names, size_t count) {
    for (size_t i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

static ll_status fail_unknown(const char *name, char *const *names, size_t count, ll_error *error) {
    size_t nearest = ll_nearest_patience(name);
    const char *best = NULL;
    for (size_t i = 0; i < count; i++)
        ll_nearest_keep(name, names[i], &nearest, &best);
    if (best)
        return ll_fail(error, LL_BAD_USAGE, "no task is called \"%.60s\"; did you mean %s?", name, best);
    return ll_fail(error, LL_BAD_USAGE, "no task is called \"%.60s\"; layerlab tasks lists them", name);
}

ll_status ll_task_find(ll_task *out, const char *name, ll_error *error) {
    const size_t length = strlen(name);
    char path[LL_TASK_PATH], **names;
    size_t count;
    *out = (ll_task){0};
    if (length > 5 && strcmp(name + length - 5, ".json") == 0)
        return ll_task_read(out, name, error);
    LL_TRY(ll_task_names(&names, &count, error));
    bool there = false;
    for (size_t i = 0; i < count; i++)
        there = there || strcmp(name, names[i]) == 0;
    const ll_status status = there ? LL_OK : fail_unknown(name, names, count, error);
    ll_names_free(names, count);
    LL_TRY(status);
    snprintf(path, sizeof path, "%s/%s.json", LL_TASKS_DIR, name);
    return ll_task_read(out, path, error);
}

/* file with {subject} filled in, in the folder. */
static bool make_path(char path[LL_TASK_PATH], const char *folder, const char *task, const char *file,
                      const char *subject) {
    const char *mark = subject ? strstr(file, "{subject}") : NULL;
    const int length = mark ? snprintf(path, LL_TASK_PATH, "%s/%s/%.*s%s%s", folder, task, (int)(mark - file),
                                       file, subject, mark + strlen("{subject}"))
                            : snprintf(path, LL_TASK_PATH, "%s/%s/%s", folder, task, file);
    return length > 0 && length < LL_TASK_PATH;
}

static bool find_in(const ll_task *task, const json_t *files, const char *subject, const char *folder,
                    char path[LL_TASK_PATH]) {
    for (size_t i = 0; i < json_array_size(files); i++)
        if (make_path(path, folder, task->name, json_string_value(json_array_get(files, i)), subject) &&
            access(path, R_OK) == 0)
            return true;
    return false;
}

static const char *user_folder(void) {
    const char *folder = getenv("LAYERLAB_DATA");
    return folder && *folder ? folder : NULL;
}

bool ll_task_locate(const ll_task *task, const json_t *files, const char *subject, char path[LL_TASK_PATH],
                    bool *sample) {
    const char *folder = user_folder();
    *sample = false;
    if (folder && find_in(task, files, subject, folder, path))
        return true;
    *sample = true;
    return find_in(task, files, subject, LL_DATA_DIR "/tasks", path);
}

ll_status ll_task_fail_missing(const ll_task *task, const json_t *files, const char *subject,
                               ll_error *error) {
    char path[LL_TASK_PATH] = "";
    const char *folder = user_folder();
    make_path(path, folder ? folder : "$LAYERLAB_DATA", task->name,
              json_string_value(json_array_get(files, 0)), subject);
    return ll_fail(error, LL_BAD_INPUT, "%s: its data is not there: expected %.200s%s; get it from %s",
                   task->name, path, folder ? "" : " (LAYERLAB_DATA names a folder of yours)", task->get);
}
