/* The plan: which threads there are and where each runs, in teams of a node, and which part of every tensor a node holds. Pure
 * arithmetic over a topology; team.h makes the threads, memory.h binds the memory.
 *
 * A matrix is split by its output columns (rows of the weight), never along K: each sum is then made by one thread in one order,
 * so that the results have the same bits on any number of nodes and threads. */
#ifndef LL_PLACEMENT_H
#define LL_PLACEMENT_H
#include "topology.h"

typedef enum {
    LL_NUMA_SPLIT,      /* every node holds and works on its part */
    LL_NUMA_INTERLEAVE, /* pages on all nodes in turn, one team */
    LL_NUMA_OFF,        /* pages where the system puts them, one team */
} ll_numa;
const char *ll_numa_name(ll_numa numa);

typedef struct {
    ll_numa numa;
    bool unbound;                /* threads run where the system puts them */
    bool small_pages;            /* no huge pages, to compare with */
    bool strict;                 /* what cannot be bound is an error, not a remark */
    size_t nodes;                /* the nodes to use; 0: all that have cores */
    unsigned node[LL_MAX_NODES]; /* as the system numbers them */
    size_t
        virtual_nodes; /* splits the first node into so many, to test the split where there is one; 0: no */
    size_t decode_threads; /* of a decode step; 0: all */
} ll_placement_options;

/* A node and its team, threads [first, first + threads) of all. */
typedef struct {
    size_t index; /* in the topology */
    size_t first, threads;
} ll_place_node;

typedef struct {
    ll_placement_options options;
    size_t nodes, threads;
    ll_place_node node[LL_MAX_NODES];
    unsigned cpu[LL_MAX_THREADS]; /* where thread t runs, as the system numbers CPUs */
    size_t memory_nodes;          /* interleave: topology's nodes that memory comes from */
    size_t memory_node[LL_MAX_NODES];
    bool crowded; /* more threads than cores, or than the quota allows to run */
} ll_placement;

/* threads 0: one a core, quota (0: none) at most. */
ll_status ll_placement_plan(ll_placement *out, const ll_topology *topology,
                            const ll_placement_options *options, size_t threads, size_t quota,
                            ll_error *error);

/* How many threads such a plan has on this machine. */
ll_status ll_placement_threads(size_t *out, const ll_placement_options *options, size_t threads, size_t quota,
                               ll_error *error);

/* Part part of parts of total, in whole units but for the end: [*begin, *end). Parts differ by a unit at most. */
void ll_share(size_t total, size_t part, size_t parts, size_t unit, size_t *begin, size_t *end);
/* What a node holds of total, in whole units: as much as its share of the threads. Together the nodes hold all of it. */
void ll_placement_share(const ll_placement *placement, size_t node, size_t total, size_t unit, size_t *begin,
                        size_t *end);
/* The CPUs of a node's threads, "0-3,8"; cut where there is no room. */
void ll_placement_cpus(const ll_placement *placement, size_t node, char *out, size_t capacity);
/* How many of threads threads work on a node: one, and of the rest its share. */
size_t ll_placement_some(const ll_placement *placement, size_t node, size_t threads);
#endif
