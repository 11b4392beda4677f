/* Shared by the report's files only. */
#ifndef LL_REPORT_PRIVATE_H
#define LL_REPORT_PRIVATE_H
#include "csv.h"
#include "drop.h"
#include "paper.h"
#include "report/sheet.h"

enum { LL_REPORT_CELL = 64 };

/* A row of a CSV; csv NULL: none. It also stands for a setting: the rows that equal it in the columns before
 * "kind". */
typedef struct {
    const ll_csv *csv;
    const ll_csv_schema *schema;
    size_t row;
} ll_report_row;

/* One line of the table. */
typedef struct {
    const char *kind; /* "none": the full model */
    size_t dropped;
    ll_report_row quality, speed;
} ll_report_entry;

/* A task that rows are of. */
typedef struct {
    const char *name;      /* of a row */
    char title[32];        /* of its definition; its name where there is none */
    char paper_column[32]; /* in the paper's tables, which it then has a part in the average as; "" else */
    double chance;
    ll_report_row questions; /* a row of those that are shown: same definition, data, examples */
} ll_report_task;
enum { LL_REPORT_TASKS = 24 };

/* Over the tasks of the paper's tables. */
typedef struct {
    double value, error;                 /* share of right answers; NAN where a task has no row */
    double difference, difference_error; /* from the full model, paired; NAN where there is none */
} ll_report_average;

typedef struct {
    const char *folder; /* that the files lie in, as it was given */
    ll_csv *importance_csv, *quality_csv, *speed_csv, *tasks_csv, *plans_csv; /* NULL: not there */
    ll_csv *calibration_csv; /* of the folder calibration in the folder; NULL: not there */
    /* What the report is about: of several settings in one file, the one with most rows. */
    ll_report_row importance, quality, speed;
    /* The full model first when it was measured, then kind by kind, dropped ascending. */
    ll_report_entry *entries;
    size_t count;
    ll_report_row answered; /* the setting of the tasks' rows: all columns before "task" */
    ll_report_task tasks[LL_REPORT_TASKS];
    size_t task_count;
    size_t other_rows; /* rows of other settings, not shown */
    ll_paper paper;    /* published speedups; empty where they cannot be read */
} ll_report_data;

ll_status ll_report_load(ll_report_data *out, const char *folder, ll_error *error);
void ll_report_free(ll_report_data *data);
/* Makes the entries of data's settings. */
ll_status ll_report_make_entries(ll_report_data *data, ll_error *error);

/* A row's cell; "NA" and NAN when there is no row. */
const char *ll_report_text(const ll_report_row *row, const char *column);
double ll_report_number(const ll_report_row *row, const char *column);
/* The full model's entry; NULL: not measured. */
const ll_report_entry *ll_report_full(const ll_report_data *data);
/* The setting that says most: of the model, and of how its weights are held. */
const ll_report_row *ll_report_main(const ll_report_data *data);
/* Whether row of csv belongs to the setting. */
bool ll_report_belongs(const ll_report_row *setting, size_t row);

/* "11.8 MiB" */
void ll_report_put_bytes(char cell[LL_REPORT_CELL], double bytes);

/* Whether the paper published speedups of entries of this model. */
bool ll_report_has_paper(const ll_report_data *data);
/* False: no memory. */
bool ll_report_print_table(ll_sheet *sheet, const ll_report_data *data);
/* "1.210 (1.200-1.220)": median and quartiles. */
void ll_report_put_speedup(char cell[LL_REPORT_CELL], const ll_report_row *row);
/* Says format, with every @ a cell of the row: of columns, in their order. */
void ll_report_say_row(ll_sheet *sheet, const ll_report_row *row, const char *format,
                       const char *const *columns);
/* Writes what print prints as the page out/name, whole or not at all; what, "report", names it in an error. */
typedef bool ll_report_print(FILE *stream, const void *context); /* false: no memory */
ll_status ll_report_write_page(const char *out, const char *name, const char *what, ll_report_print *print,
                               const void *context, ll_error *error);
/* The summary: five sentences computed from the rows, or what is missing for one. */
void ll_report_print_summary(ll_sheet *sheet, const ll_report_data *data);
/* Shares of the machine's limits. False: no memory. */
bool ll_report_print_shares(ll_sheet *sheet, const ll_report_data *data);
/* The entry that drops so many of a kind; NULL: there is none. */
const ll_report_entry *ll_report_find_entry(const ll_report_data *data, const char *kind, size_t dropped);
/* What was measured, where and by which build. */
void ll_report_print_run(ll_sheet *sheet, const ll_report_data *data);
/* "2026-01-01T00:00:00Z to 2026-01-03T00:00:00Z": of all rows shown. */
void ll_report_say_dates(ll_sheet *sheet, const ll_report_data *data);
/* The model's name as its rows have it; without one the listed file of its SHA-256, or a part of that. */
void ll_report_model(const ll_report_data *data, char *out, size_t capacity);
/* The list's name for those weights, else the name that rows have; what a command is given. */
void ll_report_listed_model(const ll_report_data *data, char *out, size_t capacity);
/* Whether the timings are of random weights. */
bool ll_report_is_synthetic(const ll_report_data *data);
/* "int8 in groups of 128" */
void ll_report_weights(const ll_report_data *data, char *out, size_t capacity);

/* Finds the tasks of the setting, the largest one of these weights. */
ll_status ll_report_find_tasks(ll_report_data *data, ll_error *error);
/* The row of an entry's task; csv NULL: none. */
ll_report_row ll_report_task_row(const ll_report_data *data, const ll_report_entry *entry, size_t task);
ll_report_average ll_report_average_of(const ll_report_data *data, const ll_report_entry *entry);
/* Tasks that have a part in the average; their mean chance. */
size_t ll_report_averaged(const ll_report_data *data, double *chance);
/* The section on tasks. False: no memory. */
bool ll_report_print_tasks(ll_sheet *sheet, const ll_report_data *data);

enum { LL_REPORT_PLOTS = 7 };
extern const char *const ll_report_plot_names[LL_REPORT_PLOTS];
/* Draws what there are numbers for into the folder out; drawn says which plots lie there now. */
ll_status ll_report_plot(const ll_report_data *data, const char *out, bool drawn[LL_REPORT_PLOTS],
                         ll_error *error);
#endif
