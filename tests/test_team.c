/* Threads that work together: barriers that hold, in crowds too; every thread its share; threads that cannot be made. */
#include "team.h"
#include "test.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    ll_topology *topology;
    ll_placement placement;
    ll_team *team;
} made;

static bool make(made *out, const ll_placement_options *options, size_t threads) {
    ll_error error = {""};
    *out = (made){0};
    const bool good =
        ll_topology_load(&out->topology, NULL, &error) == LL_OK &&
        ll_placement_plan(&out->placement, out->topology, options, threads, 0, &error) == LL_OK &&
        ll_team_create(&out->team, &out->placement, out->topology, &error) == LL_OK;
    CHECK_MSG(good, "%s", error.text);
    return good;
}

static void drop(made *m) {
    ll_team_destroy(m->team);
    ll_topology_free(m->topology);
}

/* ---- barriers ---- */

enum { MOST = 16 };
typedef struct {
    size_t rounds;
    size_t at
        [MOST]; /* the round that each thread is in; plain, since the barriers order what is written and read */
    atomic_size_t late;
} rounds;

/* Before a barrier a thread writes its round, after it all have written theirs, and none is a round further. */
static void count_rounds(void *context, ll_member *m) {
    rounds *r = context;
    for (size_t round = 1; round <= r->rounds; round++) {
        r->at[m->thread] = round;
        ll_team_wait(m);
        for (size_t i = 0; i < m->threads; i++)
            if (r->at[i] != round)
                atomic_fetch_add(&r->late, 1);
        ll_team_wait(m);
    }
}

static void try_barriers(size_t threads, size_t nodes, size_t count) {
    made m;
    const ll_placement_options options = {.virtual_nodes = nodes};
    rounds r = {.rounds = count};
    if (make(&m, &options, threads)) {
        ll_team_run(m.team, 0, count_rounds, &r);
        CHECK(r.late == 0);
        for (size_t i = 0; i < m.placement.threads; i++)
            CHECK(r.at[i] == count);
    }
    drop(&m);
}

static void test_barriers(void) {
    const size_t count = getenv("LL_TEST_QUICK") ? 500 : 5000; /* two barriers each */
    for (size_t threads = 2; threads <= MOST; threads += threads < 4 ? 1 : 4)
        try_barriers(threads, 0, count);
    try_barriers(4, 2, count);
    try_barriers(7, 3, count);
    try_barriers(8, 8, count);
}

/* ---- works one after the other, of all threads and of some ---- */

typedef struct {
    size_t runs[MOST], threads, places[LL_MAX_NODES];
} seen;

static void see(void *context, ll_member *m) {
    seen *s = context;
    s->runs[m->thread]++;
    ll_team_wait(m);
    if (m->thread == 0)
        s->threads = m->threads;
    if (m->place == 0)
        s->places[m->node] = m->places;
}

static void test_some_threads(void) {
    made m;
    const ll_placement_options options = {.virtual_nodes = 3};
    if (make(&m, &options, 7)) {
        for (size_t threads = 0; threads <= 7; threads++) {
            seen s = {{0}, 0, {0}};
            for (int i = 0; i < 100; i++)
                ll_team_run(m.team, threads, see, &s);
            CHECK(s.threads == (threads == 0 ? 7 : threads < 3 ? 3 : threads)); /* every node works */
            CHECK(s.places[0] + s.places[1] + s.places[2] == s.threads);
            for (size_t i = 0; i < MOST; i++)
                CHECK(s.runs[i] == (i < s.threads ? 100 : 0));
        }
    }
    drop(&m);
}

/* ---- binding ---- */

static void test_bound(void) {
    made m;
    int error;
    if (make(&m, &(ll_placement_options){0}, 0)) {
        const size_t bound = ll_team_bound(m.team, &error);
        CHECK_MSG(bound == m.placement.threads && error == 0, "%zu of %zu threads bound, error %d", bound,
                  m.placement.threads, error);
    }
    drop(&m);
    if (make(&m, &(ll_placement_options){.unbound = true}, 0) && m.topology->cores > 1)
        CHECK(ll_team_bound(m.team, &error) == 0);
    drop(&m);
}

