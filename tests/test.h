/* Our own small test runner: every test prints one line, and the program ends with "N passed, N failed, N
 * skipped".
 *
 *   int main(int argc, char **argv) {
 *       ll_test_begin(argc, argv);
 *       ll_test_run("gguf/cut file", test_cut_file);
 *       return ll_test_end();
 *   }
 * Arguments of a test program: a substring; only tests whose name holds it run. */
#ifndef LL_TEST_H
#define LL_TEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void ll_test_begin(int argc, char **argv);
void ll_test_run(const char *name, void (*body)(void));
int ll_test_end(void); /* prints the closing line; the exit code */

/* Marks the running test failed (it goes on); printf-like. */
void ll_test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The running test is skipped: what it lacks ("model", an ISA's name, "python", ...) and why. If LL_REQUIRE
 * (a comma list in the environment) names it, or "all" and it can be had, that is a failure. The caller returns afterwards. */
void ll_test_skip(const char *lacks, const char *why);
bool ll_test_failed(void); /* the running test has failed already */

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ll_test_fail(__FILE__, __LINE__, "%s", #condition);                                              \
    } while (0)
#define CHECK_MSG(condition, ...)                                                                            \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            ll_test_fail(__FILE__, __LINE__, __VA_ARGS__);                                                   \
    } while (0)
/* Ends the running test's function when the condition fails. */
#define REQUIRE(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            ll_test_fail(__FILE__, __LINE__, "%s", #condition);                                              \
            return;                                                                                          \
        }                                                                                                    \
    } while (0)
/* text holds part. */
void ll_check_contains(const char *file, int line, const char *text, const char *part);
#define CHECK_CONTAINS(text, part) ll_check_contains(__FILE__, __LINE__, text, part)

/* A fresh folder for the program's files, removed at the end. Static storage. */
const char *ll_test_folder(void);
/* Path of the default model's file, or NULL after having called ll_test_skip("model", ...). Looks in
 * $LAYERLAB_MODELS, models/. */
const char *ll_test_model(void);
/* Reads a whole file (NUL appended); malloc'd; NULL and a failed test when it cannot. Paths are relative to
 * the repository. */
char *ll_test_read(const char *path, size_t *length);
void ll_test_write(const char *path, const void *data, size_t length);
#endif
