#include "topology.h"
#include "cpu_mask.h"

#include <errno.h>
#include <glob.h>
#include <hwloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ll_hardware {
    hwloc_topology_t hwloc;
};
struct ll_cpus {
    hwloc_cpuset_t set;
};

/* ---- where the topology comes from ---- */

static bool is_file(const char *description) {
    struct stat info;
    return strchr(description, '/') || strstr(description, ".xml") || stat(description, &info) == 0;
}

static ll_status describe(hwloc_topology_t hwloc, const char *description, ll_error *error) {
    if (!description)
        return LL_OK;
    if (is_file(description)) {
        if (access(description, R_OK) != 0)
            return ll_fail(error, LL_BAD_INPUT, "%s: %s; expected a topology that `lstopo FILE.xml` wrote",
                           description, strerror(errno));
        if (hwloc_topology_set_xml(hwloc, description) == 0)
            return LL_OK;
        return ll_fail(error, LL_BAD_INPUT, "%s: no topology in XML; expected what `lstopo FILE.xml` writes",
                       description);
    }
    if (hwloc_topology_set_synthetic(hwloc, description) == 0)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE,
                   "topology \"%s\": expected a file that `lstopo FILE.xml` wrote, or levels such as "
                   "\"numa:2 core:8 pu:2\"",
                   description);
}

/* ---- nodes ---- */

void ll_find_mask(hwloc_topology_t hwloc, hwloc_cpuset_t mask) {
    hwloc_const_cpuset_t all = hwloc_topology_get_topology_cpuset(hwloc);
    if (!hwloc_topology_is_thissystem(hwloc) ||
        hwloc_get_cpubind(hwloc, mask, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) != 0)
        hwloc_bitmap_copy(mask, all);
    hwloc_bitmap_and(mask, mask, all);
}

/* Where no node tells its memory, all have some. */
static bool some_node_has_memory(hwloc_topology_t hwloc) {
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, o)) != NULL;)
        if (o->attr->numanode.local_memory)
            return true;
    return false;
}

static bool list_nodes(ll_topology *t, hwloc_topology_t hwloc) {
    const bool sizes = some_node_has_memory(hwloc);
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_NUMANODE, o)) != NULL;) {
        if (sizes && !o->attr->numanode.local_memory)
            continue;
        if (t->nodes == LL_MAX_NODES)
            return false;
        t->node[t->nodes++] = (ll_memory_node){.os = o->os_index, .memory = o->attr->numanode.local_memory};
    }
    return t->nodes > 0;
}

static hwloc_obj_t node_object(hwloc_topology_t hwloc, unsigned os) {
    return hwloc_get_numanode_obj_by_os_index(hwloc, os);
}

/* How near a node is to an object: the depth of the smallest object that holds both. */
static int nearness(hwloc_topology_t hwloc, hwloc_obj_t node, hwloc_obj_t object) {
    while (node->depth < 0) /* memory hangs beside the tree of CPUs */
        node = node->parent;
    return hwloc_get_common_ancestor_obj(hwloc, node, object)->depth;
}

/* The node that a core belongs to: of those that have its CPUs among their own the one with the fewest (the first: of several
 * kinds of memory it is the usual one), else, where the core's own has no memory, the nearest. */
static size_t node_of(const ll_topology *t, hwloc_topology_t hwloc, hwloc_obj_t core) {
    size_t own = LL_MAX_NODES, nearest = 0;
    int fewest = 0, best = -1;
    for (size_t i = 0; i < t->nodes; i++) {
        hwloc_obj_t node = node_object(hwloc, t->node[i].os);
        const int cpus = hwloc_bitmap_weight(node->cpuset), near = nearness(hwloc, node, core);
        if (hwloc_bitmap_isincluded(core->cpuset, node->cpuset) && (own == LL_MAX_NODES || cpus < fewest)) {
            own = i;
            fewest = cpus;
        }
        if (near > best) {
            best = near;
            nearest = i;
        }
    }
    return own < LL_MAX_NODES ? own : nearest;
}

/* ---- cores ---- */

/* Kinds of cores that differ in what they are, and not just in their clocks. */
static bool is_kind_of_core(unsigned count, struct hwloc_info_s *infos) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(infos[i].name, "CoreType") == 0 || strcmp(infos[i].name, "LinuxCapacity") == 0)
            return true;
    return false;
}

/* Takes from mask the CPUs of all kinds but the fastest, where the system ranks them. */
static bool keep_fastest(hwloc_topology_t hwloc, hwloc_cpuset_t mask) {
    hwloc_bitmap_t kind = hwloc_bitmap_alloc();
    bool left_out = false;
    const int kinds = kind ? hwloc_cpukinds_get_nr(hwloc, 0) : 0;
    for (int i = kinds - 1; i > 0; i--) { /* the fastest comes last */
        int efficiency = -1;
        unsigned count = 0;
        struct hwloc_info_s *infos = NULL;
        if (hwloc_cpukinds_get_info(hwloc, (unsigned)i, kind, &efficiency, &count, &infos, 0) != 0 ||
            efficiency < 0 || !is_kind_of_core(count, infos))
            break;
        if (!hwloc_bitmap_intersects(kind, mask))
            continue;
        left_out = !hwloc_bitmap_isincluded(mask, kind);
        hwloc_bitmap_and(mask, mask, kind);
        break;
    }
    hwloc_bitmap_free(kind);
    return left_out;
}

