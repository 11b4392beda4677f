#include "documents.h"
#include "report_private.h"

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

const char *const ll_report_plot_names[LL_REPORT_PLOTS] = {"quality", "speedup", "importance"};

/* ---- numbers for gnuplot: one block a kind, called by its name ---- */
typedef struct {
    FILE *stream;
    char kinds[64]; /* the blocks that hold a point, separated by spaces */
    const char *open;
} blocks;

/* Begins the block of kind before its first point: gnuplot refuses to draw empty ones. */
static void put_kind(blocks *b, const char *kind) {
    if (b->open && strcmp(b->open, kind) == 0)
        return;
    fprintf(b->stream, "%s# %s\n", b->open ? "\n\n" : "", kind);
    snprintf(b->kinds + strlen(b->kinds), sizeof b->kinds - strlen(b->kinds), "%s%s", b->open ? " " : "",
             kind);
    b->open = kind;
}

static void put_value(FILE *stream, double value) {
    if (isfinite(value))
        fprintf(stream, " %.9g", value);
    else
        fputs(" NA", stream);
}

/* A value and the ends of its bar; without both ends the bar is a point. */
static void put_bar(FILE *stream, double value, double low, double high) {
    const bool usable = isfinite(low) && isfinite(high);
    put_value(stream, value);
    put_value(stream, usable ? low : value);
    put_value(stream, usable ? high : value);
}

static void put_quality(blocks *b, const char *kind, const ll_report_entry *entry) {
    const double value = ll_report_number(&entry->quality, "perplexity");
    const double error = ll_report_number(&entry->quality, "perplexity_stderr");
    if (!(value > 0)) /* the axis is logarithmic */
        return;
    put_kind(b, kind);
    fprintf(b->stream, "%zu", entry->dropped);
    put_bar(b->stream, value, value > error ? value - error : (double)NAN, value + error);
    putc('\n', b->stream);
}

static void put_speedup(blocks *b, const char *kind, const ll_report_entry *entry) {
    const double value = ll_report_number(&entry->speed, "speedup");
    if (!isfinite(value))
        return;
    put_kind(b, kind);
    fprintf(b->stream, "%zu", entry->dropped);
    put_bar(b->stream, value, ll_report_number(&entry->speed, "speedup_q1"),
            ll_report_number(&entry->speed, "speedup_q3"));
    put_value(b->stream, ll_report_number(&entry->speed, "speedup_predicted"));
    putc('\n', b->stream);
}

/* Every kind's curve begins at the full model. */
static void put_entries(blocks *b, const ll_report_data *data,
                        void (*put)(blocks *b, const char *kind, const ll_report_entry *entry)) {
    const ll_report_entry *full = ll_report_full(data);
    const char *kind = NULL;
    for (size_t i = full ? 1 : 0; i < data->count; i++) {
        const ll_report_entry *entry = &data->entries[i];
        if (full && (!kind || strcmp(kind, entry->kind) != 0))
            put(b, entry->kind, full);
        kind = entry->kind;
        put(b, kind, entry);
    }
}

static void put_quality_blocks(blocks *b, const ll_report_data *data) {
    put_entries(b, data, put_quality);
}

static void put_speedup_blocks(blocks *b, const ll_report_data *data) {
    put_entries(b, data, put_speedup);
}

/* Rows may stand in any order: layers are sorted here. */
static void put_importance_blocks(blocks *b, const ll_report_data *data) {
    const ll_report_row *setting = &data->importance;
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        const char *name = ll_drop_kind_name((ll_drop_kind)kind);
        double values[LL_MAX_LAYERS] = {0};
        for (size_t i = 0; setting->csv && i < ll_csv_rows(setting->csv); i++) {
            const double layer = ll_csv_number(setting->csv, i, "layer");
            if (ll_report_belongs(setting, i) && strcmp(ll_csv_cell(setting->csv, i, "kind"), name) == 0 &&
                layer >= 0 && layer < LL_MAX_LAYERS)
                values[(size_t)layer] = ll_csv_number(setting->csv, i, "importance");
        }
        for (size_t layer = 0; layer < LL_MAX_LAYERS; layer++) {
            if (!(values[layer] > 0))
                continue;
            put_kind(b, name);
            fprintf(b->stream, "%zu %.9g\n", layer, values[layer]);
        }
    }
}

/* ---- what a plot says below its title ---- */
enum { SUBTITLE = 1024 };

/* Cells may hold what a picture cannot: control characters, bytes that are no text. */
static void make_plain(char *text) {
    for (; *text; text++)
        if (*text < 32 || *text > 126)
            *text = '?';
}

static void describe_quality(const ll_report_data *data, char *out, size_t capacity) {
    snprintf(out, capacity, "%s, %s tokens scored", ll_report_text(&data->quality, "data_file"),
             ll_report_text(&data->quality, "tokens"));
    make_plain(out);
}

