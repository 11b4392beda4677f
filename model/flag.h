/* A number that one thread sets and others wait for: they spin for a while, then sleep. Private to model/.
 *
 * The word holds the number and, in its lowest bit, whether somebody sleeps: only then has the one who sets it to call the
 * system. A flag has a cache line of its own, so that waiting for one does not slow down the use of another. */
#ifndef LL_FLAG_H
#define LL_FLAG_H
#include "kernels.h"

#include <stdatomic.h>

typedef struct {
    _Alignas(2 * LL_ALIGN) _Atomic uint32_t word; /* two lines: CPUs fetch them in pairs */
} ll_flag;

/* The number is now value; what this thread wrote before is seen by those who waited for it. */
void ll_flag_set(ll_flag *flag, uint32_t value);
/* Until the number is value (modulo 2^31); returns nanoseconds waited. spin: nanoseconds to spin before sleeping. */
uint64_t ll_flag_wait(ll_flag *flag, uint32_t value, uint64_t spin);
#endif
