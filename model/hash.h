/* A map from 64-bit keys to numbers, filled once and then only read. Private to model/. */
#ifndef LL_HASH_H
#define LL_HASH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LL_MAP_NONE UINT32_MAX

typedef struct {
    uint64_t key;
    uint32_t value; /* LL_MAP_NONE: the slot is free */
} ll_map_slot;

typedef struct {
    ll_map_slot *slots;
    size_t mask;   /* slots - 1, a power of two less one */
    uint64_t seed; /* another one for each map: a file cannot know which of its keys will meet */
} ll_map;

/* Room for items entries; false: no memory. */
bool ll_map_init(ll_map *map, size_t items);
void ll_map_free(ll_map *map);
/* Adds an entry; the same key may be added several times. No more than init's items. */
void ll_map_add(ll_map *map, uint64_t key, uint32_t value);
/* The values of key, one a call, LL_MAP_NONE after the last; *cursor is 0 before the first call. */
uint32_t ll_map_next(const ll_map *map, uint64_t key, size_t *cursor);
/* A key for bytes; different bytes may share it. */
uint64_t ll_map_text_key(const ll_map *map, const char *text, size_t length);
#endif
