/* The plan: over made-up machines of many kinds every core has one thread at most, every row of every tensor one owner. */
#include "model.h"
#include "model_list.h"
#include "test.h"
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* ---- machines ---- */

typedef struct {
    const char *name, *description;
    size_t nodes, cores; /* that a plan uses */
} machine;

/* hwloc's synthetic form. A bracket hangs memory beside what is before it: so nodes without cores, or two kinds of memory. */
static const machine MACHINES[] = {
    {"one core", "core:1 pu:1", 1, 1},
    {"one node, SMT", "numa:1 core:8 pu:2", 1, 8},
    {"two nodes", "numa:2 core:4 pu:1", 2, 8},
    {"three nodes", "numa:3 core:5 pu:2", 3, 15},
    {"two sockets of Xeon", "pack:2 numa:1 l3:1 core:56 pu:2", 2, 112},
    {"two sockets of Xeon, sub-NUMA clusters", "pack:2 numa:4 core:14 pu:2", 8, 112},
    {"two sockets of EPYC", "pack:2 numa:1 l3:12 core:8 pu:2", 2, 192},
    {"two sockets of EPYC, four nodes each", "pack:2 numa:4 l3:3 core:8 pu:2", 8, 192},
    {"one socket of EPYC", "pack:1 numa:1 l3:8 core:8 pu:2", 1, 64},
    {"eight nodes of one core", "numa:8 core:1 pu:1", 8, 8},
    {"four nodes, four threads a core", "numa:4 core:2 pu:4", 4, 8},
    {"a node without cores", "[numa(memory=68719476736)] pack:2 [numa(memory=34359738368)] core:4 pu:1", 2,
     8},
    {"two kinds of memory", "pack:2 [numa(memory=34359738368)] [numa(memory=8589934592)] core:6 pu:2", 2, 12},
    {"cores without memory", "pack:2 core:6 pu:2", 1, 12},
};
enum { MACHINE_COUNT = sizeof MACHINES / sizeof *MACHINES };

static ll_topology *load(const char *description) {
    ll_topology *topology = NULL;
    ll_error error = {""};
    CHECK_MSG(ll_topology_load(&topology, description, &error) == LL_OK, "%s", error.text);
    return topology;
}

static bool plan(ll_placement *out, const ll_topology *topology, const ll_placement_options *options,
                 size_t threads) {
    ll_error error = {""};
    const bool good = ll_placement_plan(out, topology, options, threads, 0, &error) == LL_OK;
    CHECK_MSG(good, "%s", error.text);
    return good;
}

/* ---- what must hold of every plan ---- */

static const ll_core *core_of(const ll_topology *t, unsigned cpu) {
    for (size_t i = 0; i < t->cores; i++)
        for (size_t j = 0; j < t->core[i].cpus; j++)
            if (t->core[i].cpu[j] == cpu)
                return &t->core[i];
    return NULL;
}

/* Of a node's cores none has two threads more than another. */
static void check_even(const ll_topology *t, const ll_placement *p, const ll_place_node *n) {
    size_t least = SIZE_MAX, most = 0;
    for (size_t i = 0; i < t->cores; i++) {
        size_t here = 0;
        for (size_t j = n->first; j < n->first + n->threads; j++)
            here += core_of(t, p->cpu[j]) == &t->core[i];
        if (t->core[i].node == n->index) {
            least = here < least ? here : least;
            most = here > most ? here : most;
        }
    }
    CHECK_MSG(most <= least + 1, "of a node's cores one has %zu threads, another %zu", most, least);
}

