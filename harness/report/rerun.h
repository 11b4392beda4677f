/* Commands that measure a row again, built from the row's own cells. */
#ifndef LL_RERUN_H
#define LL_RERUN_H
#include "report/report_private.h"

/* A row of quality, speed, tasks or importance (of importance all rows of its setting at once) as one line to type, malloc'd;
 * where a cell says too little to do so (a drop that was too long to be written), with the plan of folder. NULL: no memory. */
char *ll_rerun_row(const ll_report_data *data, const ll_report_row *row);
/* A sweep that adds rows to this folder with the settings of those that are shown; more, the options that say what is wanted; timed:
 * timings of it too. */
char *ll_rerun_sweep(const ll_report_data *data, const char *more, bool timed);
/* "build/layerlab COMMAND MODEL more" */
char *ll_rerun_command(const ll_report_data *data, const char *command, const char *more);
/* What is typed as one argument of a shell, whatever it holds. */
void ll_rerun_put_word(FILE *stream, const char *text);
/* The section of the report: every row that it shows. False: no memory. */
bool ll_report_print_reruns(ll_sheet *sheet, const ll_report_data *data);
#endif
