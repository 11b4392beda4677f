#include "python_random.h"

#include <stdbool.h>

enum { WORDS = LL_PYTHON_RANDOM_WORDS, SHIFT = 397 };

static uint32_t mixed(uint32_t previous, uint32_t factor) {
    return (previous ^ (previous >> 30)) * factor;
}

static void fill(ll_python_random *r, uint32_t seed) {
    r->word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++)
        r->word[i] = mixed(r->word[i - 1], 1812433253U) + i;
    r->at = WORDS;
}

/* init_by_array of the generator's authors, with the seed's 32-bit digits as key. */
void ll_python_random_seed(ll_python_random *r, uint64_t seed) {
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const size_t keys = key[1] ? 2 : 1;
    fill(r, 19650218U);
    size_t at = 1;
    uint32_t digit = 0;
    for (size_t n = WORDS; n; n--) {
        r->word[at] = (r->word[at] ^ mixed(r->word[at - 1], 1664525U)) + key[digit] + digit;
        digit = (digit + 1) % (uint32_t)keys;
        if (++at == WORDS) {
            r->word[0] = r->word[WORDS - 1];
            at = 1;
        }
    }
    for (size_t n = WORDS - 1; n; n--) {
        r->word[at] = (r->word[at] ^ mixed(r->word[at - 1], 1566083941U)) - (uint32_t)at;
        if (++at == WORDS) {
            r->word[0] = r->word[WORDS - 1];
            at = 1;
        }
    }
    r->word[0] = 0x80000000U;
}

static void renew(ll_python_random *r) {
    for (size_t i = 0; i < WORDS; i++) {
        const uint32_t y = (r->word[i] & 0x80000000U) | (r->word[(i + 1) % WORDS] & 0x7fffffffU);
        r->word[i] = r->word[(i + SHIFT) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfU : 0);
    }
    r->at = 0;
}

uint32_t ll_python_random_bits(ll_python_random *r, unsigned bits) {
    if (r->at == WORDS)
        renew(r);
    uint32_t y = r->word[r->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    y ^= y >> 18;
    return y >> (32 - bits);
}

/* random._randbelow: as many bits as n has, again while they are no number below n. */
static size_t below(ll_python_random *r, size_t n) {
    unsigned bits = 0;
    while (bits < 32 && n >> bits)
        bits++;
    uint32_t value;
    do
        value = ll_python_random_bits(r, bits);
    while (value >= n);
    return value;
}

static bool holds(const size_t *numbers, size_t count, size_t wanted) {
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == wanted)
            return true;
    return false;
}

/* From how large a range on Python remembers what was drawn instead of copying the range: another use of the same bits. */
static size_t largest_pool(size_t k) {
    size_t size = 21, power = 1;
    if (k > 5) {
        while (power < 3 * k)
            power *= 4;
        size += power;
    }
    return size;
}

void ll_python_random_sample(ll_python_random *r, size_t n, size_t k, size_t *out, size_t *pool) {
    if (n > largest_pool(k)) {
        for (size_t i = 0; i < k; i++) {
            size_t drawn = below(r, n);
            while (holds(out, i, drawn))
                drawn = below(r, n);
            out[i] = drawn;
        }
        return;
    }
    for (size_t i = 0; i < n; i++)
        pool[i] = i;
    for (size_t i = 0; i < k; i++) {
        const size_t drawn = below(r, n - i);
        out[i] = pool[drawn];
        pool[drawn] = pool[n - i - 1];
    }
}
