#include "toy_sweep.h"
#include "rows.h"
#include "test.h"
#include "toy_gguf.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 64, KEPT_PATHS = 4 };

#define TASK                                                                                                 \
    "{\"task\": \"toy\", \"questions\": [\"q.jsonl\"], \"doc_to_text\": \"{{q}}\", \"doc_to_target\": "      \
    "\"{{k}}\",\n"                                                                                           \
    " \"doc_to_choice\": [\"yes\", \"no\", \"it is\"], \"targets\": [\"0\", \"1\", \"2\"], \"metric\": "     \
    "\"acc\"}\n"
#define QUESTIONS                                                                                            \
    "{\"q\": \"The first\", \"k\": 0}\n{\"q\": \"A second one\", \"k\": 1}\n{\"q\": \"Third\", \"k\": 2}\n"  \
    "{\"q\": \"Is it?\", \"k\": 0}\n{\"q\": \"Then what\", \"k\": 1}\n{\"q\": \"It may\", \"k\": 2}\n"       \
    "{\"q\": \"seven\", \"k\": 0}\n{\"q\": \"8\", \"k\": 1}\n{\"q\": \"and so on\", \"k\": 2}\n"
/* Pictures take most of the time of so short a sweep, and are others' to test. */
#define NO_GNUPLOT "#!/bin/sh\nfor ending in png svg; do : >\"$(basename \"$3\" .gp).$ending\"; done\n"
#define SENTENCE "A small model reads this sentence, and then it reads another one. "

const char *ll_toy_sweep_path(const char *name) {
    static char paths[KEPT_PATHS][LL_TOY_PATH];
    static size_t next;
    char *path = paths[next++ % KEPT_PATHS];
    snprintf(path, LL_TOY_PATH, "%s/%s", ll_test_folder(), name);
    return path;
}

static void write_text(const char *name, const char *text) {
    ll_test_write(ll_toy_sweep_path(name), text, strlen(text));
}

bool ll_toy_sweep_begin(void) {
    static bool there;
    if (there)
        return true;
    ll_toy toy = ll_toy_default();
    toy.layers = LL_TOY_LAYERS;
    if (!ll_toy_write(ll_toy_sweep_path("toy.gguf"), &toy, NULL))
        return false;
    write_text("calib.jsonl",
               "{\"text\": \"" SENTENCE SENTENCE "\"}\n{\"text\": \"Other words: " SENTENCE "\"}\n");
    write_text("text.txt", SENTENCE SENTENCE SENTENCE SENTENCE);
    write_text("toy.json", TASK);
    mkdir(ll_toy_sweep_path("data"), 0777);
    mkdir(ll_toy_sweep_path("data/toy"), 0777);
    write_text("data/toy/q.jsonl", QUESTIONS);
    mkdir(ll_toy_sweep_path("bin"), 0777);
    write_text("bin/gnuplot", NO_GNUPLOT);
    chmod(ll_toy_sweep_path("bin/gnuplot"), 0777);
    there = !ll_test_failed();
    return there;
}

/* ---- the program ---- */
static const char *program(void) {
    const char *given = getenv("LAYERLAB");
    return given ? given : "build/layerlab";
}

static pid_t start(const char *const *arguments) {
    const pid_t pid = fork();
    if (pid)
        return pid;
    setpgid(0, 0);
    const int said = open(ll_toy_sweep_path("said"), O_WRONLY | O_CREAT | O_TRUNC, 0666),
              null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(said, 2);
    setenv("LAYERLAB_DATA", ll_toy_sweep_path("data"), 1);
    char path[2 * LL_TOY_PATH];
    snprintf(path, sizeof path, "%s:%s", ll_toy_sweep_path("bin"), getenv("PATH"));
    setenv("PATH", path, 1);
    execv(program(), (char *const *)arguments);
    _exit(127);
}

