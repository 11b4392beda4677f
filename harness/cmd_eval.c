#include "checkpoint.h"
#include "cmd.h"
#include "eval/exam.h"
#include "run_info.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two models that may be asked: the one of the command, and the full one to compare it with. */
enum { ASKED, FULL, SIDES };

typedef struct {
    const ll_options *options;
    ll_model *model;
    ll_mask mask;
    ll_cmd_pruned pruned;
    char path[LL_CMD_PATH], sha256[LL_SHA256_TEXT];
    char drop[SIDES][LL_MASK_TEXT];
    ll_exam exam;
    size_t sides;
    ll_answers *answers[SIDES]; /* [exam.count] */
    ll_score_sheet *sheets[SIDES];
    FILE *log;
} job;

static ll_status make_room(job *j, ll_error *error) {
    for (size_t side = 0; side < j->sides; side++) {
        j->answers[side] = calloc(j->exam.count, sizeof *j->answers[side]);
        j->sheets[side] = calloc(j->exam.count, sizeof *j->sheets[side]);
        if (!j->answers[side] || !j->sheets[side])
            return ll_fail(error, LL_NO_RESOURCE, "no memory for the answers of %zu tasks", j->exam.count);
    }
    return LL_OK;
}

static ll_status open_answers(job *j, ll_error *error) {
    for (size_t side = 0; side < j->sides; side++)
        for (size_t i = 0; i < j->exam.count; i++) {
            const ll_examinee who = {.options = j->options,
                                     .model_sha256 = j->sha256,
                                     .drop = j->drop[side],
                                     .kernels = ll_model_kernels(j->model),
                                     .folder = j->options->answers};
            LL_TRY(ll_exam_open(&j->exam, i, &who, &j->answers[side][i], error));
        }
    return LL_OK;
}

static double tokens_missing(const ll_answers *a) {
    return a->set->count ? (double)a->set->asked * (double)a->missing / (double)a->set->count : 0;
}

static ll_status ask_task(job *j, size_t side, size_t i, ll_progress *progress, ll_error *error) {
    const ll_mask full = {0};
    ll_answers *a = &j->answers[side][i];
    char what[96];
    snprintf(what, sizeof what, "%.40s%s", j->exam.tasks[i].name, side == FULL ? ", full model" : "");
    ll_progress_label(progress, what);
    const ll_status status =
        ll_answers_ask(a, j->model, side == FULL ? &full : &j->mask, j->options->batch, progress, error);
    if (status != LL_OK)
        return ll_fail_in(error, status, "%s", j->exam.tasks[i].name);
    return ll_score_sheet_make(&j->sheets[side][i], a->set, a, error);
}

/* ---- the log: a line a question ---- */

static json_t *log_choices(const job *j, size_t i, const ll_question *q) {
    const ll_question_set *set = &j->exam.sets[i];
    const ll_said *said = j->answers[ASKED][i].said + q->first;
    json_t *choices = json_array();
    for (size_t k = 0; k < q->requests; k++) {
        const ll_request *r = &set->requests[q->first + k];
        json_array_append_new(
            choices, json_pack("{s:s#, s:s, s:I, s:I, s:f, s:b}", "context", r->text, (int)r->text_context,
                               "continuation", r->text + r->text_context, "context_tokens",
                               (json_int_t)r->context, "continuation_tokens", (json_int_t)r->continuation,
                               "ll", said[k].ll, "greedy", said[k].greedy));
    }
    return choices;
}

