/* bench: times the kernels, keeps what it measured, and compares it with what was measured before. */
#include "bench.h"
#include "documents.h"
#include "run_info.h"
#include "speed.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char HELP[] =
    "bench [options] [--benchmark_...]      times every kernel of this CPU at the shapes of real models\n"
    "bench --compare A B                    says what got slower from A to B (folders or JSON files)\n"
    "\n"
    "Options:\n"
    "  --all          every ISA (ref too), matrix, group, KV type, warm and cold; else what takes about 3 "
    "minutes\n"
    "  --models LIST  names of the model list, comma-separated (default: smollm2-135m,llama2-13b)\n"
    "  --out DIR      where bench.json and bench.csv go (default: results/bench/<machine>; - : nowhere)\n"
    "  --help         this text\n"
    "and Google Benchmark's own, such as --benchmark_filter=REGEX, --benchmark_list_tests,\n"
    "--benchmark_repetitions=N (default 5), --benchmark_min_time=SECONDS (default 0.02).\n"
    "\n"
    "A line: median time of a run, its quartiles apart in percent, operations and bytes a second, and the "
    "share\n"
    "of what the CPU can do at most (int8 or f32 multiply-adds of registers alone; plain reads), measured "
    "just\n"
    "before and after, the larger of the two. cold: weights or cache come from memory; warm: they need not.\n"
    "A kernel whose result is not the reference's is not timed, and the program ends with status 1.\n"
    "\n"
    "Example:\n"
    "  bench --out - --benchmark_filter='matmul_i8/.*/m:512/group:128'\n";

static const char *const columns[] = {"name",  "seconds",     "seconds_q1", "seconds_q3", "gops", "gbs",
                                      "share", "repetitions", "commit",     "compiler",   "cpu",  "date"};
static const ll_csv_schema schema = {"bench", columns, sizeof columns / sizeof *columns, 1};

typedef struct {
    ll_csv *csv; /* NULL: none */
    const ll_machine *machine;
    size_t refused;
    char date[32];
    bool headed;
} output;

typedef bool counter_fn(const void *runs, const char *name, double *out);

/* Median of the repetitions; NAN: the case has no such counter. */
static double median_of(counter_fn *counter, const void *runs, const char *name, size_t count) {
    double *values = malloc(count * sizeof *values), median = NAN;
    if (values && counter(runs, name, values))
        median = ll_spread_of(values, count).median;
    free(values);
    return median;
}

static void print_cell(double value, const char *format) {
    if (isnan(value))
        printf(" %9s", "");
    else
        printf(format, value);
}

static void keep(output *out, const ll_gbench_result *result, const ll_spread *seconds,
                 const double values[3]) {
    ll_row row;
    ll_error error = {{0}};
    if (!out->csv)
        return;
    ll_row_begin(&row, &schema);
    ll_row_text(&row, "name", result->name);
    ll_row_real(&row, "seconds", seconds->median, 6);
    ll_row_real(&row, "seconds_q1", seconds->q1, 6);
    ll_row_real(&row, "seconds_q3", seconds->q3, 6);
    ll_row_real(&row, "gops", values[0], 6);
    ll_row_real(&row, "gbs", values[1], 6);
    ll_row_real(&row, "share", values[2], 4);
    ll_row_int(&row, "repetitions", result->count);
    ll_row_text(&row, "commit", ll_build_commit());
    ll_row_text(&row, "compiler", ll_build_compiler());
    ll_row_text(&row, "cpu", out->machine->cpu);
    ll_row_text(&row, "date", out->date);
    if (ll_csv_append(out->csv, &row, &error) != LL_OK)
        fprintf(stderr, "bench: %s\n", error.text);
}

static void take(void *context, const ll_gbench_result *result, counter_fn *counter, const void *runs) {
    output *out = context;
    if (!out->headed)
        printf("%-72s %11s %5s %9s %9s %9s\n", "", "us", "+-%", "GOP/s", "GB/s", "share");
    out->headed = true;
    if (result->refused) {
        out->refused++;
        printf("%-72s NOT TIMED: %s\n", result->name, result->refused);
        return;
    }
    double *sorted = malloc(result->count * sizeof *sorted);
    if (!sorted)
        return;
    memcpy(sorted, result->seconds, result->count * sizeof *sorted);
    const ll_spread seconds = ll_spread_of(sorted, result->count);
    free(sorted);
    const double values[] = {median_of(counter, runs, "GOP/s", result->count),
                             median_of(counter, runs, "GB/s", result->count),
                             median_of(counter, runs, "share", result->count)};
    printf("%-72s %11.2f %5.1f", result->name, seconds.median * 1e6,
           100 * (seconds.q3 - seconds.q1) / seconds.median);
    print_cell(values[0], " %9.1f");
    print_cell(values[1], " %9.2f");
    print_cell(100 * values[2], " %8.0f%%");
    printf("\n");
    fflush(stdout);
    keep(out, result, &seconds, values);
}

/* Of the CPU, its cores and its strongest ISA: "amd-epyc-9r14-2-cores-...". */
static void machine_slug(const ll_machine *machine, char *out, size_t capacity) {
    ll_kernels kernels;
    char text[256];
    const bool known = ll_kernels_select(&kernels, ll_cpu_features(), NULL) == LL_OK;
    snprintf(text, sizeof text, "%s %zu cores %s", machine->cpu, machine->cores, known ? kernels.name : "");
    size_t length = 0;
    for (const char *c = text; *c && length + 2 < capacity; c++) {
        if (isalnum((unsigned char)*c))
            out[length++] = (char)tolower((unsigned char)*c);
        else if (length && out[length - 1] != '-')
            out[length++] = '-';
    }
    out[length] = 0;
}

