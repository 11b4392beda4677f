#include "plot.h"
#include "documents.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef LL_PLOTS_DIR
#define LL_PLOTS_DIR "harness/plots"
#endif

void ll_plot_make_plain(char *text) {
    for (; *text; text++)
        if (*text < 32 || *text > 126)
            *text = '?';
}

void ll_plot_put_value(FILE *stream, double value) {
    if (isfinite(value))
        fprintf(stream, " %.9g", value);
    else
        fputs(" NA", stream);
}

void ll_plot_put_bar(FILE *stream, double value, double low, double high) {
    const bool usable = isfinite(low) && isfinite(high);
    ll_plot_put_value(stream, value);
    ll_plot_put_value(stream, usable ? low : value);
    ll_plot_put_value(stream, usable ? high : value);
}

enum { PATH = 4096 };

static ll_status join(char out[PATH], const char *folder, const char *name, const char *ending,
                      ll_error *error) {
    const int size = snprintf(out, PATH, "%s/%s%s", folder, name, ending);
    if (size >= 0 && size < PATH)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", folder);
}

/* The first line that gnuplot complained with, or nothing. */
static void read_complaint(const char *folder, char *out, size_t capacity) {
    char path[PATH], *text;
    size_t length;
    out[0] = 0;
    if (join(path, folder, "log", "", NULL) != LL_OK || ll_file_read(path, &text, &length, NULL) != LL_OK)
        return;
    const char *from = text + strspn(text, "\n ^");
    snprintf(out, capacity, ": %.*s", (int)strcspn(from, "\n"), from);
    free(text);
}

/* gnuplot -c script arguments, in folder, which holds data.txt. No shell sees any of these words. */
static ll_status run_gnuplot(const char *folder, const char *script, const char *const *given,
                             ll_error *error) {
    char *arguments[4 + LL_PLOT_ARGUMENTS + 1] = {"gnuplot", "-d", "-c", (char *)script};
    for (int i = 0; i < LL_PLOT_ARGUMENTS; i++)
        arguments[4 + i] = (char *)given[i];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child;
    const int spawned = posix_spawnp(&child, "gnuplot", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned == ENOENT)
        return ll_fail(error, LL_NO_RESOURCE,
                       "gnuplot is not installed, so the plots are missing; install gnuplot-nox "
                       "(make deps) and run report again");
    if (spawned != 0)
        return ll_fail(error, LL_NO_RESOURCE, "gnuplot could not be started: %s", strerror(spawned));
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return ll_fail(error, LL_NO_RESOURCE, "gnuplot could not be waited for: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return LL_OK;
    char complaint[256];
    read_complaint(folder, complaint, sizeof complaint);
    return ll_fail(error, LL_NO_RESOURCE, "gnuplot failed on %s%s", script, complaint);
}

static const char *const endings[] = {".png", ".svg"};
enum { ENDINGS = sizeof endings / sizeof *endings };

/* Moves both pictures to where they belong; each is whole then. */
static ll_status take_pictures(const char *folder, const ll_plot *plot, const char *out, ll_error *error) {
    for (size_t i = 0; i < ENDINGS; i++) {
        char from[PATH], to[PATH];
        LL_TRY(join(from, folder, plot->script, endings[i], error));
        LL_TRY(join(to, out, plot->picture, endings[i], error));
        if (rename(from, to) != 0)
            return ll_fail(error, LL_NO_RESOURCE, "%s: cannot be put there: %s", to, strerror(errno));
    }
    return LL_OK;
}

static ll_status draw(const ll_plot *plot, const char *folder, const char *out, ll_error *error) {
    char path[PATH], script[PATH];
    LL_TRY(join(path, LL_PLOTS_DIR, plot->script, ".gp", error));
    if (!realpath(path, script))
        return ll_fail(error, LL_NO_RESOURCE, "%s: the plot's script is missing: %s", path, strerror(errno));
    LL_TRY(join(path, folder, "data", ".txt", error));
    LL_TRY(ll_file_write(path, plot->data, plot->length, error));
    LL_TRY(run_gnuplot(folder, script, plot->arguments, error));
    return take_pictures(folder, plot, out, error);
}

static void remove_file(const char *folder, const char *name, const char *ending) {
    char path[PATH];
    if (join(path, folder, name, ending, NULL) == LL_OK)
        unlink(path);
}

ll_status ll_plot_draw(const ll_plot *plot, const char *out, ll_error *error) {
    char folder[PATH];
    LL_TRY(join(folder, out, ".plot-XXXXXX", "", error));
    if (!mkdtemp(folder))
        return ll_fail(error, LL_NO_RESOURCE, "%s: cannot be made: %s", folder, strerror(errno));
    const ll_status status = draw(plot, folder, out, error);
    remove_file(folder, "data", ".txt");
    remove_file(folder, "log", "");
    for (size_t i = 0; i < ENDINGS; i++)
        remove_file(folder, plot->script, endings[i]);
    rmdir(folder);
    return status;
}
