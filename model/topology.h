/* The cores and NUMA nodes that this process may use, by hwloc: of this machine, or of one that is described. */
#ifndef LL_TOPOLOGY_H
#define LL_TOPOLOGY_H
#include "error.h"

enum { LL_MAX_NODES = 16, LL_MAX_THREADS = 4096, LL_CORE_CPUS = 8 };

/* A physical core; SMT siblings are its CPUs. */
typedef struct {
    size_t node;  /* index of the node that it belongs to */
    size_t cache; /* cores with the same number share a last-level cache */
    size_t cpus;
    unsigned cpu[LL_CORE_CPUS]; /* as the system numbers them */
} ll_core;

/* A node with memory. One without cores is never used: its memory is slower, or not of the kind that a plan wants. */
typedef struct {
    unsigned os; /* as the system numbers it */
    size_t cores;
    uint64_t memory; /* bytes that the system says it has, which may be too few: see sizes_lie; 0: unknown */
} ll_memory_node;

typedef struct ll_hardware ll_hardware; /* hwloc's own */
typedef struct {
    ll_hardware *hardware;
    bool is_this;       /* this machine, where threads and memory can be bound */
    bool sizes_lie;     /* the nodes' memory is less than the machine's: some of it was plugged in later */
    bool slow_left_out; /* cores of slower kinds are not listed */
    size_t nodes, cores;
    ll_memory_node node[LL_MAX_NODES];
    ll_core *core; /* by node, then by last-level cache */
} ll_topology;

/* description: NULL for this machine; else hwloc's synthetic form ("numa:2 core:8 pu:2") or the name of a file that `lstopo
 * FILE.xml` wrote. The CPUs are those of the calling thread's mask. Of cores of several kinds only the fastest are listed. */
ll_status ll_topology_load(ll_topology **out, const char *description, ll_error *error);
void ll_topology_free(ll_topology *topology); /* NULL is fine */

/* ---- of this machine: 0, or what errno says ---- */
/* The calling thread runs on this CPU alone from now on. */
int ll_topology_bind_thread(const ll_topology *topology, unsigned cpu);
/* Pages that are touched first from now on come from the nodes (indices), from one, or from all of them in turn. */
int ll_topology_bind_memory(const ll_topology *topology, void *base, size_t bytes, const size_t *node,
                            size_t nodes);
/* Bytes that can still come from a node: free, or held for files. UINT64_MAX: not known, or not to be trusted. */
uint64_t ll_topology_available(const ll_topology *topology, size_t node);
/* The CPUs of the calling thread, to be given back. NULL: not known. */
typedef struct ll_cpus ll_cpus;
ll_cpus *ll_topology_cpus(const ll_topology *topology);
void ll_topology_restore(const ll_topology *topology, ll_cpus *cpus); /* and frees them */
/* Whether the calling thread may run on this CPU and on no other. */
bool ll_topology_is_bound(const ll_topology *topology, unsigned cpu);
/* Of the pages (4 KiB) at base, some evenly spread ones: how many lie on each node (by index), and elsewhere; those that were never
 * touched are nowhere. False: the system does not say. */
bool ll_topology_find_pages(const ll_topology *topology, const void *base, size_t bytes,
                            size_t on[LL_MAX_NODES], size_t *elsewhere);
#endif
