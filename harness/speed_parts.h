/* The parts of a generation that are timed, and its prediction. Private to speed rows. */
#ifndef LL_SPEED_PARTS_H
#define LL_SPEED_PARTS_H
#include "speed.h"

typedef enum { LL_PREFILL, LL_DECODE, LL_PHASES } ll_phase;

typedef struct {
    ll_phase phase;
    size_t sequence;      /* whose prefill it is; a decode step is all sequences' */
    size_t depth, tokens; /* from depth on: positions of a prefill, steps of decode */
    size_t stretch;       /* tokens that one arm runs before the other has its turn */
    double weight;        /* the whole phase's seconds are the sum of its parts' by these */
} ll_speed_part;

/* Writes the parts in their order, prefill first; returns how many: ll_speed_parts_max at most. */
size_t ll_speed_parts(ll_speed_part *out, const ll_speed_spec *spec, const ll_cost *cost);
size_t ll_speed_parts_max(const ll_speed_spec *spec);

/* Fills what follows from bytes and operations alone, at out->limits. */
void ll_speed_predict(ll_speed *out, const ll_model *model, const ll_mask *mask, const ll_speed_spec *spec);
#endif
