#include "hash.h"
#include <stdlib.h>
#include <string.h>

/* Odd constants with about as many ones as zeros: the golden ratio, and a random one. */
static const uint64_t odd_a = 0x9E3779B97F4A7C15, odd_b = 0xD6E8FEB86659FD93;

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 32)) * odd_b;
    x = (x ^ (x >> 29)) * odd_a;
    return x ^ (x >> 32);
}

bool ll_map_init(ll_map *map, size_t items) {
    size_t slots = 16;
    while (slots / 2 < items)
        slots *= 2;
    map->mask = slots - 1;
    map->slots = malloc(slots * sizeof *map->slots);
    if (!map->slots)
        return false;
    for (size_t i = 0; i < slots; i++)
        map->slots[i] = (ll_map_slot){0, LL_MAP_NONE};
    map->seed = mix((uint64_t)(uintptr_t)map->slots ^ (uint64_t)(uintptr_t)&slots);
    return true;
}

void ll_map_free(ll_map *map) {
    free(map->slots);
    map->slots = NULL;
}

static size_t start(const ll_map *map, uint64_t key) {
    return (size_t)mix(key ^ map->seed) & map->mask;
}

void ll_map_add(ll_map *map, uint64_t key, uint32_t value) {
    size_t at = start(map, key);
    while (map->slots[at].value != LL_MAP_NONE)
        at = (at + 1) & map->mask;
    map->slots[at] = (ll_map_slot){key, value};
}

uint32_t ll_map_next(const ll_map *map, uint64_t key, size_t *cursor) {
    const size_t first = start(map, key);
    for (;;) {
        const ll_map_slot *slot = &map->slots[(first + (*cursor)++) & map->mask];
        if (slot->value == LL_MAP_NONE || slot->key == key)
            return slot->value;
    }
}

uint64_t ll_map_text_key(const ll_map *map, const char *text, size_t length) {
    uint64_t key = map->seed + length;
    while (length) {
        const size_t part = length < sizeof key ? length : sizeof key;
        uint64_t word = 0;
        memcpy(&word, text, part);
        key = mix(key ^ word) + odd_a;
        text += part;
        length -= part;
    }
    return key;
}
