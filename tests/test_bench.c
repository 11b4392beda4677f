/* The benches with a Google Benchmark of our own, which runs a case once: every operation of every ISA is there, counts
 * something, and is refused where its kernel is wrong. And what a comparison calls slower. */
#include "bench.h"
#include "test.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the stand-in ---- */
typedef struct {
    char *name;
    ll_gbench_run *run;
    void *argument;
} registered;
static registered *list;
static size_t count;

struct ll_gbench_state {
    size_t iterations, times, counters;
    bool finite;
    const char *refused;
};

void ll_gbench_register(const char *name, ll_gbench_run *run, void *argument) {
    list = realloc(list, (count + 1) * sizeof *list);
    list[count++] = (registered){strdup(name), run, argument};
}
bool ll_gbench_next(ll_gbench_state *state, size_t runs) {
    state->finite &= runs > 0;
    return state->iterations++ < 1;
}
void ll_gbench_time(ll_gbench_state *state, double seconds) {
    state->times++;
    state->finite &= seconds > 0 && isfinite(seconds);
}
void ll_gbench_counter(ll_gbench_state *state, const char *name, double value) {
    (void)name;
    state->counters++;
    state->finite &= value > 0 && isfinite(value);
}
void ll_gbench_refuse(ll_gbench_state *state, const char *why) {
    state->refused = why;
}

/* ---- cases ---- */
static void setup_list(void) {
    ll_machine machine;
    ll_error error = {{0}};
    if (count)
        return;
    CHECK(ll_machine_probe(&machine, "", &error) == LL_OK);
    machine.threads = 2;
    CHECK(bench_register(NULL, true, &machine));
}

/* The first case whose name begins with prefix and holds all of part and other; NULL: none. */
static const registered *find(const char *prefix, const char *part, const char *other) {
    for (size_t i = 0; i < count; i++)
        if (strncmp(list[i].name, prefix, strlen(prefix)) == 0 && strstr(list[i].name, part) &&
            strstr(list[i].name, other))
            return &list[i];
    return NULL;
}

static void test_names(void) {
    setup_list();
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (strcmp(list[i].name, list[k].name) == 0)
                ll_test_fail(__FILE__, __LINE__, "two cases are called %s", list[i].name);
    ll_machine machine = {.threads = 1};
    CHECK(!bench_register("smollm2-135m,no-such-model", true, &machine));
}

/* The smallest case of an operation on an ISA. */
static void run_one(ll_op op, const char *isa) {
    char prefix[128];
    snprintf(prefix, sizeof prefix, "%s/%s/", ll_op_name(op), isa);
    const registered *one = find(prefix, "smollm2-135m", "m:1/");
    one = one ? one : find(prefix, "", "");
    if (!one) {
        ll_test_fail(__FILE__, __LINE__, "no case of %s", prefix);
        return;
    }
    ll_gbench_state state = {.finite = true};
    one->run(&state, one->argument);
    CHECK_MSG(!state.refused, "%s: %s", one->name, state.refused);
    CHECK_MSG(state.times == 1 && state.counters > 0 && state.finite, "%s: %zu times, %zu counters",
              one->name, state.times, state.counters);
}

static void test_every_operation(void) {
    setup_list();
    const uint64_t features = ll_cpu_features();
    for (size_t i = 0; ll_isa_name(i); i++)
        for (int op = 0; ll_isa_supported(i, features) && op < LL_OP_COUNT; op++)
            run_one((ll_op)op, ll_isa_name(i));
    run_one(LL_OP_MATMUL_I8, "onednn");
}

/* ---- wrong kernels ---- */
static ll_kernels right;

static void wrong_matmul(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                         size_t n0, size_t n1) {
    right.matmul_i8(y, ldy, x, m0, m1, w, n0, n1);
    y[(m1 - 1) * ldy + n1 - 1] += 1;
}
static void wrong_scaled(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n) {
    right.add_scaled_i32(y, sum, x_scale, w_scale, n);
    y[n - 1] += 1;
}
static void wrong_attention(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                            size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                            void *scratch) {
    right.attention(out, ldo, q, ldq, kv, pos0, rows, heads, h0, h1, 2 * scale, window, scratch);
}
static void wrong_quantize(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    right.quantize(out, x, ldx, r0, r1);
    out->q[out->k - 1] ^= 1;
}

/* Puts the wrong kernel into a copy of a real case. */
static void check_refused(const char *op, void (*plant)(ll_kernels *table)) {
    char prefix[64];
    setup_list();
    snprintf(prefix, sizeof prefix, "%s/", op);
    const registered *one = find(prefix, "smollm2-135m", "m:1/");
    REQUIRE(one);
    bench_case wrong = *(const bench_case *)one->argument;
    right = wrong.kernels;
    plant(&wrong.kernels);
    ll_gbench_state state = {.finite = true};
    bench_case_run(&state, &wrong);
    CHECK_MSG(state.refused && strstr(state.refused, "differs from the reference"), "%s was timed", op);
    CHECK(state.times == 0);
}
static void plant_matmul(ll_kernels *table) {
    table->matmul_i8 = wrong_matmul;
}
static void plant_scaled(ll_kernels *table) {
    table->add_scaled_i32 = wrong_scaled;
}
static void plant_attention(ll_kernels *table) {
    table->attention = wrong_attention;
}
static void plant_quantize(ll_kernels *table) {
    table->quantize = wrong_quantize;
}

