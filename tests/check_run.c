/* Runs one check: signals and the first failure end it, wherever it stands. */
#include "buf.h"
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct {
    sigjmp_buf end;
    check_outcome outcome;
    char name[512]; /* of the running case */
    ll_buf_side side;
    uint64_t random;
    struct sigaction old[3];
} run;

static const struct {
    int number;
    const char *name;
} fatal[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}};

void check_failed(const char *file, int line, const char *format, ...) {
    char what[480];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    run.outcome.failed = true;
    run.outcome.file = file;
    run.outcome.line = line;
    snprintf(run.outcome.text, sizeof run.outcome.text, "[%s] %s", run.name, what);
    siglongjmp(run.end, 1);
}

/* The kernel that raised the signal is abandoned: nothing it held outlives the case. */
static void on_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        if (fatal[i].number == number)
            check_failed(__FILE__, __LINE__, "%s: %s", fatal[i].name,
                         number == SIGILL ? "an instruction this CPU lacks" : ll_buf_explain(info->si_addr));
}

static void catch_signals(void) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i].number, &action, &run.old[i]);
}

static void restore_signals(void) {
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        sigaction(fatal[i].number, &run.old[i], NULL);
}

static void end_case(void) {
    const char *damage = ll_buf_damage();
    CHECK_THAT(!damage, "%s", damage);
    ll_buf_release_all();
}

void check_case(const char *format, ...) {
    end_case();
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(run.name, sizeof run.name, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof run.name)
        snprintf(run.name + used, sizeof run.name - (size_t)used, ", guard at the %s",
                 run.side == LL_BUF_AT_END ? "end" : "start");
}

check_outcome check_run(check_body *body, const ll_kernels *ref, const ll_kernels *isa, uint64_t seed) {
    memset(&run.outcome, 0, sizeof run.outcome);
    run.random = seed;
    strcpy(run.name, "before the first case");
    catch_signals();
    if (sigsetjmp(run.end, 1) == 0) {
        run.side = LL_BUF_AT_END;
        body(ref, isa);
        end_case();
        run.side = LL_BUF_AT_START;
        body(ref, isa);
        end_case();
    }
    restore_signals();
    ll_buf_release_all();
    return run.outcome;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t check_random(void) {
    run.random += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = run.random;
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

size_t check_below(size_t limit) {
    return (size_t)(check_random() % limit);
}

double check_between(double low, double high) {
    return low + (high - low) * ((double)(check_random() >> 11) * 0x1p-53);
}

void *check_bytes(const char *name, size_t bytes) {
    return ll_buf_make(name, bytes, LL_ALIGN, run.side, false);
}

void *check_bytes_untouched(const char *name, size_t bytes) {
    return ll_buf_make(name, bytes, LL_ALIGN, run.side, true);
}

float *check_floats(const char *name, size_t count) {
    return ll_buf_make(name, count * sizeof(float), sizeof(float), run.side, false);
}

int8_t *check_i8(const char *name, size_t count) {
    return ll_buf_make(name, count, 1, run.side, false);
}

check_body *check_of(ll_op op) {
    static check_body *const bodies[LL_OP_COUNT] = {
        [LL_OP_MATMUL_I8] = check_matmul_i8,         [LL_OP_MATMUL_F32] = check_matmul_f32,
        [LL_OP_QUANTIZE] = check_quantize,           [LL_OP_RMSNORM_I8] = check_rmsnorm_i8,
        [LL_OP_RMSNORM_F32] = check_rmsnorm_f32,     [LL_OP_SILU_MUL_I8] = check_silu_mul_i8,
        [LL_OP_SILU_MUL_F32] = check_silu_mul_f32,   [LL_OP_ADD_F32] = check_add_f32,
        [LL_OP_ROPE_F32] = check_rope_f32,           [LL_OP_KV_STORE] = check_kv_store,
        [LL_OP_ATTENTION] = check_attention,         [LL_OP_SOFTMAX_F32] = check_softmax_f32,
        [LL_OP_LOGSUMEXP_F32] = check_logsumexp_f32, [LL_OP_PEAK_I8] = check_peak_i8,
        [LL_OP_PEAK_F32] = check_peak_f32,           [LL_OP_READ_STREAM] = check_read_stream,
    };
    return bodies[op];
}

check_body *check_naive_of(ll_op op) {
    static check_body *const bodies[LL_OP_COUNT] = {
        [LL_OP_MATMUL_I8] = check_naive_matmul_i8,   [LL_OP_MATMUL_F32] = check_naive_matmul_f32,
        [LL_OP_QUANTIZE] = check_naive_quantize,     [LL_OP_RMSNORM_F32] = check_naive_rmsnorm,
        [LL_OP_SILU_MUL_F32] = check_naive_silu_mul, [LL_OP_ROPE_F32] = check_naive_rope_f32,
        [LL_OP_KV_STORE] = check_naive_kv_store,     [LL_OP_ATTENTION] = check_naive_attention,
    };
    return bodies[op];
}
