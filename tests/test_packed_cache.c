/* Packed weights kept between runs: the same logits bit for bit, and nothing but whole and right files is ever used. */
#include "kept.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a kept file has what: magic, version, bytes, chunk and header's hash of 8 bytes each, the key, the chunks' hashes. */
enum { AT_VERSION = 8, AT_KEY = 40, AT_HASHES = AT_KEY + (1 << 14), AT_DATA = 20480 };

/* ---- made and used ---- */

static void test_second_load(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    ll_kept_expect_remade(&s, "a GGUF file");
    REQUIRE(ll_kept_kept_file(&s, path));
    s.options.threads = 1; /* no matter by how many threads */
    ll_kept_expect(&s, true, "one thread");
    ll_kept_begin_synthetic(&s);
    ll_kept_expect_remade(&s, "synthetic weights");
    REQUIRE(ll_kept_kept_file(&s, path));
    struct stat info = {0};
    CHECK(stat(path, &info) == 0 && info.st_size > 2 * (4 << 20)); /* so three chunks */
}

static void test_float_weights(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    s.options.weights = LL_WEIGHTS_F32;
    ll_kept_expect(&s, false, "float32 weights");
    ll_kept_expect(&s, false, "float32 weights again");
    CHECK(ll_kept_count_files(s.folder, path) == 0);
}

/* ---- another source, other options ---- */

static void test_other_options(void) {
    ll_kept s, other;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    ll_kept_expect_remade(&s, "first");
    other = s;
    other.options.group = 0;
    ll_kept_expect_remade(&other, "another group");
    other = s;
    ll_mask drop = {.attn = {false, true}};
    other.options.drop = &drop;
    ll_kept_expect_remade(&other, "a drop");
    drop = (ll_mask){.mlp = {false, true}};
    ll_kept_expect_remade(&other, "another drop");
    other = s;
    other.options.matmul = LL_MATMUL_ONEDNN;
    ll_kept_expect_remade(&other, "another matmul");
    CHECK(ll_kept_count_files(s.folder, path) == 5);
    ll_kernels best, ref;
    REQUIRE(ll_model_select_kernels(&best, &(ll_model_options){0}, &ll_kept_error) == LL_OK);
    REQUIRE(ll_model_select_kernels(&ref, &(ll_model_options){.isa = "ref"}, &ll_kept_error) == LL_OK);
    other = s;
    other.options.isa = "ref";
    if (strcmp(best.isa[LL_OP_MATMUL_I8], ref.isa[LL_OP_MATMUL_I8]) != 0)
        ll_kept_expect_remade(&other, "another ISA");
    ll_kept_expect(&s, true, "the first one still");
}

