/* Shared by merge's files only. */
#ifndef LL_MERGE_PRIVATE_H
#define LL_MERGE_PRIVATE_H
#include "csv.h"
#include "merge.h"
#include "parts.h"

enum { LL_MERGE_FILES = 7, LL_MERGE_PATH = 4096 };
extern const ll_csv_schema *const ll_merge_schemas[LL_MERGE_FILES];

typedef struct {
    const char *folder;
    ll_parts parts;
    ll_csv *csv[LL_MERGE_FILES]; /* NULL: not there */
    size_t rank;  /* its rows go after those of a smaller one; folders of one sweep's parts share a rank */
    size_t part;  /* the part that it holds, or the first one */
    size_t sweep; /* in ll_merge.sweeps; SIZE_MAX: a whole sweep's, or of several sweeps */
} ll_merge_input;

/* A sweep that was cut. Its settings are the first folder's, its rows those of the longest list. */
typedef struct {
    ll_parts_sweep whole; /* finished: the parts that are there; its own */
    size_t input;
} ll_merge_sweep;

typedef struct {
    const ll_options *options;
    ll_merge_input *inputs;
    size_t count;
    ll_merge_sweep *sweeps;
    size_t sweep_count;
    ll_error *error;
} ll_merge;

/* Says on stderr what --partial lets pass, or refuses it. */
ll_status ll_merge_lack(const ll_merge *merge, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Which folders are parts of which sweep, and whether all are there. */
ll_status ll_merge_find_sweeps(ll_merge *merge);
/* The union of the rows of one of the files as text, malloc'd; NULL where no folder has that file. */
ll_status ll_merge_rows(const ll_merge *merge, size_t file, char **text, size_t *length);
#endif
