#include "test.h"
#include "kernels.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *filter;
    size_t passed, failed, skipped;
    bool running_failed, running_skipped;
    char folder[64];
} runner;

void ll_test_begin(int argc, char **argv) {
    runner.filter = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

void ll_test_run(const char *name, void (*body)(void)) {
    if (runner.filter && !strstr(name, runner.filter))
        return;
    runner.running_failed = runner.running_skipped = false;
    body();
    if (runner.running_failed) {
        runner.failed++;
        printf("FAIL %s\n", name);
    } else if (runner.running_skipped) {
        runner.skipped++;
        printf("skip %s\n", name);
    } else {
        runner.passed++;
        printf("ok   %s\n", name);
    }
}

int ll_test_end(void) {
    if (runner.folder[0]) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf '%s'", runner.folder);
        if (system(command) != 0)
            printf("cannot remove %s\n", runner.folder);
    }
    printf("%zu passed, %zu failed, %zu skipped\n", runner.passed, runner.failed, runner.skipped);
    return runner.failed || (!runner.passed && !runner.skipped) ? 1 : 0;
}

void ll_test_fail(const char *file, int line, const char *format, ...) {
    runner.running_failed = true;
    printf("  %s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* No package brings an instruction set, nor data that may not be given out: "all" does not ask for them, only their own name
 * does. */
static bool cannot_be_had(const char *name) {
    if (strcmp(name, "data") == 0)
        return true;
    for (size_t i = 0; ll_isa_name(i); i++)
        if (strcmp(ll_isa_name(i), name) == 0)
            return true;
    return false;
}

static bool required(const char *lacks) {
    const char *list = getenv("LL_REQUIRE");
    const size_t length = strlen(lacks);
    while (list && *list) {
        const size_t item = strcspn(list, ",");
        if ((item == 3 && strncmp(list, "all", 3) == 0 && !cannot_be_had(lacks)) ||
            (item == length && strncmp(list, lacks, item) == 0))
            return true;
        list += item + (list[item] == ',');
    }
    return false;
}

void ll_test_skip(const char *lacks, const char *why) {
    if (required(lacks))
        ll_test_fail("LL_REQUIRE", 0, "%s is required: %s", lacks, why);
    runner.running_skipped = true;
    printf("  lacks %s: %s\n", lacks, why);
}

bool ll_test_failed(void) {
    return runner.running_failed;
}

void ll_check_contains(const char *file, int line, const char *text, const char *part) {
    if (!text || !strstr(text, part))
        ll_test_fail(file, line, "\"%s\" does not hold \"%s\"", text ? text : "(null)", part);
}

const char *ll_test_folder(void) {
    if (!runner.folder[0]) {
        strcpy(runner.folder, "/tmp/layerlab-test-XXXXXX");
        if (!mkdtemp(runner.folder)) {
            perror(runner.folder);
            exit(1);
        }
    }
    return runner.folder;
}

const char *ll_test_model(void) {
    static char path[4096];
    const char *folder = getenv("LAYERLAB_MODELS");
    snprintf(path, sizeof path, "%s/SmolLM2-135M-Instruct.Q4_1.gguf", folder && *folder ? folder : "models");
    if (access(path, R_OK) == 0)
        return path;
    ll_test_skip("model", "no default model; tools/fetch_model.sh fetches it");
    return NULL;
}

char *ll_test_read(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        ll_test_fail(path, 0, "cannot be opened");
        return NULL;
    }
    char *data = NULL;
    size_t used = 0, capacity = 0, got;
    do {
        if (used + 1 >= capacity)
            data = realloc(data, capacity = capacity ? 2 * capacity : 65536);
        got = data ? fread(data + used, 1, capacity - used - 1, file) : 0;
        used += got;
    } while (got);
    fclose(file);
    if (data)
        data[used] = 0;
    if (length)
        *length = used;
    return data;
}

void ll_test_write(const char *path, const void *data, size_t length) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, length, file) != length || fclose(file) != 0)
        ll_test_fail(path, 0, "cannot be written");
}