static ll_status log_question(const job *j, size_t i, size_t n, ll_error *error) {
    const ll_question_set *set = &j->exam.sets[i];
    const ll_score_sheet *sheet = &j->sheets[ASKED][i];
    const ll_question *q = &set->questions[n];
    json_t *line = json_pack("{s:s, s:I, s:I}", "task", set->task->name, "doc", (json_int_t)q->document,
                             "line", (json_int_t)q->line);
    if (set->subjects[q->subject].name)
        json_object_set_new(line, "subject", json_string(set->subjects[q->subject].name));
    if (set->task->kind == LL_TASK_GENERATE) {
        json_object_set_new(line, "context", json_string(set->requests[q->first].text));
        json_object_set_new(line, "generated", json_string(j->answers[ASKED][i].said[q->first].text));
        json_object_set_new(line, "target", json_string(q->target));
    } else {
        json_object_set_new(line, "gold", json_integer((json_int_t)q->gold));
        json_object_set_new(line, "choices", log_choices(j, i, q));
    }
    for (size_t m = 0; m < sheet->metrics; m++)
        json_object_set_new(line, sheet->metric[m], json_integer(sheet->right[m * sheet->count + n]));
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(line);
    const bool written = text && fprintf(j->log, "%s\n", text) > 0;
    free(text);
    return written ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "%s: cannot be written", j->options->log_samples);
}

static ll_status open_log(job *j, ll_error *error) {
    if (!j->options->log_samples)
        return LL_OK;
    j->log = fopen(j->options->log_samples, "w");
    return j->log ? LL_OK : ll_fail(error, LL_BAD_INPUT, "%s: cannot be written", j->options->log_samples);
}

/* A task's lines as soon as it is done: what comes after it may be interrupted. */
static ll_status log_task(const job *j, size_t i, ll_error *error) {
    ll_status status = LL_OK;
    for (size_t n = 0; j->log && n < j->exam.sets[i].count && status == LL_OK; n++)
        status = log_question(j, i, n, error);
    if (j->log && fflush(j->log) != 0 && status == LL_OK)
        status = ll_fail(error, LL_NO_RESOURCE, "%s: cannot be written", j->options->log_samples);
    return status;
}

static ll_status ask_all(job *j, ll_error *error) {
    double tokens = 0;
    ll_progress progress;
    for (size_t side = 0; side < j->sides; side++)
        for (size_t i = 0; i < j->exam.count; i++)
            tokens += tokens_missing(&j->answers[side][i]);
    ll_progress_begin(&progress, "questions", tokens, j->options->quiet);
    ll_status status = LL_OK;
    for (size_t i = 0; i < j->exam.count && status == LL_OK; i++) {
        for (size_t side = 0; side < j->sides && status == LL_OK; side++)
            status = ask_task(j, side, i, &progress, error);
        if (status == LL_OK)
            status = log_task(j, i, error);
    }
    ll_progress_end(&progress);
    return status;
}

/* ---- what is printed ---- */

static ll_paired pair_of(const job *j, size_t i) {
    const ll_score_sheet *asked = &j->sheets[ASKED][i], *full = &j->sheets[FULL][i];
    const size_t at = asked->main * asked->count;
    return ll_pair(full->right + at, asked->right + at, asked->count);
}

static void put_parts(json_t *out, const char *key, const ll_score_sheet *sheet, const ll_score_part *parts,
                      size_t count) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *part = json_pack("{s:I}", "questions", (json_int_t)parts[i].count);
        ll_cmd_put_real(part, sheet->metric[sheet->main], parts[i].metric[sheet->main].mean);
        ll_cmd_put_real(part, "stderr", parts[i].metric[sheet->main].stderr_mean);
        json_object_set_new(object, parts[i].name, part);
    }
    if (count)
        json_object_set_new(out, key, object);
    else
        json_decref(object);
}

