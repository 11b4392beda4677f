#include "eval/score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const char *const choice_metrics[] = {"acc", "acc_norm", "acc_bytes"};
enum { CHOICE_METRICS = 3 };

size_t ll_task_metrics(const ll_task *task, const char *names[LL_MAX_METRICS], size_t *main) {
    const bool generated = task->kind == LL_TASK_GENERATE;
    const size_t all = generated ? task->filter_count : CHOICE_METRICS,
                 count = all < LL_MAX_METRICS ? all : LL_MAX_METRICS;
    *main = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = generated ? task->filters[i].metric : choice_metrics[i];
        *main = strcmp(names[i], task->metric) == 0 ? i : *main;
    }
    return count;
}

/* ---- choices ---- */

static double length_by(const ll_request *r, const char *metric) {
    return strcmp(metric, "acc_norm") == 0    ? (double)r->characters
           : strcmp(metric, "acc_bytes") == 0 ? (double)r->bytes
                                              : 1;
}

size_t ll_choice_of(const ll_question_set *set, const ll_question *q, const ll_said *said,
                    const char *metric) {
    size_t best = 0;
    double most = -HUGE_VAL;
    for (size_t k = 0; k < q->requests; k++) {
        const double value = said[k].ll / length_by(&set->requests[q->first + k], metric);
        if (value > most) {
            most = value;
            best = k;
        }
    }
    return best;
}

/* ---- generated answers ---- */

ll_status ll_answer_take(const ll_answer_filter *filter, const char *text, ll_string *out, ll_error *error) {
    static const char none[] = "[invalid]"; /* as the harness has it */
    ll_string whole = {0};
    bool found = false;
    ll_status status = ll_string_append(&whole, text, strlen(text), error);
    if (status == LL_OK)
        status = ll_regex_find(filter->pattern, &whole, filter->last, out, &found, error);
    if (status == LL_OK && found)
        ll_string_strip(out, 0);
    if (status == LL_OK && !found)
        status = ll_string_append(out, none, sizeof none - 1, error);
    ll_string_free(&whole);
    return status;
}

static ll_status lower(ll_string *s, ll_error *error) {
    ll_string out = {0};
    ll_status status = ll_string_append(&out, "", 0, error);
    for (size_t at = 0; at < s->length && status == LL_OK;) {
        utf8proc_int32_t code;
        utf8proc_uint8_t bytes[4];
        const utf8proc_ssize_t length =
            utf8proc_iterate((utf8proc_uint8_t *)s->data + at, (utf8proc_ssize_t)(s->length - at), &code);
        if (length > 0)
            status = ll_string_append(&out, (char *)bytes,
                                      (size_t)utf8proc_encode_char(utf8proc_tolower(code), bytes), error);
        at += length > 0 ? (size_t)length : 1;
    }
    ll_string_free(s);
    *s = out;
    return status;
}

/* Without what is ignored. */
static ll_status compared(const ll_task *task, const char *text, ll_string *out, ll_error *error) {
    LL_TRY(ll_string_append(out, text, strlen(text), error));
    for (size_t i = 0; i < task->ignore_count; i++)
        LL_TRY(ll_regex_replace(task->ignore[i], out, "", error));
    return task->ignore_case ? lower(out, error) : LL_OK;
}

ll_status ll_answer_is_right(const ll_task *task, const char *answer, const char *target, bool *right,
                             ll_error *error) {
    ll_string a = {0}, b = {0};
    ll_status status = compared(task, answer, &a, error);
    if (status == LL_OK)
        status = compared(task, target, &b, error);
    *right = status == LL_OK && strcmp(a.data, b.data) == 0;
    ll_string_free(&a);
    ll_string_free(&b);
    return status;
}

/* ---- sheets ---- */

static ll_share_right share_of(const unsigned char *right, size_t count) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += right[i];
    const double mean = (double)sum / (double)count, variance = mean * (1 - mean);
    return (ll_share_right){mean, count > 1 ? sqrt(variance / (double)(count - 1)) : NAN};
}

static ll_status mark(ll_score_sheet *sheet, const ll_question_set *set, const ll_answers *answers, size_t i,
                      ll_error *error) {
    const ll_question *q = &set->questions[i];
    const ll_said *said = answers->said + q->first;
    for (size_t m = 0; m < sheet->metrics; m++) {
        bool right = false;
        if (set->task->kind == LL_TASK_GENERATE) {
            ll_string answer = {0};
            ll_status status = ll_answer_take(&set->task->filters[m], said->text, &answer, error);
            if (status == LL_OK)
                status = ll_answer_is_right(set->task, answer.data, q->target, &right, error);
            ll_string_free(&answer);
            LL_TRY(status);
        } else {
            right = ll_choice_of(set, q, said, sheet->metric[m]) == q->gold;
        }
        sheet->right[m * sheet->count + i] = right;
    }
    return LL_OK;
}

