/* The one CSV writer and the one CSV reader (RFC 4180, LF line ends, UTF-8, no NUL). */
#ifndef LL_CSV_H
#define LL_CSV_H
#include "error.h"

#include <stdio.h>

typedef struct {
    const char *name;           /* "quality" */
    const char *const *columns; /* keys first */
    size_t count;
    size_t keys; /* rows are unique in their first keys columns; 0: no key */
} ll_csv_schema;

enum { LL_CSV_MAX_COLUMNS = 64, LL_CSV_CELL = 256 };

/* A row under construction: cells of one schema, all "NA" at first. */
typedef struct {
    const ll_csv_schema *schema;
    char cell[LL_CSV_MAX_COLUMNS][LL_CSV_CELL];
} ll_row;
void ll_row_begin(ll_row *row, const ll_csv_schema *schema);
/* Sets the named column (which must exist: assert). Control characters become '?'; text too long is cut. */
void ll_row_text(ll_row *row, const char *column, const char *text);
void ll_row_int(ll_row *row, const char *column, uint64_t value);
/* precision significant digits; a value that is not finite is "NA". */
void ll_row_real(ll_row *row, const char *column, double value, int precision);

/* ---- a file of rows that grows ---- */
typedef struct ll_csv ll_csv;

/* Opens path for reading and appending; creates it with its header. Refused: a header of another schema or
 * version (names the first column that differs, says to choose another folder), a damaged row in the middle
 * (line named), a second program that has the file open for appending (flock). A last row that was cut is
 * taken away, and recovered says so; the rows before it are kept. */
ll_status ll_csv_open(ll_csv **out, const char *path, const ll_csv_schema *schema, bool *recovered,
                      ll_error *error);
/* Reads only: never changes the file; a cut last row is ignored. LL_BAD_INPUT when the file is not there. */
ll_status ll_csv_read(ll_csv **out, const char *path, const ll_csv_schema *schema, ll_error *error);
void ll_csv_close(ll_csv *csv); /* NULL is fine */

const char *ll_csv_path(const ll_csv *csv);
size_t ll_csv_rows(const ll_csv *csv);
/* The cell's text; row < ll_csv_rows; column must be in the schema. */
const char *ll_csv_cell(const ll_csv *csv, size_t row, const char *column);
/* The cell as a number; NAN when it is "NA" or no number. */
double ll_csv_number(const ll_csv *csv, size_t row, const char *column);
/* Index of the row whose key cells equal row's; SIZE_MAX: none. */
size_t ll_csv_find(const ll_csv *csv, const ll_row *row);
/* The row's cells, one for each column of the schema; the file's line that it begins on. */
const char *const *ll_csv_cells(const ll_csv *csv, size_t row);
size_t ll_csv_line_of(const ll_csv *csv, size_t row);
/* Takes the rows from row on away, out of the file too; csv must be open for appending. */
ll_status ll_csv_cut(ll_csv *csv, size_t row, ll_error *error);
/* Appends one whole row (one write, then fsync). A full disk leaves the file as it was: LL_NO_RESOURCE. A key
 * that is already there is LL_BAD_USAGE. */
ll_status ll_csv_append(ll_csv *csv, const ll_row *row, ll_error *error);

/* ---- rows to a stream ---- */
void ll_csv_print_header(FILE *stream, const ll_csv_schema *schema);
void ll_csv_print_row(FILE *stream, const ll_row *row);
void ll_csv_print_cells(FILE *stream, const char *const *cells, size_t count);
#endif
