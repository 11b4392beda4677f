#include "eval/task.h"
#include "documents.h"
#include "eval/score.h"
#include "eval/task_list.h"
#include "nearest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A definition while it is read. */
typedef struct {
    ll_task *task;
    const char *path;
    ll_error *error;
} reading;

static ll_status bad_kind(const reading *r, const char *key, const char *expected) {
    const json_t *value = json_object_get(r->task->root, key);
    return ll_fail(r->error, LL_BAD_INPUT, "%s: \"%s\" %s; expected %s", r->path, key,
                   value ? "holds something else" : "is missing", expected);
}

static ll_status read_text(const reading *r, const char *key, const char *standard, const char **out) {
    const json_t *value = json_object_get(r->task->root, key);
    *out = value ? json_string_value(value) : standard;
    return *out || (!value && !standard) ? LL_OK : bad_kind(r, key, "a text");
}

static ll_status need_text(const reading *r, const char *key, const char **out) {
    LL_TRY(read_text(r, key, NULL, out));
    return *out && **out ? LL_OK : bad_kind(r, key, "a text");
}

static ll_status read_size(const reading *r, const char *key, size_t *out) {
    const json_t *value = json_object_get(r->task->root, key);
    const json_int_t number = json_integer_value(value);
    if (value && (!json_is_integer(value) || number < 0 || number > 1 << 30))
        return bad_kind(r, key, "a number from 0 to 2^30");
    *out = (size_t)number;
    return LL_OK;
}

static bool all_texts(const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return json_array_size(list) > 0;
}

/* It is a folder's name too, and the beginning of a file's. */
static ll_status read_name(const reading *r) {
    const char **name = &r->task->name;
    LL_TRY(need_text(r, "task", name));
    return **name != '.' && !strchr(*name, '/') ? LL_OK
                                                : bad_kind(r, "task", "a name without / and no . before it");
}

/* A list of texts; path: a text will do, which names a list of the document. */
static ll_status read_list(const reading *r, const char *key, bool path, const json_t **out) {
    *out = json_object_get(r->task->root, key);
    if (!*out || all_texts(*out) || (path && json_is_string(*out) && strstr(json_string_value(*out), "[]")))
        return LL_OK;
    return bad_kind(r, key, path ? "a list of texts or a path with []" : "a list of texts");
}

static ll_status need(const reading *r, const char *key, bool there) {
    return there ? LL_OK : bad_kind(r, key, "it for this kind of task");
}

static ll_status compile(const reading *r, const char *key, const json_t *pattern, ll_regex **out) {
    if (!json_is_string(pattern))
        return bad_kind(r, key, "regular expressions");
    const ll_status status = ll_regex_compile(out, json_string_value(pattern), r->error);
    return status == LL_OK ? LL_OK : ll_fail_in(r->error, status, "%s: \"%s\"", r->path, key);
}

static ll_status no_memory(const reading *r) {
    return ll_fail(r->error, LL_NO_RESOURCE, "%s: no memory for the definition", r->path);
}

static ll_status read_rewrites(const reading *r) {
    const json_t *list = json_object_get(r->task->root, "rewrite");
    ll_task *t = r->task;
    if (list && !json_is_array(list))
        return bad_kind(r, "rewrite", "pairs [pattern, text]");
    t->rewrites = calloc(json_array_size(list) + 1, sizeof *t->rewrites);
    if (!t->rewrites)
        return no_memory(r);
    for (; t->rewrite_count < json_array_size(list); t->rewrite_count++) {
        const json_t *pair = json_array_get(list, t->rewrite_count);
        t->rewrites[t->rewrite_count].with = json_string_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || !t->rewrites[t->rewrite_count].with)
            return bad_kind(r, "rewrite", "pairs [pattern, text]");
        LL_TRY(compile(r, "rewrite", json_array_get(pair, 0), &t->rewrites[t->rewrite_count].pattern));
    }
    return LL_OK;
}

