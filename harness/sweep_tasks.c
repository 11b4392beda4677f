#include "cmd.h"
#include "eval/exam.h"
#include "eval/lanes.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tokens that will be run for a set: what a question's later requests share with its first, and it with the question before, counts
 * once. */
static double tokens_to_run(const ll_question_set *set) {
    double tokens = 0;
    const ll_request *before = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const ll_request *first = &set->requests[set->questions[i].first];
        for (size_t k = 0; k < set->questions[i].requests; k++) {
            const ll_request *r = first + k, *other = k ? first : before;
            const size_t length = r->context + r->continuation;
            tokens += (double)length;
            if (other)
                tokens -= (double)ll_common_tokens(ll_request_ids(set, r), length, ll_request_ids(set, other),
                                                   other->context + other->continuation);
        }
        before = first;
        if (set->task->kind == LL_TASK_GENERATE)
            tokens += 4 * (double)set->task
                              ->max_tokens; /* a token of a step takes about as long as four of a prefill */
    }
    return tokens;
}

static double set_work(const ll_sweep *sweep, const ll_question_set *set) {
    return tokens_to_run(set) / LL_CHUNK * ll_pace_prefill(&sweep->pace, LL_CHUNK, false);
}

double ll_sweep_tasks_work(const ll_sweep *sweep) {
    double work = 0;
    for (size_t i = 0; i < sweep->exam.count; i++)
        work += set_work(sweep, &sweep->exam.sets[i]);
    return work;
}

typedef struct {
    ll_sweep *sweep;
    char folder[LL_SWEEP_PATH]; /* of the answers */
    ll_score_sheet *full;       /* [exam.count]; count 0: not made yet */
    ll_scorer_use *full_use;
} stage;

static void fill_key(ll_row *row, const stage *s, size_t i, const ll_sweep_task *task) {
    const ll_sweep *sweep = s->sweep;
    const ll_question_set *set = &sweep->exam.sets[i];
    const ll_model_options wanted = ll_cmd_model_options(sweep->options, sweep->options->weights);
    char limit[LL_LIMIT_TEXT], isa[LL_CSV_CELL];
    ll_exam_limit_text(sweep->options, limit);
    ll_row_begin(row, &ll_tasks_schema);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_sweep_weights(row, sweep);
    ll_row_text(row, "kv", ll_kv_name(ll_kv_type_of(&wanted)));
    ll_isa_text(&sweep->kernels, isa, sizeof isa);
    ll_row_text(row, "isa", isa);
    ll_row_text(row, "limit", limit);
    ll_row_text(row, "too_long", sweep->options->cut_long ? "cut" : "refuse");
    ll_row_text(row, "task", set->task->name);
    ll_row_text(row, "task_sha256", set->task->sha256);
    ll_row_text(row, "data_sha256", set->data_sha256);
    ll_row_int(row, "num_fewshot", set->shots);
    ll_row_text(row, "kind", task->kind);
    ll_row_int(row, "dropped", task->dropped);
    ll_row_text(row, "drop", task->drop);
}

/* Whether row r of the file has what row has in the column. */
static bool same_cell(const ll_csv *csv, size_t r, const ll_row *row, const char *column, const char **cell) {
    size_t c = 0;
    while (strcmp(row->schema->columns[c], column) != 0)
        c++;
    *cell = row->cell[c];
    return strcmp(*cell, ll_csv_cell(csv, r, column)) == 0;
}

