#include "memory.h"
#include "count.h"
#include "placement.h"

#include <sys/mman.h>

void *ll_arena_take(ll_arena *arena, uint64_t bytes) {
    uint8_t *at = arena->base ? arena->base + arena->used : NULL;
    const uint64_t end = ll_sum_or_max(ll_sum_or_max(arena->used, bytes), LL_ALIGN - 1);
    arena->used = end == UINT64_MAX ? SIZE_MAX : (size_t)end / LL_ALIGN * LL_ALIGN;
    return at;
}

ll_status ll_arena_map(ll_arena *arena, const char *what, ll_error *error) {
    if (arena->used == SIZE_MAX)
        return ll_fail(error, LL_NO_RESOURCE, "%s: more memory than can be counted; choose something smaller",
                       what);
    LL_TRY(ll_memory_require(arena->used, what, error));
    const size_t bytes = arena->used ? arena->used : LL_ALIGN;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return ll_fail(error, LL_NO_RESOURCE, "%s: the system refuses %zu bytes of memory", what, bytes);
    /* Only a wish: the run is right without huge pages. */
    (void)madvise(base, bytes, MADV_HUGEPAGE);
    *arena = (ll_arena){.base = base, .used = 0, .mapped = bytes};
    return LL_OK;
}

void ll_arena_unmap(ll_arena *arena) {
    if (arena->base)
        munmap(arena->base, arena->mapped);
    *arena = (ll_arena){0};
}
