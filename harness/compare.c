#include "compare.h"
#include "compare_private.h"
#include "documents.h"

#include <stdlib.h>

static const char caption[] =
    "Rows are compared where model, weights, KV-cache, batch, prompt, generated tokens and method are the "
    "same. The first "
    "lines are of the full model: medians, and shares of limits that were probed between the turns. Then "
    "**speedup** of the "
    "whole generation by what was dropped: the full model's time over the dropped model's on that machine, "
    "the two in turns, "
    "median (quartiles), and what bytes and operations alone predict at that machine's limits.\n";

/* "compare", "compare-2", ... */
static void name_picture(char name[32], size_t number) {
    snprintf(name, 32, number == 1 ? "compare" : "compare-%zu", number);
}

static bool print_shared(FILE *stream, const ll_section *section, size_t number, bool drawn) {
    char picture[32];
    name_picture(picture, number);
    fputs("\n## ", stream);
    ll_section_print_setting(stream, section);
    fputs("\n\n", stream);
    if (!ll_section_print_table(stream, section))
        return false;
    putc('\n', stream);
    ll_section_print_notes(stream, section);
    if (drawn)
        fprintf(stream, "\n![Speedup by modules dropped, and shares of limits, a colour a machine](%s.png)\n",
                picture);
    return true;
}

static void print_singles(FILE *stream, const ll_curves *all) {
    const char *head = "\n## Measured on one machine alone\n\n";
    for (ll_section section = {NULL, 0}; ll_curves_next(all, &section);) {
        if (section.count > 1)
            continue;
        fprintf(stream, "%s- ", head);
        ll_section_print_setting(stream, &section);
        fputs("\n  ", stream);
        ll_section_print_notes(stream, &section);
        head = "";
    }
}

/* drawn: the pictures of shared settings, in their order; NULL: the tables alone. */
static bool print_all(FILE *stream, const ll_curves *all, const bool *drawn) {
    size_t number = 0;
    fputs(drawn ? "# Machines compared\n\n" : "", stream);
    fputs(drawn ? caption : "", stream);
    for (ll_section section = {NULL, 0}; ll_curves_next(all, &section);) {
        if (section.count < 2)
            continue;
        number++;
        if (!print_shared(stream, &section, number, drawn && drawn[number - 1]))
            return false;
    }
    if (!number)
        fputs("\nNo setting was measured on more than one machine.\n", stream);
    print_singles(stream, all);
    return true;
}

typedef struct {
    const ll_curves *all;
    const bool *drawn;
} page;

static bool print_page(FILE *stream, const void *context) {
    const page *p = context;
    return print_all(stream, p->all, p->drawn);
}

static ll_status plot_all(const ll_curves *all, const char *out, bool *drawn, ll_error *error) {
    size_t number = 0;
    for (ll_section section = {NULL, 0}; ll_curves_next(all, &section);) {
        char picture[32];
        if (section.count < 2)
            continue;
        name_picture(picture, ++number);
        LL_TRY(ll_section_plot(&section, out, picture, &drawn[number - 1], error));
    }
    return LL_OK;
}

static ll_status write_all(const ll_curves *all, const char *out, FILE *table, ll_error *error) {
    LL_TRY(ll_folder_make(out, error));
    if (table && !print_all(table, all, NULL))
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for the table");
    bool *drawn = calloc(all->count, sizeof *drawn);
    if (!drawn)
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for the pictures' names");
    /* The table is worth having without the pictures, so their failure waits. */
    const ll_status plotted = plot_all(all, out, drawn, error);
    ll_error second;
    const page p = {all, drawn};
    const ll_status written = ll_report_write_page(out, "compare.md", "comparison", print_page, &p, &second);
    free(drawn);
    if (plotted != LL_OK)
        return plotted;
    if (written != LL_OK && error)
        *error = second;
    return written;
}

ll_status ll_compare_write(const char *const *folders, size_t count, const char *out, FILE *table,
                           ll_error *error) {
    ll_curves all;
    LL_TRY(ll_curves_load(&all, folders, count, error));
    const ll_status status = write_all(&all, out, table, error);
    ll_curves_free(&all);
    return status;
}