static ll_status read_filter(const reading *r, const json_t *value, ll_answer_filter *out) {
    const char *take = json_string_value(json_object_get(value, "take"));
    out->metric = json_string_value(json_object_get(value, "metric"));
    out->last = take && strcmp(take, "last") == 0;
    if (!out->metric || !take || (!out->last && strcmp(take, "first") != 0))
        return bad_kind(r, "filters", "objects with metric, pattern, and take: first or last");
    return compile(r, "filters", json_object_get(value, "pattern"), &out->pattern);
}

/* A metric is found by its name. */
static ll_status check_metrics(const reading *r) {
    const ll_task *t = r->task;
    bool sound = t->filter_count <= LL_MAX_METRICS;
    for (size_t i = 0; sound && i < t->filter_count; i++)
        for (size_t k = 0; k < i; k++)
            sound = sound && strcmp(t->filters[i].metric, t->filters[k].metric) != 0;
    return sound ? LL_OK : bad_kind(r, "filters", "metrics of different names, 8 at most");
}

static ll_status read_filters(const reading *r) {
    ll_task *t = r->task;
    const json_t *filters = json_object_get(t->root, "filters"), *ignore,
                 *ignore_case = json_object_get(t->root, "ignore_case");
    LL_TRY(read_list(r, "ignore", false, &ignore));
    if (filters && !json_is_array(filters))
        return bad_kind(r, "filters", "a list of objects");
    if (ignore_case && !json_is_boolean(ignore_case))
        return bad_kind(r, "ignore_case", "true or false");
    t->filters = calloc(json_array_size(filters) + 1, sizeof *t->filters);
    t->ignore = calloc(json_array_size(ignore) + 1, sizeof *t->ignore);
    if (!t->filters || !t->ignore)
        return no_memory(r);
    for (; t->filter_count < json_array_size(filters); t->filter_count++)
        LL_TRY(read_filter(r, json_array_get(filters, t->filter_count), &t->filters[t->filter_count]));
    for (; t->ignore_count < json_array_size(ignore); t->ignore_count++)
        LL_TRY(compile(r, "ignore", json_array_get(ignore, t->ignore_count), &t->ignore[t->ignore_count]));
    t->ignore_case = json_is_true(ignore_case);
    return check_metrics(r);
}

/* The answers to a subject's questions are found by its name. */
static ll_status check_subjects(const reading *r) {
    json_t *seen = json_object();
    bool sound = true;
    for (size_t i = 0; i < r->task->subject_count; i++) {
        const char *name = r->task->subjects[i].name;
        sound = sound && !json_object_get(seen, name) && json_object_set_new(seen, name, json_true()) == 0;
    }
    json_decref(seen);
    return sound ? LL_OK : bad_kind(r, "subjects", "each subject once");
}

/* {"group": ["subject", ...], ...} */
static ll_status read_subjects(const reading *r) {
    ll_task *t = r->task;
    json_t *groups = json_object_get(t->root, "subjects"), *list;
    const char *group;
    size_t count = 0;
    if (!groups)
        return LL_OK;
    json_object_foreach(groups, group, list) {
        if (!all_texts(list))
            return bad_kind(r, "subjects", "lists of texts by their group");
        count += json_array_size(list);
    }
    t->subjects = calloc(count + 1, sizeof *t->subjects);
    if (!t->subjects || !count)
        return t->subjects ? bad_kind(r, "subjects", "lists of texts by their group") : no_memory(r);
    json_object_foreach(groups, group, list) {
        for (size_t i = 0; i < json_array_size(list); i++)
            t->subjects[t->subject_count++] = (ll_subject){group, json_string_value(json_array_get(list, i))};
    }
    return check_subjects(r);
}

static ll_status read_order(const reading *r, const char *name) {
    static const char *const names[] = {[LL_SHOTS_SAMPLED] = "sampled",
                                        [LL_SHOTS_SPARE] = "spare",
                                        [LL_SHOTS_FIRST] = "first",
                                        [LL_SHOTS_ROUNDS] = "rounds"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) {
            r->task->shot_order = (ll_shot_order)i;
            return LL_OK;
        }
    return bad_kind(r, "shots", "sampled, spare, first or rounds");
}

