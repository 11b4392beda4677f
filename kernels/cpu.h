/* CPU features as bits of one mask. isa.def names them; only cpu.c knows how they are found. */
#ifndef LL_CPU_H
#define LL_CPU_H

#include <stdint.h>

/* A bit means: the CPU has the instructions and the operating system saves their registers. Each has a name in cpu.c. */
#define LL_CPU_AVX512F (UINT64_C(1) << 0)
#define LL_CPU_AVX512BW (UINT64_C(1) << 1)
#define LL_CPU_AVX512VL (UINT64_C(1) << 2)
#define LL_CPU_AVX512DQ (UINT64_C(1) << 3)
#define LL_CPU_AVX512VNNI (UINT64_C(1) << 4)
#define LL_CPU_AVX2 (UINT64_C(1) << 5)
#define LL_CPU_FMA (UINT64_C(1) << 6)
#define LL_CPU_AMX_TILE (UINT64_C(1) << 7)
#define LL_CPU_AMX_INT8 (UINT64_C(1) << 8)
#define LL_CPU_AVX512BF16 (UINT64_C(1) << 9)
#define LL_CPU_AVXVNNI (UINT64_C(1) << 10)
#define LL_CPU_ASIMDDP (UINT64_C(1) << 32) /* 64-bit ARM, by Linux's names: SDOT */
#define LL_CPU_I8MM (UINT64_C(1) << 33)
#define LL_CPU_BF16 (UINT64_C(1) << 34)

/* No feature but a judgement: VDPBF16PS beats the FMA of f32. An ISA that lists such a bit runs without it all the same, but
 * only when it is asked for by name. */
#define LL_CPU_FAST_BF16 (UINT64_C(1) << 63)

/* What an x86 CPU says about itself. */
typedef struct {
    uint32_t vendor[3]; /* leaf 0: EBX, EDX, ECX */
    uint32_t leaf1_ecx;
    uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx; /* subleaf 0; zero when the CPU has no leaf 7 */
    uint32_t leaf7_1_eax;                     /* subleaf 1; zero when there is none */
    uint64_t xcr0;                            /* zero unless leaf 1 reports OSXSAVE */
} ll_cpuid;

/* The feature mask of an x86 CPU that answers so. A pure function, so that CPUs we do not have can be tested.
 */
uint64_t ll_cpu_decode(const ll_cpuid *id);

/* The feature mask of a 64-bit ARM CPU by the words AT_HWCAP and AT_HWCAP2 that Linux gives a process. */
uint64_t ll_cpu_decode_arm(uint64_t hwcap, uint64_t hwcap2);

#endif
