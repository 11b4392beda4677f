/* What every ISA shares: the exp, the layout of activations and caches, the feature probe, the selection. */
#include "check.h"
#include "cpu.h"
#include "exp.h"
#include <math.h>
#include <string.h>

void check_exp(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    (void)isa;
    check_case("the whole range of floats");
    enum { STEP = 1021 }; /* 4.2 million of the 2^32 bit patterns, others with each seed */
    for (uint64_t i = check_below(STEP); i <= UINT32_MAX; i += STEP) {
        const uint32_t bits = (uint32_t)i;
        float x;
        memcpy(&x, &bits, sizeof x);
        const double got = (double)ll_expf_poly(x), expected = exp((double)x);
        if (x != x)
            CHECK_THAT(got != got, "NaN %#x became %g", bits, got);
        else if (expected >= 0x1.ffffffp127) /* rounds to infinity */
            CHECK_THAT(isinf(got), "exp(%a) is %a, not infinity", (double)x, got);
        else
            CHECK_THAT(fabs(got - expected) <= 0x1p-23 * expected + 0x1p-150, "exp(%a) is %a, exactly %a",
                       (double)x, got, expected);
    }
    CHECK_THAT(ll_expf_poly(0.0f) == 1.0f && ll_expf_poly(INFINITY) == INFINITY &&
                   ll_expf_poly(-INFINITY) == 0.0f,
               "exp of 0, infinity or -infinity");
}

static void check_act_layout(size_t rows, size_t k, size_t group) {
    check_case("%zu rows, k %zu, group %zu", rows, k, group);
    const size_t bytes = ll_act_bytes(rows, k, group), length = group == 0 || group > k ? k : group;
    char *const buffer = check_bytes("buffer", bytes);
    const ll_act act = ll_act_place(buffer, rows, k, group);
    CHECK_THAT(act.rows == rows && act.k == k && act.group == length &&
                   act.groups == (k + length - 1) / length && act.ld == (k + 63) / 64 * 64 + 64,
               "group %zu, groups %zu, ld %zu", act.group, act.groups, act.ld);
    const char *const ends[] = {(char *)(act.q + rows * act.ld), (char *)(act.scale + rows * act.groups),
                                (char *)(act.sum + rows * act.groups)};
    CHECK_THAT((char *)act.q == buffer && ends[0] <= (char *)act.scale && ends[1] <= (char *)act.sum &&
                   ends[2] <= buffer + bytes,
               "q, scale and sum overlap or leave the buffer");
    for (size_t i = 0; i < bytes; i++)
        CHECK_THAT(buffer[i] == 0, "byte %zu is not zeroed", i);
}

void check_act(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    (void)isa;
    static const size_t ks[] = {1, 63, 64, 65, 576, 1536, 11008}, groups[] = {0, 1, 4, 32, 128, 100000};
    for (size_t rows = 0; rows < 4; rows++)
        for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++)
            for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
                check_act_layout(rows, ks[k], groups[g]);
    CHECK_THAT(ll_kv_bytes(LL_KV_BF16, 32, 3, 64) == 32 * 3 * 64 * 2, "bytes of a bf16 cache");
    CHECK_THAT(ll_kv_bytes(LL_KV_F32, 32, 3, 64) == 32 * 3 * 64 * 4, "bytes of a f32 cache");
    CHECK_THAT(ll_kv_bytes(LL_KV_I8, 32, 3, 64) == 32 * 3 * 64, "bytes of an int8 cache");
    CHECK_THAT(ll_kv_bytes(LL_KV_I8, 32, 3, 66) == 32 * 3 * 68, "bytes of an int8 cache of odd pairs");
    CHECK_THAT(ll_kv_scale_bytes(LL_KV_I8, 32, 3) == 32 * 3 * 4, "bytes of an int8 cache's scales");
    CHECK_THAT(ll_kv_scale_bytes(LL_KV_F32, 32, 3) == 0 && ll_kv_scale_bytes(LL_KV_BF16, 32, 3) == 0,
               "scales where there are none");
}

/* Whether the CPU has those of the features that this test knows, and no others of them. */
static bool has(const ll_cpuid *id, uint64_t expected) {
    const uint64_t known = LL_CPU_AVX2 | LL_CPU_FMA | LL_CPU_AVX512F | LL_CPU_AVX512BW | LL_CPU_AVX512VL |
                           LL_CPU_AVX512DQ | LL_CPU_AVX512VNNI | LL_CPU_AVX512BF16 | LL_CPU_AMX_TILE |
                           LL_CPU_AMX_INT8 | LL_CPU_FAST_BF16;
    return (ll_cpu_decode(id) & known) == expected;
}

