/* Memory, data and checks of the problems that are timed. */
#include "bench.h"
#include "sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *problem_take(problem *p, size_t bytes) {
    void *at = p->memory ? (char *)p->memory + p->used : NULL;
    p->used += (bytes + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
    return at;
}

void problem_take_act(problem *p) {
    const sizes *s = &p->s;
    const size_t group = s->group ? s->group : s->k;
    void *at = problem_take(p, ll_act_bytes(s->rows, s->k, group));
    if (at)
        p->act = ll_act_place(at, s->rows, s->k, group);
}

bool problem_lay_out(problem *p, void (*lay_out)(problem *p)) {
    const size_t HUGE_PAGE = (size_t)2 << 20;
    lay_out(p);
    p->capacity = (p->used + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    p->memory = aligned_alloc(HUGE_PAGE, p->capacity);
    if (!p->memory)
        return false;
    madvise(p->memory, p->capacity, MADV_HUGEPAGE); /* where the system has none, small ones do */
    memset(p->memory, 0, p->capacity);
    p->used = 0;
    lay_out(p);
    return true;
}

void problem_free(problem *p) {
    ll_matmul_destroy(p->matmul);
    free(p->memory);
    p->matmul = NULL;
    p->memory = NULL;
}

void problem_fill(problem *p, float *x, size_t count) {
    ll_random random = {++p->seed};
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(2 * ll_random_unit(&random) - 1);
}

size_t problem_share(size_t total, size_t thread, size_t threads, size_t unit) {
    const size_t at = (total + unit - 1) / unit * thread / threads * unit;
    return at < total ? at : total;
}

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The sizes that decide what a kernel does with a row, few rows and columns of it: whole tiles and tails. */
static sizes small(const sizes *s) {
    sizes small = *s;
    small.rows = min(s->rows, 9);
    small.n = min(s->n, 2 * LL_PANEL + 5);
    small.pos0 = min(s->pos0, 130);
    return small;
}

static bool same(const float *got, const float *expected, size_t count, double bound) {
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)got[i] - (double)expected[i]) <= bound))
            return false;
    return true;
}

static bool agree(const operation *op, const problem *got, const problem *expected) {
    const void *a, *b;
    const size_t bytes = op->result(got, &a);
    op->result(expected, &b);
    if (op->bound)
        return same(a, b, bytes / sizeof(float), op->bound(got));
    return memcmp(a, b, bytes) == 0;
}

const char *problem_check(const operation *op, const ll_kernels *kernels, const sizes *s) {
    ll_kernels ref;
    if (ll_kernels_select(&ref, 0, ll_isa_name(0)) != LL_OK)
        return "the reference kernels are not there";
    problem tried = {.kernels = kernels, .s = small(s), .copies = 1, .threads = 1},
            expected = {.kernels = &ref, .s = small(s), .copies = 1, .threads = 1};
    const char *why = NULL;
    if (!op->setup(&tried) || !op->setup(&expected)) {
        why = "no memory for its check";
    } else {
        op->run(&tried, 0, 0, 1);
        op->run(&expected, 0, 0, 1);
        why = agree(op, &tried, &expected) ? NULL : "differs from the reference";
    }
    problem_free(&tried);
    problem_free(&expected);
    return why;
}
