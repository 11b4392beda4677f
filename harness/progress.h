/* Progress on stderr: what is being done, share done, time left. Rewrites one line on a terminal; else a line
 * every ten seconds. Shown only when the work lasts longer than two seconds. */
#ifndef LL_PROGRESS_H
#define LL_PROGRESS_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char what[96];
    double total, done; /* any unit of work */
    double began, shown;
    bool terminal, quiet, visible;
} ll_progress;

/* Monotonic seconds. */
double ll_seconds(void);
void ll_progress_begin(ll_progress *progress, const char *what, double total, bool quiet);
void ll_progress_step(ll_progress *progress, double work); /* done += work */
void ll_progress_label(ll_progress *progress, const char *what);
void ll_progress_end(ll_progress *progress); /* clears or ends the line */
#endif