/* Threads of a node run on its cores, no core has two unless there are too few, and those that share a cache follow each other. */
static void check_threads(const ll_topology *t, const ll_placement *p) {
    size_t first = 0;
    for (size_t i = 0; i < p->nodes; i++) {
        const ll_place_node *n = &p->node[i];
        size_t changes = 0, caches = 0;
        CHECK(n->first == first && n->threads > 0);
        check_even(t, p, n);
        first += n->threads;
        for (size_t j = n->first; j < first; j++) {
            const ll_core *core = core_of(t, p->cpu[j]);
            CHECK(core && core->node == n->index);
            for (size_t k = n->first; k < j && !p->crowded; k++)
                CHECK(core_of(t, p->cpu[k]) != core);
            bool seen = false;
            for (size_t k = n->first; k < j; k++)
                seen |= core_of(t, p->cpu[k])->cache == core->cache;
            caches += !seen;
            changes += j == n->first || core_of(t, p->cpu[j - 1])->cache != core->cache;
        }
        CHECK_MSG(changes == caches, "node %zu: threads of %zu caches change the cache %zu times", i, caches,
                  changes);
    }
    CHECK(first == p->threads);
}

/* Units of total: each has one owner, and of nodes' parts none is more than a unit from its share. */
static void check_split(const ll_placement *p, size_t total, size_t unit) {
    const double units = (double)((total + unit - 1) / unit);
    size_t end = 0;
    for (size_t i = 0; i < p->nodes; i++) {
        size_t from, to;
        ll_placement_share(p, i, total, unit, &from, &to);
        CHECK(from == end && to >= from && (from % unit == 0 || from == total));
        const double held = (double)((to - from + unit - 1) / unit),
                     share = units * (double)p->node[i].threads / (double)p->threads;
        CHECK_MSG(held > share - 1 && held < share + 1,
                  "node %zu holds %.0f of %.0f units, its share is %.2f", i, held, units, share);
        for (size_t j = 0, at = from; j < p->node[i].threads; j++) {
            size_t a, b;
            ll_share(to - from, j, p->node[i].threads, unit, &a, &b);
            CHECK(from + a == at && b >= a);
            at = from + b;
            CHECK(j + 1 < p->node[i].threads || at == to);
        }
        end = to;
    }
    CHECK(end == total);
}

static void check_model(const ll_placement *p, const ll_config *c) {
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    check_split(p, q + 2 * kv, LL_PANEL);
    check_split(p, c->hidden, LL_PANEL);
    check_split(p, 2 * c->mlp, LL_PANEL);
    check_split(p, c->vocab, LL_LOGITS_IDS);
    check_split(p, c->kv_heads, 1);
}

/* The nodes' bytes are those of one node, but for what lies between two of them. */
static void check_bytes(const ll_topology *t, const ll_placement *p, const ll_config *c) {
    const ll_model_options options = {.group = 128, .isa = "ref"};
    ll_placement one = {.nodes = 1, .threads = 1, .node[0].threads = 1};
    ll_node_bytes split[LL_MAX_NODES + 1], whole[LL_MAX_NODES + 1];
    ll_error error = {""};
    REQUIRE(ll_placement_bytes(split, c, &options, p, t, 1, 256, &error) == LL_OK &&
            ll_placement_bytes(whole, c, &options, &one, t, 1, 256, &error) == LL_OK);
    uint64_t weights = 0;
    const uint64_t gap = 4 << 20; /* a huge page after each zone, and panels that are not full */
    for (size_t i = 0; i < p->nodes; i++)
        weights += split[i].weights;
    CHECK(weights >= whole[0].weights && weights <= whole[0].weights + p->nodes * gap);
    CHECK(split[p->nodes].weights == whole[1].weights);
}

static void check_plan(const ll_topology *t, const ll_placement *p) {
    check_threads(t, p);
    for (size_t i = 0; ll_model_list_at(i); i++)
        check_model(p, &ll_model_list_at(i)->shape);
    check_bytes(t, p, &ll_model_list_find("smollm2-135m")->shape);
}

static void test_machines(void) {
    for (size_t i = 0; i < MACHINE_COUNT; i++) {
        const machine *m = &MACHINES[i];
        ll_topology *t = load(m->description);
        ll_placement p;
        REQUIRE(t);
        if (plan(&p, t, &(ll_placement_options){0}, 0)) {
            CHECK_MSG(p.nodes == m->nodes && p.threads == m->cores && !p.crowded,
                      "%s: %zu nodes, %zu threads", m->name, p.nodes, p.threads);
            check_plan(t, &p);
        }
        for (size_t threads = 1; threads <= 2 * m->cores + 3; threads += 1 + m->cores / 5)
            if (plan(&p, t, &(ll_placement_options){0}, threads)) {
                CHECK(p.threads == threads && p.crowded == (threads > m->cores));
                check_threads(t, &p);
            }
        ll_topology_free(t);
    }
}

