#include "memory.h"
#include "placement.h"

#include <sys/mman.h>

uint64_t ll_product(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

void *ll_arena_take(ll_arena *arena, uint64_t bytes) {
    uint8_t *at = arena->base ? arena->base + arena->used : NULL;
    size_t end;
    if (__builtin_add_overflow(arena->used, bytes, &end) || __builtin_add_overflow(end, LL_ALIGN - 1, &end))
        arena->used = SIZE_MAX;
    else
        arena->used = end / LL_ALIGN * LL_ALIGN;
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
