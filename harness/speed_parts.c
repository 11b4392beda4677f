#include "speed_parts.h"

#include <math.h>

enum { TURNS = 4 }; /* of either arm within the decode steps of a depth */

static bool prefill_in_parts(const ll_speed_spec *spec, const ll_cost *cost) {
    return !spec->exact && spec->prompt >= LL_ESTIMATED_PROMPT && cost->window >= (double)spec->prompt;
}

bool ll_speed_is_large(const ll_cost *cost) {
    const double LARGE_BYTES = 4e9;
    return cost->weight_bytes > LARGE_BYTES;
}

static size_t decode_steps(const ll_cost *cost) {
    return ll_speed_is_large(cost) ? LL_DECODE_STEPS_LARGE : LL_DECODE_STEPS;
}

static size_t prefill_part(const ll_cost *cost) {
    return ll_speed_is_large(cost) ? LL_CHUNK_LARGE : LL_CHUNK;
}

static bool decode_in_parts(const ll_speed_spec *spec, const ll_cost *cost) {
    return !spec->exact && spec->generate > 2 * decode_steps(cost);
}

size_t ll_speed_parts_max(const ll_speed_spec *spec) {
    return spec->batch + 1 + 2;
}

static size_t prefill_parts(ll_speed_part *out, const ll_speed_spec *spec, const ll_cost *cost) {
    const double batch = (double)spec->batch;
    if (prefill_in_parts(spec, cost)) {
        const size_t part = prefill_part(cost);
        const double weight = batch * (double)spec->prompt / (double)(2 * part);
        out[0] = (ll_speed_part){LL_PREFILL, 0, 0, part, part, weight};
        out[1] = (ll_speed_part){LL_PREFILL, 0, spec->prompt - part, part, part, weight};
        return 2;
    }
    const size_t timed = spec->exact ? spec->batch : 1;
    for (size_t i = 0; i < timed; i++)
        out[i] = (ll_speed_part){LL_PREFILL, i, 0, spec->prompt, LL_CHUNK, batch / (double)timed};
    return timed;
}

/* Up to where the window is full a token's time grows, from there on it stays. */
static size_t decode_parts(ll_speed_part *out, const ll_speed_spec *spec, const ll_cost *cost) {
    const size_t steps = decode_steps(cost), turn = steps / TURNS;
    const double prompt = (double)spec->prompt, generate = (double)spec->generate;
    if (!decode_in_parts(spec, cost)) {
        out[0] = (ll_speed_part){LL_DECODE, 0, spec->prompt, spec->generate, turn, 1};
        return 1;
    }
    const double growing = fmin(generate, fmax((double)steps, cost->window - prompt));
    const size_t far = spec->prompt + (size_t)growing - steps;
    out[0] = (ll_speed_part){LL_DECODE, 0, spec->prompt, steps, turn, growing / 2 / (double)steps};
    out[1] = (ll_speed_part){LL_DECODE, 0, far, steps, turn, (generate - growing / 2) / (double)steps};
    return 2;
}

size_t ll_speed_parts(ll_speed_part *out, const ll_speed_spec *spec, const ll_cost *cost) {
    const size_t prefills = prefill_parts(out, spec, cost);
    return prefills + decode_parts(out + prefills, spec, cost);
}

ll_timed ll_speed_timed(const ll_speed_spec *spec, const ll_cost *cost) {
    return (ll_timed){.prefill = prefill_in_parts(spec, cost)
                                     ? 2 * prefill_part(cost)
                                     : spec->prompt * (spec->exact ? spec->batch : 1),
                      .decode = decode_in_parts(spec, cost) ? 2 * decode_steps(cost) : spec->generate};
}

const char *ll_speed_method(const ll_speed_spec *spec, const ll_cost *cost) {
    const ll_timed timed = ll_speed_timed(spec, cost);
    return timed.prefill == spec->prompt * spec->batch && timed.decode == spec->generate ? "exact"
                                                                                         : "estimated";
}