static void test_wrong(void) {
    check_refused(ll_op_name(LL_OP_MATMUL_I8), plant_matmul);
    check_refused("matmul_i8/onednn", plant_scaled);
    check_refused(ll_op_name(LL_OP_ATTENTION), plant_attention);
    check_refused(ll_op_name(LL_OP_QUANTIZE), plant_quantize);
}

/* ---- comparing ---- */
typedef struct {
    const char *name;
    double base, step; /* the repetitions: base, base + step, ... */
} made;

static void write_results(const char *file, const made *cases, size_t n) {
    char path[512], text[8192] = "{\"benchmarks\": [";
    for (size_t i = 0; i < n; i++)
        for (int r = 0; r < 5; r++)
            snprintf(
                text + strlen(text), sizeof text - strlen(text),
                "%s{\"name\": \"x\", \"run_name\": \"%s\", \"run_type\": \"iteration\", \"real_time\": %g, "
                "\"time_unit\": \"us\"}",
                i + (size_t)r ? ", " : "", cases[i].name, cases[i].base + r * cases[i].step);
    strcat(text, "]}");
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), file);
    ll_test_write(path, text, strlen(text));
}

static int compare(const char *a, const char *b) {
    char from[512], to[512];
    snprintf(from, sizeof from, "%s/%s", ll_test_folder(), a);
    snprintf(to, sizeof to, "%s/%s", ll_test_folder(), b);
    return bench_compare(from, to);
}

static void test_compare(void) {
    const made base[] = {{"one", 100, 0.1}, {"two", 50, 0.1}},
               same[] = {{"one", 101, 0.1}, {"two", 49.5, 0.1}},
               slow[] = {{"one", 120, 0.1}, {"two", 50, 0.1}}, fast[] = {{"one", 80, 0.1}, {"two", 50, 0.1}},
               noisy[] = {{"one", 90, 15}, {"two", 50, 0.1}}, other[] = {{"three", 1, 0}};
    write_results("base.json", base, 2);
    write_results("same.json", same, 2);
    write_results("slow.json", slow, 2);
    write_results("fast.json", fast, 2);
    write_results("noisy.json", noisy, 2); /* median 120, its quartiles 30 apart */
    write_results("other.json", other, 1);
    write_results("part.json", base, 1);
    CHECK(compare("base.json", "base.json") == 0);
    CHECK(compare("base.json", "same.json") == 0);
    CHECK(compare("base.json", "slow.json") == 1);
    CHECK(compare("slow.json", "base.json") == 0);
    CHECK(compare("base.json", "fast.json") == 0);
    CHECK(compare("base.json", "noisy.json") == 0);
    CHECK(compare("base.json", "part.json") == 0);
    CHECK(compare("base.json", "other.json") == 1); /* nothing to compare is no success */
}

static void test_broken(void) {
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"benchmarks\": 3}",
        "{\"benchmarks\": [{}]}",
        "{\"benchmarks\": [{\"run_name\": \"a\", \"run_type\": \"iteration\"}]}",
        "{\"benchmarks\": [{\"run_name\": \"a\", \"run_type\": \"iteration\", \"real_time\": -1, "
        "\"time_unit\": \"us\"}]}",
        "{\"benchmarks\": [{\"run_name\": \"a\", \"run_type\": \"iteration\", \"real_time\": 1, "
        "\"time_unit\": \"year\"}]}",
        "{\"benchmarks\": [{\"run_name\": \"a\", \"run_type\": \"iteration\", \"real_time\": 1e999, "
        "\"time_unit\": \"us\"}]}"};
    const made base[] = {{"a", 1, 0}};
    char path[512];
    write_results("base.json", base, 1);
    snprintf(path, sizeof path, "%s/broken.json", ll_test_folder());
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ll_test_write(path, texts[i], strlen(texts[i]));
        CHECK_MSG(compare("base.json", "broken.json") == LL_BAD_INPUT, "text %zu", i);
        CHECK_MSG(compare("broken.json", "base.json") == LL_BAD_INPUT, "text %zu", i);
    }
    CHECK(compare("base.json", "nowhere.json") == LL_BAD_INPUT);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("bench/no two cases of one name, unknown models refused", test_names);
    ll_test_run("bench/every operation of every ISA has a case that counts", test_every_operation);
    ll_test_run("bench/wrong kernels are not timed", test_wrong);
    ll_test_run("bench/slower is beyond the noise of both", test_compare);
    ll_test_run("bench/results that cannot be read", test_broken);
    return ll_test_end();
}
