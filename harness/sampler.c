#include "sampler.h"
#include <math.h>

uint64_t ll_random_next(ll_random *random) {
    uint64_t mixed = random->state += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
}

double ll_random_unit(ll_random *random) {
    return (double)(ll_random_next(random) >> 11) * 0x1p-53;
}

size_t ll_argmax(const float *logits, size_t n) {
    /* The highest first, in lanes, then where it stands: a NaN is above nothing and equals nothing. */
    enum { LANES = 16 };
    float lane[LANES], highest = -INFINITY;
    for (size_t j = 0; j < LANES; j++)
        lane[j] = highest;
    size_t at = 0;
    for (; at + LANES <= n; at += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] = logits[at + j] > lane[j] ? logits[at + j] : lane[j];
    for (; at < n; at++)
        lane[0] = logits[at] > lane[0] ? logits[at] : lane[0];
    for (size_t j = 0; j < LANES; j++)
        highest = lane[j] > highest ? lane[j] : highest;
    for (size_t i = 0; i < n; i++)
        if (logits[i] == highest)
            return i;
    return 0;
}

/* Unnormalised probability; the highest logit has 1, so nothing overflows. */
static double weight(float logit, float highest, double temperature) {
    return isnan(logit) ? 0 : exp(((double)logit - (double)highest) / temperature);
}

size_t ll_sample(const float *logits, size_t n, double temperature, ll_random *random) {
    const size_t best = ll_argmax(logits, n);
    const float highest = logits[best];
    if (!(temperature > 0))
        return best;
    double sum = 0;
    const double unit = ll_random_unit(random);
    if (!isfinite(highest))
        return best;
    for (size_t i = 0; i < n; i++)
        sum += weight(logits[i], highest, temperature);
    double left = unit * sum;
    for (size_t i = 0; i < n; i++) {
        left -= weight(logits[i], highest, temperature);
        if (left < 0)
            return i;
    }
    return best; /* rounding left a rest */
}
