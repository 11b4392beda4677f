/* One mapping for many arrays: their sizes are counted first, then the memory is taken at once. Private to
 * model/. */
#ifndef LL_MEMORY_H
#define LL_MEMORY_H
#include "error.h"

typedef struct {
    uint8_t *base; /* NULL while counting */
    size_t used;   /* SIZE_MAX: more than can be counted, from then on */
    size_t mapped;
} ll_arena;

/* The next bytes, aligned to LL_ALIGN; NULL while counting. */
void *ll_arena_take(ll_arena *arena, uint64_t bytes);
/* Ends the counting: maps what was counted, zeroed, in huge pages where the system gives them, after checking
 * that this much memory is available. what names it in the error. The takes are then repeated in the same
 * order. */
ll_status ll_arena_map(ll_arena *arena, const char *what, ll_error *error);
void ll_arena_unmap(ll_arena *arena);
#endif