static json_t *task_json(const job *j, size_t i) {
    const ll_question_set *set = &j->exam.sets[i];
    const ll_score_sheet *sheet = &j->sheets[ASKED][i];
    const ll_answers *a = &j->answers[ASKED][i];
    json_t *out = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:s}", "metric",
                            sheet->metric[sheet->main], "num_fewshot", (json_int_t)set->shots, "questions",
                            (json_int_t)set->count, "available", (json_int_t)set->available, "prompts_cut",
                            (json_int_t)set->cut, "tokens_asked", (json_int_t)a->use.asked, "sample",
                            set->sample, "task_sha256", set->task->sha256, "data_sha256", set->data_sha256);
    json_object_set_new(out, "whole", json_integer((json_int_t)set->task->whole));
    json_object_set_new(out, "asked_now", json_integer((json_int_t)a->use.questions));
    json_object_set_new(out, "batch", json_integer((json_int_t)a->use.batch));
    json_object_set_new(out, "tokens_computed", json_integer((json_int_t)a->use.computed));
    ll_cmd_put_real(out, "seconds", a->use.seconds);
    ll_cmd_put_real(out, "chance", set->chance);
    for (size_t m = 0; m < sheet->metrics; m++) {
        char key[64];
        ll_cmd_put_real(out, sheet->metric[m], sheet->total[m].mean);
        snprintf(key, sizeof key, "%.40s_stderr", sheet->metric[m]);
        ll_cmd_put_real(out, key, sheet->total[m].stderr_mean);
        snprintf(key, sizeof key, "%.40s_macro", sheet->metric[m]);
        if (sheet->subject_count)
            ll_cmd_put_real(out, key, sheet->macro[m]);
    }
    put_parts(out, "groups", sheet, sheet->groups, sheet->group_count);
    put_parts(out, "subjects", sheet, sheet->subjects, sheet->subject_count);
    if (j->sides == 1)
        return out;
    const ll_paired p = pair_of(j, i);
    ll_cmd_put_real(out, "full", j->sheets[FULL][i].total[sheet->main].mean);
    ll_cmd_put_real(out, "difference", p.difference);
    ll_cmd_put_real(out, "difference_stderr", p.stderr_difference);
    ll_cmd_put_real(out, "p_value", p.p);
    return out;
}

static ll_status print_json(const job *j, ll_error *error) {
    const ll_model_options *used = ll_model_options_used(j->model);
    char isa[LL_CSV_CELL], limit[LL_LIMIT_TEXT];
    ll_isa_text(ll_model_kernels(j->model), isa, sizeof isa);
    ll_exam_limit_text(j->options, limit);
    json_t *results = json_object();
    for (size_t i = 0; i < j->exam.count; i++)
        json_object_set_new(results, j->exam.tasks[i].name, task_json(j, i));
    const ll_tokenizer *t = ll_model_tokenizer(j->model);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "model", j->options->model, "drop",
                  j->drop[ASKED], "weights", j->pruned.weights, "kv", ll_kv_name(ll_kv_type_of(used)), "isa",
                  isa, "limit", limit, "bos", ll_tokenizer_adds_bos(t), "results", results);
    ll_cmd_put_pruned(root, &j->pruned, j->options);
    return ll_cmd_print_json(root, error);
}

/* "0.2900 +- 0.0456"; an error that is not defined is NA. */
static void print_share(double value, double error, bool sign) {
    printf(sign ? "%+.4f" : "%7.4f", value);
    if (isfinite(error))
        printf(" +- %.4f", error);
    else
        printf(" +- NA    ");
}

static void print_line(const job *j, size_t i) {
    const ll_question_set *set = &j->exam.sets[i];
    const ll_score_sheet *sheet = &j->sheets[ASKED][i];
    for (size_t n = 0; n < sheet->metrics; n++) {
        const size_t m = n == 0 ? sheet->main : n <= sheet->main ? n - 1 : n; /* the main one first */
        if (n == 0)
            printf("%-16s %5zu %9zu  ", set->task->name, set->shots, set->count);
        else
            printf("%-34s", "");
        printf("%-9s ", sheet->metric[m]);
        print_share(sheet->total[m].mean, sheet->total[m].stderr_mean, false);
        if (n == 0)
            printf("  %6.4f", set->chance);
        if (n == 0 && j->sides > 1) {
            const ll_paired p = pair_of(j, i);
            printf("  ");
            print_share(p.difference, p.stderr_difference, true);
            printf("  %.3f", p.p);
        }
        printf("\n");
    }
    for (size_t g = 0; g < sheet->group_count; g++) {
        printf("  %-14s %5s %9zu  %-9s ", sheet->groups[g].name, "", sheet->groups[g].count,
               sheet->metric[sheet->main]);
        print_share(sheet->groups[g].metric[sheet->main].mean,
                    sheet->groups[g].metric[sheet->main].stderr_mean, false);
        printf("\n");
    }
    if (set->cut)
        printf("  %zu of %zu prompts lost their beginning\n", set->cut, set->request_count);
}

