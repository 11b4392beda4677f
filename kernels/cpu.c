#include "cpu.h"
#include "kernels.h"
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/* XCR0: SSE and AVX; the three parts of AVX-512 (mask registers, upper halves, registers 16 to 31); the two of AMX (shapes and
 * tiles). An operating system that leaves one clear does not save those registers, whatever CPUID reports. */
enum { LEAF1_OSXSAVE = 1u << 27, XCR0_AVX = 0x06, XCR0_AVX512 = 0xE6, XCR0_AMX = 0x60000 };

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
        {id->leaf7_1_eax, 4, LL_CPU_AVXVNNI, XCR0_AVX},
        {id->leaf7_ebx, 16, LL_CPU_AVX512F, XCR0_AVX512},
        {id->leaf7_ebx, 30, LL_CPU_AVX512BW, XCR0_AVX512},
        {id->leaf7_ebx, 31, LL_CPU_AVX512VL, XCR0_AVX512},
        {id->leaf7_ebx, 17, LL_CPU_AVX512DQ, XCR0_AVX512},
        {id->leaf7_ecx, 11, LL_CPU_AVX512VNNI, XCR0_AVX512},
        {id->leaf7_1_eax, 5, LL_CPU_AVX512BF16, XCR0_AVX512},
        {id->leaf7_edx, 24, LL_CPU_AMX_TILE, XCR0_AMX},
        {id->leaf7_edx, 25, LL_CPU_AMX_INT8, XCR0_AMX},
    };
    uint64_t features = 0;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (bits[i].reg >> bits[i].bit & 1 && (id->xcr0 & bits[i].state) == bits[i].state)
            features |= bits[i].feature;
    /* An fma does half of what a VDPBF16PS does. Measured in registers: Zen 4 starts either once a cycle, Emerald Rapids four fma in
     * the time of one VDPBF16PS. */
    if (features & LL_CPU_AVX512BF16 && memcmp(id->vendor, "AuthenticAMD", sizeof id->vendor) == 0)
        features |= LL_CPU_FAST_BF16;
    return features;
}

uint64_t ll_cpu_decode_arm(uint64_t hwcap, uint64_t hwcap2) {
    const struct {
        uint64_t word;
        int bit;
        uint64_t feature;
    } bits[] = {{hwcap, 20, LL_CPU_ASIMDDP}, {hwcap2, 13, LL_CPU_I8MM}, {hwcap2, 14, LL_CPU_BF16}};
    uint64_t features = 0;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (bits[i].word >> bits[i].bit & 1)
            features |= bits[i].feature;
    return features;
}

const char *ll_cpu_feature_name(uint64_t feature) {
    static const struct {
        uint64_t feature;
        const char *name;
    } names[] = {
        {LL_CPU_AVX2, "AVX2"},
        {LL_CPU_FMA, "FMA"},
        {LL_CPU_AVXVNNI, "AVX-VNNI"},
        {LL_CPU_AVX512F, "AVX512F"},
        {LL_CPU_AVX512BW, "AVX512BW"},
        {LL_CPU_AVX512VL, "AVX512VL"},
        {LL_CPU_AVX512DQ, "AVX512DQ"},
        {LL_CPU_AVX512VNNI, "AVX512_VNNI"},
        {LL_CPU_AVX512BF16, "AVX512_BF16"},
        {LL_CPU_AMX_TILE, "AMX-TILE"},
        {LL_CPU_AMX_INT8, "AMX-INT8"},
        {LL_CPU_ASIMDDP, "FEAT_DotProd"},
        {LL_CPU_I8MM, "FEAT_I8MM"},
        {LL_CPU_BF16, "FEAT_BF16"},
        {LL_CPU_FAST_BF16, "a bf16 product faster than fma"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].feature == feature)
            return names[i].name;
    return NULL;
}

#ifdef __x86_64__
static uint64_t read_xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* A process has to ask for the tiles of AMX, whose state is 8 KiB a thread: without it their first use is a signal. */
static bool allow_tiles(void) {
#ifdef __linux__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

uint64_t ll_cpu_features(void) {
    ll_cpuid id = {0};
    uint32_t eax, ebx, ecx, edx;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx)) {
        id.vendor[0] = ebx;
        id.vendor[1] = edx;
        id.vendor[2] = ecx;
    }
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        return 0;
    id.leaf1_ecx = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        id.leaf7_ebx = ebx;
        id.leaf7_ecx = ecx;
        id.leaf7_edx = edx;
        if (eax > 0 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
            id.leaf7_1_eax = eax;
    }
    if (id.leaf1_ecx & LEAF1_OSXSAVE) /* without it xgetbv is an illegal instruction */
        id.xcr0 = read_xcr0();
    if ((id.xcr0 & XCR0_AMX) == XCR0_AMX && !allow_tiles())
        id.xcr0 &= ~(uint64_t)XCR0_AMX;
    return ll_cpu_decode(&id);
}
#elif defined(__aarch64__) && defined(__linux__)
uint64_t ll_cpu_features(void) {
    return ll_cpu_decode_arm(getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
}
#else
uint64_t ll_cpu_features(void) {
    return 0;
}
#endif