/* What lstopo writes of each, read again: the same plan. */
static void test_files(void) {
    for (size_t i = 0; i < MACHINE_COUNT; i++) {
        char path[256];
        hwloc_topology_t hwloc;
        ll_placement here, there;
        snprintf(path, sizeof path, "%s/%zu.xml", ll_test_folder(), i);
        REQUIRE(hwloc_topology_init(&hwloc) == 0 &&
                hwloc_topology_set_synthetic(hwloc, MACHINES[i].description) == 0 &&
                hwloc_topology_load(hwloc) == 0 && hwloc_topology_export_xml(hwloc, path, 0) == 0);
        hwloc_topology_destroy(hwloc);
        ll_topology *a = load(MACHINES[i].description), *b = load(path);
        REQUIRE(a && b);
        if (plan(&here, a, &(ll_placement_options){0}, 0) && plan(&there, b, &(ll_placement_options){0}, 0)) {
            CHECK(here.nodes == there.nodes && here.threads == there.threads);
            CHECK(memcmp(here.cpu, there.cpu, here.threads * sizeof *here.cpu) == 0);
        }
        ll_topology_free(a);
        ll_topology_free(b);
    }
}

/* ---- machines that no synthetic form describes, by way of a file ---- */

/* The description with change made to it, read from a file as lstopo writes it. */
static ll_topology *load_changed(const char *description, void (*change)(hwloc_topology_t)) {
    char path[256];
    hwloc_topology_t hwloc;
    snprintf(path, sizeof path, "%s/changed.xml", ll_test_folder());
    CHECK(hwloc_topology_init(&hwloc) == 0 && hwloc_topology_set_synthetic(hwloc, description) == 0 &&
          hwloc_topology_load(hwloc) == 0);
    change(hwloc);
    CHECK(hwloc_topology_export_xml(hwloc, path, 0) == 0);
    hwloc_topology_destroy(hwloc);
    return load(path);
}

/* Of 2 x 8 cores with two CPUs each, core 0's second CPU and six cores of the second node are gone: a control group with holes. */
static void punch_holes(hwloc_topology_t hwloc) {
    hwloc_bitmap_t set = hwloc_bitmap_dup(hwloc_topology_get_topology_cpuset(hwloc));
    hwloc_bitmap_clr(set, 1);
    hwloc_bitmap_clr_range(set, 18, 29);
    CHECK(hwloc_topology_restrict(hwloc, set, 0) == 0);
    hwloc_bitmap_free(set);
}

static void test_uneven(void) {
    ll_topology *t = load_changed("numa:2 core:8 pu:2", punch_holes);
    ll_placement p;
    REQUIRE(t);
    if (plan(&p, t, &(ll_placement_options){0}, 0)) {
        CHECK(p.nodes == 2 && p.node[0].threads == 8 && p.node[1].threads == 2);
        check_plan(t, &p);
    }
    if (plan(&p, t, &(ll_placement_options){0}, 5)) {
        CHECK(p.node[0].threads == 4 && p.node[1].threads == 1);
        check_plan(t, &p);
    }
    ll_topology_free(t);
}

static void add_kind(hwloc_topology_t hwloc, unsigned first, unsigned last, int efficiency,
                     const char *type) {
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    struct hwloc_info_s info = {.name = (char *)(uintptr_t) "CoreType", .value = (char *)(uintptr_t)type};
    hwloc_bitmap_set_range(set, first, (int)last);
    CHECK(hwloc_cpukinds_register(hwloc, set, efficiency, 1, &info, 0) == 0);
    hwloc_bitmap_free(set);
}

static void make_hybrid(hwloc_topology_t hwloc) {
    add_kind(hwloc, 0, 3, 1, "IntelCore");
    add_kind(hwloc, 4, 11, 0, "IntelAtom");
}

