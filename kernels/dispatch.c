#include "cpu.h"
#include "kernels.h"
#include <string.h>

/* A line of isa.def for another architecture vanishes here, so its folder is neither declared nor linked. */
#define ISA_ANY(name, features) ISA_HERE(name, features)
#ifdef __x86_64__
#define ISA_X86(name, features) ISA_HERE(name, features)
#else
#define ISA_X86(name, features)
#endif
#ifdef __aarch64__
#define ISA_ARM(name, features) ISA_HERE(name, features)
#else
#define ISA_ARM(name, features)
#endif
#define ISA(name, architecture, features) ISA_##architecture(name, features)

#define ISA_HERE(name, features) extern const ll_kernels ll_table_##name;
#include "isa.def"
#undef ISA_HERE

typedef struct {
    const char *name;
    uint64_t features;
    const ll_kernels *table; /* of what its folder brings */
} isa_entry;

#define ISA_HERE(name, features) {#name, features, &ll_table_##name},
static const isa_entry isas[] = {
#include "isa.def"
};
#undef ISA_HERE
#undef ISA

/* All lines of isa.def, of every architecture. */
#define ISA(name, architecture, features) {#name, #architecture},
static const char *const listed[][2] = {
#include "isa.def"
};
#undef ISA

enum { ISA_COUNT = sizeof isas / sizeof isas[0] };

const char *ll_isa_name(size_t index) {
    return index < ISA_COUNT ? isas[index].name : NULL;
}

bool ll_isa_supported(size_t index, uint64_t features) {
    return ll_isa_chosen(index, features | LL_CPU_FAST_BF16);
}

bool ll_isa_chosen(size_t index, uint64_t features) {
    return index < ISA_COUNT && ll_isa_missing(index, features) == 0;
}

uint64_t ll_isa_missing(size_t index, uint64_t features) {
    return index < ISA_COUNT ? isas[index].features & ~features : 0;
}

/* The operations by the slots that stand for them. A PART belongs to its slot and is replaced with it, since they agree on a layout;
 * what is ALONE is replaced where an ISA has its own. */
#define OPERATIONS(SLOT, PART, ALONE)                                                                        \
    SLOT(LL_OP_MATMUL_I8, matmul_i8)                                                                         \
    PART(matmul_i8, packed_i8_bytes)                                                                         \
    PART(matmul_i8, pack_i8)                                                                                 \
    ALONE(add_scaled_i32)                                                                                    \
    SLOT(LL_OP_MATMUL_F32, matmul_f32)                                                                       \
    PART(matmul_f32, packed_f32_bytes)                                                                       \
    PART(matmul_f32, pack_f32)                                                                               \
    SLOT(LL_OP_QUANTIZE, quantize)                                                                           \
    SLOT(LL_OP_RMSNORM_I8, rmsnorm_i8)                                                                       \
    SLOT(LL_OP_RMSNORM_F32, rmsnorm_f32)                                                                     \
    SLOT(LL_OP_SILU_MUL_I8, silu_mul_i8)                                                                     \
    SLOT(LL_OP_SILU_MUL_F32, silu_mul_f32)                                                                   \
    SLOT(LL_OP_ADD_F32, add_f32)                                                                             \
    SLOT(LL_OP_ROPE_F32, rope_f32)                                                                           \
    SLOT(LL_OP_KV_STORE, kv_store)                                                                           \
    SLOT(LL_OP_ATTENTION, attention)                                                                         \
    PART(attention, attention_scratch_bytes)                                                                 \
    PART(attention, attention_rounds)                                                                        \
    SLOT(LL_OP_SOFTMAX_F32, softmax_f32)                                                                     \
    SLOT(LL_OP_LOGSUMEXP_F32, logsumexp_f32)                                                                 \
    SLOT(LL_OP_PEAK_I8, peak_i8)                                                                             \
    SLOT(LL_OP_PEAK_F32, peak_f32)                                                                           \
    SLOT(LL_OP_READ_STREAM, read_stream)

/* What an ISA brings replaces what weaker ones brought. */
static void overlay(ll_kernels *to, const ll_kernels *from, const char *name) {
#define PART(slot, part) to->part = from->slot ? from->part : to->part;
#define ALONE(slot) PART(slot, slot)
#define SLOT(op, slot)                                                                                       \
    to->isa[op] = from->slot ? name : to->isa[op];                                                           \
    PART(slot, slot)
    OPERATIONS(SLOT, PART, ALONE)
#undef SLOT
#undef ALONE
#undef PART
    to->name = name;
}

bool ll_isa_brings(size_t index, ll_op op) {
    ll_kernels table = {0};
    if (index < ISA_COUNT)
        overlay(&table, isas[index].table, isas[index].name);
    return (size_t)op < LL_OP_COUNT && table.isa[op];
}

const char *ll_isa_architecture(const char *name) {
    for (size_t i = 0; i < sizeof listed / sizeof listed[0]; i++)
        if (strcmp(listed[i][0], name) == 0)
            return listed[i][1];
    return NULL;
}

/* Index of the ISA called cap, of the last one for NULL, ISA_COUNT for an unknown name. */
static size_t find_cap(const char *cap) {
    if (!cap)
        return ISA_COUNT - 1;
    size_t index = 0;
    while (index < ISA_COUNT && strcmp(isas[index].name, cap) != 0)
        index++;
    return index;
}

ll_status ll_kernels_select(ll_kernels *table, uint64_t features, const char *cap) {
    const size_t last = find_cap(cap);
    if (last == ISA_COUNT)
        return LL_BAD_USAGE;
    if (cap && !ll_isa_supported(last, features))
        return LL_NO_RESOURCE;
    memset(table, 0, sizeof *table);
    for (size_t i = 0; i <= last; i++) {
        if (!ll_isa_chosen(i, features) && !(cap && i == last))
            continue;
        overlay(table, isas[i].table, isas[i].name);
    }
    return LL_OK;
}

const char *ll_status_str(ll_status status) {
    switch (status) {
    case LL_OK:
        return "ok";
    case LL_BAD_INPUT:
        return "bad input";
    case LL_BAD_USAGE:
        return "bad usage";
    case LL_NO_RESOURCE:
        return "missing resource";
    }
    return "unknown status";
}

const char *ll_op_name(ll_op op) {
    static const char *const names[LL_OP_COUNT] = {
        [LL_OP_MATMUL_I8] = "matmul_i8",         [LL_OP_MATMUL_F32] = "matmul_f32",
        [LL_OP_QUANTIZE] = "quantize",           [LL_OP_RMSNORM_I8] = "rmsnorm_i8",
        [LL_OP_RMSNORM_F32] = "rmsnorm_f32",     [LL_OP_SILU_MUL_I8] = "silu_mul_i8",
        [LL_OP_SILU_MUL_F32] = "silu_mul_f32",   [LL_OP_ADD_F32] = "add_f32",
        [LL_OP_ROPE_F32] = "rope_f32",           [LL_OP_KV_STORE] = "kv_store",
        [LL_OP_ATTENTION] = "attention",         [LL_OP_SOFTMAX_F32] = "softmax_f32",
        [LL_OP_LOGSUMEXP_F32] = "logsumexp_f32", [LL_OP_PEAK_I8] = "peak_i8",
        [LL_OP_PEAK_F32] = "peak_f32",           [LL_OP_READ_STREAM] = "read_stream",
    };
    return (size_t)op < LL_OP_COUNT ? names[op] : "unknown operation";
}
