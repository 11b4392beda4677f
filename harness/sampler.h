/* Choosing the next token from logits, and the random numbers for it. */
#ifndef LL_SAMPLER_H
#define LL_SAMPLER_H
#include <stddef.h>
#include <stdint.h>

/* The same seed gives the same numbers on every machine (SplitMix64: Steele, Lea, Flood, 2014, "Fast
 * splittable pseudorandom number generators"). Any seed is good. */
typedef struct {
    uint64_t state; /* starts as the seed */
} ll_random;

uint64_t ll_random_next(ll_random *random);
double ll_random_unit(ll_random *random); /* uniform in [0, 1), in steps of 2^-53 */

/* Index of the highest of n > 0 logits, the lowest index of equals. NaN is below everything. */
size_t ll_argmax(const float *logits, size_t n);

/* Draws index i of n > 0 logits with probability proportional to exp(logits[i] / temperature), from one
 * random number; temperature <= 0: the argmax, and no random number is used. NaN is never drawn where there
 * is a number. */
size_t ll_sample(const float *logits, size_t n, double temperature, ll_random *random);
#endif
