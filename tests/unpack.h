/* Packed float32 weights as rows again, whatever the ISA's layout. */
#ifndef LL_UNPACK_H
#define LL_UNPACK_H
#include "model.h"

typedef struct {
    size_t rows, cols;
    float *w; /* [rows][cols], malloc'd */
} ll_unpacked;

/* A matrix of a block: q, k, v, o, gate, up or down, rows in the order of Hugging Face files. w NULL, after having failed the running
 * test: another name. */
ll_unpacked ll_unpack(const ll_model *model, size_t layer, const char *name);
#endif
