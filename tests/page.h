/* What a report wrote: its page, its pictures; and rows for it to read. */
#ifndef LL_PAGE_H
#define LL_PAGE_H
#include "csv.h"

/* Appends the row to the CSV file at path, made where it is not there; what goes wrong fails the running test. */
void ll_page_append(const char *path, const ll_row *row);
/* folder/name with runs of spaces as one, so that widths of columns do not matter. Malloc'd; "" when it cannot be read. */
char *ll_page_read(const char *folder, const char *name);
/* folder/name.ending is more than an empty picture, and begins with start. */
bool ll_page_has_picture(const char *folder, const char *name, const char *ending, const char *start);
/* Its PNG and its SVG are there, the latter to its end. */
bool ll_page_has_plot(const char *folder, const char *name);
/* False: the running test is skipped. */
bool ll_page_have_gnuplot(void);
#endif
