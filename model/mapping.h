/* A model's file, mapped read-only. Private to model/. */
#ifndef LL_MAPPING_H
#define LL_MAPPING_H
#include "error.h"

typedef struct {
    const uint8_t *data; /* NULL: not mapped */
    uint64_t bytes;
} ll_mapping;

/* Refuses what is not a file, an empty file, and a Git LFS pointer in a file's place. */
ll_status ll_mapping_open(ll_mapping *out, const char *path, ll_error *error);
void ll_mapping_close(ll_mapping *mapping); /* one that is not mapped is fine */
bool ll_mapping_starts_with(const ll_mapping *mapping, const char *text);
#endif