/* What parts [from, end) have together: the mean over their questions, the pooled standard error (each part's variance about its own
 * mean). */
static ll_share_right pool(const ll_score_part *parts, size_t from, size_t end, size_t metric) {
    double right = 0, squares = 0, count = 0;
    for (size_t i = from; i < end; i++) {
        const double n = (double)parts[i].count, error = parts[i].metric[metric].stderr_mean;
        right += n * parts[i].metric[metric].mean;
        squares += (n - 1) * error * error * n;
        count += n;
    }
    const double freedom = count - (double)(end - from);
    return (ll_share_right){right / count, freedom > 0 ? sqrt(squares / freedom / count) : NAN};
}

static void fill_subjects(ll_score_sheet *sheet, const ll_question_set *set) {
    sheet->subject_count = set->subject_count;
    for (size_t i = 0; i < set->subject_count; i++) {
        const ll_question_subject *s = &set->subjects[i];
        sheet->subjects[i] = (ll_score_part){.name = s->name, .count = s->count};
        for (size_t m = 0; m < sheet->metrics; m++)
            sheet->subjects[i].metric[m] = share_of(sheet->right + m * sheet->count + s->first, s->count);
    }
}

/* Subjects of a group follow each other. */
static void fill_groups(ll_score_sheet *sheet, const ll_question_set *set) {
    for (size_t from = 0, end; from < set->subject_count; from = end) {
        ll_score_part *group = &sheet->groups[sheet->group_count++];
        *group = (ll_score_part){.name = set->subjects[from].group};
        for (end = from; end < set->subject_count && strcmp(set->subjects[end].group, group->name) == 0;
             end++)
            group->count += set->subjects[end].count;
        for (size_t m = 0; m < sheet->metrics; m++)
            group->metric[m] = pool(sheet->subjects, from, end, m);
    }
}

static void fill_totals(ll_score_sheet *sheet) {
    for (size_t m = 0; m < sheet->metrics; m++) {
        sheet->total[m] = share_of(sheet->right + m * sheet->count, sheet->count);
        sheet->macro[m] = sheet->total[m].mean;
        if (!sheet->group_count)
            continue;
        sheet->total[m] = pool(sheet->subjects, 0, sheet->subject_count, m);
        sheet->macro[m] = 0;
        for (size_t i = 0; i < sheet->subject_count; i++)
            sheet->macro[m] += sheet->subjects[i].metric[m].mean / (double)sheet->subject_count;
    }
}

ll_status ll_score_sheet_make(ll_score_sheet *out, const ll_question_set *set, const ll_answers *answers,
                              ll_error *error) {
    *out = (ll_score_sheet){.count = set->count};
    out->metrics = ll_task_metrics(set->task, out->metric, &out->main);
    out->right = malloc(out->metrics * set->count);
    out->subjects = calloc(set->subject_count + 1, sizeof *out->subjects);
    out->groups = calloc(set->subject_count + 1, sizeof *out->groups);
    ll_status status = LL_OK;
    if (!out->right || !out->subjects || !out->groups)
        status = ll_fail(error, LL_NO_RESOURCE, "no memory for the marks of %zu questions", set->count);
    for (size_t i = 0; i < set->count && status == LL_OK; i++)
        status = mark(out, set, answers, i, error);
    if (status != LL_OK) {
        ll_score_sheet_free(out);
        return status;
    }
    if (set->task->subject_count) {
        fill_subjects(out, set);
        fill_groups(out, set);
    }
    fill_totals(out);
    return LL_OK;
}

void ll_score_sheet_free(ll_score_sheet *sheet) {
    free(sheet->right);
    free(sheet->subjects);
    free(sheet->groups);
    *sheet = (ll_score_sheet){0};
}

/* ---- pairs ---- */

/* Two-sided: twice the chance that of n fair tosses no more than few are heads, 1 at most. */
static double binomial_p(size_t few, size_t n) {
    double sum = 0;
    for (size_t k = 0; k <= few; k++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                   (double)n * log(2));
    return fmin(1, 2 * sum);
}

ll_paired ll_pair(const unsigned char *first, const unsigned char *second, size_t count) {
    ll_paired p = {0};
    for (size_t i = 0; i < count; i++) {
        p.only_first += first[i] && !second[i];
        p.only_second += second[i] && !first[i];
    }
    const double n = (double)count, up = (double)p.only_second, down = (double)p.only_first;
    p.difference = (up - down) / n;
    const double squares = up + down - n * p.difference * p.difference;
    p.stderr_difference = count > 1 ? sqrt(fmax(squares, 0) / (n - 1) / n) : NAN;
    const size_t fewer = p.only_first < p.only_second ? p.only_first : p.only_second;
    p.p = binomial_p(fewer, p.only_first + p.only_second);
    return p;
}
