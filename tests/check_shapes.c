/* The matrices of real models, from tests/shapes/<model>.txt: lines of "name n k", # starts a comment. */
#include "check.h"
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 128 };
typedef struct {
    char name[96];
    size_t n, k;
} real_shape;

/* Adds the shapes of one file to list; the new count. */
static size_t read_file(const char *path, real_shape *list, size_t count) {
    FILE *file = fopen(path, "r");
    CHECK_THAT(file, "%s cannot be opened", path);
    char line[256], name[32];
    bool good = true;
    while (good && fgets(line, sizeof line, file)) {
        line[strcspn(line, "#\n")] = 0;
        if (!line[strspn(line, " \t")])
            continue;
        real_shape *shape = &list[count];
        good = count < MOST && sscanf(line, "%31s %zu %zu", name, &shape->n, &shape->k) == 3;
        if (good) {
            snprintf(shape->name, sizeof shape->name, "%.60s %s", path, name);
            count++;
        }
    }
    fclose(file);
    CHECK_THAT(good, "%s: expected lines of \"name n k\" (at most %d in all files), found \"%s\"", path, MOST,
               line);
    return count;
}

void check_each_shape(void (*each)(const char *name, size_t n, size_t k, const ll_kernels *ref,
                                   const ll_kernels *isa),
                      const ll_kernels *ref, const ll_kernels *isa) {
    static real_shape list[MOST];
    size_t count = 0;
    glob_t found;
    CHECK_THAT(glob("tests/shapes/*.txt", 0, NULL, &found) == 0,
               "no file tests/shapes/*.txt: run from the top folder");
    for (size_t i = 0; i < found.gl_pathc; i++)
        count = read_file(found.gl_pathv[i], list, count);
    globfree(&found);
    for (size_t i = 0; i < count; i++)
        each(list[i].name, list[i].n, list[i].k, ref, isa);
}
