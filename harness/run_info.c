#include "run_info.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#ifndef LL_COMMIT
#define LL_COMMIT "unknown"
#endif
#ifndef LL_COMPILER_FLAGS
#define LL_COMPILER_FLAGS "(flags unknown)"
#endif
#ifdef __clang__
#define COMPILER_VERSION "clang " __clang_version__ /* ends with a space */
#else
#define COMPILER_VERSION "gcc " __VERSION__ " "
#endif

const char *ll_build_commit(void) {
    return LL_COMMIT;
}

const char *ll_build_compiler(void) {
    return COMPILER_VERSION LL_COMPILER_FLAGS;
}

/* The ISA that serves the most operations. */
static const char *usual_isa(const ll_kernels *kernels) {
    const char *usual = kernels->name;
    int most = 0;
    for (int op = 0; op < LL_OP_COUNT; op++) {
        int count = 0;
        for (int other = 0; other < LL_OP_COUNT; other++)
            count += strcmp(kernels->isa[other], kernels->isa[op]) == 0;
        if (count > most) {
            most = count;
            usual = kernels->isa[op];
        }
    }
    return usual;
}

void ll_isa_text(const ll_kernels *kernels, char *out, size_t capacity) {
    const char *const usual = usual_isa(kernels);
    size_t used = (size_t)snprintf(out, capacity, "%s", kernels->name);
    for (int op = 0; op < LL_OP_COUNT && used < capacity; op++)
        if (strcmp(kernels->isa[op], usual) != 0)
            used += (size_t)snprintf(out + used, capacity - used, " %s=%s", ll_op_name((ll_op)op),
                                     kernels->isa[op]);
    if (strcmp(usual, kernels->name) != 0 && used < capacity)
        snprintf(out + used, capacity - used, " rest=%s", usual);
}

void ll_run_info_fill(ll_row *row, const ll_model *model, const char *name, uint64_t seed) {
    char text[LL_CSV_CELL];
    const ll_machine *machine = ll_model_machine(model);
    ll_row_text(row, "commit", ll_build_commit());
    ll_row_text(row, "compiler", ll_build_compiler());
    ll_row_text(row, "cpu", machine->cpu);
    ll_isa_text(ll_model_kernels(model), text, sizeof text);
    ll_row_text(row, "isa", text);
    ll_row_int(row, "threads", ll_model_options_used(model)->threads);
    ll_row_int(row, "nodes", ll_model_placement(model)->nodes);
    const ll_placed placed = ll_model_read_placement(model, NULL);
    ll_placed_text(model, &placed, text, sizeof text);
    ll_row_text(row, "placement", text);
    ll_row_text(row, "model", name);
    ll_row_text(row, "source", ll_model_is_synthetic(model) ? "synthetic" : "real");
    ll_row_int(row, "seed", seed);
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    ll_row_text(row, "date", text);
}

void ll_run_info_add_waiting(ll_row *row, double share) {
    for (size_t i = 0; i < row->schema->count; i++)
        if (strcmp(row->schema->columns[i], "placement") == 0) {
            char text[LL_CSV_CELL];
            snprintf(text, sizeof text, "%.200s; decode waits %.1f %%", row->cell[i], 100 * share);
            ll_row_text(row, "placement", text);
        }
}