/* An equal share for a slow core would make all wait for it. */
static void test_slow_cores(void) {
    ll_topology *t = load_changed("numa:1 core:12 pu:1", make_hybrid);
    ll_placement p;
    REQUIRE(t);
    CHECK(t->cores == 4 && t->slow_left_out);
    if (plan(&p, t, &(ll_placement_options){0}, 0)) {
        CHECK(p.threads == 4);
        for (size_t i = 0; i < p.threads; i++)
            CHECK(p.cpu[i] < 4);
    }
    ll_topology_free(t);
}

/* ---- chosen by the user ---- */

static void test_nodes(void) {
    ll_topology *t = load("numa:4 core:3 pu:2");
    ll_placement p;
    REQUIRE(t);
    if (plan(&p, t, &(ll_placement_options){.nodes = 2, .node = {3, 1}}, 0)) {
        CHECK(p.nodes == 2 && p.threads == 6 && p.node[0].index == 1 && p.node[1].index == 3);
        check_threads(t, &p);
    }
    if (plan(&p, t, &(ll_placement_options){0}, 2)) /* no node without a thread */
        CHECK(p.nodes == 2 && p.node[0].threads == 1);
    if (plan(&p, t, &(ll_placement_options){.numa = LL_NUMA_INTERLEAVE}, 0))
        CHECK(p.nodes == 1 && p.threads == 12 && p.memory_nodes == 4);
    if (plan(&p, t, &(ll_placement_options){.numa = LL_NUMA_OFF, .nodes = 1, .node = {2}}, 0))
        CHECK(p.nodes == 1 && p.threads == 3 && core_of(t, p.cpu[0])->node == 2);
    ll_topology_free(t);
}

static void test_quota(void) {
    ll_topology *t = load("numa:2 core:4 pu:1");
    ll_placement p;
    ll_error error = {""};
    REQUIRE(t);
    CHECK(ll_placement_plan(&p, t, &(ll_placement_options){0}, 0, 5, &error) == LL_OK && p.threads == 5 &&
          p.nodes == 2);
    CHECK(ll_placement_plan(&p, t, &(ll_placement_options){0}, 7, 5, &error) == LL_OK && p.threads == 7);
    ll_topology_free(t);
}

/* Caches have bandwidth of their own: few threads are spread over them. */
static void test_caches(void) {
    ll_topology *t = load("numa:1 l3:4 core:8 pu:1");
    ll_placement p;
    REQUIRE(t);
    if (plan(&p, t, &(ll_placement_options){0}, 8)) {
        check_threads(t, &p);
        for (size_t i = 0; i < 8; i++)
            CHECK(core_of(t, p.cpu[i])->cache == core_of(t, p.cpu[i / 2 * 2])->cache);
        CHECK(core_of(t, p.cpu[0])->cache != core_of(t, p.cpu[2])->cache);
    }
    ll_topology_free(t);
}

static void test_virtual(void) {
    ll_topology *t = load("numa:1 core:2 pu:1");
    ll_placement p;
    REQUIRE(t);
    for (size_t nodes = 1; nodes <= 8; nodes++)
        if (plan(&p, t, &(ll_placement_options){.virtual_nodes = nodes}, 0)) {
            CHECK(p.nodes == nodes && p.threads == (nodes < 2 ? 2 : nodes));
            check_split(&p, 49152, LL_LOGITS_IDS);
            check_split(&p, 3, 1);
        }
    ll_topology_free(t);
}

/* Of the threads that decode every node has one, and the rest in proportion. */
static void test_some(void) {
    ll_topology *t = load("numa:3 core:4 pu:1");
    ll_placement p;
    REQUIRE(t);
    if (plan(&p, t, &(ll_placement_options){0}, 0))
        for (size_t threads = 1; threads <= 12; threads++) {
            size_t sum = 0;
            for (size_t i = 0; i < 3; i++) {
                const size_t some = ll_placement_some(&p, i, threads);
                CHECK(some >= 1 && some <= 4);
                sum += some;
            }
            CHECK(sum == (threads < 3 ? 3 : threads));
        }
    ll_topology_free(t);
}