/* Names of CPUs are long: the machine has a line of its own. */
static void describe_speedup(const ll_report_data *data, char *out, size_t capacity) {
    const ll_report_row *row = &data->speed;
    snprintf(out, capacity, "%s%s prompt + %s generated tokens (%s), batch %s",
             ll_report_is_synthetic(data) ? "SYNTHETIC weights, " : "", ll_report_text(row, "prompt"),
             ll_report_text(row, "generate"), ll_report_text(row, "method"), ll_report_text(row, "batch"));
    make_plain(out);
    const size_t used = strlen(out);
    if (used + 1 >= capacity)
        return;
    out[used] = '\n';
    snprintf(out + used + 1, capacity - used - 1, "%s threads, %s", ll_report_text(row, "threads"),
             ll_report_text(row, "cpu"));
    make_plain(out + used + 1);
}

static void describe_importance(const ll_report_data *data, char *out, size_t capacity) {
    const ll_report_row *row = &data->importance;
    snprintf(out, capacity, "%s, %s documents of up to %s tokens", ll_report_text(row, "data_file"),
             ll_report_text(row, "samples"), ll_report_text(row, "length"));
    make_plain(out);
}

typedef struct {
    void (*put)(blocks *b, const ll_report_data *data);
    void (*describe)(const ll_report_data *data, char *out, size_t capacity);
    bool weights; /* the subtitle names how weights are held */
} plot_parts;

static const plot_parts plots[LL_REPORT_PLOTS] = {{put_quality_blocks, describe_quality, true},
                                                  {put_speedup_blocks, describe_speedup, true},
                                                  {put_importance_blocks, describe_importance, false}};

static void make_subtitle(const ll_report_data *data, const plot_parts *parts, char out[SUBTITLE]) {
    char model[LL_CSV_CELL], weights[LL_CSV_CELL] = "", rest[SUBTITLE / 2];
    ll_report_model(data, model, sizeof model);
    if (parts->weights)
        ll_report_weights(data, weights, sizeof weights);
    parts->describe(data, rest, sizeof rest);
    make_plain(model);
    make_plain(weights);
    snprintf(out, SUBTITLE, "%.200s%s%.200s\n%s", model, weights[0] ? ", " : "", weights, rest);
}

/* ---- running gnuplot ---- */
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

/* gnuplot -c script subtitle kinds, in folder, which holds data.txt. No shell sees any of these words. */
static ll_status run_gnuplot(const char *folder, const char *script, const char *subtitle, const char *kinds,
                             ll_error *error) {
    char *const arguments[] = {"gnuplot", "-d", "-c", (char *)script, (char *)subtitle, (char *)kinds, NULL};
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

/* Moves both pictures to where they belong; each is whole then. */
static ll_status take_pictures(const char *folder, const char *out, const char *name, ll_error *error) {
    static const char *const endings[] = {".png", ".svg"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char from[PATH], to[PATH];
        LL_TRY(join(from, folder, name, endings[i], error));
        LL_TRY(join(to, out, name, endings[i], error));
        if (rename(from, to) != 0)
            return ll_fail(error, LL_NO_RESOURCE, "%s: cannot be put there: %s", to, strerror(errno));
    }
    return LL_OK;
}

/* One plot by way of an empty folder of its own; drawn stays false when there is not one point. */
static ll_status draw(const ll_report_data *data, int plot, const char *folder, const char *out, bool *drawn,
                      ll_error *error) {
    char path[PATH], script[PATH], *text = NULL, subtitle[SUBTITLE];
    size_t length = 0;
    LL_TRY(join(path, LL_PLOTS_DIR, ll_report_plot_names[plot], ".gp", error));
    if (!realpath(path, script))
        return ll_fail(error, LL_NO_RESOURCE, "%s: the plot's script is missing: %s", path, strerror(errno));
    blocks b = {open_memstream(&text, &length), "", NULL};
    if (!b.stream)
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for a plot's numbers");
    plots[plot].put(&b, data);
    ll_status status = LL_OK;
    if (fclose(b.stream) != 0)
        status = ll_fail(error, LL_NO_RESOURCE, "report: no memory for a plot's numbers");
    else if (b.open)
        status = join(path, folder, "data", ".txt", error);
    if (status == LL_OK && b.open)
        status = ll_file_write(path, text, length, error);
    free(text);
    if (status != LL_OK || !b.open)
        return status;
    make_subtitle(data, &plots[plot], subtitle);
    LL_TRY(run_gnuplot(folder, script, subtitle, b.kinds, error));
    LL_TRY(take_pictures(folder, out, ll_report_plot_names[plot], error));
    *drawn = true;
    return LL_OK;
}

static void remove_folder(const char *folder) {
    static const char *const files[] = {"data.txt",    "log",         "quality.png",    "quality.svg",
                                        "speedup.png", "speedup.svg", "importance.png", "importance.svg"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[PATH];
        if (join(path, folder, files[i], "", NULL) == LL_OK)
            unlink(path);
    }
    rmdir(folder);
}

ll_status ll_report_plot(const ll_report_data *data, const char *out, bool drawn[LL_REPORT_PLOTS],
                         ll_error *error) {
    char folder[PATH];
    LL_TRY(join(folder, out, ".plot-XXXXXX", "", error));
    if (!mkdtemp(folder))
        return ll_fail(error, LL_NO_RESOURCE, "%s: cannot be made: %s", folder, strerror(errno));
    ll_status status = LL_OK;
    for (int plot = 0; plot < LL_REPORT_PLOTS && status == LL_OK; plot++)
        status = draw(data, plot, folder, out, &drawn[plot], error);
    remove_folder(folder);
    return status;
}
