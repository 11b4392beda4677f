#include "check.h"
#include <string.h>

typedef struct {
    size_t m, n, k;
    check_fill x, w;
} matmul_case;

static ll_packed pack(const ll_kernels *table, const matmul_case *c, const float *w) {
    void *const data = check_bytes("packed weights", table->packed_f32_bytes(c->n, c->k));
    table->pack_f32(data, c->n, c->k, 0, c->n, w);
    return (ll_packed){.data = data, .n = c->n, .k = c->k};
}

static void check_pack_by_panel(const ll_kernels *isa, const ll_packed *whole, const float *w) {
    const size_t bytes = isa->packed_f32_bytes(whole->n, whole->k);
    void *const data = check_bytes("weights packed by panel", bytes);
    for (size_t n0 = (whole->n - 1) / LL_PANEL * LL_PANEL + LL_PANEL; n0 >= LL_PANEL;) {
        n0 -= LL_PANEL;
        isa->pack_f32(data, whole->n, whole->k, n0, n0 + LL_PANEL < whole->n ? n0 + LL_PANEL : whole->n,
                      w + n0 * whole->k);
    }
    CHECK_THAT(memcmp(data, whole->data, bytes) == 0,
               "panels packed one by one differ from the whole packed at once");
}

static void run_tile(const ll_kernels *isa, const float *x, size_t ldx, const ll_packed *w,
                     const float *expected, check_shape shape, check_tile tile) {
    float *const y = check_floats("y", check_cells(shape));
    isa->matmul_f32(y, shape.ld, x, ldx, tile.m0, tile.m1, w, tile.n0, tile.n1);
    check_same(y, expected, shape, tile);
}

static void run_case(const ll_kernels *ref, const ll_kernels *isa, const matmul_case *c) {
    check_case("m %zu n %zu k %zu, x %s, w %s", c->m, c->n, c->k, check_fill_name(c->x),
               check_fill_name(c->w));
    const check_shape shape = {c->m, c->n, c->n + check_below(3)}, in = {c->m, c->k, c->k + check_below(3)};
    float *const x = check_floats("x", check_cells(in)), *const w = check_floats("w", c->n * c->k);
    for (size_t r = 0; r < c->m; r++)
        check_fill_floats(x + r * in.ld, c->k, c->x);
    check_fill_floats(w, c->n * c->k, c->w);
    const ll_packed ref_w = pack(ref, c, w), isa_w = pack(isa, c, w);
    check_pack_by_panel(isa, &isa_w, w);
    float *const expected = check_floats("expected", check_cells(shape));
    ref->matmul_f32(expected, shape.ld, x, in.ld, 0, c->m, &ref_w, 0, c->n);
    const size_t row = check_below(c->m), first = check_below((c->n + LL_PANEL - 1) / LL_PANEL) * LL_PANEL;
    run_tile(isa, x, in.ld, &isa_w, expected, shape, (check_tile){0, c->m, 0, c->n});
    run_tile(isa, x, in.ld, &isa_w, expected, shape, (check_tile){row, row + 1, 0, c->n});
    run_tile(isa, x, in.ld, &isa_w, expected, shape, (check_tile){row, c->m, first, c->n});
    run_tile(isa, x, in.ld, &isa_w, expected, shape, (check_tile){0, c->m, first, first});
}

static void run_sizes(const ll_kernels *ref, const ll_kernels *isa, const size_t *ms, const size_t *ns,
                      const size_t *ks) {
    size_t turn = check_below(FILL_COUNT);
    for (const size_t *m = ms; *m; m++)
        for (const size_t *n = ns; *n; n++)
            for (const size_t *k = ks; *k; k++, turn++)
                run_case(ref, isa,
                         &(matmul_case){*m, *n, *k, (check_fill)(turn % FILL_COUNT),
                                        (check_fill)(turn / FILL_COUNT % FILL_COUNT)});
}

/* The last panel of a real matrix. */
static void run_real_shape(const char *name, size_t n, size_t k, const ll_kernels *ref,
                           const ll_kernels *isa) {
    const size_t n0 = (n - 1) / LL_PANEL * LL_PANEL;
    const ll_kernels *const tables[] = {ref, isa};
    check_case("%s: last panel of n %zu k %zu", name, n, k);
    float *const x = check_floats("x", k), *const w = check_floats("w", (n - n0) * k);
    check_fill_floats(x, k, FILL_RANDOM);
    check_fill_floats(w, (n - n0) * k, FILL_RANDOM);
    float *y[2];
    for (int t = 0; t < 2; t++) {
        void *const data = check_bytes_untouched("packed weights", tables[t]->packed_f32_bytes(n, k));
        tables[t]->pack_f32(data, n, k, n0, n, w);
        const ll_packed packed = {.data = data, .n = n, .k = k};
        y[t] = check_floats("y", n);
        tables[t]->matmul_f32(y[t], n, x, k, 0, 1, &packed, n0, n);
    }
    check_same(y[1], y[0], (check_shape){1, n, n}, (check_tile){0, 1, n0, n});
}

void check_matmul_f32(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t all_m[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 23, 65, 0};
    static const size_t all_n[] = {1, 2, 15, 16, 17, 31, 33, 47, 49, 63, 64, 65, 80, 127, 128, 129, 0};
    static const size_t few_m[] = {1, 2, 7, 0}, few_n[] = {61, 67, 0}, few_k[] = {5, 67, 0};
    static const size_t all_k[] = {1,  2,  3,  4,  5,  6,  7,  8,   9,   11,  13,  15,  16,  17,  23,  31,
                                   32, 33, 47, 63, 64, 65, 97, 127, 128, 129, 255, 256, 257, 511, 576, 0};
    run_sizes(ref, isa, all_m, all_n, few_k);
    run_sizes(ref, isa, few_m, few_n, all_k);
    check_each_shape(run_real_shape, ref, isa);
}
