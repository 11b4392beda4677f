/* Checks every operation of every ISA this CPU has against ref, and ref against a second version.
 *   check [part of a name]       LL_SEED=number repeats a run; LL_REQUIRE=isa,... turns a missing ISA into a
 * failure */
#include "check.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
    const char *program;
    uint64_t seed;
    ll_kernels ref, isa;
    check_body *body;
    char name[96];
} now; /* ll_test_run takes a function without arguments */

static void run_body(void) {
    const check_outcome outcome = check_run(now.body, &now.ref, &now.isa, now.seed);
    if (!outcome.failed)
        return;
    ll_test_fail(outcome.file, outcome.line, "%s", outcome.text);
    printf("  repeat: LL_SEED=%llu %s %s\n", (unsigned long long)now.seed, now.program, now.name);
}

static void run(const char *isa, const char *what, check_body *body) {
    now.body = body;
    snprintf(now.name, sizeof now.name, "%s/%s", isa, what);
    ll_test_run(now.name, run_body);
}

static void skip_isa(void) {
    ll_test_skip(now.name, "this CPU has not all of its features");
}

/* Only the operations that the ISA brings itself: the inherited ones were checked with their own. */
static void run_isa(const char *name) {
    for (int op = 0; op < LL_OP_COUNT; op++)
        if (strcmp(now.isa.isa[op], name) == 0)
            run(name, ll_op_name((ll_op)op), check_of((ll_op)op));
}

static void run_shared(void) {
    now.isa = now.ref;
    run("shared", "exp", check_exp);
    run("shared", "act", check_act);
    run("shared", "dispatch", check_dispatch);
    for (int op = 0; op < LL_OP_COUNT; op++)
        if (check_naive_of((ll_op)op))
            run("naive", ll_op_name((ll_op)op), check_naive_of((ll_op)op));
}

int main(int argc, char **argv) {
    const char *const seed = getenv("LL_SEED");
    now.program = argv[0];
    now.seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    ll_test_begin(argc, argv);
    printf("seed %llu\n", (unsigned long long)now.seed);
    const uint64_t features = ll_cpu_features();
    if (ll_kernels_select(&now.ref, features, ll_isa_name(0)) != LL_OK)
        return 1;
    run_shared();
    for (size_t i = 0; ll_isa_name(i); i++) {
        snprintf(now.name, sizeof now.name, "%s", ll_isa_name(i));
        if (!ll_isa_supported(i, features))
            ll_test_run(ll_isa_name(i), skip_isa);
        else if (ll_kernels_select(&now.isa, features, ll_isa_name(i)) == LL_OK)
            run_isa(ll_isa_name(i));
    }
    return ll_test_end();
}
