/* A picture of threads and memory by node, as lstopo draws machines: cores by last-level cache, those with a thread filled, and bars of what
 * each node holds. */
#ifndef LL_PLACEMENT_SVG_H
#define LL_PLACEMENT_SVG_H
#include "model.h"

typedef struct {
    const char *model; /* its name */
    const ll_placement *plan;
    const ll_topology *topology;
    const ll_node_bytes *bytes; /* of the plan's nodes, then what they share */
    const ll_placed *placed;    /* NULL: a plan only */
} ll_placement_picture;

/* One file, light or dark as its reader has it; written whole or not at all. */
ll_status ll_placement_draw(const ll_placement_picture *picture, const char *path, ll_error *error);
#endif
