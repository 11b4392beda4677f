#include "eval/exam.h"
#include "eval/task_list.h"
#include "rows.h"
#include "run_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names of --tasks: malloc'd copy with NULs for commas. */
static ll_status split_names(const char *list, char **copy, const char ***names, size_t *count,
                             ll_error *error) {
    *copy = strdup(list);
    *names = calloc(strlen(list) / 2 + 2, sizeof **names);
    *count = 0;
    if (!*copy || !*names)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the names of tasks");
    char *rest = *copy;
    for (char *name; (name = strsep(&rest, ","));) {
        if (!*name)
            return ll_fail(error, LL_BAD_USAGE, "--tasks: an empty name in \"%.100s\"", list);
        for (size_t i = 0; i < *count; i++)
            if (strcmp((*names)[i], name) == 0)
                return ll_fail(error, LL_BAD_USAGE, "--tasks names %.60s twice", name);
        (*names)[(*count)++] = name;
    }
    return LL_OK;
}

static ll_status make_room(ll_exam *exam, size_t count, ll_error *error) {
    exam->tasks = calloc(count + 1, sizeof *exam->tasks);
    exam->sets = calloc(count + 1, sizeof *exam->sets);
    return exam->tasks && exam->sets ? LL_OK
                                     : ll_fail(error, LL_NO_RESOURCE, "no memory for %zu tasks", count);
}

static ll_status find_named(ll_exam *exam, const char *list, ll_error *error) {
    char *copy;
    const char **names;
    size_t count;
    ll_status status = split_names(list, &copy, &names, &count, error);
    if (status == LL_OK)
        status = make_room(exam, count, error);
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        status = ll_task_find(&exam->tasks[exam->count], names[i], error);
        exam->count += status == LL_OK;
    }
    free(copy);
    free(names);
    return status;
}

static bool has_data(const ll_task *task) {
    char path[LL_TASK_PATH];
    bool sample;
    for (size_t i = 0; i < task->subject_count; i++)
        if (ll_task_locate(task, task->questions, task->subjects[i].name, path, &sample))
            return true;
    return !task->subject_count && ll_task_locate(task, task->questions, NULL, path, &sample);
}

/* The paper's tasks, in the alphabet's order, which is its tables' too. */
static ll_status find_standard(ll_exam *exam, bool quiet, ll_error *error) {
    char **names;
    size_t count;
    LL_TRY(ll_task_names(&names, &count, error));
    ll_status status = make_room(exam, count, error);
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        ll_task *task = &exam->tasks[exam->count];
        status = ll_task_find(task, names[i], error);
        if (status != LL_OK)
            break;
        if (task->paper_column && has_data(task)) {
            exam->count++;
            continue;
        }
        if (task->paper_column && !quiet)
            fprintf(stderr, "%s is left out: its data is not there (layerlab tasks says where to get it)\n",
                    names[i]);
        ll_task_free(task);
    }
    ll_names_free(names, count);
    if (status == LL_OK && !exam->count)
        status = ll_fail(error, LL_BAD_INPUT, "no task has data; layerlab tasks says where to get it");
    return status;
}

/* What of the whole data there is, and of how much of it the limit is more. */
static void say(const ll_question_set *set, const ll_options *options) {
    const char *name = set->task->name;
    size_t small = 0;
    if (set->available < set->task->whole)
        fprintf(stderr, "%s: %zu of its %zu questions are there%s\n", name, set->available, set->task->whole,
                set->sample ? ": the program's sample" : "");
    if (set->subject_count < set->task->subject_count)
        fprintf(stderr, "%s: %zu of %zu subjects are there\n", name, set->subject_count,
                set->task->subject_count);
    if (set->sample_shots && !set->sample)
        fprintf(stderr, "%s: its examples are the program's sample\n", name);
    for (size_t i = 0; i < set->subject_count; i++)
        small += options->limit != LL_LIMIT_ALL && options->limit > set->subjects[i].available;
    if (small && set->task->subject_count)
        fprintf(
            stderr,
            "%s: %zu of %zu subjects have fewer than the limit of %zu questions: all of theirs are asked\n",
            name, small, set->subject_count, options->limit);
    else if (small)
        fprintf(stderr, "%s: the limit of %zu questions is more than there are: all are asked\n", name,
                options->limit);
    if (set->cut)
        fprintf(stderr, "%s: %zu of %zu prompts were longer than the context and lost their beginning\n",
                name, set->cut, set->request_count);
}

static ll_status make_set(ll_exam *exam, size_t i, const ll_options *options, const ll_tokenizer *tokenizer,
                          size_t context, ll_error *error) {
    ll_progress progress;
    char what[80];
    snprintf(what, sizeof what, "tokens of %.60s", exam->tasks[i].name);
    const ll_question_options wanted = {.shots = options->shots,
                                        .limit = options->limit == LL_LIMIT_ALL ? 0 : options->limit,
                                        .keep_text = options->log_samples != NULL,
                                        .subset = options->subset,
                                        .seed = options->seed,
                                        .context = context,
                                        .cut = options->cut_long};
    ll_progress_begin(&progress, what, (double)exam->tasks[i].whole, options->quiet);
    const ll_status status =
        ll_questions_make(&exam->sets[i], &exam->tasks[i], tokenizer, &wanted, &progress, error);
    ll_progress_end(&progress);
    if (status == LL_OK && !options->quiet)
        say(&exam->sets[i], options);
    return status;
}

