/* Shared by the CSV's files only. */
#ifndef LL_CSV_PRIVATE_H
#define LL_CSV_PRIVATE_H
#include "csv.h"

/* A row in memory: one allocation, so that its cells stay where they are while the file grows. */
typedef struct {
    size_t line;        /* of the file, counted from 1 */
    uint64_t at;        /* the byte that the line begins at */
    const char *cell[]; /* schema->count of them, into the bytes that follow */
} ll_csv_record;

struct ll_csv {
    const ll_csv_schema *schema;
    char *path;
    int descriptor; /* -1: read only */
    uint64_t bytes; /* of the file, whole rows */
    size_t lines;   /* of the file */
    ll_csv_record **records;
    size_t count, capacity;
};

/* Copies the cells into a new record at the end, whose line begins at byte at. */
ll_status ll_csv_keep(ll_csv *csv, const char *const *cells, const size_t *lengths, size_t line, uint64_t at,
                      ll_error *error);

/* Reads text into csv: header, rows, uniqueness of keys. whole receives the bytes up to which the text holds
 * whole rows: less than length when the last row (or the header) was cut. */
ll_status ll_csv_parse(ll_csv *csv, char *text, size_t length, size_t *whole, ll_error *error);

/* The row (the header when row is NULL) as a line of text with its line end, malloc'd; NULL: no memory. */
char *ll_csv_line(const ll_csv_schema *schema, const ll_row *row, size_t *length);
#endif
