#include "eval/task_list.h"
#include "report/report_private.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- which tasks ---- */

enum { SETTING = 7 }; /* columns before "task": model, weights, group, kv, isa, limit, too_long */

static bool same(const ll_report_row *a, const ll_report_row *b, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        const char *column = ll_tasks_schema.columns[i];
        if (strcmp(ll_report_text(a, column), ll_report_text(b, column)) != 0)
            return false;
    }
    return true;
}

static ll_report_row row_at(const ll_report_data *data, size_t i) {
    return (ll_report_row){data->tasks_csv, &ll_tasks_schema, i};
}

static bool of_weights(const ll_report_data *data, const ll_report_row *row) {
    static const char *const columns[] = {"model_sha256", "weights", "group", "kv"};
    const ll_report_row *setting = data->quality.csv ? &data->quality : &data->speed;
    for (size_t i = 0; setting->csv && i < sizeof columns / sizeof *columns; i++)
        if (strcmp(ll_report_text(setting, columns[i]), ll_report_text(row, columns[i])) != 0)
            return false;
    return true;
}

/* The setting that most rows are of, of several the last. */
static void choose_setting(ll_report_data *data) {
    size_t most = 0;
    for (size_t i = ll_csv_rows(data->tasks_csv); i-- > 0;) {
        const ll_report_row row = row_at(data, i);
        size_t count = 0;
        for (size_t j = 0; of_weights(data, &row) && j < ll_csv_rows(data->tasks_csv); j++) {
            const ll_report_row other = row_at(data, j);
            count += same(&row, &other, SETTING);
        }
        if (count > most) {
            most = count;
            data->answered = row;
        }
    }
}

