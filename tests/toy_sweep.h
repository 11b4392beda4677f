/* The program itself, sweeping a small random model: whole, in parts, killed.
 *
 *   if (!ll_toy_sweep_begin())
 *       return;
 *   CHECK(ll_toy_sweep("parts", "--shard", "1/2", NULL) == 0);  // folder parts/shard-1-of-2 below ll_test_folder()
 *   char *rows = ll_toy_sweep_rows("parts/shard-1-of-2", "quality", false);
 */
#ifndef LL_TOY_SWEEP_H
#define LL_TOY_SWEEP_H
#include "csv.h"

#include <sys/types.h>

/* Rows of quality.csv and of speed.csv. */
enum { LL_TOY_SWEEP_ROWS = 9, LL_TOY_PATH = 512, LL_TOY_LAYERS = 6 };

/* Writes model, texts and a task below the test program's folder, once. False after having failed the running test. */
bool ll_toy_sweep_begin(void);
/* The path of name below that folder; static, of the last four calls. */
const char *ll_toy_sweep_path(const char *name);
/* Sweeps into the folder of that name with further arguments, NULL at their end: the exit code, -1 for a signal. */
int ll_toy_sweep(const char *folder, ...);
/* The same, still running, in a process group of its own. */
pid_t ll_toy_sweep_start(const char *folder, ...);
/* Merges into the first folder named the others, NULL at their end; names that begin with "--" are options. */
int ll_toy_merge(const char *out, ...);
pid_t ll_toy_merge_start(const char *out, ...);
/* What the last program that ended said on stderr. Static. */
const char *ll_toy_said(void);
/* Kills the group and waits; true: it was still running. */
bool ll_toy_kill(pid_t pid);
int ll_toy_wait(pid_t pid);

/* A file of a sweep, but for times, dates and placement, and without cost for what a row cost, which the rows measured with it have a
 * part in: these are "*" in every row; malloc'd, NULL after having failed the running test. */
char *ll_toy_sweep_rows(const char *folder, const char *csv, bool cost);
/* Fails the running test where a CSV of the two folders, or plan.json, differs so. */
void ll_toy_sweep_same(const char *folder, const char *other, bool cost);
#endif
