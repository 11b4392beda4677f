#include "flag.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLEEPER = 1 };

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* some 30 cycles, where yield takes none */
#endif
}

static void futex(_Atomic uint32_t *word, int operation, uint32_t value) {
    (void)syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void ll_flag_set(ll_flag *flag, uint32_t value) {
    if (atomic_exchange_explicit(&flag->word, value << 1, memory_order_acq_rel) & SLEEPER)
        futex(&flag->word, FUTEX_WAKE, INT_MAX);
}

static bool is_set(ll_flag *flag, uint32_t value) {
    return (atomic_load_explicit(&flag->word, memory_order_acquire) ^ value << 1) <= SLEEPER;
}

static bool spin_for(ll_flag *flag, uint32_t value, uint64_t until) {
    enum { LOOKS = 32 }; /* between two looks at the clock */
    do {
        for (int i = 0; i < LOOKS; i++) {
            if (is_set(flag, value))
                return true;
            relax();
        }
    } while (now() < until);
    return false;
}

static void sleep_for(ll_flag *flag, uint32_t value) {
    while (!is_set(flag, value)) {
        uint32_t seen = atomic_load_explicit(&flag->word, memory_order_relaxed);
        if ((seen ^ value << 1) <= SLEEPER)
            continue;
        if (seen & SLEEPER ||
            atomic_compare_exchange_strong_explicit(&flag->word, &seen, seen | SLEEPER, memory_order_relaxed,
                                                    memory_order_relaxed))
            futex(&flag->word, FUTEX_WAIT, seen | SLEEPER);
    }
}

uint64_t ll_flag_wait(ll_flag *flag, uint32_t value, uint64_t spin) {
    if (is_set(flag, value))
        return 0;
    const uint64_t began = now();
    if (!spin_for(flag, value, began + spin))
        sleep_for(flag, value);
    return now() - began;
}
