/* From rows to curves: which rows may be compared, and what each machine is called. */
#include "compare_private.h"
#include "plot.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* More could not be told apart in a picture, and a hostile file could name as many as it has rows. */
enum { MOST_CURVES = 256 };

/* ---- rows ---- */
static const char *const setting_columns[] = {"model_sha256", "weights", "group",    "kv",
                                              "batch",        "prompt",  "generate", "method"};

static bool same_setting(const ll_curve *a, const ll_curve *b) {
    for (size_t i = 0; i < sizeof setting_columns / sizeof *setting_columns; i++)
        if (strcmp(ll_report_text(&a->data.speed, setting_columns[i]),
                   ll_report_text(&b->data.speed, setting_columns[i])) != 0)
            return false;
    return true;
}

static ll_status add_curve(ll_curves *all, const char *folder, const ll_csv *csv, size_t row,
                           ll_error *error) {
    if (all->count == MOST_CURVES)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: row %zu begins curve %d; expected at most %d settings, CPUs, ISAs and thread counts "
            "in one comparison; give fewer folders",
            ll_csv_path(csv), row + 1, MOST_CURVES + 1, MOST_CURVES);
    ll_curve *curves = realloc(all->curves, (all->count + 1) * sizeof *curves);
    if (!curves)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its curves", ll_csv_path(csv));
    all->curves = curves;
    ll_curve *curve = &curves[all->count];
    memset(curve, 0, sizeof *curve);
    curve->folder = folder;
    curve->order = curve->section = all->count;
    curve->data.speed = (ll_report_row){csv, &ll_speed_schema, row};
    for (size_t i = all->count; i-- > 0;)
        if (same_setting(&curves[i], curve))
            curve->section = curves[i].section;
    all->count++;
    return ll_report_make_entries(&curve->data, error);
}

static bool has_curve(const ll_curve *curves, size_t count, size_t row) {
    for (size_t i = count; i-- > 0;)
        if (ll_report_belongs(&curves[i].data.speed, row))
            return true;
    return false;
}

