#include "eval/answers.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FORMAT = 1 }; /* raised whenever the same question to the same model may be answered otherwise */

/* The file's first line. */
static json_t *header_of(const ll_answer_key *keys, size_t count) {
    json_t *header = json_object();
    json_object_set_new(header, "layerlab_answers", json_integer(FORMAT));
    for (size_t i = 0; i < count; i++)
        json_object_set_new(header, keys[i].name, json_string(keys[i].value));
    return header;
}

/* All keys but those whose change is refused, as the file's name. */
static ll_status name_file(ll_answers *a, const char *folder, const ll_answer_key *keys, size_t count,
                           ll_error *error) {
    char hash[LL_SHA256_TEXT];
    enum { NAME = 20 };
    ll_string text = {0};
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++)
        if (!keys[i].refused)
            status = ll_string_append(&text, keys[i].value, strlen(keys[i].value) + 1, error);
    if (status == LL_OK) {
        ll_sha256_bytes(text.data, text.length, hash);
        if (asprintf(&a->path, "%s/%s-%.*s.jsonl", folder, a->set->task->name, NAME, hash) < 0) {
            a->path = NULL;
            status = ll_fail(error, LL_NO_RESOURCE, "no memory for a file name");
        }
    }
    ll_string_free(&text);
    return status;
}

static ll_status check_header(const ll_answers *a, const json_t *header, const ll_answer_key *keys,
                              size_t count, ll_error *error) {
    if (json_integer_value(json_object_get(header, "layerlab_answers")) != FORMAT)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: line 1: expected {\"layerlab_answers\": %d, ...}; delete the file: another "
                       "version of layerlab wrote it",
                       a->path, FORMAT);
    for (size_t i = 0; i < count; i++) {
        const char *was = json_string_value(json_object_get(header, keys[i].name));
        if (!was || strcmp(was, keys[i].value) != 0)
            return ll_fail(error, LL_BAD_INPUT,
                           "%s: these answers are of %s %.64s, which is now %.64s; put it back, or choose "
                           "another folder",
                           a->path, keys[i].name, was ? was : "(none)", keys[i].value);
    }
    return LL_OK;
}

/* The set's question that a line is about; SIZE_MAX: none. Lines mostly come in the set's order, so the search goes on from there. */
static size_t find_question(const ll_question_set *set, const json_t *line, size_t *hint) {
    const char *subject = json_string_value(json_object_get(line, "subject"));
    const json_t *doc = json_object_get(line, "doc");
    for (size_t n = 0; json_is_integer(doc) && n < set->count; n++) {
        const size_t i = (*hint + n) % set->count;
        const ll_question *q = &set->questions[i];
        const char *name = set->subjects[q->subject].name;
        if ((json_int_t)q->document == json_integer_value(doc) &&
            (name ? subject && strcmp(name, subject) == 0 : !subject)) {
            *hint = i + 1;
            return i;
        }
    }
    return SIZE_MAX;
}

static bool read_choices(ll_said *said, const json_t *line, size_t requests) {
    const json_t *ll = json_object_get(line, "ll"), *greedy = json_object_get(line, "greedy");
    if (json_array_size(ll) != requests || json_array_size(greedy) != requests)
        return false;
    for (size_t k = 0; k < requests; k++) {
        const json_t *value = json_array_get(ll, k), *is = json_array_get(greedy, k);
        if (!json_is_number(value) || !json_is_boolean(is))
            return false;
        said[k] = (ll_said){.ll = json_number_value(value), .greedy = json_is_true(is)};
    }
    return true;
}

static bool read_text(ll_said *said, const json_t *line) {
    const char *text = json_string_value(json_object_get(line, "text"));
    const json_t *tokens = json_object_get(line, "tokens");
    char *copy = text && json_is_integer(tokens) && json_integer_value(tokens) >= 0 ? strdup(text) : NULL;
    *said = (ll_said){.text = copy, .tokens = (size_t)json_integer_value(tokens)};
    return copy;
}

static ll_status take_line(ll_answers *a, const json_t *line, size_t number, size_t *hint, ll_error *error) {
    const size_t i = find_question(a->set, line, hint);
    if (i == SIZE_MAX || a->there[i])
        return ll_fail(error, LL_BAD_INPUT, "%s: line %zu: %s; delete the file", a->path, number,
                       i == SIZE_MAX ? "is about no question that is asked"
                                     : "is about a question once more");
    const ll_question *q = &a->set->questions[i];
    ll_said *said = a->said + q->first;
    if (!(a->set->task->kind == LL_TASK_GENERATE ? read_text(said, line)
                                                 : read_choices(said, line, q->requests)))
        return ll_fail(error, LL_BAD_INPUT, "%s: line %zu: is no answer to its question; delete the file",
                       a->path, number);
    a->there[i] = true;
    a->missing--;
    return LL_OK;
}

/* Reads whole lines; what comes behind the last line end was cut. *whole: bytes of whole lines. */
static ll_status take_lines(ll_answers *a, const char *data, size_t length, const ll_answer_key *keys,
                            size_t count, size_t *whole, ll_error *error) {
    size_t number = 1, hint = 0;
    for (const char *end; (end = memchr(data + *whole, '\n', length - *whole)); number++) {
        json_error_t reason;
        json_t *line =
            json_loadb(data + *whole, (size_t)(end - data) - *whole, JSON_REJECT_DUPLICATES, &reason);
        ll_status status = LL_OK;
        if (!json_is_object(line))
            status = ll_fail(error, LL_BAD_INPUT, "%s: line %zu: broken JSON: %s; delete the file", a->path,
                             number, line ? "expected an object" : reason.text);
        else
            status = number == 1 ? check_header(a, line, keys, count, error)
                                 : take_line(a, line, number, &hint, error);
        json_decref(line);
        LL_TRY(status);
        *whole = (size_t)(end - data) + 1;
    }
    return LL_OK;
}