/* Rows of the same task on other data, or of another definition, would stand in one table with the new ones. */
static ll_status check_row(const stage *s, size_t r, const ll_row *row) {
    static const char *const same[] = {"model_sha256", "weights",  "group", "kv",         "isa",
                                       "limit",        "too_long", "task",  "num_fewshot"};
    static const char *const refused[] = {"task_sha256", "data_sha256"};
    const ll_csv *csv = s->sweep->scores;
    const char *cell;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (!same_cell(csv, r, row, same[i], &cell))
            return LL_OK;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (!same_cell(csv, r, row, refused[i], &cell))
            return ll_fail(s->sweep->error, LL_BAD_INPUT,
                           "%s: row %zu: %s was scored with %s %s, which is now %s; put it back, or choose "
                           "another --out",
                           ll_csv_path(csv), r + 1, ll_csv_cell(csv, r, "task"), refused[i],
                           ll_csv_cell(csv, r, refused[i]), cell);
    return LL_OK;
}

static ll_status check_rows(const stage *s) {
    ll_row row;
    for (size_t i = 0; i < s->sweep->exam.count; i++) {
        fill_key(&row, s, i, &s->sweep->full);
        for (size_t r = 0; r < ll_csv_rows(s->sweep->scores); r++)
            LL_TRY(check_row(s, r, &row));
    }
    return LL_OK;
}

/* Asks what is missing; the sheet and what it cost. */
static ll_status ask(stage *s, size_t i, const ll_sweep_task *task, ll_score_sheet *sheet,
                     ll_scorer_use *use) {
    ll_sweep *sweep = s->sweep;
    const ll_question_set *set = &sweep->exam.sets[i];
    char weights[LL_CSV_CELL], group[LL_CSV_CELL];
    if (sweep->wanda)
        ll_sweep_pruned_names(sweep, weights, group);
    const ll_examinee who = {.options = sweep->options,
                             .model_sha256 = sweep->model_sha256,
                             .drop = task->drop,
                             .kernels = &sweep->kernels,
                             .folder = s->folder,
                             .weights = sweep->wanda ? weights : NULL,
                             .group = sweep->wanda ? group : NULL};
    ll_answers answers;
    LL_TRY(ll_exam_open(&sweep->exam, i, &who, &answers, sweep->error));
    sweep->progress.unit = set_work(sweep, set) / (double)set->asked;
    ll_status status = ll_answers_ask(&answers, sweep->model, &task->mask, 0, &sweep->progress, sweep->error);
    if (status == LL_OK)
        status = ll_score_sheet_make(sheet, set, &answers, sweep->error);
    *use = answers.use;
    ll_answers_close(&answers);
    return status;
}

/* What the same weights answered before they were pruned: asked just before, and kept. */
static ll_status take_whole(stage *s, size_t i) {
    ll_sweep *sweep = s->sweep;
    const ll_examinee who = {.options = sweep->options,
                             .model_sha256 = sweep->model_sha256,
                             .drop = s->sweep->full.drop,
                             .kernels = &sweep->kernels,
                             .folder = s->folder};
    ll_answers answers;
    LL_TRY(ll_exam_open(&sweep->exam, i, &who, &answers, sweep->error));
    ll_status status = LL_OK;
    if (!answers.missing)
        status = ll_score_sheet_make(&s->full[i], &sweep->exam.sets[i], &answers, sweep->error);
    ll_answers_close(&answers);
    return status;
}

static ll_status need_full(stage *s, size_t i) {
    if (s->sweep->wanda && !s->full[i].count)
        return take_whole(s, i);
    return s->full[i].count ? LL_OK : ask(s, i, &s->sweep->full, &s->full[i], &s->full_use[i]);
}

static void fill_score(ll_row *row, const ll_question_set *set, const ll_score_sheet *sheet) {
    ll_row_text(row, "metric", sheet->metric[sheet->main]);
    ll_row_real(row, "value", sheet->total[sheet->main].mean, 9);
    ll_row_real(row, "stderr", sheet->total[sheet->main].stderr_mean, 6);
    ll_row_real(row, "macro", sheet->macro[sheet->main], 9);
    ll_row_real(row, "chance", set->chance, 6);
    ll_row_int(row, "questions", set->count);
    ll_row_int(row, "available", set->available);
    if (set->task->whole)
        ll_row_int(row, "whole", set->task->whole);
    ll_row_int(row, "prompts_cut", set->cut);
}