/* ---- this machine, with fewer CPUs ---- */

static void test_mask(void) {
    cpu_set_t all, some;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    if (CPU_COUNT(&all) < 2) {
        ll_test_skip("a second CPU", "one CPU has no holes");
        return;
    }
    size_t last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &all))
        last--;
    CPU_ZERO(&some);
    CPU_SET(last, &some);
    REQUIRE(sched_setaffinity(0, sizeof some, &some) == 0);
    ll_topology *t = load(NULL);
    ll_placement p;
    CHECK(t && t->cores == 1);
    if (t && plan(&p, t, &(ll_placement_options){0}, 0))
        CHECK(p.threads == 1 && p.cpu[0] == (unsigned)last);
    ll_topology_free(t);
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
}

/* ---- what is refused ---- */

static void refuse(const ll_placement_options *options, size_t threads, const char *why) {
    ll_topology *t = load("[numa(memory=68719476736)] pack:2 [numa(memory=34359738368)] core:4 pu:1");
    ll_placement p;
    ll_error error = {""};
    REQUIRE(t);
    CHECK(ll_placement_plan(&p, t, options, threads, 0, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, why);
    ll_topology_free(t);
}

static void test_refused(void) {
    refuse(&(ll_placement_options){.nodes = 1, .node = {7}}, 0, "node 7 does not exist");
    refuse(&(ll_placement_options){.nodes = 1, .node = {2}}, 0,
           "node 2 has no cores for this process; the nodes that have some are 0,1");
    refuse(&(ll_placement_options){.nodes = 2, .node = {1, 1}}, 0, "named twice");
    refuse(&(ll_placement_options){0}, LL_MAX_THREADS + 1, "threads: expected 1 to");
    refuse(&(ll_placement_options){.virtual_nodes = 2, .numa = LL_NUMA_OFF}, 0, "virtual nodes");
}

static void refuse_topology(const char *description, ll_status status, const char *why) {
    ll_topology *t = NULL;
    ll_error error = {""};
    CHECK(ll_topology_load(&t, description, &error) == status && !t);
    CHECK_CONTAINS(error.text, why);
    ll_topology_free(t);
}

static void test_bad_topology(void) {
    char path[256];
    snprintf(path, sizeof path, "%s/bad.xml", ll_test_folder());
    ll_test_write(path, "no topology\n", 12);
    refuse_topology(path, LL_BAD_INPUT, "bad.xml");
    ll_test_write(path, "", 0);
    refuse_topology(path, LL_BAD_INPUT, "bad.xml");
    ll_test_write(path, "<topology version=\"2.0\"><object type=\"Machine\"></topology>", 58);
    refuse_topology(path, LL_BAD_INPUT, "bad.xml");
    refuse_topology("nowhere/at/all.xml", LL_BAD_INPUT, "No such file");
    refuse_topology("numa:2 cores:4", LL_BAD_USAGE, "numa:2 core:8 pu:2");
    refuse_topology("numa:0", LL_BAD_USAGE, "expected");
    refuse_topology("numa:40 core:1 pu:1", LL_BAD_INPUT, "40 NUMA nodes");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    setenv("HWLOC_HIDE_ERRORS", "2", 1);
    ll_test_run("placement/machines", test_machines);
    ll_test_run("placement/files of lstopo", test_files);
    ll_test_run("placement/uneven, with holes", test_uneven);
    ll_test_run("placement/slow cores", test_slow_cores);
    ll_test_run("placement/nodes", test_nodes);
    ll_test_run("placement/quota", test_quota);
    ll_test_run("placement/caches", test_caches);
    ll_test_run("placement/virtual nodes", test_virtual);
    ll_test_run("placement/some threads", test_some);
    ll_test_run("placement/mask with a hole", test_mask);
    ll_test_run("placement/refused", test_refused);
    ll_test_run("placement/bad topology", test_bad_topology);
    return ll_test_end();
}