static void test_other_synthetic(void) {
    ll_kept s, other;
    char path[LL_KEPT_PATH], others[LL_KEPT_PATH];
    ll_kept_begin_synthetic(&s);
    ll_kept_expect_remade(&s, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    other = s;
    ll_kept_new_cache(&other);
    other.options.seed = 6;
    ll_kept_expect_remade(&other, "another seed");
    REQUIRE(ll_kept_kept_file(&other, others));
    CHECK(rename(others, path) == 0); /* whole and sound, of the same size, but of another seed */
    ll_kept_expect_remade(&s, "another seed's file under this name");
    other = s;
    other.options.resident = 2;
    ll_kept_expect_remade(&other, "resident blocks");
    other = s;
    other.shape.tied = true;
    ll_kept_expect_remade(&other, "another shape");
}

static void test_other_source(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    ll_kept_expect_remade(&s, "first");
    struct stat info;
    REQUIRE(stat(s.source, &info) == 0);
    const struct timespec later[2] = {info.st_atim, {info.st_mtim.tv_sec, info.st_mtim.tv_nsec ^ 1}};
    CHECK(utimensat(AT_FDCWD, s.source, later, 0) == 0);
    ll_kept_expect_remade(&s, "another time");
    ll_toy toy = *ll_kept_the_toy();
    toy.seed = 2;
    ll_toy_write(s.source, &toy, NULL);
    ll_kept_expect_remade(&s, "other weights");
    toy.vocab = 300;
    ll_toy_write(s.source, &toy, NULL);
    const struct timespec first[2] = {info.st_atim, info.st_mtim};
    CHECK(utimensat(AT_FDCWD, s.source, first, 0) == 0);
    ll_kept_expect_remade(&s, "another size at the first one's time");
    CHECK(ll_kept_count_files(s.folder, path) == 1); /* each took the place of the one before */
    char moved[LL_KEPT_PATH + 8];
    snprintf(moved, sizeof moved, "%s.moved", s.source);
    CHECK(rename(s.source, moved) == 0);
    snprintf(s.source, sizeof s.source, "%.400s/toy.gguf.moved", ll_test_folder());
    ll_kept_expect_remade(&s, "another path");
}

static void touch_source(void *source, double share) {
    (void)share;
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    CHECK(utimensat(AT_FDCWD, source, times, 0) == 0);
}

static void test_source_changes_meanwhile(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    s.options.progress = touch_source;
    s.options.progress_context = s.source;
    ll_kept_expect_not_kept(&s, "changed while it was read");
    CHECK(ll_kept_count_files(s.folder, path) == 0);
}

/* ---- damage ---- */

/* The file with one byte other than it was. */
static void flip(const char *path, size_t at) {
    size_t length = 0;
    char *data = ll_test_read(path, &length);
    CHECK_MSG(data && at < length, "no byte %zu to flip", at);
    if (data && at < length) {
        data[at] = (char)(data[at] ^ 1);
        ll_test_write(path, data, length);
    }
    free(data);
}

static void test_flipped_bytes(void) {
    ll_kept s;
    char path[LL_KEPT_PATH], what[64];
    ll_kept_begin_toy(&s);
    ll_kept_expect(&s, false, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    struct stat info;
    REQUIRE(stat(path, &info) == 0);
    const size_t end = (size_t)info.st_size;
    const size_t places[] = {0,
                             7,
                             AT_VERSION,
                             16,
                             24,
                             32,
                             AT_KEY,
                             AT_KEY + 20,
                             AT_HASHES - 1,
                             AT_HASHES,
                             AT_HASHES + 7,
                             AT_DATA,
                             AT_DATA + (end - AT_DATA) / 2,
                             end - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(what, sizeof what, "byte %zu flipped", places[i]);
        flip(path, places[i]);
        ll_kept_expect_remade(&s, what);
        REQUIRE(ll_kept_kept_file(&s, path));
    }
}

static void test_flipped_in_chunks(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_synthetic(&s);
    ll_kept_expect(&s, false, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    const size_t chunk = 4 << 20,
                 places[] = {AT_HASHES + 8, AT_DATA + chunk - 1, AT_DATA + chunk, AT_DATA + 2 * chunk};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        flip(path, places[i]);
        ll_kept_expect_remade(&s, "a byte of several chunks flipped");
        REQUIRE(ll_kept_kept_file(&s, path));
    }
}

static void test_wrong_length(void) {
    ll_kept s;
    char path[LL_KEPT_PATH], what[64];
    ll_kept_begin_toy(&s);
    ll_kept_expect(&s, false, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    size_t length = 0;
    char *data = ll_test_read(path, &length);
    REQUIRE(data);
    const size_t lengths[] = {length - 1, length + 1, 0, 1, AT_KEY, AT_HASHES, AT_DATA};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        snprintf(what, sizeof what, "%zu bytes of %zu", lengths[i], length);
        CHECK(truncate(path, (off_t)lengths[i]) == 0);
        ll_kept_expect_remade(&s, what);
        REQUIRE(ll_kept_kept_file(&s, path));
    }
    free(data);
}

/* Another form of the file, as a later program would write it: the number alone tells. */
static void test_other_version(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    ll_kept_expect(&s, false, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    size_t length = 0;
    char *data = ll_test_read(path, &length);
    REQUIRE(data && data[AT_VERSION] > 0);
    data[AT_VERSION]++;
    ll_test_write(path, data, length);
    free(data);
    ll_kept_expect_remade(&s, "another version");
}

static void test_something_else(void) {
    ll_kept s;
    char path[LL_KEPT_PATH], elsewhere[LL_KEPT_PATH];
    ll_kept_begin_toy(&s);
    ll_kept_expect(&s, false, "first");
    REQUIRE(ll_kept_kept_file(&s, path));
    CHECK(unlink(path) == 0 && mkfifo(path, 0666) == 0);
    ll_kept_expect_remade(&s, "a pipe");
    CHECK(unlink(path) == 0 && symlink("nowhere", path) == 0);
    ll_kept_expect_remade(&s, "a link to nowhere");
    CHECK(access("nowhere", F_OK) != 0);
    CHECK(unlink(path) == 0 && mkdir(path, 0777) == 0);
    ll_kept_expect_remade(&s, "an empty folder");
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", ll_test_folder());
    CHECK(rename(path, elsewhere) == 0 && symlink(elsewhere, path) == 0);
    ll_kept_expect(&s, true, "a link to the file");
    /* What others put there stays. */
    CHECK(unlink(path) == 0 && mkdir(path, 0777) == 0);
    snprintf(elsewhere, sizeof elsewhere, "%.400s/theirs", path);
    ll_test_write(elsewhere, "x", 1);
    ll_kept_expect_not_kept(&s, path);
    CHECK(access(elsewhere, F_OK) == 0);
    CHECK(ll_kept_count_files(s.folder, path) == 1);
}

/* ---- no place to keep it ---- */

static void expect_refused(const ll_kept *s, ll_status status, const char *part) {
    ll_model *model = NULL;
    const ll_status found = ll_kept_load(s, &s->options, &model);
    CHECK_MSG(found == status && !model, "%.80s: status %d, expected %d", s->folder, found, status);
    CHECK_CONTAINS(ll_kept_error.text, part);
    CHECK_MSG(!strchr(ll_kept_error.text, '\n'), "more than one line: %s", ll_kept_error.text);
    ll_model_destroy(model);
}

static void test_bad_folders(void) {
    ll_kept s;
    ll_kept_begin_toy(&s);
    ll_test_write(s.folder, "x", 1);
    expect_refused(&s, LL_BAD_INPUT, s.folder);
    CHECK_CONTAINS(ll_kept_error.text, "is not a folder");
    CHECK(chmod(s.folder, 0777) == 0); /* a program is no folder either */
    expect_refused(&s, LL_BAD_INPUT, "is not a folder");
    snprintf(s.folder, sizeof s.folder, "%s/missing/below", ll_test_folder());
    expect_refused(&s, LL_BAD_INPUT, s.folder);
    CHECK_CONTAINS(ll_kept_error.text, "cannot be made: No such file or directory");
    char *longer = malloc(5001);
    REQUIRE(longer);
    memset(longer, 'a', 5000);
    longer[5000] = 0;
    s.options.cache = longer;
    expect_refused(&s, LL_BAD_USAGE, "the path is longer than");
    free(longer);
}

/* Root may write everywhere, so a child without its rights tries. */
static void test_unwritable(void) {
    ll_kept s;
    ll_kept_begin_synthetic(&s);
    REQUIRE(chmod(ll_test_folder(), 0755) == 0 && mkdir(s.folder, 0777) == 0 && chmod(s.folder, 0555) == 0);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        enum { NOBODY = 65534 };
        if (geteuid() == 0 && setuid(NOBODY) != 0)
            _exit(2);
        expect_refused(&s, LL_BAD_INPUT, "packed weights cannot be kept there: Permission denied");
        CHECK_CONTAINS(ll_kept_error.text, s.folder);
        fflush(stdout);
        _exit(ll_test_failed());
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's status is %d", status);
}

/* A program that is killed in the middle of the file leaves nothing. */
static void test_killed(void) {
    ll_kept s;
    char path[LL_KEPT_PATH];
    ll_kept_begin_synthetic(&s);
    const int unnamed = open(ll_test_folder(), O_TMPFILE | O_RDWR, 0666);
    if (unnamed < 0) {
        ll_test_skip("O_TMPFILE", "the file system has no files without a name");
        return;
    }
    close(unnamed);
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        ll_model *model;
        const struct rlimit tight = {AT_DATA + (5 << 20), AT_DATA + (5 << 20)};
        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &tight) == 0)
            (void)ll_kept_load(&s, &s.options, &model);
        _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ, "the child's status is %d", status);
    CHECK(ll_kept_count_files(s.folder, path) == 0);
}

