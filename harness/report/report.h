/* Tables and plots from the CSVs of a sweep. */
#ifndef LL_REPORT_H
#define LL_REPORT_H
#include "error.h"

#include <stdio.h>

/* Reads importance.csv, quality.csv, speed.csv, tasks.csv and plans.csv of folder (each may be absent or hold rows of part of a
 * sweep; at least one row of the first three is needed) and writes into out (created): report.html (one file: style and plots
 * within) and report.md, which say the same (summary, tables in the paper's form, the paper's beside ours, what was run, what is
 * missing), and the plots as PNG and SVG. Prints the main tables to table when not NULL. What may be typed to measure more rows
 * names the folder as name (NULL: as folder). Without gnuplot: writes the pages, which say so, and fails with LL_NO_RESOURCE that
 * says what to install. A page is replaced whole or not at all. */
ll_status ll_report_write(const char *folder, const char *out, const char *name, FILE *table,
                          ll_error *error);
/* Whether a file of that name is one that it writes. */
bool ll_report_makes(const char *name);
#endif