static ll_status write_line(const ll_answers *a, const json_t *line, ll_error *error) {
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    const size_t length = text ? strlen(text) : 0;
    bool written = false;
    if (text) {
        text[length] = '\n';
        const off_t at = lseek(a->file, 0, SEEK_END);
        written = ll_file_write_all(a->file, text, length + 1);
        if (!written && at >= 0 && ftruncate(a->file, at) != 0)
            written = false;
    }
    free(text);
    return written ? LL_OK
                   : ll_fail(error, LL_NO_RESOURCE, "%s: cannot be written: %s", a->path, strerror(errno));
}

static ll_status open_file(ll_answers *a, const ll_answer_key *keys, size_t count, ll_error *error) {
    char *data;
    size_t length, whole = 0;
    a->file = open(a->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (a->file < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", a->path, strerror(errno));
    if (flock(a->file, LOCK_EX | LOCK_NB) != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: another program writes there", a->path);
    LL_TRY(ll_file_read_open(a->file, a->path, &data, &length, error));
    ll_status status = take_lines(a, data, length, keys, count, &whole, error);
    free(data);
    if (status == LL_OK && ftruncate(a->file, (off_t)whole) != 0)
        status = ll_fail(error, LL_BAD_INPUT, "%s: its last line was cut and cannot be taken away: %s",
                         a->path, strerror(errno));
    if (status != LL_OK || whole)
        return status;
    json_t *header = header_of(keys, count);
    status = write_line(a, header, error);
    json_decref(header);
    return status;
}

ll_status ll_answers_open(ll_answers *out, const ll_question_set *set, const char *folder,
                          const ll_answer_key *keys, size_t key_count, ll_error *error) {
    *out = (ll_answers){.set = set, .missing = set->count, .file = -1};
    out->said = calloc(set->request_count + 1, sizeof *out->said);
    out->there = calloc(set->count + 1, sizeof *out->there);
    ll_status status = LL_OK;
    if (!out->said || !out->there)
        status = ll_fail(error, LL_NO_RESOURCE, "no memory for the answers to %zu questions", set->count);
    if (status == LL_OK && folder)
        status = ll_folder_make(folder, error);
    if (status == LL_OK && folder)
        status = name_file(out, folder, keys, key_count, error);
    if (status == LL_OK && folder)
        status = open_file(out, keys, key_count, error);
    if (status != LL_OK)
        ll_answers_close(out);
    return status;
}

void ll_answers_close(ll_answers *a) {
    if (a->said)
        for (size_t i = 0; i < a->set->request_count; i++)
            free(a->said[i].text);
    if (a->file >= 0 && a->path)
        close(a->file);
    free(a->said);
    free(a->there);
    free(a->path);
    *a = (ll_answers){.file = -1};
}

/* ---- asking ---- */

typedef struct {
    ll_answers *answers;
    ll_progress *progress;
} asking;

static json_t *line_of(const ll_answers *a, size_t question) {
    const ll_question *q = &a->set->questions[question];
    const char *subject = a->set->subjects[q->subject].name;
    const ll_said *said = a->said + q->first;
    json_t *line = json_object();
    if (subject)
        json_object_set_new(line, "subject", json_string(subject));
    json_object_set_new(line, "doc", json_integer((json_int_t)q->document));
    if (a->set->task->kind == LL_TASK_GENERATE) {
        json_object_set_new(line, "text", json_string(said->text));
        json_object_set_new(line, "tokens", json_integer((json_int_t)said->tokens));
        return line;
    }
    json_t *ll = json_array(), *greedy = json_array();
    for (size_t k = 0; k < q->requests; k++) {
        json_array_append_new(ll, json_real(said[k].ll));
        json_array_append_new(greedy, json_boolean(said[k].greedy));
    }
    json_object_set_new(line, "ll", ll);
    json_object_set_new(line, "greedy", greedy);
    return line;
}

static ll_status keep(void *context, size_t question, const ll_said *said, ll_error *error) {
    asking *all = context;
    ll_answers *a = all->answers;
    const ll_question *q = &a->set->questions[question];
    for (size_t k = 0; k < q->requests; k++) {
        a->said[q->first + k] = said[k];
        if (said[k].text && !(a->said[q->first + k].text = strdup(said[k].text)))
            return ll_fail(error, LL_NO_RESOURCE, "no memory for an answer");
    }
    a->there[question] = true;
    a->missing--;
    ll_progress_step(all->progress, (double)ll_question_tokens(a->set, q));
    if (a->file < 0)
        return LL_OK;
    json_t *line = line_of(a, question);
    const ll_status status = write_line(a, line, error);
    json_decref(line);
    return status;
}

ll_status ll_answers_ask(ll_answers *a, const ll_model *model, const ll_mask *mask, size_t batch,
                         ll_progress *progress, ll_error *error) {
    asking all = {a, progress};
    const ll_scorer_options options = {.batch = batch, .answered = keep, .context = &all};
    size_t *list = malloc((a->missing + 1) * sizeof *list), count = 0;
    if (!list)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a list of %zu questions", a->missing);
    for (size_t i = 0; i < a->set->count; i++)
        if (!a->there[i])
            list[count++] = i;
    const ll_status status = ll_score(a->set, list, count, model, mask, &options, &a->use, error);
    free(list);
    return status;
}
