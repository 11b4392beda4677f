#include "csv_private.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t find_column(const ll_csv_schema *schema, const char *column) {
    for (size_t i = 0; i < schema->count; i++)
        if (strcmp(schema->columns[i], column) == 0)
            return i;
    assert(false && "the schema has no such column");
    return 0;
}

void ll_row_begin(ll_row *row, const ll_csv_schema *schema) {
    assert(schema->count <= LL_CSV_MAX_COLUMNS);
    row->schema = schema;
    for (size_t i = 0; i < schema->count; i++)
        strcpy(row->cell[i], "NA");
}

/* Bytes of text that fit into a cell without cutting a UTF-8 character in two. */
static size_t fitting(const char *text) {
    size_t length = strlen(text);
    if (length < LL_CSV_CELL)
        return length;
    length = LL_CSV_CELL - 1;
    while (length && ((unsigned char)text[length] & 0xC0) == 0x80)
        length--;
    return length;
}

void ll_row_text(ll_row *row, const char *column, const char *text) {
    char *cell = row->cell[find_column(row->schema, column)];
    const size_t length = fitting(text);
    for (size_t i = 0; i < length; i++)
        cell[i] = (unsigned char)text[i] < 32 || text[i] == 127 ? '?' : text[i];
    cell[length] = 0;
}

void ll_row_int(ll_row *row, const char *column, uint64_t value) {
    snprintf(row->cell[find_column(row->schema, column)], LL_CSV_CELL, "%llu", (unsigned long long)value);
}

void ll_row_real(ll_row *row, const char *column, double value, int precision) {
    char *cell = row->cell[find_column(row->schema, column)];
    if (isfinite(value))
        snprintf(cell, LL_CSV_CELL, "%.*g", precision, value);
    else
        strcpy(cell, "NA");
}

const char *ll_csv_cell(const ll_csv *csv, size_t row, const char *column) {
    assert(row < csv->count);
    return csv->records[row]->cell[find_column(csv->schema, column)];
}

const char *const *ll_csv_cells(const ll_csv *csv, size_t row) {
    assert(row < csv->count);
    return csv->records[row]->cell;
}

size_t ll_csv_line_of(const ll_csv *csv, size_t row) {
    assert(row < csv->count);
    return csv->records[row]->line;
}

double ll_csv_number(const ll_csv *csv, size_t row, const char *column) {
    const char *cell = ll_csv_cell(csv, row, column);
    char *end;
    const double value = strtod(cell, &end);
    return end != cell && !*end && isfinite(value) ? value : NAN;
}

size_t ll_csv_find(const ll_csv *csv, const ll_row *row) {
    for (size_t i = 0; i < csv->count; i++) {
        size_t key = 0;
        while (key < csv->schema->keys && strcmp(csv->records[i]->cell[key], row->cell[key]) == 0)
            key++;
        if (key == csv->schema->keys && key)
            return i;
    }
    return SIZE_MAX;
}

/* ---- text ----
 * 
 */
static void put_cell(FILE *stream, const char *cell) {
    if (!strpbrk(cell, ",\"\r\n")) {
        fputs(cell, stream);
        return;
    }
    putc('"', stream);
    for (; *cell; cell++) {
        if (*cell == '"')
            putc('"', stream);
        putc(*cell, stream);
    }
    putc('"', stream);
}

void ll_csv_print_cells(FILE *stream, const char *const *cells, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_cell(stream, cells[i]);
        putc(i + 1 < count ? ',' : '\n', stream);
    }
}

void ll_csv_print_header(FILE *stream, const ll_csv_schema *schema) {
    ll_csv_print_cells(stream, schema->columns, schema->count);
}

void ll_csv_print_row(FILE *stream, const ll_row *row) {
    for (size_t i = 0; i < row->schema->count; i++) {
        put_cell(stream, row->cell[i]);
        putc(i + 1 < row->schema->count ? ',' : '\n', stream);
    }
}

char *ll_csv_line(const ll_csv_schema *schema, const ll_row *row, size_t *length) {
    char *text = NULL;
    FILE *stream = open_memstream(&text, length);
    if (!stream)
        return NULL;
    if (row)
        ll_csv_print_row(stream, row);
    else
        ll_csv_print_header(stream, schema);
    const bool failed = ferror(stream);
    if (fclose(stream) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
