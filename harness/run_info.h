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
/* "isa_b" where all operations have that ISA; else the strongest, then the operations that the usual ISA does not serve, and that at
 * last where it is not the strongest: "isa_a matmul_i8=isa_a peak_i8=isa_a rest=isa_b". */
void ll_isa_text(const ll_kernels *kernels, char *out, size_t capacity);
/* Adds to placement which share of decode's time the threads waited for each other. */
void ll_run_info_add_waiting(ll_row *row, double share);
const char *ll_build_commit(void);
const char *ll_build_compiler(void);
#endif