static size_t find_task(const ll_report_data *data, const char *name) {
    for (size_t i = 0; i < data->task_count; i++)
        if (strcmp(data->tasks[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

/* The same questions: of one definition, on the same data, with as many examples. */
static bool same_questions(const ll_report_row *a, const ll_report_row *b) {
    static const char *const columns[] = {"task", "task_sha256", "data_sha256", "num_fewshot"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(ll_report_text(a, columns[i]), ll_report_text(b, columns[i])) != 0)
            return false;
    return same(a, b, SETTING);
}

/* Of several sets of questions of a task the one with most rows, of several the last. */
static void choose_questions(ll_report_data *data, ll_report_task *task) {
    size_t most = 0;
    for (size_t i = ll_csv_rows(data->tasks_csv); i-- > 0;) {
        const ll_report_row row = row_at(data, i);
        size_t count = 0;
        if (strcmp(ll_report_text(&row, "task"), task->name) != 0 || !same(&data->answered, &row, SETTING))
            continue;
        for (size_t j = 0; j < ll_csv_rows(data->tasks_csv); j++) {
            const ll_report_row other = row_at(data, j);
            count += same_questions(&row, &other);
        }
        if (count > most) {
            most = count;
            task->questions = row;
        }
    }
    task->chance = ll_report_number(&task->questions, "chance");
}

/* A report of rows whose definition is gone is a report all the same. */
static void add_task(ll_report_data *data, const ll_report_row *row) {
    ll_report_task *task = &data->tasks[data->task_count++];
    ll_task definition;
    *task = (ll_report_task){.name = ll_report_text(row, "task")};
    choose_questions(data, task);
    snprintf(task->title, sizeof task->title, "%s", task->name);
    if (ll_task_find(&definition, task->name, NULL) != LL_OK)
        return;
    snprintf(task->title, sizeof task->title, "%s", definition.title);
    if (definition.paper_column)
        snprintf(task->paper_column, sizeof task->paper_column, "%s", definition.paper_column);
    ll_task_free(&definition);
}

ll_status ll_report_find_tasks(ll_report_data *data, ll_error *error) {
    if (!data->tasks_csv)
        return LL_OK;
    choose_setting(data);
    for (size_t i = 0; data->answered.csv && i < ll_csv_rows(data->tasks_csv); i++) {
        const ll_report_row row = row_at(data, i);
        if (!same(&data->answered, &row, SETTING)) {
            data->other_rows++;
            continue;
        }
        if (find_task(data, ll_report_text(&row, "task")) != SIZE_MAX)
            continue;
        if (data->task_count == LL_REPORT_TASKS)
            return ll_fail(error, LL_BAD_INPUT, "%s: row %zu: more than %d tasks",
                           ll_csv_path(data->tasks_csv), i + 1, LL_REPORT_TASKS);
        add_task(data, &row);
    }
    return LL_OK;
}

/* Of the modules that quality was measured without, if it was; of several rows the last. */
ll_report_row ll_report_task_row(const ll_report_data *data, const ll_report_entry *entry, size_t task) {
    for (size_t i = data->tasks_csv ? ll_csv_rows(data->tasks_csv) : 0; i-- > 0;) {
        const ll_report_row row = row_at(data, i);
        if (same_questions(&data->tasks[task].questions, &row) &&
            strcmp(ll_report_text(&row, "kind"), entry->kind) == 0 &&
            ll_report_number(&row, "dropped") == (double)entry->dropped &&
            (!entry->quality.csv ||
             strcmp(ll_report_text(&entry->quality, "drop"), ll_report_text(&row, "drop")) == 0))
            return row;
    }
    return (ll_report_row){NULL, &ll_tasks_schema, 0};
}

/* ---- averages ---- */

size_t ll_report_averaged(const ll_report_data *data, double *chance) {
    size_t count = 0;
    double sum = 0;
    for (size_t t = 0; t < data->task_count; t++)
        if (data->tasks[t].paper_column[0]) {
            count++;
            sum += data->tasks[t].chance;
        }
    *chance = count ? sum / (double)count : (double)NAN;
    return count;
}

/* Tasks are independent of each other: their errors add as squares. */
ll_report_average ll_report_average_of(const ll_report_data *data, const ll_report_entry *entry) {
    ll_report_average a = {0};
    double chance;
    const double n = (double)ll_report_averaged(data, &chance);
    for (size_t t = 0; t < data->task_count; t++) {
        if (!data->tasks[t].paper_column[0])
            continue;
        const ll_report_row row = ll_report_task_row(data, entry, t);
        const double error = ll_report_number(&row, "stderr"),
                     paired = ll_report_number(&row, "difference_stderr");
        a.value += ll_report_number(&row, "value") / n;
        a.difference += ll_report_number(&row, "difference") / n;
        a.error += error * error;
        a.difference_error += paired * paired;
    }
    if (n == 0)
        return (ll_report_average){NAN, NAN, NAN, NAN};
    a.error = sqrt(a.error) / n;
    a.difference_error = sqrt(a.difference_error) / n;
    return a;
}

/* ---- tables ---- */

enum { CELL = LL_REPORT_CELL, COLUMNS = LL_REPORT_TASKS + 6 };
typedef struct {
    char cell[COLUMNS][CELL];
} line;

typedef struct {
    line *lines;
    size_t count, columns;
} table;

static char *cell(table *t, size_t column) {
    return t->lines[t->count].cell[column];
}

static void put(char *out, double value, int decimals, double factor) {
    if (isfinite(value))
        snprintf(out, CELL, "%.*f", decimals, factor * value);
    else
        snprintf(out, CELL, "NA");
}

static bool print_table(ll_sheet *sheet, const char *caption, const table *t) {
    const char **cells = malloc(t->count * t->columns * sizeof *cells);
    if (!cells)
        return false;
    for (size_t l = 0; l < t->count; l++)
        for (size_t c = 0; c < t->columns; c++)
            cells[l * t->columns + c] = t->lines[l].cell[c];
    const bool good = ll_sheet_table(sheet, caption, cells, t->count, t->columns);
    free(cells);
    return good;
}

static const char *kind_of(const ll_report_entry *entry) {
    return entry->dropped ? entry->kind : "full model";
}

static bool answered(const ll_report_data *data, const ll_report_entry *entry) {
    for (size_t t = 0; t < data->task_count; t++)
        if (ll_report_task_row(data, entry, t).csv)
            return true;
    return false;
}

/* Points of average accuracy lost for a percent of speed gained (the paper's gamma, its SDR). */
static double gamma_of(const ll_report_average *full, const ll_report_average *a, double speedup) {
    return speedup > 1 ? (full->value - a->value) / (speedup - 1) : (double)NAN;
}

static void fill_score_line(table *t, const ll_report_data *data, const ll_report_entry *entry) {
    const ll_report_entry *whole = ll_report_full(data);
    const ll_report_average a = ll_report_average_of(data, entry),
                            full = whole ? ll_report_average_of(data, whole) : a;
    const double speedup = ll_report_number(&entry->speed, "speedup");
    size_t c = 0;
    snprintf(cell(t, c++), CELL, "%s", kind_of(entry));
    snprintf(cell(t, c++), CELL, "%zu", entry->dropped);
    for (size_t i = 0; i < data->task_count; i++) {
        const ll_report_row row = ll_report_task_row(data, entry, i);
        put(cell(t, c++), ll_report_number(&row, "value"), 1, 100);
    }
    put(cell(t, c), a.value, 1, 100);
    if (isfinite(a.error))
        snprintf(cell(t, c) + strlen(cell(t, c)), 16, " ± %.1f", 100 * a.error);
    c++;
    put(cell(t, c++), speedup, 2, 1);
    put(cell(t, c++), entry->dropped ? gamma_of(&full, &a, speedup) : (double)NAN, 2, 1);
    t->count++;
}

static void fill_chance_line(table *t, const ll_report_data *data) {
    size_t c = 0;
    double average;
    ll_report_averaged(data, &average);
    snprintf(cell(t, c++), CELL, "guessing");
    snprintf(cell(t, c++), CELL, "NA");
    for (size_t i = 0; i < data->task_count; i++)
        put(cell(t, c++), data->tasks[i].chance, 1, 100);
    put(cell(t, c++), average, 1, 100);
    snprintf(cell(t, c++), CELL, "NA");
    snprintf(cell(t, c++), CELL, "NA");
    t->count++;
}

/* Of the paper's row the average over the tasks that are here, to be compared with ours. */
static double paper_average(const ll_report_data *data, const ll_csv *paper, size_t row) {
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < data->task_count; i++)
        if (data->tasks[i].paper_column[0]) {
            sum += ll_csv_number(paper, row, data->tasks[i].paper_column);
            count++;
        }
    return sum / (double)count;
}

static void fill_paper_line(table *t, const ll_report_data *data, const ll_csv *paper, size_t row) {
    const double speedup = ll_csv_number(paper, row, "speedup"), average = paper_average(data, paper, row),
                 full = paper_average(data, paper, ll_paper_baseline(ll_paper_table_at(0), paper, row));
    size_t c = 0;
    snprintf(cell(t, c++), CELL, "paper: %s", ll_csv_cell(paper, row, "model"));
    snprintf(cell(t, c++), CELL, "%s", ll_csv_cell(paper, row, "method"));
    for (size_t i = 0; i < data->task_count; i++) {
        const char *column = data->tasks[i].paper_column;
        snprintf(cell(t, c++), CELL, "%s", *column ? ll_csv_cell(paper, row, column) : "NA");
    }
    put(cell(t, c++), average, 1, 1);
    put(cell(t, c++), speedup, 2, 1);
    put(cell(t, c++), speedup > 1 ? (full - average) / (100 * (speedup - 1)) : (double)NAN, 2, 1);
    t->count++;
}

/* "112 of 14042", or an integer column of the tasks' rows. */
static void fill_questions_line(table *t, const ll_report_data *data, const char *name, const char *column) {
    size_t c = 0;
    snprintf(cell(t, c++), CELL, "%s", name);
    snprintf(cell(t, c++), CELL, "NA");
    for (size_t i = 0; i < data->task_count; i++) {
        const ll_report_row *row = &data->tasks[i].questions;
        const char *whole = ll_report_text(row, "whole");
        snprintf(cell(t, c), CELL, "%.20s", ll_report_text(row, column));
        if (strcmp(column, "questions") == 0 && strcmp(whole, "NA") != 0)
            snprintf(cell(t, c), CELL, "%.20s of %.20s", ll_report_text(row, column), whole);
        c++;
    }
    while (c < t->columns)
        snprintf(cell(t, c++), CELL, "NA");
    t->count++;
}

static void fill_heads(table *t, const ll_report_data *data, bool scores) {
    size_t c = 0;
    snprintf(cell(t, c++), CELL, "kind");
    snprintf(cell(t, c++), CELL, "dropped");
    for (size_t i = 0; i < data->task_count; i++)
        snprintf(cell(t, c++), CELL, "%s", data->tasks[i].title);
    snprintf(cell(t, c++), CELL, "average");
    if (scores) {
        snprintf(cell(t, c++), CELL, "speedup");
        snprintf(cell(t, c++), CELL, "gamma");
    }
    t->columns = c;
    t->count++;
}

static bool print_scores(ll_sheet *sheet, const ll_report_data *data) {
    ll_csv *paper = NULL;
    if (ll_paper_open(&paper, ll_paper_table_at(0), NULL) != LL_OK)
        paper = NULL;
    const size_t published = paper ? ll_csv_rows(paper) : 0;
    table t = {.lines = calloc(data->count + published + 4, sizeof *t.lines)};
    bool good = t.lines != NULL;
    if (good) {
        fill_heads(&t, data, true);
        for (size_t i = 0; i < data->count; i++)
            if (answered(data, &data->entries[i]))
                fill_score_line(&t, data, &data->entries[i]);
        fill_chance_line(&t, data);
        fill_questions_line(&t, data, "examples", "num_fewshot");
        fill_questions_line(&t, data, "questions", "questions");
        for (size_t i = 0; i < published; i++)
            fill_paper_line(&t, data, paper, i);
        good = print_table(sheet, "Accuracy of the tasks in percent", &t);
    }
    free(t.lines);
    ll_csv_close(paper);
    return good;
}

/* "-3.0 ± 1.2", bold where chance alone would hardly do it. */
static void put_difference(char *out, double difference, double error, bool sure) {
    if (!isfinite(difference))
        snprintf(out, CELL, "NA");
    else if (!isfinite(error)) /* of one question */
        snprintf(out, CELL, "%+.1f", 100 * difference);
    else
        snprintf(out, CELL, "%s%+.1f ± %.1f%s", sure ? "**" : "", 100 * difference, 100 * error,
                 sure ? "**" : "");
}

static void fill_difference_line(table *t, const ll_report_data *data, const ll_report_entry *entry) {
    const ll_report_average a = ll_report_average_of(data, entry);
    size_t c = 0;
    snprintf(cell(t, c++), CELL, "%s", kind_of(entry));
    snprintf(cell(t, c++), CELL, "%zu", entry->dropped);
    for (size_t i = 0; i < data->task_count; i++) {
        const ll_report_row row = ll_report_task_row(data, entry, i);
        put_difference(cell(t, c++), ll_report_number(&row, "difference"),
                       ll_report_number(&row, "difference_stderr"), ll_report_number(&row, "p_value") < 0.05);
    }
    put_difference(cell(t, c++), a.difference, a.difference_error,
                   fabs(a.difference) > 1.96 * a.difference_error);
    t->count++;
}

static bool print_differences(ll_sheet *sheet, const ll_report_data *data) {
    table t = {.lines = calloc(data->count + 1, sizeof *t.lines)};
    if (!t.lines)
        return false;
    fill_heads(&t, data, false);
    for (size_t i = 0; i < data->count; i++)
        if (data->entries[i].dropped && answered(data, &data->entries[i]))
            fill_difference_line(&t, data, &data->entries[i]);
    const bool good = print_table(sheet, "Difference from the full model in points", &t);
    free(t.lines);
    return good;
}

/* A task on which the full model is no better than guessing can hardly show that a drop costs anything. */
static void print_telling(ll_sheet *sheet, const ll_report_data *data) {
    const ll_report_entry *full = ll_report_full(data);
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    for (int above = 1; full && above >= 0; above--) {
        size_t named = 0;
        for (size_t i = 0; i < data->task_count; i++) {
            const ll_report_row row = ll_report_task_row(data, full, i);
            const double value = ll_report_number(&row, "value"), error = ll_report_number(&row, "stderr");
            if (!isfinite(value) || !isfinite(error) || (value - data->tasks[i].chance > 2 * error) != above)
                continue;
            ll_sheet_say(sheet, named++ ? ", "
                                : above
                                    ? "The full model is above guessing by more than two standard errors on "
                                    : " It is not on ");
            ll_sheet_quote(sheet, data->tasks[i].title);
            ll_sheet_sayf(sheet, " (%.1f ± %.1f, guessing %.1f)", 100 * value, 100 * error,
                          100 * data->tasks[i].chance);
        }
        ll_sheet_say(sheet, !named  ? ""
                            : above ? "."
                                    : ": there a drop can hardly be seen to cost anything.");
    }
    ll_sheet_end(sheet, LL_PARAGRAPH);
}

/* What was asked, and by which build on which kernels. */
static void print_asked(ll_sheet *sheet, const ll_report_data *data) {
    ll_sheet_section(sheet, "tasks", "Tasks");
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    ll_report_say_row(
        sheet, &data->answered,
        "Accuracy in percent, scored as lm-evaluation-harness scores. Questions of each task (of MMLU, "
        "of each subject): @, as far as they are there. ISA @, commit @.",
        (const char *const[]){"limit", "isa", "commit"});
    ll_sheet_end(sheet, LL_PARAGRAPH);
}

bool ll_report_print_tasks(ll_sheet *sheet, const ll_report_data *data) {
    double chance;
    print_asked(sheet, data);
    if (!print_scores(sheet, data))
        return false;
    ll_sheet_begin(sheet, LL_NOTE);
    ll_sheet_sayf(
        sheet,
        "**average** over the %zu of the paper's tasks that are here ± its standard error; **speedup** "
        "of the whole generation; **gamma** = points of average accuracy lost / speedup gained in "
        "percent, as the paper's. guessing: what chance gives; examples: those before each question; "
        "questions: those asked, of those that the whole data has. paper: its table 1, measured on its "
        "models, with average and gamma over the same tasks as ours.",
        ll_report_averaged(data, &chance));
    ll_sheet_end(sheet, LL_NOTE);
    print_telling(sheet, data);
    ll_sheet_put(sheet, LL_PART, "Difference from the full model, on the same questions");
    if (!print_differences(sheet, data))
        return false;
    ll_sheet_put(
        sheet, LL_NOTE,
        "Points ± the standard error of paired differences: smaller than what the errors of both "
        "accuracies would make of it, since both models are asked the same questions. Bold: McNemar's "
        "exact test finds p < 0.05 (of the average: beyond 1.96 errors), which chance alone does once "
        "in twenty cells.");
    return true;
}