/* Rows and answers go by a task's name. */
static ll_status check_names(const ll_exam *exam, ll_error *error) {
    for (size_t i = 0; i < exam->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(exam->tasks[i].name, exam->tasks[k].name) == 0)
                return ll_fail(error, LL_BAD_USAGE, "--tasks names two tasks called %.60s; ask one of them",
                               exam->tasks[i].name);
    return LL_OK;
}

ll_status ll_exam_make(ll_exam *out, const ll_options *options, const ll_tokenizer *tokenizer, size_t context,
                       ll_error *error) {
    *out = (ll_exam){0};
    const bool standard = !options->tasks || strcmp(options->tasks, "paper") == 0;
    ll_status status =
        standard ? find_standard(out, options->quiet, error) : find_named(out, options->tasks, error);
    if (status == LL_OK)
        status = check_names(out, error);
    for (size_t i = 0; i < out->count && status == LL_OK; i++)
        status = make_set(out, i, options, tokenizer, context, error);
    if (status != LL_OK)
        ll_exam_free(out);
    return status;
}

void ll_exam_free(ll_exam *exam) {
    for (size_t i = 0; i < exam->count; i++) {
        ll_questions_free(&exam->sets[i]);
        ll_task_free(&exam->tasks[i]);
    }
    free(exam->tasks);
    free(exam->sets);
    *exam = (ll_exam){0};
}

void ll_exam_limit_text(const ll_options *options, char out[LL_LIMIT_TEXT]) {
    if (!options->limit || options->limit == LL_LIMIT_ALL)
        snprintf(out, LL_LIMIT_TEXT, "all");
    else if (options->subset)
        snprintf(out, LL_LIMIT_TEXT, "%zu drawn with seed %llu", options->limit,
                 (unsigned long long)options->seed);
    else
        snprintf(out, LL_LIMIT_TEXT, "first %zu", options->limit);
}

/* What is asked, as the model sees it, and what is right: a changed tokenizer makes other requests of the same data. */
static void hash_requests(const ll_question_set *set, char hex[LL_SHA256_TEXT]) {
    char parts[3][LL_SHA256_TEXT];
    char *golds = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&golds, &length);
    for (size_t i = 0; stream && i < set->count; i++) {
        const ll_question *q = &set->questions[i];
        fprintf(stream, "%zu %s\n", q->gold, q->target ? q->target : "");
        for (size_t k = 0; k < q->requests; k++)
            fprintf(stream, "%zu %zu ", set->requests[q->first + k].context,
                    set->requests[q->first + k].continuation);
    }
    if (stream)
        fclose(stream);
    ll_sha256_bytes(set->ids.data, set->ids.count * sizeof *set->ids.data, parts[0]);
    ll_sha256_bytes(golds, length, parts[1]);
    free(golds);
    snprintf(parts[2], sizeof parts[2], "%.32s%.32s", parts[0], parts[1]);
    ll_sha256_bytes(parts[2], strlen(parts[2]), hex);
}

ll_status ll_exam_open(const ll_exam *exam, size_t i, const ll_examinee *who, ll_answers *out,
                       ll_error *error) {
    const ll_options *o = who->options;
    const ll_question_set *set = &exam->sets[i];
    const ll_model_options wanted = {.weights = o->weights, .kv_i8 = o->kv_i8};
    char group[32], shots[32], limit[LL_LIMIT_TEXT], isa[LL_CSV_CELL], requests[LL_SHA256_TEXT] = "";
    snprintf(group, sizeof group, "%zu", o->weights == LL_WEIGHTS_INT8 ? o->group : 0);
    snprintf(shots, sizeof shots, "%zu", set->shots);
    ll_exam_limit_text(o, limit);
    ll_isa_text(who->kernels, isa, sizeof isa);
    if (who->folder)
        hash_requests(set, requests);
    const ll_answer_key keys[] = {
        {"model_sha256", who->model_sha256, false},
        {"drop", who->drop, false},
        {"weights", who->weights ? who->weights : ll_weights_kind_name(o->weights), false},
        {"group", who->group ? who->group : group, false},
        {"kv", ll_kv_name(ll_kv_type_of(&wanted)), false},
        {"isa", isa, false},
        {"num_fewshot", shots, false},
        {"limit", limit, false},
        {"too_long", o->cut_long ? "cut" : "refuse", false},
        {"task_sha256", set->task->sha256, true},
        {"data_sha256", set->data_sha256, true},
        {"requests_sha256", requests, true}};
    return ll_answers_open(out, set, who->folder, keys, sizeof keys / sizeof *keys, error);
}
