/* The records of a data file, in the data set's own format, as JSON objects: .jsonl, .csv and .tsv. Untrusted. */
#ifndef LL_DATASET_H
#define LL_DATASET_H
#include "sha256.h"

#include <jansson.h>

typedef struct {
    json_t **records;
    size_t *lines; /* where each begins, from 1 */
    size_t count, capacity;
    char sha256[LL_SHA256_TEXT]; /* of the file; with labels, of both one after the other */
} ll_dataset;

typedef struct {
    const json_t *columns; /* .csv, .tsv: names of the columns; NULL: the first record names them */
    const char *labels;    /* file whose line k is the field "label" of record k; NULL: none */
    const char *id;        /* field that no two records share but where it is empty; NULL: none */
} ll_dataset_form;

/* Refused, by file and line: broken JSON, a record that is no object, a CSV record with
 * another number of columns, an open quote, an id that was there before, labels of another number, no record at all. */
ll_status ll_dataset_read(ll_dataset *out, const char *path, const ll_dataset_form *form, ll_error *error);
void ll_dataset_free(ll_dataset *dataset);
/* The path of file name in path's folder, in out; NULL for no name. */
enum { LL_DATASET_PATH = 4096 };
const char *ll_dataset_beside(const char *path, const char *name, char out[LL_DATASET_PATH]);
#endif
