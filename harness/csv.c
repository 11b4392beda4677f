#include "csv_private.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static ll_status make(ll_csv **out, const char *path, const ll_csv_schema *schema, int descriptor,
                      ll_error *error) {
    ll_csv *csv = calloc(1, sizeof *csv);
    char *copy = strdup(path);
    if (!csv || !copy) {
        free(csv);
        free(copy);
        close(descriptor);
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory", path);
    }
    *csv = (ll_csv){.schema = schema, .path = copy, .descriptor = descriptor};
    *out = csv;
    return LL_OK;
}

void ll_csv_close(ll_csv *csv) {
    if (!csv)
        return;
    for (size_t i = 0; i < csv->count; i++)
        free(csv->records[i]);
    free(csv->records);
    free(csv->path);
    if (csv->descriptor >= 0)
        close(csv->descriptor);
    free(csv);
}

const char *ll_csv_path(const ll_csv *csv) {
    return csv->path;
}

size_t ll_csv_rows(const ll_csv *csv) {
    return csv->count;
}

/* Reads the rows; cut: bytes at the end that are no whole row. */
static ll_status load(ll_csv *csv, size_t *cut, ll_error *error) {
    char *text;
    size_t length, whole;
    LL_TRY(ll_file_read_open(csv->descriptor, csv->path, &text, &length, error));
    const ll_status status = ll_csv_parse(csv, text, length, &whole, error);
    free(text);
    csv->bytes = whole;
    *cut = length - whole;
    return status;
}

static ll_status write_failed(const ll_csv *csv, int reason, ll_error *error) {
    return ll_fail(error, LL_NO_RESOURCE,
                   "%s: a row could not be written: %s; the rows before it are kept: make room and "
                   "run again",
                   csv->path, strerror(reason));
}

/* One line at the end of the file, or the file as it was. */
static ll_status append_line(ll_csv *csv, const ll_row *row, ll_error *error) {
    size_t length;
    char *line = ll_csv_line(csv->schema, row, &length);
    if (!line)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a row", csv->path);
    const bool good = ll_file_write_all(csv->descriptor, line, length) && fsync(csv->descriptor) == 0;
    const int reason = errno;
    free(line);
    if (good) {
        csv->bytes += length;
        csv->lines++;
        return LL_OK;
    }
    /* If even this fails, the next opening takes the cut row away. */
    if (ftruncate(csv->descriptor, (off_t)csv->bytes) != 0)
        return write_failed(csv, errno, error);
    return write_failed(csv, reason, error);
}

/* Some cluster file systems are mounted without locks; there nothing but care keeps two sweeps apart. */
static ll_status lock(const ll_csv *csv, ll_error *error) {
    if (flock(csv->descriptor, LOCK_EX | LOCK_NB) == 0 || errno == ENOSYS || errno == EOPNOTSUPP)
        return LL_OK;
    if (errno == EWOULDBLOCK)
        return ll_fail(error, LL_NO_RESOURCE,
                       "%s: another program has it open for writing; wait for it, or choose another folder",
                       csv->path);
    return ll_fail(error, LL_NO_RESOURCE, "%s: cannot be locked: %s", csv->path, strerror(errno));
}

static ll_status open_rows(ll_csv *csv, bool *recovered, ll_error *error) {
    size_t cut = 0;
    LL_TRY(lock(csv, error));
    LL_TRY(load(csv, &cut, error));
    *recovered = cut > 0;
    if (cut && ftruncate(csv->descriptor, (off_t)csv->bytes) != 0)
        return ll_fail(error, LL_NO_RESOURCE, "%s: its last row was cut and cannot be taken away: %s",
                       csv->path, strerror(errno));
    return csv->bytes ? LL_OK : append_line(csv, NULL, error);
}

ll_status ll_csv_open(ll_csv **out, const char *path, const ll_csv_schema *schema, bool *recovered,
                      ll_error *error) {
    *out = NULL;
    *recovered = false;
    const int descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
    if (descriptor < 0)
        return ll_fail(error, errno == ENOSPC || errno == EDQUOT ? LL_NO_RESOURCE : LL_BAD_INPUT,
                       "%s: cannot be opened for writing: %s", path, strerror(errno));
    ll_csv *csv;
    LL_TRY(make(&csv, path, schema, descriptor, error));
    const ll_status status = open_rows(csv, recovered, error);
    if (status == LL_OK)
        *out = csv;
    else
        ll_csv_close(csv);
    return status;
}

ll_status ll_csv_read(ll_csv **out, const char *path, const ll_csv_schema *schema, ll_error *error) {
    *out = NULL;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    ll_csv *csv;
    LL_TRY(make(&csv, path, schema, descriptor, error));
    size_t cut;
    const ll_status status = load(csv, &cut, error);
    close(csv->descriptor);
    csv->descriptor = -1;
    if (status == LL_OK)
        *out = csv;
    else
        ll_csv_close(csv);
    return status;
}

ll_status ll_csv_cut(ll_csv *csv, size_t row, ll_error *error) {
    if (row >= csv->count)
        return LL_OK;
    const ll_csv_record *first = csv->records[row];
    if (csv->descriptor < 0 || ftruncate(csv->descriptor, (off_t)first->at) != 0)
        return ll_fail(error, LL_NO_RESOURCE, "%s: rows from line %zu on cannot be taken away: %s", csv->path,
                       first->line, csv->descriptor < 0 ? "it is open for reading only" : strerror(errno));
    csv->bytes = first->at;
    csv->lines = first->line - 1;
    while (csv->count > row)
        free(csv->records[--csv->count]);
    return LL_OK;
}

ll_status ll_csv_append(ll_csv *csv, const ll_row *row, ll_error *error) {
    if (csv->descriptor < 0)
        return ll_fail(error, LL_BAD_USAGE, "%s: is open for reading only", csv->path);
    const size_t same = ll_csv_find(csv, row);
    if (same != SIZE_MAX)
        return ll_fail(error, LL_BAD_USAGE, "%s: line %zu holds this row already", csv->path,
                       csv->records[same]->line);
    struct stat info;
    if (fstat(csv->descriptor, &info) != 0 || info.st_nlink == 0 || (uint64_t)info.st_size != csv->bytes)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: was changed or deleted by another program while it was open; run again",
                       csv->path);
    const uint64_t at = csv->bytes;
    LL_TRY(append_line(csv, row, error));
    const char *cells[LL_CSV_MAX_COLUMNS];
    size_t lengths[LL_CSV_MAX_COLUMNS];
    for (size_t i = 0; i < csv->schema->count; i++) {
        cells[i] = row->cell[i];
        lengths[i] = strlen(cells[i]);
    }
    return ll_csv_keep(csv, cells, lengths, csv->lines, at, error);
}
