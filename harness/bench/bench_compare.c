/* Two runs' JSON side by side: what got slower beyond the noise of both. */
#include "bench.h"
#include "error.h"
#include "speed.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH = 4096 };
static const double LEAST_NOISE = 0.03; /* what runs a moment apart differ by on a quiet machine */

/* All repetitions of one case. */
typedef struct {
    const char *name; /* the document's */
    double *seconds;
    size_t count;
} timing;

typedef struct {
    json_t *root;
    timing *cases;
    size_t count;
    char path[PATH];
} results;

static void results_free(results *r) {
    for (size_t i = 0; i < r->count; i++)
        free(r->cases[i].seconds);
    free(r->cases);
    json_decref(r->root);
}

static double unit_of(const char *name) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    for (size_t i = 0; name && i < sizeof units / sizeof *units; i++)
        if (strcmp(name, units[i].name) == 0)
            return units[i].seconds;
    return NAN;
}

static timing *timing_of(results *r, const char *name) {
    for (size_t i = r->count; i-- > 0;) /* repetitions follow each other */
        if (strcmp(r->cases[i].name, name) == 0)
            return &r->cases[i];
    timing *more = realloc(r->cases, (r->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    r->cases = more;
    more[r->count] = (timing){.name = name};
    return &more[r->count++];
}

static bool add_seconds(timing *t, double seconds) {
    double *more = t ? realloc(t->seconds, (t->count + 1) * sizeof *more) : NULL;
    if (!more)
        return false;
    t->seconds = more;
    more[t->count++] = seconds;
    return true;
}

/* One entry of "benchmarks": a repetition, a case that was refused, or an aggregate, which we make ourselves. */
static ll_status take_entry(results *r, const json_t *entry, size_t index, ll_error *error) {
    const char *name = json_string_value(json_object_get(entry, "run_name")),
               *type = json_string_value(json_object_get(entry, "run_type"));
    if (!name || !type)
        return ll_fail(error, LL_BAD_INPUT, "%s: benchmark %zu has no run_name or no run_type", r->path,
                       index);
    if (strcmp(type, "iteration") != 0 || json_is_true(json_object_get(entry, "error_occurred")) ||
        json_is_true(json_object_get(entry, "skipped")))
        return LL_OK;
    const json_t *time = json_object_get(entry, "real_time");
    const double seconds =
        json_number_value(time) * unit_of(json_string_value(json_object_get(entry, "time_unit")));
    if (!json_is_number(time) || !(seconds > 0) || !isfinite(seconds))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: benchmark %zu (%s): expected a real_time above 0 and a time_unit", r->path, index,
                       name);
    return add_seconds(timing_of(r, name), seconds)
               ? LL_OK
               : ll_fail(error, LL_NO_RESOURCE, "no memory for %s", r->path);
}

static ll_status read_results(results *r, const char *path, ll_error *error) {
    struct stat info;
    json_error_t json;
    const bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    if (snprintf(r->path, sizeof r->path, "%s%s", path, folder ? "/bench.json" : "") >= PATH)
        return ll_fail(error, LL_BAD_USAGE, "a path is longer than %d bytes", (int)PATH);
    r->root = json_load_file(r->path, JSON_REJECT_DUPLICATES, &json);
    if (!r->root)
        return json.line > 0 ? ll_fail(error, LL_BAD_INPUT, "%s: line %d: %s", r->path, json.line, json.text)
                             : ll_fail(error, LL_BAD_INPUT, "%s", json.text); /* which names the file */
    const json_t *entries = json_object_get(r->root, "benchmarks");
    if (!json_is_array(entries))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: expected Google Benchmark's JSON, an object with an array \"benchmarks\"",
                       r->path);
    for (size_t i = 0; i < json_array_size(entries); i++)
        LL_TRY(take_entry(r, json_array_get(entries, i), i, error));
    return LL_OK;
}

static const timing *find(const results *r, const char *name) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->cases[i].name, name) == 0)
            return &r->cases[i];
    return NULL;
}

/* Prints one case; 1: slower. */
static size_t compare_case(const timing *before, const timing *after) {
    const ll_spread a = ll_spread_of(before->seconds, before->count),
                    b = ll_spread_of(after->seconds, after->count);
    const double ratio = b.median / a.median, spread = (a.q3 - a.q1) / a.median + (b.q3 - b.q1) / b.median,
                 noise = spread > LEAST_NOISE ? spread : LEAST_NOISE;
    const bool slower = ratio > 1 + noise, faster = ratio < 1 / (1 + noise);
    printf("%-72s %11.2f %11.2f %7.3f %6.1f%%  %s\n", before->name, a.median * 1e6, b.median * 1e6, ratio,
           100 * noise,
           slower   ? "SLOWER"
           : faster ? "faster"
                    : "");
    return slower;
}

static size_t compare_all(const results *a, const results *b) {
    size_t slower = 0, common = 0;
    printf("%-72s %11s %11s %7s %7s\n", "median times in us", "A", "B", "B/A", "noise");
    for (size_t i = 0; i < a->count; i++) {
        const timing *other = find(b, a->cases[i].name);
        common += other != NULL;
        if (other)
            slower += compare_case(&a->cases[i], other);
        else
            printf("%-72s only in A\n", a->cases[i].name);
    }
    for (size_t i = 0; i < b->count; i++)
        if (!find(a, b->cases[i].name))
            printf("%-72s only in B\n", b->cases[i].name);
    printf("%zu cases in both, %zu slower beyond the noise (the quartiles' distances of both, at least %.0f "
           "%%)\n",
           common, slower, 100 * LEAST_NOISE);
    return common ? slower : 1;
}

int bench_compare(const char *a, const char *b) {
    results before = {0}, after = {0};
    ll_error error = {{0}};
    ll_status status = read_results(&before, a, &error);
    if (status == LL_OK)
        status = read_results(&after, b, &error);
    if (status != LL_OK)
        fprintf(stderr, "bench: %s\n", error.text);
    const size_t slower = status == LL_OK ? compare_all(&before, &after) : 0;
    results_free(&before);
    results_free(&after);
    return status != LL_OK ? (int)status : slower > 0;
}
