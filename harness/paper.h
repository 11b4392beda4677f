/* The speedups that the paper published: results/paper/, read as they are. */
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
/* Table 1 as it is: accuracies of the eight tasks by their columns, avg, speedup, gamma, by model and method ("baseline", "attn-8"). */
ll_status ll_paper_open_tasks(ll_csv **out, ll_error *error);
#endif
