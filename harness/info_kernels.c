#include "info_kernels.h"

#include <stdio.h>
#include <string.h>

enum { WHY_TEXT = 256 };

/* Why this ISA is not in use, though it is stronger than what is. */
static void why_not(size_t index, const char *cap, char out[WHY_TEXT]) {
    uint64_t missing = ll_isa_missing(index, ll_cpu_features());
    if (!missing) {
        snprintf(out, WHY_TEXT, "%s was asked for", cap ? cap : "a weaker one");
        return;
    }
    size_t used = (size_t)snprintf(out, WHY_TEXT, "this CPU lacks ");
    for (const char *comma = ""; missing && used < WHY_TEXT; missing &= missing - 1, comma = ", ") {
        const char *const name = ll_cpu_feature_name(missing & ~(missing - 1));
        used += (size_t)snprintf(out + used, WHY_TEXT - used, "%s%s", comma,
                                 name ? name : "a feature without a name");
    }
    if (ll_isa_supported(index, ll_cpu_features()) && used < WHY_TEXT)
        snprintf(out + used, WHY_TEXT - used, "; --isa %s takes it all the same", ll_isa_name(index));
}

/* The next ISA stronger than that in use which has a kernel of its own for op, weaker than ISA below; SIZE_MAX:
 * none is left. */
static size_t next_better(const ll_kernels *kernels, ll_op op, size_t below) {
    for (size_t i = below; i-- > 0;) {
        if (strcmp(ll_isa_name(i), kernels->isa[op]) == 0)
            return SIZE_MAX;
        if (ll_isa_brings(i, op))
            return i;
    }
    return SIZE_MAX;
}

/* Past the strongest ISA; 0 where another library is in use, which the list cannot tell better from worse than. */
static size_t isa_count(const ll_kernels *kernels, ll_op op) {
    size_t count = 0;
    bool listed = false;
    for (; ll_isa_name(count); count++)
        listed = listed || strcmp(ll_isa_name(count), kernels->isa[op]) == 0;
    return listed ? count : 0;
}

void ll_info_kernels_print(const ll_kernels *kernels, const char *cap) {
    printf("%-16s%-16s%s\n", "operation", "in use", "better ones, and why they are not");
    for (int op = 0; op < LL_OP_COUNT; op++) {
        printf("%-16s%s\n", ll_op_name((ll_op)op), kernels->isa[op]);
        for (size_t i = isa_count(kernels, (ll_op)op);
             (i = next_better(kernels, (ll_op)op, i)) != SIZE_MAX;) {
            char why[WHY_TEXT];
            why_not(i, cap, why);
            printf("%-32s%s: %s\n", "", ll_isa_name(i), why);
        }
    }
}

json_t *ll_info_kernels_json(const ll_kernels *kernels, const char *cap) {
    json_t *const operations = json_array();
    for (int op = 0; op < LL_OP_COUNT; op++) {
        json_t *const better = json_array();
        for (size_t i = isa_count(kernels, (ll_op)op);
             (i = next_better(kernels, (ll_op)op, i)) != SIZE_MAX;) {
            char why[WHY_TEXT];
            why_not(i, cap, why);
            json_array_append_new(better, json_pack("{s:s, s:s}", "isa", ll_isa_name(i), "why_not", why));
        }
        json_array_append_new(operations, json_pack("{s:s, s:s, s:o}", "operation", ll_op_name((ll_op)op),
                                                    "isa", kernels->isa[op], "better", better));
    }
    return operations;
}
