/* One mapping for many arrays: their sizes are counted first, then the memory is taken at once. What each node is to hold is a
 * zone of its own, what all share comes after these. Private to model/. */
#ifndef LL_MEMORY_H
#define LL_MEMORY_H
#include "placement.h"

typedef struct {
    uint8_t *base; /* NULL while counting */
    size_t used;   /* SIZE_MAX: more than can be counted, from then on */
    size_t mapped;
    size_t zones;                  /* begun so far */
    size_t zone[LL_MAX_NODES + 1]; /* where each begins */
    int error;                     /* errno of what could not be bound to its node; 0: nothing */
} ll_arena;

/* Where memory belongs: the zones to the placement's nodes in turn, the last one to all of them. */
typedef struct {
    const ll_placement *placement;
    const ll_topology *topology;
} ll_home;

/* The next bytes, aligned to LL_ALIGN; NULL while counting. */
void *ll_arena_take(ll_arena *arena, uint64_t bytes);
/* What is taken from here on is in the next zone; apart: no page is in two. */
void ll_arena_next_zone(ll_arena *arena, bool apart);
/* The bytes of a zone, after the arena was laid out. */
size_t ll_arena_zone_bytes(const ll_arena *arena, size_t zone);
/* Ends the counting: maps what was counted, zeroed, in huge pages where the system gives them, after checking
 * that this much memory is available, and binds the zones (home NULL: where the system likes). what names it in the error. The takes are then repeated in the same
 * order. */
ll_status ll_arena_map(ll_arena *arena, const char *what, const ll_home *home, ll_error *error);
void ll_arena_unmap(ll_arena *arena);
#endif
