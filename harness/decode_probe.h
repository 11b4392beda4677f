/* How many threads decode fastest: reading weights needs fewer than computing where some already take all the bandwidth, and every
 * one more has to be waited for. */
#ifndef LL_DECODE_PROBE_H
#define LL_DECODE_PROBE_H
#include "model.h"

/* Times some steps with all threads, three quarters, half and a quarter of them, in turn, and sets the model to the fastest. */
ll_status ll_decode_probe(ll_model *model, ll_error *error);
#endif