static ll_status read_shots(const reading *r) {
    ll_task *t = r->task;
    const char *order;
    LL_TRY(read_size(r, "num_fewshot", &t->shots));
    LL_TRY(read_list(r, "shots_from", false, &t->shots_from));
    LL_TRY(read_text(r, "shots", "sampled", &order));
    LL_TRY(read_text(r, "rounds_of", NULL, &t->rounds_of));
    LL_TRY(read_text(r, "shots_labels", NULL, &t->shots_labels));
    LL_TRY(read_order(r, order));
    if ((t->shot_order == LL_SHOTS_ROUNDS) != (t->rounds_of != NULL))
        return bad_kind(r, "rounds_of", "the field of the class where shots are rounds, and only there");
    return t->shots && !t->shots_from ? bad_kind(r, "shots_from", "file names where there are examples")
                                      : LL_OK;
}

static ll_status read_generation(const reading *r) {
    ll_task *t = r->task;
    LL_TRY(read_list(r, "until", false, &t->until));
    for (size_t i = 0; i < json_array_size(t->until); i++)
        if (!json_string_length(json_array_get(t->until, i)))
            return bad_kind(r, "until", "texts that are not empty");
    LL_TRY(read_size(r, "max_gen_toks", &t->max_tokens));
    LL_TRY(read_filters(r));
    if (t->until) {
        t->kind = LL_TASK_GENERATE;
        LL_TRY(need(r, "max_gen_toks", t->max_tokens > 0));
        return need(r, "filters", t->filter_count > 0);
    }
    return LL_OK;
}

/* Which of the kinds it is, and what that kind needs. */
static ll_status read_question(const reading *r) {
    ll_task *t = r->task;
    const json_t *text = json_object_get(t->root, "doc_to_text");
    LL_TRY(need_text(r, "doc_to_target", &t->target));
    LL_TRY(read_generation(r));
    if (json_is_array(text)) {
        t->kind = LL_TASK_CONTEXTS;
        LL_TRY(read_list(r, "doc_to_text", true, &t->texts));
        LL_TRY(need_text(r, "doc_to_choice", &t->continuation));
    } else {
        LL_TRY(need_text(r, "doc_to_text", &t->text));
        if (t->kind == LL_TASK_CHOICES)
            LL_TRY(read_list(r, "doc_to_choice", true, &t->choices));
    }
    LL_TRY(read_list(r, "targets", true, &t->targets));
    if (t->kind == LL_TASK_GENERATE)
        return LL_OK;
    LL_TRY(need(r, "doc_to_choice", t->kind == LL_TASK_CONTEXTS || t->choices));
    return need(r, "targets", t->targets != NULL);
}

static ll_status read_metric(const reading *r) {
    ll_task *t = r->task;
    const json_t *chance = json_object_get(t->root, "chance");
    LL_TRY(need_text(r, "metric", &t->metric));
    t->chance = json_is_number(chance) ? json_number_value(chance) : t->kind == LL_TASK_GENERATE ? 0 : NAN;
    if (chance && !(json_is_number(chance) && t->chance >= 0 && t->chance <= 1))
        return bad_kind(r, "chance", "a number from 0 to 1");
    bool known = false;
    for (size_t i = 0; i < t->filter_count; i++)
        known = known || strcmp(t->metric, t->filters[i].metric) == 0;
    if (t->kind != LL_TASK_GENERATE)
        known = strcmp(t->metric, "acc") == 0 || strcmp(t->metric, "acc_norm") == 0 ||
                strcmp(t->metric, "acc_bytes") == 0;
    return known ? LL_OK
                 : bad_kind(r, "metric", "acc, acc_norm or acc_bytes, of a generation one of its filters'");
}

