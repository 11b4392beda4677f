/* Shared by the dataset's files only. */
#ifndef LL_DATASET_PRIVATE_H
#define LL_DATASET_PRIVATE_H
#include "dataset.h"

/* Appends a record that begins in line line; takes it over also where it fails. NULL: no memory for it. */
ll_status ll_dataset_add(ll_dataset *dataset, json_t *record, size_t line, const char *path, ll_error *error);
/* The records of RFC 4180 text with this separator: LF or CRLF between them, quoted cells may hold any of it. columns as in
 * ll_dataset_form. Changes data. */
ll_status ll_dataset_parse_csv(ll_dataset *out, const char *path, char *data, size_t length, char separator,
                               const json_t *columns, ll_error *error);
#endif
