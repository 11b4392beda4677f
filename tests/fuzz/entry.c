/* A target as a libFuzzer program; -DLL_FUZZ_TARGET=gguf says which. Built by clang alone. libFuzzer's own limits of
 * memory count megabytes and the process; this one counts what each input may justify. */
#include "fuzz.h"

#include <sanitizer/allocator_interface.h>
#include <sanitizer/common_interface_defs.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

enum {
#define LL_FUZZ_LIMITS(name, kilobytes, times) KILOBYTES_##name = kilobytes, TIMES_##name = times,
    LL_FUZZ_TARGETS(LL_FUZZ_LIMITS)
#undef LL_FUZZ_LIMITS
};

/* Bytes that the input holds, and may hold; a limit of 0: no input is running. Of its thread: libFuzzer's own, which
 * watches the process's memory, frees what it had before the input came. */
static _Thread_local size_t held, limit;

static void on_malloc(const volatile void *data, size_t bytes) {
    (void)data;
    if (!limit)
        return;
    if (bytes > limit || (held += bytes) > limit) {
        const size_t allowed = limit, before = held;
        limit = 0; /* the report may allocate */
        __sanitizer_print_stack_trace();
        ll_fuzz_fault("an allocation of %zu bytes makes %zu, the input justifies %zu", bytes, before,
                      allowed);
    }
}

static void on_free(const volatile void *data) {
    if (limit && data)
        held -= __sanitizer_get_allocated_size(data);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    if (!__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free))
        ll_fuzz_fault("allocations cannot be counted");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
    held = 0;
    limit = JOIN(KILOBYTES_, LL_FUZZ_TARGET) * (size_t)1024 + JOIN(TIMES_, LL_FUZZ_TARGET) * length;
    JOIN(ll_fuzz_, LL_FUZZ_TARGET)(data, length);
    limit = 0;
    return 0;
}
