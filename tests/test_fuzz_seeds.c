/* Every seed of the fuzzers, and so every input that once crashed one, whole and cut, without libFuzzer. */
#include "fuzz/fuzz.h"
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    const char *name;
    void (*run)(const uint8_t *data, size_t length);
} target;

static const target targets[] = {
#define LL_FUZZ_ROW(name, kilobytes, times) {#name, ll_fuzz_##name},
    LL_FUZZ_TARGETS(LL_FUZZ_ROW)
#undef LL_FUZZ_ROW
};

static const target *chosen;

/* What is being read, for the parent of a child that died. */
enum { SHOWN = 512 };
static char *shown;

/* A copy of its own for every length, so that a sanitizer sees a byte read behind it. */
static void run_cut(const char *data, size_t length, const char *path) {
    uint8_t *copy = malloc(length ? length : 1);
    REQUIRE(copy);
    memcpy(copy, data, length);
    snprintf(shown, SHOWN, "the first %zu bytes of %s", length, path);
    chosen->run(copy, length);
    free(copy);
}

static void run_seed(const char *path) {
    enum { CUTS = 64 };
    size_t length;
    char *data = ll_test_read(path, &length);
    REQUIRE(data);
    run_cut(data, length, path);
    for (size_t cut = 0; cut < CUTS; cut++)
        run_cut(data, length * cut / CUTS, path);
    free(data);
}

/* How many there are. */
static size_t run_seeds(const char *folder) {
    size_t count = 0;
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        char path[SHOWN / 2];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%.100s/%.140s", folder, entry->d_name);
        run_seed(path);
        count++;
    }
    if (entries)
        closedir(entries);
    return count;
}

/* In a process of its own, so that a crash is told with its input. */
static void test_target(void) {
    char folder[64];
    int status = 0;
    snprintf(folder, sizeof folder, "tests/fuzz/seeds/%.40s", chosen->name);
    shown = mmap(NULL, SHOWN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shown != MAP_FAILED);
    strcpy(shown, "nothing");
    fflush(NULL);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const size_t count = run_seeds(folder);
        fflush(NULL);
        _exit(ll_test_failed() || count == 0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %#x while reading %s", folder,
              (unsigned)status, shown);
    munmap(shown, SHOWN);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char name[64];
        chosen = &targets[i];
        snprintf(name, sizeof name, "fuzz seeds/%s", chosen->name);
        ll_test_run(name, test_target);
    }
    return ll_test_end();
}
