#include "memory.h"
#include "count.h"
#include "machine.h"

#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

void *ll_arena_take(ll_arena *arena, uint64_t bytes) {
    uint8_t *at = arena->base ? arena->base + arena->used : NULL;
    const uint64_t end = ll_sum_or_max(ll_sum_or_max(arena->used, bytes), LL_ALIGN - 1);
    arena->used = end == UINT64_MAX ? SIZE_MAX : (size_t)end / LL_ALIGN * LL_ALIGN;
    return at;
}

void ll_arena_next_zone(ll_arena *arena, bool apart) {
    if (apart && arena->used && arena->used < SIZE_MAX - HUGE_PAGE)
        arena->used = (arena->used + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    arena->zone[arena->zones++] = arena->used;
}

size_t ll_arena_zone_bytes(const ll_arena *arena, size_t zone) {
    return (zone + 1 < arena->zones ? arena->zone[zone + 1] : arena->used) - arena->zone[zone];
}

/* ---- nodes ---- */

/* Whether there is anything to bind: pretended nodes are all the same one. */
static bool is_bound(const ll_home *home) {
    return home && home->topology->nodes > 1 && home->placement->options.numa != LL_NUMA_OFF &&
           !home->placement->options.virtual_nodes;
}

/* That a node has room for its zone and its part of what all share: more than it has would end the process. */
static ll_status require_zone(const ll_arena *arena, const ll_home *home, size_t zone, const char *what,
                              ll_error *error) {
    const size_t node = home->placement->node[zone].index;
    const size_t nodes = home->placement->nodes;
    const uint64_t needed = ll_arena_zone_bytes(arena, zone) +
                            (ll_arena_zone_bytes(arena, nodes) + nodes - 1) / nodes,
                   there = ll_topology_available(home->topology, node);
    if (needed <= there)
        return LL_OK;
    return ll_fail(error, LL_NO_RESOURCE,
                   "%s: node %u is to hold %.1f MB, %.1f MB are available there; leave it out with --nodes, "
                   "or take --numa "
                   "interleave",
                   what, home->topology->node[node].os, (double)needed / 1e6, (double)there / 1e6);
}

static int bind(const ll_arena *arena, const ll_home *home, size_t from, size_t bytes, const size_t *node,
                size_t nodes) {
    return bytes ? ll_topology_bind_memory(home->topology, arena->base + from, bytes, node, nodes) : 0;
}

/* Zones to their nodes, what is shared to all of these in turn; all of it where memory is interleaved. */
static int bind_zones(const ll_arena *counted, const ll_arena *arena, const ll_home *home) {
    const ll_placement *p = home->placement;
    size_t all[LL_MAX_NODES];
    if (p->options.numa == LL_NUMA_INTERLEAVE)
        return bind(arena, home, 0, arena->mapped, p->memory_node, p->memory_nodes);
    int first = 0;
    for (size_t i = 0; i < p->nodes; i++) {
        all[i] = p->node[i].index;
        const int status = bind(arena, home, counted->zone[i], ll_arena_zone_bytes(counted, i), &all[i], 1);
        first = first ? first : status;
    }
    const int status =
        bind(arena, home, counted->zone[p->nodes], arena->mapped - counted->zone[p->nodes], all, p->nodes);
    return first ? first : status;
}

static ll_status bind_home(const ll_arena *counted, ll_arena *arena, const ll_home *home, const char *what,
                           ll_error *error) {
    const bool split = home->placement->options.numa == LL_NUMA_SPLIT;
    for (size_t i = 0; split && i < home->placement->nodes; i++)
        LL_TRY(require_zone(counted, home, i, what, error));
    arena->error = bind_zones(counted, arena, home);
    if (arena->error && home->placement->options.strict)
        return ll_fail(error, LL_NO_RESOURCE,
                       "%s: memory cannot be bound to its node: %s; leave out --strict-numa", what,
                       strerror(arena->error));
    return LL_OK;
}

/* ---- mapping ---- */

ll_status ll_arena_map(ll_arena *arena, const char *what, const ll_home *home, ll_error *error) {
    if (arena->used == SIZE_MAX)
        return ll_fail(error, LL_NO_RESOURCE, "%s: more memory than can be counted; choose something smaller",
                       what);
    LL_TRY(ll_memory_require(arena->used, what, error));
    const ll_arena counted = *arena;
    const size_t bytes = arena->used ? arena->used : LL_ALIGN;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return ll_fail(error, LL_NO_RESOURCE, "%s: the system refuses %zu bytes of memory", what, bytes);
    /* Only a wish: the run is right without huge pages. */
    (void)madvise(base, bytes,
                  home && home->placement->options.small_pages ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
    *arena = (ll_arena){.base = base, .mapped = bytes};
    const ll_status status = is_bound(home) ? bind_home(&counted, arena, home, what, error) : LL_OK;
    if (status != LL_OK)
        ll_arena_unmap(arena);
    return status;
}

void ll_arena_unmap(ll_arena *arena) {
    if (arena->base)
        munmap(arena->base, arena->mapped);
    *arena = (ll_arena){0};
}
