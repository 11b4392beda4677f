/* Shared by the comparison's files only. */
#ifndef LL_COMPARE_PRIVATE_H
#define LL_COMPARE_PRIVATE_H
#include "options.h"
#include "report/report_private.h"

enum { LL_CURVE_LABEL = 512 };

/* A folder's rows that differ in the drop alone. */
typedef struct {
    const char *folder;
    ll_report_data data;        /* speed only, of a CSV below */
    size_t section;             /* equal: same setting */
    size_t order;               /* as found */
    char label[LL_CURVE_LABEL]; /* plain ASCII, different from the others of its section */
} ll_curve;

typedef struct {
    ll_csv *csvs[LL_MAX_FOLDERS];
    size_t csv_count;
    ll_curve *curves; /* those of a section are neighbours */
    size_t count;
} ll_curves;

ll_status ll_curves_load(ll_curves *out, const char *const *folders, size_t count, ll_error *error);
void ll_curves_free(ll_curves *all);

/* The curves of one setting; of one alone there is nothing to compare. */
typedef struct {
    const ll_curve *curves;
    size_t count;
} ll_section;

/* The section after it, {NULL, 0}: the first. False: there is no more. */
bool ll_curves_next(const ll_curves *all, ll_section *section);

/* False: no memory. */
bool ll_section_print_table(FILE *stream, const ll_section *section);
/* The setting in words. */
void ll_section_print_setting(FILE *stream, const ll_section *section);
/* What the table leaves out: where the rows come from, and drops that are not the same modules. */
void ll_section_print_notes(FILE *stream, const ll_section *section);

/* Draws picture.png and .svg into the folder out; not drawn: there is not one speedup. */
ll_status ll_section_plot(const ll_section *section, const char *out, const char *picture, bool *drawn,
                          ll_error *error);
#endif
