/* Reading a file that is open already (the CSV file holds its lock on one descriptor and must read that very
 * file). */
#ifndef LL_FILE_H
#define LL_FILE_H
#include "error.h"

/* The file behind descriptor, from its start, in malloc'd memory, NUL appended; path is for the sentences. */
ll_status ll_file_read_open(int descriptor, const char *path, char **data, size_t *length, ll_error *error);
/* All of data to descriptor; false with errno set. */
bool ll_file_write_all(int descriptor, const char *data, size_t length);
#endif