static void do_nothing(void *context, ll_member *m) {
    (void)context;
    (void)m;
}

/* The thread that calls for work has its own CPUs back after it. */
static void test_gives_back(void) {
    made m;
    ll_topology *after = NULL;
    if (make(&m, &(ll_placement_options){0}, 0)) {
        const size_t cores = m.topology->cores;
        ll_team_run(m.team, 0, do_nothing, NULL);
        drop(&m);
        CHECK(ll_topology_load(&after, NULL, NULL) == LL_OK && after->cores == cores);
        ll_topology_free(after);
    } else {
        drop(&m);
    }
}

static void test_waited(void) {
    made m;
    rounds r = {.rounds = 100};
    if (make(&m, &(ll_placement_options){0}, 2)) {
        const double before = ll_team_waited(m.team);
        ll_team_run(m.team, 0, count_rounds, &r);
        CHECK(ll_team_waited(m.team) > before);
    }
    drop(&m);
}

/* ---- a container that forbids it ---- */

/* In a child, to which the system call that binds threads fails from now on. */
static int fail_to_bind(void) {
    const struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setaffinity, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof lines / sizeof *lines, (struct sock_filter *)(uintptr_t)lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 1;
    ll_topology *topology = NULL;
    ll_team *team = NULL;
    ll_error error = {""};
    static ll_placement placement;
    int reason = 0;
    if (ll_topology_load(&topology, NULL, &error) != LL_OK ||
        ll_placement_plan(&placement, topology, &(ll_placement_options){0}, 2, 0, &error) != LL_OK)
        return 2;
    if (ll_team_create(&team, &placement, topology, &error) != LL_OK || ll_team_bound(team, &reason) == 2 ||
        reason != ENOSYS)
        return 3; /* it goes on, and says so */
    ll_team_destroy(team);
    placement.options.strict = true;
    placement.threads = placement.node[0].threads = 1; /* the caller's own */
    if (ll_team_create(&team, &placement, topology, &error) != LL_NO_RESOURCE || team)
        return 4;
    ll_topology_free(topology);
    return strstr(error.text, "cannot be bound to CPU") && strstr(error.text, "--strict-numa") ? 0 : 5;
}

static void expect_of_child(int (*body)(void)) {
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        _exit(body());
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

static void test_forbidden(void) {
    expect_of_child(fail_to_bind);
}

/* ---- threads that cannot be made ---- */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* In a child, which has no memory left for another stack. */
static int fail_to_make(void) {
    ll_topology *topology = NULL;
    ll_team *team = NULL;
    ll_error error = {""};
    static ll_placement placement;
    if (ll_topology_load(&topology, NULL, &error) != LL_OK ||
        ll_placement_plan(&placement, topology, &(ll_placement_options){0}, 1000, 0, &error) != LL_OK)
        return 2;
    const struct rlimit limit = {512 << 20, 512 << 20};
    setrlimit(RLIMIT_AS, &limit);
    if (ll_team_create(&team, &placement, topology, &error) != LL_NO_RESOURCE || team)
        return 3;
    const bool told = strstr(error.text, "of 1000 cannot be made") && strstr(error.text, "--threads");
    ll_topology_free(topology);
    return told ? 0 : 4;
}
#endif

static void test_no_thread(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    ll_test_skip("no sanitizer", "sanitizers need more address space than the test leaves");
#else
    expect_of_child(fail_to_make);
#endif
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("team/gives back its CPUs",
                test_gives_back); /* first: a test before it could have lost them */
    ll_test_run("team/barriers", test_barriers);
    ll_test_run("team/some threads", test_some_threads);
    ll_test_run("team/bound", test_bound);
    ll_test_run("team/waited", test_waited);
    ll_test_run("team/binding forbidden", test_forbidden);
    ll_test_run("team/no thread to be had", test_no_thread);
    return ll_test_end();
}