static bool is_cache(hwloc_obj_type_t type) {
    return hwloc_obj_type_is_dcache(type);
}

/* The largest cache around an object, by its number; the object's own number beyond all of them where there is none. */
static size_t last_cache(hwloc_obj_t object) {
    size_t found = SIZE_MAX / 2 + object->logical_index;
    for (hwloc_obj_t o = object; o; o = o->parent)
        if (is_cache(o->type))
            found = o->logical_index;
    return found;
}

static bool add_core(ll_topology *t, hwloc_topology_t hwloc, hwloc_obj_t object, hwloc_const_cpuset_t mask) {
    ll_core core = {.node = node_of(t, hwloc, object), .cache = last_cache(object)};
    for (int cpu = hwloc_bitmap_first(object->cpuset); cpu >= 0; cpu = hwloc_bitmap_next(object->cpuset, cpu))
        if (hwloc_bitmap_isset(mask, (unsigned)cpu) && core.cpus < LL_CORE_CPUS)
            core.cpu[core.cpus++] = (unsigned)cpu;
    ll_core *more = realloc(t->core, (t->cores + 1) * sizeof *more);
    if (!more)
        return false;
    t->core = more;
    t->core[t->cores++] = core;
    t->node[core.node].cores++;
    return true;
}

static int by_node(const void *a, const void *b) {
    const ll_core *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->cache != y->cache)
        return x->cache < y->cache ? -1 : 1;
    return (x->cpu[0] > y->cpu[0]) - (x->cpu[0] < y->cpu[0]);
}

static bool list_cores(ll_topology *t, hwloc_topology_t hwloc, hwloc_const_cpuset_t mask) {
    /* Some virtual machines show no cores: then every CPU is one. */
    const hwloc_obj_type_t type =
        hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(hwloc, type, o)) != NULL;)
        if (hwloc_bitmap_intersects(o->cpuset, mask) && !add_core(t, hwloc, o, mask))
            return false;
    if (t->cores)
        qsort(t->core, t->cores, sizeof *t->core, by_node);
    return true;
}

/* ---- the whole ---- */

/* Bytes of the fields named, NULL last, in a node's meminfo; 0 where it cannot be read. */
static uint64_t sum_fields(const char *path, const char *const *fields) {
    char line[128], word[64];
    uint64_t kilobytes, sum = 0;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        for (const char *const *field = fields; *field; field++)
            if (sscanf(line, "Node %*u %63[^:]: %" SCNu64, word, &kilobytes) == 2 &&
                strcmp(word, *field) == 0)
                sum += kilobytes * 1024;
    if (file)
        fclose(file);
    return sum;
}

