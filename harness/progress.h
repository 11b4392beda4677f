/* Progress on stderr: what is being done, share done, time left. Rewrites one line on a terminal; else a line
 * every ten seconds. Shown only when the work lasts longer than two seconds. */
#ifndef LL_PROGRESS_H
#define LL_PROGRESS_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char what[96];
    double total, done; /* any unit of work */
    double unit;        /* what one step of the present part counts; 1 at the start */
    double began, shown;
    bool terminal, quiet, visible;
} ll_progress;

/* Monotonic seconds. */
double ll_seconds(void);
void ll_progress_begin(ll_progress *progress, const char *what, double total, bool quiet);
void ll_progress_step(ll_progress *progress, double steps); /* done += steps * unit */
void ll_progress_label(ll_progress *progress, const char *what);
void ll_progress_end(ll_progress *progress); /* clears or ends the line */

/* "3 s", "4 min 05 s", "2 h 10 min" */
enum { LL_TIME_TEXT = 32 };
void ll_time_text(double seconds, char out[LL_TIME_TEXT]);
#endif
