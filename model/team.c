#include "team.h"
#include "flag.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Spinning costs nothing while every thread has a core of its own, and a wake-up some 50 us; work comes more often. Where threads
 * share cores, who spins keeps the one that he waits for from running. */
enum { SPIN = 200000, SPIN_CROWDED = 0 };

/* A thread, and what only it writes. */
typedef struct {
    ll_flag arrived; /* at a barrier: read by its node's first thread */
    ll_flag done;    /* with the work of that number: read by the creating thread */
    ll_team *team;
    pthread_t id;
    size_t node, place;
    size_t number;
    uint32_t epoch;  /* of the barrier, after its last work */
    uint64_t waited; /* nanoseconds */
    int error;       /* of binding */
    bool bound;
} worker;

/* A node's part of the barrier. */
typedef struct {
    ll_flag arrived; /* all of its threads: read by the first node's first thread */
    ll_flag go;      /* set by its first thread */
    size_t working;  /* threads that take part in the work at hand */
} node;

struct ll_team {
    ll_flag work; /* the number of the work to do */
    node node[LL_MAX_NODES];
    const ll_placement *placement;
    const ll_topology *topology;
    uint64_t spin;
    size_t started;          /* threads that were made, the creating one among them */
    pthread_mutex_t running; /* one work at a time */
    void (*work_of)(void *context, ll_member *member);
    void *context;
    uint32_t number; /* of the work */
    uint32_t epoch;  /* of the barrier when the work began */
    bool ends;
    worker worker[];
};

static ll_member member_of(const worker *w) {
    ll_team *t = w->team;
    ll_member m = {.team = t,
                   .node = w->node,
                   .nodes = t->placement->nodes,
                   .place = w->place,
                   .number = w->number,
                   .epoch = t->epoch};
    for (size_t i = 0; i < m.nodes; i++) {
        const size_t threads = t->node[i].working;
        m.places = i == m.node ? threads : m.places;
        m.thread += i < m.node ? threads : 0;
        m.threads += threads;
    }
    m.thread += m.place;
    return m;
}

/* The nodes' first threads meet at the first node's. */
static void wait_for_nodes(ll_member *m, worker *w) {
    ll_team *t = m->team;
    if (m->node != 0) {
        ll_flag_set(&t->node[m->node].arrived, m->epoch);
        w->waited += ll_flag_wait(&t->node[m->node].go, m->epoch, t->spin);
        return;
    }
    for (size_t i = 1; i < m->nodes; i++)
        w->waited += ll_flag_wait(&t->node[i].arrived, m->epoch, t->spin);
    for (size_t i = 0; i < m->nodes; i++) /* to the node's other threads too */
        ll_flag_set(&t->node[i].go, m->epoch);
}

void ll_team_wait(ll_member *m) {
    ll_team *t = m->team;
    worker *const w = &t->worker[m->number];
    if (m->threads == 1)
        return;
    m->epoch++;
    if (m->place != 0) {
        ll_flag_set(&w->arrived, m->epoch);
        w->waited += ll_flag_wait(&t->node[m->node].go, m->epoch, t->spin);
        return;
    }
    const size_t first = t->placement->node[m->node].first;
    for (size_t i = 1; i < m->places; i++)
        w->waited += ll_flag_wait(&t->worker[first + i].arrived, m->epoch, t->spin);
    wait_for_nodes(m, w);
}

/* ---- threads ---- */

static void bind_worker(worker *w) {
    const ll_team *t = w->team;
    if (!t->placement->options.unbound)
        w->error = ll_topology_bind_thread(t->topology, t->placement->cpu[w->number]);
}

static void do_work(worker *w) {
    ll_team *t = w->team;
    if (w->place >= t->node[w->node].working)
        return;
    ll_member m = member_of(w);
    t->work_of(t->context, &m);
    w->epoch = m.epoch;
}

static void *live(void *argument) {
    worker *w = argument;
    ll_team *t = w->team;
    bind_worker(w);
    for (uint32_t number = 1;; number++) {
        ll_flag_set(&w->done, number); /* at first: it is bound */
        ll_flag_wait(&t->work, number + 1, t->spin);
        if (t->ends)
            return NULL;
        do_work(w);
    }
}

static void start(ll_team *t, size_t threads, void (*work)(void *, ll_member *), void *context) {
    for (size_t i = 0; i < t->placement->nodes; i++)
        t->node[i].working = ll_placement_some(t->placement, i, threads);
    t->work_of = work;
    t->context = context;
    ll_flag_set(&t->work, ++t->number);
}

static void finish(ll_team *t) {
    for (size_t i = 1; i < t->started; i++)
        t->worker[0].waited += ll_flag_wait(&t->worker[i].done, t->number, t->spin);
}