/* A key with a slip of the pen would be silently without effect. */
static ll_status check_keys(const reading *r) {
    static const char *const known[] = {"task",
                                        "title",
                                        "paper_column",
                                        "about",
                                        "get",
                                        "licence",
                                        "subjects",
                                        "questions",
                                        "labels",
                                        "whole",
                                        "shots_from",
                                        "columns",
                                        "id",
                                        "description",
                                        "doc_to_text",
                                        "doc_to_choice",
                                        "doc_to_target",
                                        "targets",
                                        "target_delimiter",
                                        "fewshot_delimiter",
                                        "rewrite",
                                        "num_fewshot",
                                        "shots",
                                        "shots_labels",
                                        "rounds_of",
                                        "until",
                                        "max_gen_toks",
                                        "filters",
                                        "ignore",
                                        "ignore_case",
                                        "metric",
                                        "chance"};
    const char *key;
    json_t *value;
    json_object_foreach(r->task->root, key, value) {
        bool there = false;
        size_t nearest = ll_nearest_patience(key);
        const char *best = NULL;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            there = there || strcmp(key, known[i]) == 0;
            ll_nearest_keep(key, known[i], &nearest, &best);
        }
        if (!there)
            return ll_fail(r->error, LL_BAD_INPUT, "%s: unknown key \"%.60s\"%s%s%s", r->path, key,
                           best ? "; did you mean \"" : "", best ? best : "", best ? "\"?" : "");
    }
    return LL_OK;
}

static ll_status read_task(const reading *r) {
    ll_task *t = r->task;
    LL_TRY(check_keys(r));
    LL_TRY(read_name(r));
    LL_TRY(read_text(r, "title", t->name, &t->title));
    LL_TRY(read_text(r, "paper_column", NULL, &t->paper_column));
    LL_TRY(read_text(r, "about", "", &t->about));
    LL_TRY(read_text(r, "get", "", &t->get));
    LL_TRY(read_text(r, "licence", "", &t->licence));
    LL_TRY(read_list(r, "questions", false, &t->questions));
    LL_TRY(need(r, "questions", t->questions != NULL));
    LL_TRY(read_text(r, "labels", NULL, &t->labels));
    LL_TRY(read_text(r, "id", NULL, &t->id));
    LL_TRY(read_list(r, "columns", false, &t->columns));
    LL_TRY(read_size(r, "whole", &t->whole));
    LL_TRY(read_text(r, "description", "", &t->description));
    LL_TRY(read_text(r, "target_delimiter", " ", &t->target_delimiter));
    LL_TRY(read_text(r, "fewshot_delimiter", "\n\n", &t->fewshot_delimiter));
    LL_TRY(read_subjects(r));
    LL_TRY(read_rewrites(r));
    LL_TRY(read_shots(r));
    LL_TRY(read_question(r));
    return read_metric(r);
}

ll_status ll_task_read(ll_task *out, const char *path, ll_error *error) {
    char *data;
    size_t length;
    json_error_t reason;
    *out = (ll_task){0};
    LL_TRY(ll_file_read(path, &data, &length, error));
    ll_sha256_bytes(data, length, out->sha256);
    out->root = json_loadb(data, length, JSON_REJECT_DUPLICATES, &reason);
    free(data);
    ll_status status = LL_OK;
    if (!json_is_object(out->root))
        status = ll_fail(error, LL_BAD_INPUT, "%s: line %d, column %d: %s", path, reason.line, reason.column,
                         out->root ? "expected an object" : reason.text);
    const reading r = {out, path, error};
    if (status == LL_OK)
        status = read_task(&r);
    if (status != LL_OK)
        ll_task_free(out);
    return status;
}

void ll_task_free(ll_task *t) {
    for (size_t i = 0; t->rewrites && i <= t->rewrite_count; i++)
        ll_regex_free(t->rewrites[i].pattern);
    for (size_t i = 0; t->filters && i <= t->filter_count; i++)
        ll_regex_free(t->filters[i].pattern);
    for (size_t i = 0; i < t->ignore_count; i++)
        ll_regex_free(t->ignore[i]);
    free(t->rewrites);
    free(t->filters);
    free(t->ignore);
    free(t->subjects);
    json_decref(t->root);
    *t = (ll_task){0};
}