static ll_status read_folder(ll_curves *all, const char *folder, ll_error *error) {
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s.csv", folder, ll_speed_schema.name);
    if (length < 0 || (size_t)length >= sizeof path)
        return ll_fail(error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", folder);
    ll_csv *csv = NULL;
    LL_TRY(ll_csv_read(&csv, path, &ll_speed_schema, error));
    all->csvs[all->csv_count++] = csv;
    if (ll_csv_rows(csv) == 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: has no row; expected the timings of a sweep", path);
    const size_t before = all->count;
    for (size_t row = 0; row < ll_csv_rows(csv); row++)
        if (!has_curve(all->curves + before, all->count - before, row))
            LL_TRY(add_curve(all, folder, csv, row, error));
    return LL_OK;
}

/* A folder beside itself would look like two machines that agree. */
static ll_status check_different(const char *const *folders, size_t at, ll_error *error) {
    struct stat mine, other;
    for (size_t i = 0; i < at; i++)
        if (stat(folders[at], &mine) == 0 && stat(folders[i], &other) == 0 && mine.st_dev == other.st_dev &&
            mine.st_ino == other.st_ino)
            return ll_fail(error, LL_BAD_USAGE, "%s and %s are one folder; give it once", folders[i],
                           folders[at]);
    return LL_OK;
}

/* ---- labels ---- */
static void cut_out(char *text, size_t length) {
    memmove(text, text + length, strlen(text + length) + 1);
}

/* "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz" and "AMD EPYC 9654 96-Core Processor" without what says nothing. */
static void shorten_cpu(char *cpu) {
    static const char *const noise[] = {"(R)", "(TM)", "(tm)", " CPU", " Processor"};
    char *at = strstr(cpu, " @ ");
    if (at)
        *at = 0;
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        while ((at = strstr(cpu, noise[i])))
            cut_out(at, strlen(noise[i]));
    if ((at = strstr(cpu, "-Core"))) {
        char *from = at;
        while (from > cpu && from[-1] >= '0' && from[-1] <= '9')
            from--;
        if (from > cpu && from[-1] == ' ')
            cut_out(from - 1, (size_t)(at - from) + 1 + strlen("-Core"));
    }
}

typedef enum { SHORT, WITH_FOLDER, WITH_PATH, WHOLE } label_kind;

/* Operations whose ISA differs from the first name are left to the list below the table. */
static void make_label(ll_curve *curve, label_kind kind) {
    const ll_report_row *row = &curve->data.speed;
    const char *threads = ll_report_text(row, "threads"), *isa = ll_report_text(row, "isa");
    const char *s = strcmp(threads, "1") == 0 ? "" : "s";
    char cpu[LL_CSV_CELL], last[LL_CSV_CELL];
    snprintf(cpu, sizeof cpu, "%s", ll_report_text(row, "cpu"));
    ll_model_label(curve->folder, last);
    const char *folder = kind == SHORT ? "" : kind == WITH_FOLDER ? last : curve->folder;
    if (kind == WHOLE) {
        snprintf(curve->label, sizeof curve->label,
                 "%.100s, %.10s thread%s, %.100s, %.12s blocks, %.10s timings, %s", cpu, threads, s, isa,
                 ll_report_text(row, "resident"), ll_report_text(row, "repetitions"), folder);
    } else {
        shorten_cpu(cpu);
        const int first = (int)strcspn(isa, " ");
        snprintf(curve->label, sizeof curve->label, "%.60s, %.10s thread%s, %.*s%s%.100s", cpu, threads, s,
                 first < 40 ? first : 40, isa, *folder ? ", " : "", folder);
    }
    ll_plot_make_plain(curve->label);
}

/* Those that two curves share are made again, longer. */
static void lengthen(ll_curve *curves, size_t count, label_kind kind) {
    bool shared[MOST_CURVES] = {false};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            shared[i] |= i != j && strcmp(curves[i].label, curves[j].label) == 0;
    for (size_t i = 0; i < count; i++)
        if (shared[i])
            make_label(&curves[i], kind);
}

static void make_labels(ll_curve *curves, size_t count) {
    for (size_t i = 0; i < count; i++)
        make_label(&curves[i], SHORT);
    for (label_kind kind = WITH_FOLDER; kind <= WHOLE; kind++)
        lengthen(curves, count, kind);
}

/* ---- all ---- */
static int compare_curves(const void *a, const void *b) {
    const ll_curve *x = a, *y = b;
    const size_t mine = x->section == y->section ? x->order : x->section;
    const size_t other = x->section == y->section ? y->order : y->section;
    return (mine > other) - (mine < other);
}

bool ll_curves_next(const ll_curves *all, ll_section *section) {
    const ll_curve *first = section->curves ? section->curves + section->count : all->curves;
    const ll_curve *end = all->curves + all->count;
    *section = (ll_section){first, 0};
    while (first + section->count < end && first[section->count].section == first->section)
        section->count++;
    return section->count > 0;
}

ll_status ll_curves_load(ll_curves *out, const char *const *folders, size_t count, ll_error *error) {
    memset(out, 0, sizeof *out);
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        status = check_different(folders, i, error);
        if (status == LL_OK)
            status = read_folder(out, folders[i], error);
    }
    if (status != LL_OK) {
        ll_curves_free(out);
        return status;
    }
    qsort(out->curves, out->count, sizeof *out->curves, compare_curves);
    for (ll_section section = {NULL, 0}; ll_curves_next(out, &section);)
        make_labels(out->curves + (section.curves - out->curves), section.count);
    return LL_OK;
}

void ll_curves_free(ll_curves *all) {
    for (size_t i = 0; i < all->count; i++)
        ll_report_free(&all->curves[i].data);
    for (size_t i = 0; i < all->csv_count; i++)
        ll_csv_close(all->csvs[i]);
    free(all->curves);
    memset(all, 0, sizeof *all);
}