int ll_toy_wait(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

bool ll_toy_kill(pid_t pid) {
    int status;
    setpgid(pid, pid); /* whichever of the two comes first */
    kill(-pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

const char *ll_toy_said(void) {
    static char text[2048];
    size_t length = 0;
    char *all = ll_test_read(ll_toy_sweep_path("said"), &length);
    snprintf(text, sizeof text, "%s", all ? all : "");
    free(all);
    return text;
}

static pid_t start_sweep(const char *folder, va_list more) {
    const char *arguments[MOST_ARGUMENTS] = {program(),
                                             "sweep",
                                             strdup(ll_toy_sweep_path("toy.gguf")),
                                             "--calib",
                                             strdup(ll_toy_sweep_path("calib.jsonl")),
                                             "--text",
                                             strdup(ll_toy_sweep_path("text.txt")),
                                             "--tasks",
                                             strdup(ll_toy_sweep_path("toy.json")),
                                             "--out",
                                             strdup(ll_toy_sweep_path(folder)),
                                             "--quiet",
                                             "--samples",
                                             "2",
                                             "--length",
                                             "48",
                                             "--window",
                                             "32",
                                             "--max-windows",
                                             "2",
                                             "--counts",
                                             "2,5",
                                             "--prompt",
                                             "8",
                                             "--generate",
                                             "8",
                                             "--repetitions",
                                             "1",
                                             "--threads",
                                             "1"};
    size_t count = 0;
    while (arguments[count])
        count++;
    for (const char *next; (next = va_arg(more, const char *)) && count < MOST_ARGUMENTS - 1;)
        arguments[count++] = next;
    const pid_t pid = start(arguments);
    for (size_t i = 2; i <= 10; i += 2)
        free((char *)(uintptr_t)arguments[i]);
    return pid;
}

pid_t ll_toy_sweep_start(const char *folder, ...) {
    va_list more;
    va_start(more, folder);
    const pid_t pid = start_sweep(folder, more);
    va_end(more);
    return pid;
}

int ll_toy_sweep(const char *folder, ...) {
    va_list more;
    va_start(more, folder);
    const pid_t pid = start_sweep(folder, more);
    va_end(more);
    return ll_toy_wait(pid);
}

static pid_t start_merge(const char *out, va_list more) {
    const char *arguments[MOST_ARGUMENTS] = {program(), "merge", "--quiet"};
    size_t count = 3;
    for (const char *next = out; next && count < MOST_ARGUMENTS - 1; next = va_arg(more, const char *))
        arguments[count++] = strncmp(next, "--", 2) == 0 ? strdup(next) : strdup(ll_toy_sweep_path(next));
    const pid_t pid = start(arguments);
    for (size_t i = 3; i < count; i++)
        free((char *)(uintptr_t)arguments[i]);
    return pid;
}

pid_t ll_toy_merge_start(const char *out, ...) {
    va_list more;
    va_start(more, out);
    const pid_t pid = start_merge(out, more);
    va_end(more);
    return pid;
}

int ll_toy_merge(const char *out, ...) {
    va_list more;
    va_start(more, out);
    const pid_t pid = start_merge(out, more);
    va_end(more);
    return ll_toy_wait(pid);
}

/* ---- rows but for times ---- */
static bool is_time(const char *column) {
    static const char *const times[] = {"date",
                                        "placement",
                                        "seconds",
                                        "prefill_microseconds",
                                        "decode_microseconds",
                                        "prefill_tokens_per_s",
                                        "decode_tokens_per_s",
                                        "peak_gops",
                                        "f32_peak_gops",
                                        "bandwidth_gbs",
                                        "int8_share",
                                        "bandwidth_share",
                                        "predicted_prefill",
                                        "predicted_decode"};
    if (strncmp(column, "speedup", 7) == 0)
        return true;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strcmp(column, times[i]) == 0)
            return true;
    return false;
}

static const ll_csv_schema *const schemas[] = {&ll_importance_schema, &ll_quality_schema, &ll_tasks_schema,
                                               &ll_plans_schema,      &ll_speed_schema,   &ll_samples_schema};

static const ll_csv_schema *find_schema(const char *name) {
    if (strcmp(name, ll_costs_schema.name) == 0)
        return &ll_costs_schema;
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        if (strcmp(schemas[i]->name, name) == 0)
            return schemas[i];
    return NULL;
}

char *ll_toy_sweep_rows(const char *folder, const char *csv_name, bool cost) {
    const ll_csv_schema *schema = find_schema(csv_name);
    char path[LL_TOY_PATH + 64], *text = NULL;
    size_t length;
    ll_csv *csv;
    ll_error error;
    snprintf(path, sizeof path, "%s/%s.csv", ll_toy_sweep_path(folder), csv_name);
    if (ll_csv_read(&csv, path, schema, &error) != LL_OK) {
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
        return NULL;
    }
    FILE *stream = open_memstream(&text, &length);
    for (size_t row = 0; stream && row < ll_csv_rows(csv); row++) {
        const char *cells[LL_CSV_MAX_COLUMNS];
        for (size_t i = 0; i < schema->count; i++)
            cells[i] =
                is_time(schema->columns[i]) || (!cost && strcmp(schema->columns[i], "modules_computed") == 0)
                    ? "*"
                    : ll_csv_cells(csv, row)[i];
        ll_csv_print_cells(stream, cells, schema->count);
    }
    if (stream)
        fclose(stream);
    ll_csv_close(csv);
    return text;
}

/* Also counts what must be there: two empty files are the same. */
static void check_same(const char *folder, const char *other, const char *csv, bool cost) {
    char *a = ll_toy_sweep_rows(folder, csv, cost), *b = ll_toy_sweep_rows(other, csv, cost);
    size_t at = 0;
    if (a && b) {
        while (a[at] && a[at] == b[at])
            at++;
        CHECK_MSG(strcmp(a, b) == 0, "%s.csv of %s and of %s differ: %.60s | %.60s", csv, folder, other,
                  a + at, b + at);
        CHECK_MSG(strchr(a, '\n'), "%s.csv of %s has no row", csv, folder);
    }
    free(a);
    free(b);
}

void ll_toy_sweep_same(const char *folder, const char *other, bool cost) {
    char path[128];
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        check_same(folder, other, schemas[i]->name, cost);
    size_t length, other_length;
    snprintf(path, sizeof path, "%s/plan.json", folder);
    char *a = ll_test_read(ll_toy_sweep_path(path), &length);
    snprintf(path, sizeof path, "%s/plan.json", other);
    char *b = ll_test_read(ll_toy_sweep_path(path), &other_length);
    CHECK_MSG(a && b && length == other_length && memcmp(a, b, length) == 0,
              "plan.json of %s and of %s differ", folder, other);
    free(a);
    free(b);
}