static void check_cpu_decode(void) {
    check_case("features of CPUs");
    const uint64_t tiles = LL_CPU_AMX_TILE | LL_CPU_AMX_INT8, avx = LL_CPU_AVX2 | LL_CPU_FMA,
                   words = LL_CPU_AVX512F | LL_CPU_AVX512BW | LL_CPU_AVX512VL | LL_CPU_AVX512DQ,
                   features = avx | words | LL_CPU_AVX512VNNI | LL_CPU_AVX512BF16 | tiles;
    const ll_cpuid all = {.leaf1_ecx = UINT32_MAX,
                          .leaf7_ebx = UINT32_MAX,
                          .leaf7_ecx = UINT32_MAX,
                          .leaf7_edx = UINT32_MAX,
                          .leaf7_1_eax = UINT32_MAX,
                          .xcr0 = UINT64_MAX};
    ll_cpuid id = all;
    CHECK_THAT(has(&id, features), "a CPU that has everything");
    id.leaf7_ecx = 0;
    CHECK_THAT(has(&id, features & ~LL_CPU_AVX512VNNI), "a CPU without leaf 7's ECX bits");
    id = all;
    id.leaf7_edx = 0;
    CHECK_THAT(has(&id, features & ~tiles), "a CPU without leaf 7's EDX bits");
    id = all;
    id.leaf7_ebx = 0;
    CHECK_THAT(has(&id, features & ~(words | LL_CPU_AVX2)), "a CPU without leaf 7's EBX bits");
    id = all;
    id.leaf7_1_eax = 0;
    CHECK_THAT(has(&id, features & ~LL_CPU_AVX512BF16), "a CPU without leaf 7's second EAX");
    memcpy(id.vendor, "AuthenticAMD", sizeof id.vendor);
    CHECK_THAT(has(&id, features & ~LL_CPU_AVX512BF16), "an AMD CPU without bf16");
    id.leaf7_1_eax = UINT32_C(1) << 5;
    CHECK_THAT(has(&id, features | LL_CPU_FAST_BF16), "an AMD CPU with bf16");
    for (int bit = 1; bit < 20;
         bit++) { /* SSE, AVX, AVX-512 in three parts, AMX in two; the others are not ours */
        id = all;
        id.xcr0 &= ~(UINT64_C(1) << bit);
        const uint64_t left = bit < 3                 ? tiles
                              : bit >= 5 && bit < 8   ? avx | tiles
                              : bit >= 17 && bit < 19 ? features & ~tiles
                                                      : features;
        CHECK_THAT(has(&id, left), "an operating system that does not save state %d", bit);
        CHECK_THAT(bit >= 3 || (ll_cpu_decode(&id) & ~tiles) == 0, "vectors whose registers nobody saves");
    }
    id = all;
    id.leaf1_ecx &= ~(UINT32_C(1) << 27);
    CHECK_THAT(ll_cpu_decode(&id) == 0, "an operating system without XSAVE");
}

static void check_cpu_decode_arm(void) {
    check_case("features of ARM CPUs");
    const uint64_t known = LL_CPU_ASIMDDP | LL_CPU_I8MM | LL_CPU_BF16;
    CHECK_THAT((ll_cpu_decode_arm(UINT64_MAX, UINT64_MAX) & known) == known, "a CPU that has everything");
    CHECK_THAT(ll_cpu_decode_arm(0, 0) == 0, "features of nothing");
    CHECK_THAT(ll_cpu_decode_arm(UINT64_C(1) << 20, 0) == LL_CPU_ASIMDDP, "HWCAP_ASIMDDP");
    CHECK_THAT(ll_cpu_decode_arm(0, UINT64_C(1) << 13) == LL_CPU_I8MM, "HWCAP2_I8MM");
    CHECK_THAT(ll_cpu_decode_arm(0, UINT64_C(1) << 14) == LL_CPU_BF16, "HWCAP2_BF16");
}

