/* Pictures drawn by gnuplot, from the scripts in plots/. */
#ifndef LL_PLOT_H
#define LL_PLOT_H
#include "error.h"

#include <stdio.h>

enum { LL_PLOT_ARGUMENTS = 4 };

typedef struct {
    const char *script;                       /* "speedup": plots/speedup.gp, which draws speedup.png, .svg */
    const char *picture;                      /* their name in the folder that receives them */
    const char *arguments[LL_PLOT_ARGUMENTS]; /* the script's; NULL: no more */
    const char *data;                         /* data.txt */
    size_t length;
} ll_plot;

/* Draws into the folder out, by way of a folder of its own, so that a picture there is whole. Without gnuplot: LL_NO_RESOURCE,
 * and the error says what to install. */
ll_status ll_plot_draw(const ll_plot *plot, const char *out, ll_error *error);

/* ---- data.txt ---- */
/* " 1.25", " NA" */
void ll_plot_put_value(FILE *stream, double value);
/* A value and the ends of its bar; without both ends the bar is a point. */
void ll_plot_put_bar(FILE *stream, double value, double low, double high);
/* Cells may hold what a picture cannot: control characters, bytes that are no text. They become '?'. */
void ll_plot_make_plain(char *text);
#endif