/* A disk that fills up while the file is written, at the limit. */
static void expect_no_room(const ll_kept *s, size_t limit) {
    char path[LL_KEPT_PATH];
    struct rlimit before;
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    struct rlimit tight = before;
    tight.rlim_cur = limit;
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    ll_kept_expect_not_kept(s, "packed weights are not kept: File too large");
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, handler);
    CHECK_MSG(ll_kept_count_files(s->folder, path) == 0, "%s is left, limit %zu", path, limit);
}

static void test_failing_writes(void) {
    ll_kept s;
    ll_kept_begin_toy(&s);
    expect_no_room(&s, 0);
    expect_no_room(&s, 100);
    expect_no_room(&s, AT_DATA + 1000);
    ll_kept_expect_remade(&s, "with room again");
    ll_kept_begin_synthetic(&s);
    expect_no_room(&s, AT_DATA + (4 << 20));         /* the second chunk is another thread's */
    expect_no_room(&s, AT_DATA + 2 * (4 << 20) + 1); /* so is the third */
    ll_kept_expect_remade(&s, "with room again");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("packed cache/no right to write", test_unwritable); /* before any thread: it forks */
    ll_test_run("packed cache/killed while writing", test_killed);  /* so does this */
    ll_test_run("packed cache/second load", test_second_load);
    ll_test_run("packed cache/float32 weights", test_float_weights);
    ll_test_run("packed cache/other options", test_other_options);
    ll_test_run("packed cache/other synthetic weights", test_other_synthetic);
    ll_test_run("packed cache/another source", test_other_source);
    ll_test_run("packed cache/a source that changes meanwhile", test_source_changes_meanwhile);
    ll_test_run("packed cache/flipped bytes", test_flipped_bytes);
    ll_test_run("packed cache/flipped bytes in chunks", test_flipped_in_chunks);
    ll_test_run("packed cache/wrong length", test_wrong_length);
    ll_test_run("packed cache/another version", test_other_version);
    ll_test_run("packed cache/something else", test_something_else);
    ll_test_run("packed cache/bad folders", test_bad_folders);
    ll_test_run("packed cache/failing writes", test_failing_writes);
    return ll_test_end();
}
