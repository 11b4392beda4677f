/* Sequences side by side in one session, each asked for one token sequence after the other: what a lane holds already of the next
 * one's beginning is not computed again, and a beginning that all need is computed in one lane and copied to the others. */
#ifndef LL_LANES_H
#define LL_LANES_H
#include "model.h"

typedef struct {
    const ll_model *model;
    ll_session *session;
    size_t lanes, capacity;
    int32_t *held; /* [lanes][capacity]: the tokens in each lane's cache */
    size_t *held_count;
    size_t computed; /* tokens that went through the layers */
    /* what the next pass runs */
    ll_segment *segments; /* [lanes] */
    size_t segment_count;
    int32_t *ids; /* [lanes][capacity] at most */
    size_t id_count;
    size_t outputs;
    float *residual; /* [residual_rows][hidden] */
    size_t residual_rows;
} ll_lanes;

/* capacity: tokens that a lane holds at most. */
ll_status ll_lanes_create(ll_lanes *out, const ll_model *model, const ll_mask *mask, size_t lanes,
                          size_t capacity, ll_error *error);
void ll_lanes_destroy(ll_lanes *lanes); /* a zeroed one is fine */

/* Sees to it that the first some lanes hold ids[0 .. count). */
ll_status ll_lanes_share(ll_lanes *lanes, size_t some, const int32_t *ids, size_t count, ll_error *error);
/* The lane is to hold ids[0 .. count) after the next pass, which gives the residual stream of the last outputs of them. Lanes in
 * ascending order, each once a pass. */
void ll_lanes_add(ll_lanes *lanes, size_t lane, const int32_t *ids, size_t count, size_t outputs);
/* Runs what was added; lanes->residual then holds the outputs, in the order of the additions. */
ll_status ll_lanes_run(ll_lanes *lanes, ll_error *error);

/* How many lanes of this capacity memory allows, wanted at most, 1 at least. */
size_t ll_lanes_fit(const ll_model *model, size_t wanted, size_t capacity);
/* Tokens that two sequences have in common from the start. */
size_t ll_common_tokens(const int32_t *a, size_t a_count, const int32_t *b, size_t b_count);
#endif