static void print_text(const job *j) {
    size_t asked = 0, computed = 0;
    double seconds = 0;
    printf("dropped          %s\n", j->drop[ASKED]);
    ll_cmd_print_pruned(&j->pruned, j->options);
    printf("task             shots questions  metric      value    error  chance%s\n",
           j->sides > 1 ? "  from full, paired error, p" : "");
    for (size_t i = 0; i < j->exam.count; i++) {
        print_line(j, i);
        for (size_t side = 0; side < j->sides; side++) {
            const ll_scorer_use *use = &j->answers[side][i].use;
            asked += use->asked;
            computed += use->computed;
            seconds += use->seconds;
        }
    }
    if (computed && !j->options->quiet)
        fprintf(stderr, "%zu tokens asked, %zu computed (%.1f times fewer), %.0f tokens/s computed\n", asked,
                computed, (double)asked / (double)computed, (double)computed / seconds);
}

/* The questions, by the checkpoint's headers alone: what is wrong with them is told before minutes of loading. */
static ll_status make_exam(job *j, ll_error *error) {
    ll_checkpoint *checkpoint;
    ll_tokenizer *tokenizer = NULL;
    LL_TRY(ll_cmd_locate(j->options, j->path, error));
    LL_TRY(ll_checkpoint_open(&checkpoint, j->path, error));
    ll_status status = ll_checkpoint_tokenizer(&tokenizer, checkpoint, error);
    if (status == LL_OK)
        status =
            ll_exam_make(&j->exam, j->options, tokenizer, ll_checkpoint_config(checkpoint)->context, error);
    ll_tokenizer_destroy(tokenizer);
    ll_checkpoint_close(checkpoint);
    return status;
}

static ll_status run(job *j, ll_error *error) {
    const ll_options *o = j->options;
    if (o->log_samples)
        LL_TRY(ll_cmd_check_output(o->log_samples, error));
    LL_TRY(make_exam(j, error));
    LL_TRY(ll_cmd_load(o, o->weights, &j->model, j->path, error));
    const ll_config *config = ll_model_config(j->model);
    LL_TRY(ll_cmd_mask(o, config, &j->mask, error));
    ll_mask_format(&j->mask, config->layers, j->drop[ASKED]);
    snprintf(j->drop[FULL], LL_MASK_TEXT, "none");
    j->sides = o->paired ? SIDES : 1;
    LL_TRY(ll_cmd_prune(&j->pruned, o, j->model, j->path, &j->mask, error));
    if (o->answers)
        LL_TRY(ll_cmd_sha256(j->path, o->quiet, j->sha256, error));
    LL_TRY(make_room(j, error));
    LL_TRY(open_answers(j, error));
    LL_TRY(open_log(j, error));
    LL_TRY(ask_all(j, error));
    if (o->json)
        return print_json(j, error);
    print_text(j);
    return LL_OK;
}

ll_status ll_cmd_eval(const ll_options *options, ll_error *error) {
    job *j = calloc(1, sizeof *j);
    if (!j)
        return ll_fail(error, LL_NO_RESOURCE, "no memory");
    j->options = options;
    const ll_status status = run(j, error);
    for (size_t side = 0; side < SIDES; side++) {
        for (size_t i = 0; i < j->exam.count; i++) {
            if (j->answers[side])
                ll_answers_close(&j->answers[side][i]);
            if (j->sheets[side])
                ll_score_sheet_free(&j->sheets[side][i]);
        }
        free(j->answers[side]);
        free(j->sheets[side]);
    }
    if (j->log)
        fclose(j->log);
    ll_exam_free(&j->exam);
    ll_model_destroy(j->model);
    free(j);
    return status;
}
