/* Python's random.Random: few-shot examples must be those that lm-evaluation-harness draws. */
#ifndef LL_PYTHON_RANDOM_H
#define LL_PYTHON_RANDOM_H
#include <stddef.h>
#include <stdint.h>

enum { LL_PYTHON_RANDOM_WORDS = 624 };

/* MT19937 (Matsumoto, Nishimura, 1998). */
typedef struct {
    uint32_t word[LL_PYTHON_RANDOM_WORDS];
    size_t at;
} ll_python_random;

/* random.Random(seed) of an integer seed. */
void ll_python_random_seed(ll_python_random *random, uint64_t seed);
/* random.getrandbits(bits), 1 to 32. */
uint32_t ll_python_random_bits(ll_python_random *random, unsigned bits);
/* random.sample(range(n), k), k <= n < 2^32: out[k]. pool: room for n numbers. */
void ll_python_random_sample(ll_python_random *random, size_t n, size_t k, size_t *out, size_t *pool);
#endif
