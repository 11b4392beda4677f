/* What the paper published: results/paper/, read as it is. */
#ifndef LL_PAPER_H
#define LL_PAPER_H
#include "csv.h"
#include "drop.h"

typedef struct {
    char model[32]; /* a name of the list of models */
    ll_drop_kind kind;
    size_t dropped;
    double speedup;
} ll_paper_row;

enum { LL_PAPER_ROWS = 64 };
typedef struct {
    ll_paper_row rows[LL_PAPER_ROWS];
    size_t count;
} ll_paper;

/* Tables 1, 2 and 3 of folder (NULL: the project's own). */
ll_status ll_paper_load(ll_paper *out, const char *folder, ll_error *error);
/* NAN: the paper has no such row. */
double ll_paper_speedup(const ll_paper *paper, const char *model, const char *kind, size_t dropped);
/* The numbers of modules of kind that the paper drops out of model, ascending; returns how many, at most max. */
size_t ll_paper_counts(const ll_paper *paper, const char *model, ll_drop_kind kind, size_t *counts,
                       size_t max);

/* ---- the tables as they are ---- */
typedef struct {
    const char *title; /* "Table 1: ..." */
    ll_csv_schema schema;
    const char *measured; /* on what, in half a sentence */
} ll_paper_table;

/* In the paper's order; NULL past the end. Columns, where a table has them: model; method ("baseline", "attn-8", ...); strategy or metric (how
 * modules were chosen); weights; accuracies in percent by task; avg, their mean; speedup; gamma. */
const ll_paper_table *ll_paper_table_at(size_t index);
/* By the name of its file; NULL: there is none. */
const ll_paper_table *ll_paper_table_find(const char *name);
ll_status ll_paper_open(ll_csv **out, const ll_paper_table *table, ll_error *error);
/* Whether the column is the accuracy of a task (or of a length of context). */
bool ll_paper_is_accuracy(const char *column);
/* "attn-8"; false: it is not written so. */
bool ll_paper_parse_method(const char *text, ll_drop_kind *kind, size_t *dropped);
/* The row of the whole model (of the same weights) that a row is compared with; SIZE_MAX: the table has none. */
size_t ll_paper_baseline(const ll_paper_table *table, const ll_csv *csv, size_t row);
/* The mean of a row's accuracies, in percent; NAN: it has none. */
double ll_paper_average(const ll_paper_table *table, const ll_csv *csv, size_t row);
/* A row's gamma: points of avg lost to the baseline's for a percent of speed gained, of the printed avg and speedup; NAN: it has none. */
double ll_paper_gamma(const ll_paper_table *table, const ll_csv *csv, size_t row);
/* Whether a printed avg or gamma is what the row's other columns give, as far as these are rounded; recomputed receives that. A cell
 * that is empty or another column: NAN and true. */
bool ll_paper_agrees(const ll_paper_table *table, const ll_csv *csv, size_t row, const char *column,
                     double *recomputed);
#endif
