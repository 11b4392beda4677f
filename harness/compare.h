/* Several machines' speedups side by side, from the speed.csv of their folders. */
#ifndef LL_COMPARE_H
#define LL_COMPARE_H
#include "error.h"

#include <stdio.h>

/* Reads speed.csv of every folder (two at least) and writes into out (created): compare.md, and a picture for every
 * setting that was measured by two or more: compare.{png,svg}, then compare-2.{png,svg}, ... A setting is what two rows
 * must share to be compared: model, weights, group, KV-cache, batch, prompt, generated tokens, method. A curve is a
 * folder's rows of one setting, CPU, ISA and thread count. Settings with one curve are listed. Prints the tables to
 * table when not NULL. Without gnuplot: as ll_report_write. */
ll_status ll_compare_write(const char *const *folders, size_t count, const char *out, FILE *table,
                           ll_error *error);
#endif
