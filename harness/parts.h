/* parts.json: which part of which sweep a folder's rows are. Beside the rows of a part (sweep --shard) and of what merge made; a
 * sweep's folder has none. */
#ifndef LL_PARTS_H
#define LL_PARTS_H
#include "options.h"

#include <jansson.h>

#define LL_PARTS_FILE "parts.json"
#define LL_PARTS_TASK "task " /* settings: and a task's name */

enum { LL_PARTS_WEIGHTS = 96, LL_PARTS_FILES = 64 };

/* A row of the whole sweep's list, and the part that it belongs to. The texts are the file's. */
typedef struct {
    char weights[LL_PARTS_WEIGHTS]; /* and group and kv: "int8 128 bf16" */
    const char *kind, *drop;
    size_t dropped, part;
    char files[LL_PARTS_FILES]; /* which CSVs have such a row: "quality speed" */
} ll_parts_row;

/* A sweep that was cut into parts. */
typedef struct {
    json_t *settings; /* object of texts: what the rows depend on but for what is dropped. The file's */
    size_t of;        /* parts */
    size_t asked;     /* the part of a part's own folder; 0 in a merged one */
    bool *finished;   /* [of]: the rows of part i + 1 are all here */
    /* Every part lists the same ones; but part 1 may have more, all its own, which follow from timings. */
    ll_parts_row *rows;
    size_t row_count;
} ll_parts_sweep;

typedef struct {
    json_t *root; /* NULL: there is no such file */
    ll_parts_sweep *sweeps;
    size_t count; /* 0 also in what was merged of whole sweeps */
} ll_parts;

/* Refused: a file of another form or version, part numbers beyond their sweep's. */
ll_status ll_parts_read(ll_parts *out, const char *folder, ll_error *error);
/* The same of a text; path is for the sentence. */
ll_status ll_parts_parse(ll_parts *out, const char *text, size_t length, const char *path, ll_error *error);
void ll_parts_free(ll_parts *parts);
/* Beside and renamed. */
ll_status ll_parts_write(const ll_parts_sweep *sweeps, size_t count, const char *folder, ll_error *error);
/* The folder's rows are no longer those of parts alone. */
ll_status ll_parts_remove(const char *folder, ll_error *error);
/* The first setting in which two sweeps differ, its two values ("-" where one has none); NULL: they are the same sweep's. */
const char *ll_parts_difference(const ll_parts_sweep *a, const ll_parts_sweep *b, const char **a_value,
                                const char **b_value);
/* Whether they are rows of the same weights and drop. */
bool ll_parts_same(const ll_parts_row *a, const ll_parts_row *b);
/* Whether the named CSV has such a row. */
bool ll_parts_lists(const ll_parts_row *row, const char *csv);
#endif
