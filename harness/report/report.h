/* Tables and plots from the CSVs of a sweep. */
#ifndef LL_REPORT_H
#define LL_REPORT_H
#include "error.h"

#include <stdio.h>

/* Reads importance.csv, quality.csv and speed.csv of folder (each may be absent or hold rows of part of a
 * sweep; at least one row is needed) and writes into out (created): report.md (the table in the paper's form:
 * kind, dropped, perplexity, KL, top-1, speedup whole/prefill/decode and predicted, KV-cache bytes, gamma;
 * what was run), quality.{png,svg}, speedup.{png,svg}, importance.{png,svg}. Prints the table to table when
 * not NULL. Without gnuplot: writes the table, and fails with LL_NO_RESOURCE that says what to install. */
ll_status ll_report_write(const char *folder, const char *out, FILE *table, ll_error *error);
#endif
