#include "cpu.h"
#include "kernels.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* XCR0: SSE and AVX, and the three parts of AVX-512 (mask registers, upper halves, registers 16 to 31). An
 * operating system that leaves one clear does not save those registers, whatever CPUID reports. */
enum { LEAF1_OSXSAVE = 1u << 27, XCR0_AVX = 0x06, XCR0_AVX512 = 0xE6 };

uint64_t ll_cpu_decode(const ll_cpuid *id) {
    if (!(id->leaf1_ecx & LEAF1_OSXSAVE))
        return 0;
    /* One line a bit: the register that reports it, bit in it, our bit, state it needs. */
    const struct {
        uint32_t reg;
        int bit;
        uint64_t feature, state;
    } bits[] = {
        {id->leaf1_ecx, 12, LL_CPU_FMA, XCR0_AVX},
        {id->leaf7_ebx, 5, LL_CPU_AVX2, XCR0_AVX},
        {id->leaf7_ebx, 16, LL_CPU_AVX512F, XCR0_AVX512},
        {id->leaf7_ebx, 30, LL_CPU_AVX512BW, XCR0_AVX512},
        {id->leaf7_ebx, 31, LL_CPU_AVX512VL, XCR0_AVX512},
        {id->leaf7_ebx, 17, LL_CPU_AVX512DQ, XCR0_AVX512},
        {id->leaf7_ecx, 11, LL_CPU_AVX512VNNI, XCR0_AVX512},
    };
    uint64_t features = 0;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (bits[i].reg >> bits[i].bit & 1 && (id->xcr0 & bits[i].state) == bits[i].state)
            features |= bits[i].feature;
    return features;
}

#if defined(__x86_64__) || defined(__i386__)
static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

uint64_t ll_cpu_features(void) {
    ll_cpuid id = {0};
    uint32_t eax, ebx, ecx, edx;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 0;
    id.leaf1_ecx = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        id.leaf7_ebx = ebx;
        id.leaf7_ecx = ecx;
    }
    if (id.leaf1_ecx & LEAF1_OSXSAVE) /* without it xgetbv is an illegal instruction */
        id.xcr0 = read_xcr0();
    return ll_cpu_decode(&id);
}
#else
uint64_t ll_cpu_features(void) {
    return 0;
}
#endif
