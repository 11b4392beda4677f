#include "nearest.h"

#include <stdint.h>
#include <string.h>

/* Number of edits (insert, delete, replace, swap of neighbours counted as two) between two short names. */
static size_t edit_distance(const char *a, const char *b) {
    enum { LONGEST = 32 };
    size_t row[LONGEST + 1];
    const size_t width = strlen(b);
    if (width > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            const size_t replaced = diagonal + (a[i] != b[j]);
            const size_t shifted = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[width];
}

void ll_nearest_keep(const char *name, const char *candidate, size_t *nearest, const char **best) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < *nearest) {
        *nearest = distance;
        *best = candidate;
    }
}

size_t ll_nearest_patience(const char *name) {
    return strlen(name) / 2 + 1;
}
