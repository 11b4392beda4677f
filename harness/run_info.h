/* Where a row comes from: the columns that every CSV row ends with. */
#ifndef LL_RUN_INFO_H
#define LL_RUN_INFO_H
#include "csv.h"
#include "model.h"

/* The trailing columns of every schema, as a list of string literals for its columns array. */
#define LL_RUN_COLUMNS                                                                                       \
    "commit", "compiler", "cpu", "isa", "threads", "nodes", "placement", "model", "source", "seed", "date"

/* Fills those columns: commit and compiler of this build, the machine, ISA (ll_isa_text), name of the model, source of its
 * weights ("real" or "synthetic"), date in UTC (ISO 8601). */
void ll_run_info_fill(ll_row *row, const ll_model *model, const char *name, uint64_t seed);
/* One name where all operations have the same ISA, else the table's name and then the operations that differ
 * from it. */
void ll_isa_text(const ll_kernels *kernels, char *out, size_t capacity);
const char *ll_build_commit(void);
const char *ll_build_compiler(void);
#endif