static uint64_t memory_of_machine(void) {
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* Of all nodes, also those that this process may not use. */
static uint64_t memory_of_nodes(void) {
    uint64_t sum = 0;
    glob_t found;
    if (glob("/sys/devices/system/node/node*/meminfo", 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            sum += sum_fields(found.gl_pathv[i], (const char *const[]){"MemTotal", NULL});
    globfree(&found);
    return sum;
}

static ll_status read_all(ll_topology *t, hwloc_topology_t hwloc, hwloc_cpuset_t mask, const char *from,
                          ll_error *error) {
    ll_find_mask(hwloc, mask);
    t->slow_left_out = keep_fastest(hwloc, mask);
    t->is_this = hwloc_topology_is_thissystem(hwloc) != 0;
    if (!list_nodes(t, hwloc))
        return ll_fail(error, LL_BAD_INPUT, "%s has %d NUMA nodes with memory, expected 1 to %d", from,
                       hwloc_get_nbobjs_by_type(hwloc, HWLOC_OBJ_NUMANODE), LL_MAX_NODES);
    if (!list_cores(t, hwloc, mask))
        return ll_fail(error, LL_NO_RESOURCE, "no memory to list the cores of %s", from);
    if (t->cores == 0 || t->cores > LL_MAX_THREADS)
        return ll_fail(error, LL_BAD_INPUT, "%s has %zu cores for this process, expected 1 to %d", from,
                       t->cores, LL_MAX_THREADS);
    t->sizes_lie = t->is_this && memory_of_nodes() < memory_of_machine() / 10 * 9;
    return LL_OK;
}

ll_status ll_topology_load(ll_topology **out, const char *description, ll_error *error) {
    *out = NULL;
    ll_topology *t = calloc(1, sizeof *t);
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    ll_status status = LL_OK;
    if (!t || !mask || !(t->hardware = calloc(1, sizeof *t->hardware)) ||
        hwloc_topology_init(&t->hardware->hwloc) != 0)
        status = ll_fail(error, LL_NO_RESOURCE, "no memory to read a topology");
    if (status == LL_OK)
        status = describe(t->hardware->hwloc, description, error);
    if (status == LL_OK && hwloc_topology_load(t->hardware->hwloc) != 0)
        status = ll_fail(error, LL_BAD_INPUT, "%s: hwloc cannot read this topology: %s",
                         description ? description : "this machine", strerror(errno));
    if (status == LL_OK)
        status = read_all(t, t->hardware->hwloc, mask, description ? description : "this machine", error);
    hwloc_bitmap_free(mask);
    if (status == LL_OK)
        *out = t;
    else
        ll_topology_free(t);
    return status;
}

void ll_topology_free(ll_topology *t) {
    if (!t)
        return;
    if (t->hardware && t->hardware->hwloc)
        hwloc_topology_destroy(t->hardware->hwloc);
    free(t->hardware);
    free(t->core);
    free(t);
}

/* ---- binding ---- */

int ll_topology_bind_thread(const ll_topology *t, unsigned cpu) {
    hwloc_cpuset_t set = hwloc_bitmap_alloc();
    if (!set)
        return ENOMEM;
    hwloc_bitmap_only(set, cpu);
    const int status =
        hwloc_set_cpubind(t->hardware->hwloc, set, HWLOC_CPUBIND_THREAD | HWLOC_CPUBIND_STRICT) == 0 ? 0
                                                                                                     : errno;
    hwloc_bitmap_free(set);
    return status;
}

int ll_topology_bind_memory(const ll_topology *t, void *base, size_t bytes, const size_t *node,
                            size_t nodes) {
    hwloc_nodeset_t set = hwloc_bitmap_alloc();
    if (!set)
        return ENOMEM;
    for (size_t i = 0; i < nodes; i++)
        hwloc_bitmap_set(set, t->node[node[i]].os);
    const int status = hwloc_set_area_membind(t->hardware->hwloc, base, bytes, set,
                                              nodes == 1 ? HWLOC_MEMBIND_BIND : HWLOC_MEMBIND_INTERLEAVE,
                                              HWLOC_MEMBIND_STRICT | HWLOC_MEMBIND_BYNODESET) == 0
                           ? 0
                           : errno;
    hwloc_bitmap_free(set);
    return status;
}

uint64_t ll_topology_available(const ll_topology *t, size_t node) {
    char path[64];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", t->node[node].os);
    if (!t->is_this || t->sizes_lie || access(path, R_OK) != 0)
        return UINT64_MAX;
    return sum_fields(path, (const char *const[]){"MemFree", "Active(file)", "Inactive(file)", NULL});
}

ll_cpus *ll_topology_cpus(const ll_topology *t) {
    ll_cpus *cpus = malloc(sizeof *cpus);
    if (cpus && (cpus->set = hwloc_bitmap_alloc()) &&
        hwloc_get_cpubind(t->hardware->hwloc, cpus->set, HWLOC_CPUBIND_THREAD) == 0)
        return cpus;
    if (cpus)
        hwloc_bitmap_free(cpus->set);
    free(cpus);
    return NULL;
}

void ll_topology_restore(const ll_topology *t, ll_cpus *cpus) {
    if (!cpus)
        return;
    (void)hwloc_set_cpubind(t->hardware->hwloc, cpus->set, HWLOC_CPUBIND_THREAD);
    hwloc_bitmap_free(cpus->set);
    free(cpus);
}

bool ll_topology_is_bound(const ll_topology *t, unsigned cpu) {
    hwloc_cpuset_t set = hwloc_bitmap_alloc();
    const bool bound = set && hwloc_get_cpubind(t->hardware->hwloc, set, HWLOC_CPUBIND_THREAD) == 0 &&
                       hwloc_bitmap_weight(set) == 1 && hwloc_bitmap_isset(set, cpu);
    hwloc_bitmap_free(set);
    return bound;
}

/* ---- where pages are ---- */

static size_t index_of(const ll_topology *t, int os) {
    for (size_t i = 0; i < t->nodes; i++)
        if (os >= 0 && t->node[i].os == (unsigned)os)
            return i;
    return LL_MAX_NODES;
}

bool ll_topology_find_pages(const ll_topology *t, const void *base, size_t bytes, size_t on[LL_MAX_NODES],
                            size_t *elsewhere) {
    enum { PAGE = 4096, ASK = 512, MOST = 1 << 18 };
    const size_t pages = bytes / PAGE, step = pages / MOST + 1;
    for (size_t at = 0; at < pages;) {
        void *page[ASK];
        int node[ASK];
        size_t count = 0;
        for (; count < ASK && at < pages; at += step)
            page[count++] = (void *)((uintptr_t)base + at * PAGE);
        /* With no nodes to move to, it tells where pages are. */
        if (syscall(SYS_move_pages, 0, count, page, NULL, node, 0) != 0)
            return false;
        for (size_t i = 0; i < count; i++) {
            const size_t index = index_of(t, node[i]);
            if (node[i] == -ENOENT || node[i] == -EFAULT) /* never touched: it is nowhere yet */
                continue;
            if (index < LL_MAX_NODES)
                on[index]++;
            else
                ++*elsewhere;
        }
    }
    return true;
}
