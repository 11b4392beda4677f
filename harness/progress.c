#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double quiet_seconds = 2, terminal_seconds = 0.2, line_seconds = 10;

double ll_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void ll_progress_label(ll_progress *progress, const char *what) {
    snprintf(progress->what, sizeof progress->what, "%s", what);
}

void ll_progress_begin(ll_progress *progress, const char *what, double total, bool quiet) {
    memset(progress, 0, sizeof *progress);
    ll_progress_label(progress, what);
    progress->total = total;
    progress->unit = 1;
    progress->began = progress->shown = ll_seconds();
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->quiet = quiet;
}

void ll_time_text(double seconds, char out[LL_TIME_TEXT]) {
    const unsigned long s = seconds < 1e9 ? (unsigned long)(seconds + 0.5) : 1000000000UL;
    if (s < 60)
        snprintf(out, LL_TIME_TEXT, "%lu s", s);
    else if (s < 3600)
        snprintf(out, LL_TIME_TEXT, "%lu min %02lu s", s / 60, s % 60);
    else
        snprintf(out, LL_TIME_TEXT, "%lu h %02lu min", s / 3600, s % 3600 / 60);
}

static void show(ll_progress *progress, double now) {
    double share = progress->total > 0 ? progress->done / progress->total : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    char left[48] = "";
    if (share > 0 && share < 1) {
        char time[LL_TIME_TEXT];
        ll_time_text((now - progress->began) * (1 - share) / share, time);
        snprintf(left, sizeof left, ", %s left", time);
    }
    fprintf(stderr, "%s%s: %3.0f%%%s%s", progress->terminal ? "\r" : "", progress->what, 100 * share, left,
            progress->terminal ? "\033[K" : "\n");
    fflush(stderr);
    progress->shown = now;
    progress->visible = true;
}

void ll_progress_step(ll_progress *progress, double steps) {
    progress->done += steps * progress->unit;
    if (progress->quiet)
        return;
    const double now = ll_seconds();
    const double wait = !progress->visible   ? quiet_seconds
                        : progress->terminal ? terminal_seconds
                                             : line_seconds;
    if (now - progress->shown >= wait)
        show(progress, now);
}

void ll_progress_end(ll_progress *progress) {
    if (progress->visible && progress->terminal)
        fputs("\r\033[K", stderr);
    progress->visible = false;
}