/* What is said of ISAs that this CPU does not run. */
static void check_isa_facts(void) {
    check_case("what is said of the ISAs");
    for (size_t i = 0; ll_isa_name(i); i++) {
        uint64_t needs = ll_isa_missing(i, 0);
        CHECK_THAT(ll_isa_chosen(i, needs) && ll_isa_missing(i, needs) == 0, "%s with all it needs",
                   ll_isa_name(i));
        for (; needs; needs &= needs - 1)
            CHECK_THAT(ll_cpu_feature_name(needs & ~(needs - 1)), "a feature of %s has no name",
                       ll_isa_name(i));
        CHECK_THAT(ll_isa_architecture(ll_isa_name(i)), "%s has no architecture", ll_isa_name(i));
        bool any = false;
        for (int op = 0; op < LL_OP_COUNT; op++)
            any = any || ll_isa_brings(i, (ll_op)op);
        CHECK_THAT(any, "%s brings nothing", ll_isa_name(i));
    }
    for (int op = 0; op < LL_OP_COUNT; op++)
        CHECK_THAT(ll_isa_brings(0, (ll_op)op), "%s does not bring %s", ll_isa_name(0),
                   ll_op_name((ll_op)op));
    CHECK_THAT(!ll_isa_brings(0, LL_OP_COUNT) && !ll_isa_brings(SIZE_MAX, LL_OP_QUANTIZE),
               "brings what there is not");
    CHECK_THAT(!ll_cpu_feature_name(0) && !ll_isa_architecture("no such ISA"), "names of what there is not");
    CHECK_THAT(strcmp(ll_isa_architecture("ref"), "ANY") == 0, "the architecture of ref");
}

/* Nothing in a table comes from an ISA that is not chosen here, but where it was asked for. */
static void check_origins(const ll_kernels *table, const char *cap) {
    for (size_t i = 0; ll_isa_name(i); i++)
        for (int op = 0; op < LL_OP_COUNT; op++)
            CHECK_THAT(ll_isa_chosen(i, ll_cpu_features()) || (cap && strcmp(ll_isa_name(i), cap) == 0) ||
                           strcmp(table->isa[op], ll_isa_name(i)) != 0,
                       "%s comes from %s", ll_op_name((ll_op)op), ll_isa_name(i));
}

/* What fills a table is compiled for its ISA: it runs only where the CPU has it. */
static void check_filled(const char *name) {
    ll_kernels table;
    CHECK_THAT(ll_kernels_select(&table, ll_cpu_features(), name) == LL_OK && strcmp(table.name, name) == 0,
               "not selected");
    for (int op = 0; op < LL_OP_COUNT; op++)
        CHECK_THAT(table.isa[op], "no ISA named for %s", ll_op_name((ll_op)op));
    CHECK_THAT(table.packed_i8_bytes && table.pack_i8 && table.add_scaled_i32, "matmul_i8 without its parts");
    CHECK_THAT(table.packed_f32_bytes && table.pack_f32, "matmul_f32 without its parts");
    CHECK_THAT(table.attention_scratch_bytes, "attention without its scratch");
    check_origins(&table, name);
}

static void check_table(size_t index) {
    const char *const name = ll_isa_name(index);
    ll_kernels table;
    check_case("selection of %s", name);
    if (ll_isa_supported(index, ll_cpu_features()))
        check_filled(name);
    CHECK_THAT(strcmp(ll_op_name(LL_OP_COUNT), "unknown operation") == 0, "name of no operation");
    if (index > 0)
        CHECK_THAT(ll_kernels_select(&table, 0, name) == LL_NO_RESOURCE,
                   "selected on a CPU without its features");
}

void check_dispatch(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    (void)isa;
    check_cpu_decode();
    check_cpu_decode_arm();
    check_isa_facts();
    size_t count = 0, strongest = 0;
    for (; ll_isa_name(count); count++) {
        check_table(count);
        strongest = ll_isa_chosen(count, ll_cpu_features()) ? count : strongest;
    }
    ll_kernels table;
    check_case("no cap");
    CHECK_THAT(ll_kernels_select(&table, 0, "no such ISA") == LL_BAD_USAGE, "an unknown name was taken");
    CHECK_THAT(ll_kernels_select(&table, 0, NULL) == LL_OK && strcmp(table.name, ll_isa_name(0)) == 0,
               "a CPU without features got %s", table.name);
    CHECK_THAT(ll_kernels_select(&table, ll_cpu_features(), NULL) == LL_OK &&
                   strcmp(table.name, ll_isa_name(strongest)) == 0,
               "this CPU got %s", table.name);
    check_origins(&table, NULL);
    CHECK_THAT(!ll_isa_supported(count, UINT64_MAX), "an ISA past the end is supported");
}
