/* Several sweeps' folders in one: the parts of a sweep, or sweeps of one model. */
#ifndef LL_MERGE_H
#define LL_MERGE_H
#include "options.h"

#include <stdio.h>

/* folders[0] is made of the others: beside and renamed, so it is there whole or not at all. In it: the union of their rows in each
 * CSV, plan.json, placement.svg, the report, and parts.json (parts.h). Rows of a sweep's parts stand in the order of the whole
 * sweep, others in that of the folders.
 *
 * LL_BAD_INPUT: the new folder is there (options->force: and holds anything but what an earlier merge made) or is one of the others; a folder holds no
 * rows, or a CSV that ll_csv_read refuses; rows of two models; rows with the same key that differ in what was measured (of timings,
 * unless options->first: the folder named first then counts); parts of a sweep that differ in their number or list of rows, that are
 * missing, or that lack rows (unless options->partial: stderr says which).
 * What may differ in rows that are the same: commit, machine, placement, names of files, date, and what it cost.
 * The report is written last: if that fails (no gnuplot), the rows are there and its status is returned. */
ll_status ll_merge_run(const ll_options *options, FILE *table, ll_error *error);
#endif