typedef struct {
    size_t threads;
    void (*work)(void *, ll_member *);
    void *context;
} request;

static void run(ll_team *t, const request *wanted) {
    start(t, wanted->threads, wanted->work, wanted->context);
    do_work(&t->worker[0]);
    finish(t);
    t->epoch = t->worker[0].epoch;
}

/* The caller is thread 0, with its CPU alone, as long as the work lasts; NULL: only to see whether it can be. */
static void bind_caller(ll_team *t, const request *wanted) {
    ll_cpus *const before = t->placement->options.unbound ? NULL : ll_topology_cpus(t->topology);
    bind_worker(&t->worker[0]);
    if (wanted)
        run(t, wanted);
    ll_topology_restore(t->topology, before);
}

void ll_team_run(ll_team *t, size_t threads, void (*work)(void *context, ll_member *member), void *context) {
    const request wanted = {threads, work, context};
    pthread_mutex_lock(&t->running);
    bind_caller(t, &wanted);
    pthread_mutex_unlock(&t->running);
}

/* ---- making and ending ---- */

static void lay_out(ll_team *t) {
    for (size_t i = 0; i < t->placement->nodes; i++) {
        const ll_place_node *n = &t->placement->node[i];
        for (size_t j = 0; j < n->threads; j++) {
            worker *w = &t->worker[n->first + j];
            w->team = t;
            w->node = i;
            w->place = j;
            w->number = n->first + j;
        }
    }
}

static ll_status start_threads(ll_team *t, ll_error *error) {
    for (t->started = 1; t->started < t->placement->threads; t->started++) {
        worker *w = &t->worker[t->started];
        const int status = pthread_create(&w->id, NULL, live, w);
        if (status != 0)
            return ll_fail(error, LL_NO_RESOURCE,
                           "thread %zu of %zu cannot be made: %s; choose fewer with --threads, or raise the "
                           "limit (ulimit -u, "
                           "the control group's pids.max)",
                           t->started + 1, t->placement->threads, strerror(status));
    }
    return LL_OK;
}

static ll_status check_binding(ll_team *t, ll_error *error) {
    const ll_placement *p = t->placement;
    for (size_t i = 0; p->options.strict && i < p->threads; i++)
        if (t->worker[i].error)
            return ll_fail(
                error, LL_NO_RESOURCE,
                "thread %zu cannot be bound to CPU %u: %s; leave out --strict-numa, or --bind none", i,
                p->cpu[i], strerror(t->worker[i].error));
    return LL_OK;
}

ll_status ll_team_create(ll_team **out, const ll_placement *placement, const ll_topology *topology,
                         ll_error *error) {
    const size_t bytes = sizeof(ll_team) + placement->threads * sizeof(worker);
    *out = NULL;
    ll_team *t = aligned_alloc(_Alignof(ll_team), bytes);
    if (!t)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu threads", placement->threads);
    memset(t, 0, bytes);
    t->number = 1; /* flags begin with 0 */
    pthread_mutex_init(&t->running, NULL);
    t->placement = placement;
    t->topology = topology;
    t->spin = placement->crowded ? SPIN_CROWDED : SPIN;
    lay_out(t);
    ll_status status = start_threads(t, error);
    finish(t); /* they are bound */
    bind_caller(t, NULL);
    if (status == LL_OK)
        status = check_binding(t, error);
    if (status == LL_OK)
        *out = t;
    else
        ll_team_destroy(t);
    return status;
}

void ll_team_destroy(ll_team *t) {
    if (!t)
        return;
    t->ends = true;
    ll_flag_set(&t->work, ++t->number);
    for (size_t i = 1; i < t->started; i++)
        pthread_join(t->worker[i].id, NULL);
    pthread_mutex_destroy(&t->running);
    free(t);
}

/* ---- what is asked of it ---- */

const ll_placement *ll_team_placement(const ll_team *t) {
    return t->placement;
}

double ll_team_waited(const ll_team *t) {
    uint64_t sum = 0;
    for (size_t i = 0; i < t->placement->threads; i++)
        sum += t->worker[i].waited;
    return 1e-9 * (double)sum;
}

static void ask(void *context, ll_member *m) {
    (void)context;
    const ll_team *t = m->team;
    m->team->worker[m->number].bound = ll_topology_is_bound(t->topology, t->placement->cpu[m->number]);
}

size_t ll_team_bound(ll_team *t, int *error) {
    size_t bound = 0;
    *error = 0;
    ll_team_run(t, 0, ask, NULL);
    for (size_t i = 0; i < t->placement->threads; i++) {
        bound += t->worker[i].bound;
        *error = *error ? *error : t->worker[i].error;
    }
    return bound;
}
