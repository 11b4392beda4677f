/* kill -9 at a hundred moments of short sweeps, and of merges: no row lost, none doubled, and the same rows in the end. */
#include "test.h"
#include "toy_sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { KILLS = 100, QUICK_KILLS = 12 };

static size_t kills(void) {
    return getenv("LL_TEST_QUICK") ? QUICK_KILLS : KILLS;
}

/* A generator of our own: the moments are the same on every system. */
static uint64_t state = 20251130;

static double uniform(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void pause_for(double seconds) {
    const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}

static double timed_sweep(const char *folder) {
    const double began = now();
    CHECK_MSG(ll_toy_sweep(folder, NULL) == 0, "%s", ll_toy_said());
    return now() - began;
}

/* A folder is swept until it is whole, killed on the way; then the next. */
static void test_sweeps(void) {
    char folder[32];
    size_t killed = 0, ended = 0;
    REQUIRE(ll_toy_sweep_begin());
    const double whole = timed_sweep("whole"), nothing = timed_sweep("whole");
    const double step = (whole - nothing) / 12; /* some kills on the way of each */
    for (size_t i = 0; killed < kills() && !ll_test_failed(); i++) {
        bool running = true;
        snprintf(folder, sizeof folder, "killed-%zu", i);
        while (running && killed < kills()) {
            const pid_t pid = ll_toy_sweep_start(folder, NULL);
            /* On a busy machine short runs alone would never come to the later stages. */
            pause_for(uniform() * (killed % 4 == 3 ? whole : nothing + step));
            running = ll_toy_kill(pid);
            killed += running;
        }
        CHECK_MSG(ll_toy_sweep(folder, NULL) == 0, "%s", ll_toy_said());
        ll_toy_sweep_same("whole", folder, true);
        ended++;
    }
    printf("  %zu kills, %zu sweeps; a sweep takes %.2f s\n", killed, ended, whole);
}

/* Ended between a timing's samples and its row, which is a moment that a hundred kills may miss. */
static void test_timing(void) {
    REQUIRE(ll_toy_sweep_begin());
    CHECK_MSG(ll_toy_sweep("timing", NULL) == 0 && ll_toy_sweep("timed", NULL) == 0, "%s", ll_toy_said());
    size_t length;
    char *rows = ll_test_read(ll_toy_sweep_path("timing/speed.csv"), &length);
    REQUIRE(rows && length > 1);
    size_t kept = length - 1;
    while (kept > 0 && rows[kept - 1] != '\n')
        kept--;
    ll_test_write(ll_toy_sweep_path("timing/speed.csv"), rows, kept);
    free(rows);
    CHECK_MSG(ll_toy_sweep("timing", NULL) == 0, "%s", ll_toy_said());
    ll_toy_sweep_same("timed", "timing", true);
}

#define ONE "parts/shard-1-of-2"
#define TWO "parts/shard-2-of-2"

/* And "merged", of both. */
static bool make_parts(void) {
    static bool made;
    if (!made && ll_toy_sweep_begin())
        made = ll_toy_sweep("parts", "--shard", "1/2", NULL) == 0 &&
               ll_toy_sweep("parts", "--shard", "2/2", NULL) == 0 &&
               ll_toy_merge("merged", ONE, TWO, NULL) == 0;
    CHECK_MSG(made, "%s", ll_toy_said());
    return made;
}

/* The new folder is whole or not there. */
static void test_merges(void) {
    size_t killed = 0, absent = 0;
    REQUIRE(make_parts());
    double began = now();
    CHECK_MSG(ll_toy_merge("timed-merge", ONE, TWO, NULL) == 0, "%s", ll_toy_said());
    const double whole = now() - began;
    for (size_t i = 0; i < kills() / 4 + 3 && !ll_test_failed(); i++) {
        char out[32];
        struct stat info;
        snprintf(out, sizeof out, "merged-%zu", i);
        const pid_t pid = ll_toy_merge_start(out, ONE, TWO, NULL);
        pause_for(1.5 * uniform() * whole); /* the folder is put in place at the very end */
        killed += ll_toy_kill(pid);
        if (stat(ll_toy_sweep_path(out), &info) == 0)
            ll_toy_sweep_same("merged", out, true);
        else
            absent++;
    }
    CHECK(killed > 0 && absent > 0);
    printf("  %zu kills of merges; %zu left no folder\n", killed, absent);
}

/* One that is replaced is the old or the new one. */
static void test_replaced(void) {
    REQUIRE(make_parts());
    const double began = now();
    CHECK_MSG(ll_toy_merge("again", ONE, TWO, NULL) == 0, "%s", ll_toy_said());
    const double whole = now() - began;
    for (size_t i = 0; i < kills() / 8 + 2 && !ll_test_failed(); i++) {
        const pid_t pid = ll_toy_merge_start("again", ONE, TWO, "--force", NULL);
        pause_for(1.5 * uniform() * whole);
        ll_toy_kill(pid);
        ll_toy_sweep_same("merged", "again", true);
    }
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("kill/sweeps", test_sweeps);
    ll_test_run("kill/timing", test_timing);
    ll_test_run("kill/merges", test_merges);
    ll_test_run("kill/replaced", test_replaced);
    return ll_test_end();
}