typedef struct {
    const char *models, *folder;
    bool all, compare;
} arguments;

enum { PATH = 4096, MOST_FLAGS = 64 };

/* Google Benchmark's options: ours first, so that the user's win; all others are left to us. */
static bool begin_gbench(int argc, char **argv, const char *json) {
    static char out[PATH + 32], repetitions[] = "--benchmark_repetitions=5",
                                min_time[] = "--benchmark_min_time=0.02";
    char *flags[MOST_FLAGS] = {argv[0], repetitions, min_time};
    int count = 3;
    if (*json) {
        snprintf(out, sizeof out, "--benchmark_out=%s", json);
        flags[count++] = out;
    }
    for (int i = 1; i < argc && count < MOST_FLAGS; i++)
        if (strncmp(argv[i], "--benchmark_", 12) == 0)
            flags[count++] = argv[i];
    ll_gbench_begin(&count, flags);
    if (count > 1)
        fprintf(stderr, "bench: Google Benchmark knows no option %s\n", flags[1]);
    return count == 1;
}

/* Where results go; texts are empty where they go nowhere. */
typedef struct {
    char folder[PATH], json[PATH], csv[PATH];
} paths;

static ll_status find_paths(paths *out, int argc, char **argv, const char *given, const ll_machine *machine,
                            ll_error *error) {
    char slug[160];
    *out = (paths){"", "", ""};
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--benchmark_list_tests", 22) == 0)
            return LL_OK;
    if (given && strcmp(given, "-") == 0)
        return LL_OK;
    machine_slug(machine, slug, sizeof slug);
    const int size = given ? snprintf(out->folder, PATH, "%s", given)
                           : snprintf(out->folder, PATH, "results/bench/%s", slug);
    if (size >= PATH || snprintf(out->json, PATH, "%s/bench.json", out->folder) >= PATH ||
        snprintf(out->csv, PATH, "%s/bench.csv", out->folder) >= PATH)
        return ll_fail(error, LL_BAD_USAGE, "--out: the path is longer than %d bytes", (int)PATH);
    return LL_OK;
}

/* Comes last before the run: what is asked wrongly costs nobody the results of before. */
static ll_status open_csv(output *out, const paths *to, ll_error *error) {
    bool recovered;
    if (!*to->folder)
        return LL_OK;
    LL_TRY(ll_folder_make(to->folder, error));
    remove(to->csv); /* a run's results are its own */
    return ll_csv_open(&out->csv, to->csv, &schema, &recovered, error);
}

/* Cases that are there; an error of usage has been said. */
static ll_status begin(output *out, const paths *to, int argc, char **argv, const arguments *a,
                       ll_error *error) {
    const time_t now = time(NULL);
    struct tm utc;
    strftime(out->date, sizeof out->date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    if (!begin_gbench(argc, argv, to->json) || !bench_register(a->models, a->all, out->machine))
        return LL_BAD_USAGE;
    return open_csv(out, to, error);
}

static int run(int argc, char **argv, const arguments *a) {
    paths to;
    ll_machine machine;
    ll_error error = {{0}};
    output out = {.machine = &machine};
    ll_status status = ll_machine_probe(&machine, "", &error);
    if (status == LL_OK)
        status = find_paths(&to, argc, argv, a->folder, &machine, &error);
    if (status == LL_OK)
        status = begin(&out, &to, argc, argv, a, &error);
    if (status != LL_OK) {
        if (*error.text)
            fprintf(stderr, "bench: %s\n", error.text);
        return (int)status;
    }
    const ll_gbench_reporter reporter = {take, &out};
    const size_t ran = ll_gbench_run_all(&reporter);
    ll_csv_close(out.csv);
    if (ran == 0)
        fprintf(stderr, "bench: no case matches the filter\n");
    if (out.refused)
        fprintf(stderr, "bench: %zu cases were not timed\n", out.refused);
    if (*to.folder && !out.refused && ran)
        fprintf(stderr, "bench: results are in %s\n", to.folder);
    return out.refused || ran == 0 ? LL_BAD_INPUT : LL_OK;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},       {"models", required_argument, NULL, 'm'},
        {"out", required_argument, NULL, 'o'}, {"compare", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0}};
    arguments a = {0};
    char *ours[MOST_FLAGS] = {argv[0]};
    int count = 1, option;
    for (int i = 1; i < argc && count < MOST_FLAGS - 1; i++)
        if (strncmp(argv[i], "--benchmark_", 12) != 0)
            ours[count++] = argv[i];
    while ((option = getopt_long(count, ours, "", options, NULL)) != -1) {
        switch (option) {
        case 'a':
            a.all = true;
            break;
        case 'm':
            a.models = optarg;
            break;
        case 'o':
            a.folder = optarg;
            break;
        case 'c':
            a.compare = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return LL_OK;
        default:
            fprintf(stderr, "bench: see --help\n");
            return LL_BAD_USAGE;
        }
    }
    if (a.compare && count - optind == 2)
        return bench_compare(ours[optind], ours[optind + 1]);
    if (a.compare || optind < count) {
        fprintf(stderr,
                a.compare ? "bench: --compare takes two folders or JSON files\n"
                          : "bench: %s is no option; see --help\n",
                a.compare ? "" : ours[optind]);
        return LL_BAD_USAGE;
    }
    return run(argc, argv, &a);
}