static void fill_pair(ll_row *row, const ll_score_sheet *full, const ll_score_sheet *sheet) {
    const size_t at = sheet->main * sheet->count;
    const ll_paired p = ll_pair(full->right + at, sheet->right + at, sheet->count);
    ll_row_real(row, "difference", p.difference, 9);
    ll_row_real(row, "difference_stderr", p.stderr_difference, 6);
    ll_row_int(row, "only_full", p.only_first);
    ll_row_int(row, "only_dropped", p.only_second);
    ll_row_real(row, "p_value", p.p, 6);
}

/* Nothing, where some answers were there already. */
static void fill_use(ll_row *row, const ll_question_set *set, const ll_scorer_use *use) {
    if (use->questions < set->count)
        return;
    ll_row_int(row, "tokens_asked", use->asked);
    ll_row_int(row, "tokens_computed", use->computed);
    ll_row_real(row, "seconds", use->seconds, 4);
}

static ll_status measure(stage *s, size_t i, const ll_sweep_task *task, ll_row *row) {
    ll_sweep *sweep = s->sweep;
    const ll_question_set *set = &sweep->exam.sets[i];
    LL_TRY(ll_sweep_need_model(sweep)); /* the row says where it lies */
    LL_TRY(need_full(s, i));
    if (task->dropped || sweep->wanda) {
        ll_score_sheet own = {0};
        ll_scorer_use use;
        LL_TRY(ask(s, i, task, &own, &use));
        fill_score(row, set, &own);
        if (s->full[i].count) /* gone, if somebody took the answers away */
            fill_pair(row, &s->full[i], &own);
        fill_use(row, set, &use);
        ll_score_sheet_free(&own);
    } else {
        fill_score(row, set, &s->full[i]);
        fill_use(row, set, &s->full_use[i]);
    }
    ll_run_info_fill(row, sweep->model, sweep->model_name, sweep->options->seed);
    return LL_OK;
}

static ll_status run_task(stage *s, size_t i, const ll_sweep_task *task) {
    ll_sweep *sweep = s->sweep;
    ll_row row;
    fill_key(&row, s, i, task);
    const ll_row_state state = ll_sweep_look_up(sweep, sweep->scores, &row, task, sweep->exam.tasks[i].name,
                                                set_work(sweep, &sweep->exam.sets[i]));
    if (state == LL_ROW_THERE)
        return LL_OK;
    if (state == LL_ROW_MISSING) {
        const ll_status status = measure(s, i, task, &row);
        if (status != LL_OK)
            return ll_fail_in(sweep->error, status, "%s", sweep->exam.tasks[i].name);
    }
    sweep->computed++;
    return ll_csv_append(sweep->scores, &row, sweep->error);
}

ll_status ll_sweep_tasks(ll_sweep *sweep) {
    stage s = {.sweep = sweep};
    if (!sweep->exam.count)
        return LL_OK;
    snprintf(s.folder, sizeof s.folder, "%s/answers", sweep->folder);
    s.full = calloc(sweep->exam.count, sizeof *s.full);
    s.full_use = calloc(sweep->exam.count, sizeof *s.full_use);
    ll_status status = LL_OK;
    if (!s.full || !s.full_use)
        status =
            ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for the scores of %zu tasks", sweep->exam.count);
    if (status == LL_OK)
        status = check_rows(&s);
    for (size_t d = 0; d < sweep->task_count && status == LL_OK; d++)
        for (size_t i = 0; sweep->tasks[d].measured & LL_ASKED && i < sweep->exam.count && status == LL_OK;
             i++)
            status = run_task(&s, i, &sweep->tasks[d]);
    for (size_t i = 0; s.full && i < sweep->exam.count; i++)
        ll_score_sheet_free(&s.full[i]);
    free(s.full);
    free(s.full_use);
    return status;
}
