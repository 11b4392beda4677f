/* What of ours belongs beside a number of the paper's tables. */
#ifndef LL_PUBLISHED_H
#define LL_PUBLISHED_H
#include "report/report_private.h"

/* A published table beside a report's rows. */
typedef struct {
    const ll_report_data *data;
    const ll_paper_table *table;
    const ll_csv *csv;
    size_t blocks; /* of our model; 0: not known */
} ll_published;

typedef enum {
    LL_NOT_OURS, /* a name, or no measured number */
    LL_TASK_ACCURACY,
    LL_AVERAGE,
    LL_SPEEDUP,
    LL_GAMMA,
    LL_KV_FULL,
    LL_KV_DROPPED,
    LL_PERPLEXITY, /* ours alone */
} ll_quantity;

/* What a number is of. */
typedef struct {
    ll_quantity quantity;
    const char *kind; /* "none": the full model; NULL: nothing of ours is comparable */
    size_t dropped;
    const char *order; /* how modules were chosen, as in plans.csv; "random" stands for all its seeds */
    char weights[64];  /* as in our rows; "": those that the report is of */
    const char *task;  /* of an accuracy; NULL: it is not among ours */
    const char *shots; /* examples before a question; NULL: as the task has it */
} ll_condition;

/* Of the number in row and column, or in a column that tables may have besides: "perplexity". scaled: with as many modules as are the
 * same share of our blocks. */
ll_condition ll_published_condition(const ll_published *p, size_t row, const char *column, bool scaled);
/* A column as people read it. */
const char *ll_published_title(const ll_published *p, const char *column);
/* Blocks of the paper's model of a row; 0: not known. */
size_t ll_published_blocks(const ll_published *p, size_t row);
/* Blocks of the model that the report is of; 0: not known. */
size_t ll_report_blocks(const ll_report_data *data);

typedef struct {
    double value,
        error; /* accuracies in percent, bytes in GiB; NAN: none. error: standard, or the spread over seeds */
} ll_measured;
/* What our rows say of it. */
ll_measured ll_published_ours(const ll_published *p, size_t row, const char *column, bool scaled);
/* Our perplexity without what an average is without; nothing of any other number. */
ll_measured ll_published_perplexity(const ll_published *p, size_t row, const char *column);
/* What dropping so many of a kind costs or gains when they are chosen by that order: LL_PERPLEXITY or LL_SPEEDUP. */
ll_measured ll_published_of_order(const ll_report_data *data, const char *kind, size_t dropped,
                                  const char *order, ll_quantity quantity);
/* Of the full model, as a row's number is of a dropped one. */
ll_measured ll_published_ours_full(const ll_published *p, size_t row, const char *column);
/* The paper's number; of avg where a task is missing here, the mean over the others. */
double ll_published_theirs(const ll_published *p, size_t row, const char *column);

/* What rows that we have nothing of would need; lists with commas. */
enum { LL_WANTED_WORDS = 256 };
typedef struct {
    bool any, tasks, counts[2 * LL_MAX_LAYERS + 1];
    char orders[LL_WANTED_WORDS], pruned[LL_WANTED_WORDS], weights[LL_WANTED_WORDS], shots[LL_WANTED_WORDS];
} ll_wanted;
/* The row's columns with numbers, as they are or scaled to our blocks. */
void ll_wanted_add(ll_wanted *wanted, const ll_published *p, size_t row, const char *const *columns,
                   size_t count, bool scaled);
/* The commands that would measure it. False: no memory. */
bool ll_wanted_print(ll_sheet *sheet, const ll_report_data *data, const ll_wanted *wanted);
/* The paper's figures that have no table, and where ours is. */
bool ll_wanted_print_figures(ll_sheet *sheet, const ll_report_data *data);

/* Sections of the report. False: no memory. */
bool ll_report_print_missing(ll_sheet *sheet, const ll_report_data *data);
/* Nothing where one precision alone was measured. */
bool ll_report_print_precisions(ll_sheet *sheet, const ll_report_data *data);
bool ll_report_print_orders(ll_sheet *sheet, const ll_report_data *data);
/* What calibration.csv says of the model; nothing where it is not there. */
bool ll_report_print_calibration(ll_sheet *sheet, const ll_report_data *data);
bool ll_report_print_published(ll_sheet *sheet, const ll_report_data *data);
#endif
