#include "check.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    size_t m, n, k, group; /* group 0: one for the row */
    check_fill_i8_kind q, w;
} matmul_case;

/* Activations of the given data, with scales of which some are zero, and the sums that belong to them. */
static ll_act make_activations(const matmul_case *c) {
    const ll_act act = check_act_make(c->m, c->k, c->group);
    for (size_t r = 0; r < c->m; r++) {
        int8_t *const q = act.q + r * act.ld;
        check_fill_i8(q, act.k, c->q);
        for (size_t g = 0; g < act.groups; g++) {
            const size_t start = g * act.group, end = act.k - start < act.group ? act.k : start + act.group;
            const bool zero = check_below(9) == 0;
            int32_t sum = 0;
            if (zero)
                memset(q + start, 0, end - start);
            for (size_t i = start; i < end; i++)
                sum += q[i];
            act.sum[r * act.groups + g] = sum;
            act.scale[r * act.groups + g] = zero ? 0.0f : (float)check_between(0.001, 0.1);
        }
    }
    return act;
}

typedef struct {
    int8_t *w;
    float *scale;
    size_t columns;
} plain_weights;

/* Columns n0 to n1 of W, unpacked. */
static plain_weights make_weights(const matmul_case *c, size_t columns, const ll_act *act) {
    plain_weights plain = {check_i8("weights", columns * c->k),
                           check_floats("weight scales", columns * act->groups), columns};
    for (size_t j = 0; j < columns; j++)
        check_fill_i8(plain.w + j * c->k, c->k, c->w);
    for (size_t i = 0; i < columns * act->groups; i++)
        plain.scale[i] = check_below(9) == 0 ? 0.0f : (float)check_between(0.001, 0.1);
    return plain;
}

static ll_packed pack_whole(const ll_kernels *table, const matmul_case *c, const ll_act *act,
                            const plain_weights *plain) {
    void *const data = check_bytes("packed weights", table->packed_i8_bytes(c->n, c->k, act->group));
    table->pack_i8(data, c->n, c->k, act->group, 0, c->n, plain->w, plain->scale);
    return (ll_packed){.data = data, .n = c->n, .k = c->k, .group = act->group, .groups = act->groups};
}

/* Panels packed one by one, last first, must give the bytes of the whole packed at once. */
static void check_pack_by_panel(const ll_kernels *isa, const ll_packed *whole, const plain_weights *plain) {
    const size_t bytes = isa->packed_i8_bytes(whole->n, whole->k, whole->group);
    void *const data = check_bytes("weights packed by panel", bytes);
    for (size_t n0 = (whole->n - 1) / LL_PANEL * LL_PANEL + LL_PANEL; n0 >= LL_PANEL;) {
        n0 -= LL_PANEL;
        const size_t n1 = n0 + LL_PANEL < whole->n ? n0 + LL_PANEL : whole->n;
        isa->pack_i8(data, whole->n, whole->k, whole->group, n0, n1, plain->w + n0 * whole->k,
                     plain->scale + n0 * whole->groups);
    }
    CHECK_THAT(memcmp(data, whole->data, bytes) == 0,
               "panels packed one by one differ from the whole packed at once");
}

static void run_tile(const ll_kernels *isa, const ll_act *act, const ll_packed *w, const float *expected,
                     check_shape shape, check_tile tile) {
    float *const y = check_floats("y", check_cells(shape));
    isa->matmul_i8(y, shape.ld, act, tile.m0, tile.m1, w, tile.n0, tile.n1);
    check_same(y, expected, shape, tile);
}

/* A random tile: rows at will, columns from one panel's start to another's, or to n. */
static check_tile random_tile(size_t m, size_t n) {
    const size_t panels = (n + LL_PANEL - 1) / LL_PANEL, first = check_below(panels);
    const size_t last = first + check_below(panels - first + 1), m0 = check_below(m);
    return (check_tile){m0, m0 + check_below(m - m0 + 1), first * LL_PANEL,
                        last == panels ? n : last * LL_PANEL};
}

static void run_case(const ll_kernels *ref, const ll_kernels *isa, const matmul_case *c) {
    check_case("m %zu n %zu k %zu group %zu, q %s, w %s", c->m, c->n, c->k, c->group,
               check_fill_i8_name(c->q), check_fill_i8_name(c->w));
    const check_shape shape = {c->m, c->n, c->n + check_below(3)};
    const ll_act act = make_activations(c);
    const plain_weights plain = make_weights(c, c->n, &act);
    const ll_packed ref_w = pack_whole(ref, c, &act, &plain), w = pack_whole(isa, c, &act, &plain);
    check_pack_by_panel(isa, &w, &plain);
    float *const expected = check_floats("expected", check_cells(shape));
    ref->matmul_i8(expected, shape.ld, &act, 0, c->m, &ref_w, 0, c->n);
    run_tile(isa, &act, &w, expected, shape, (check_tile){0, c->m, 0, c->n});
    run_tile(isa, &act, &w, expected, shape, random_tile(c->m, c->n));
    const size_t row = check_below(c->m); /* a row alone gives the bits it has among others */
    run_tile(isa, &act, &w, expected, shape, (check_tile){row, row + 1, 0, c->n});
    run_tile(isa, &act, &w, expected, shape, (check_tile){row, row, 0, c->n});
}

/* A panel at the start, in the middle or at the end of a real matrix; the rest of the packed bytes is never
 * touched. */
static void run_real_panel(const ll_kernels *ref, const ll_kernels *isa, const matmul_case *c, size_t n0) {
    const size_t n1 = n0 + LL_PANEL < c->n ? n0 + LL_PANEL : c->n;
    const check_shape shape = {c->m, n1, n1};
    const ll_act act = make_activations(c);
    const plain_weights plain = make_weights(c, n1 - n0, &act);
    const ll_kernels *const tables[] = {ref, isa};
    float *y[2];
    for (int t = 0; t < 2; t++) {
        void *const data =
            check_bytes_untouched("packed weights", tables[t]->packed_i8_bytes(c->n, c->k, act.group));
        tables[t]->pack_i8(data, c->n, c->k, act.group, n0, n1, plain.w, plain.scale);
        const ll_packed w = {.data = data, .n = c->n, .k = c->k, .group = act.group, .groups = act.groups};
        y[t] = check_floats("y", check_cells(shape));
        tables[t]->matmul_i8(y[t], shape.ld, &act, 0, c->m, &w, n0, n1);
    }
    check_same(y[1], y[0], shape, (check_tile){0, c->m, n0, n1});
}

static void run_real_shape(const char *name, size_t n, size_t k, const ll_kernels *ref,
                           const ll_kernels *isa) {
    static const size_t groups[] = {128, 32, 0};
    const size_t panels = (n + LL_PANEL - 1) / LL_PANEL;
    const size_t starts[] = {0, check_below(panels) * LL_PANEL, (panels - 1) * LL_PANEL};
    for (size_t i = 0; i < 3; i++) {
        const matmul_case c = {1 + check_below(2), n, k, groups[i], I8_RANDOM, I8_RANDOM};
        check_case("%s: m %zu n %zu k %zu group %zu, panel at %zu", name, c.m, n, k, c.group, starts[i]);
        run_real_panel(ref, isa, &c, starts[i]);
    }
}

static void run_sizes(const ll_kernels *ref, const ll_kernels *isa, const size_t *ms, const size_t *ns,
                      const size_t *ks) {
    static const size_t groups[] = {0, 128, 32, 4};
    size_t turn = check_below(I8_COUNT * I8_COUNT);
    for (const size_t *m = ms; *m; m++)
        for (const size_t *n = ns; *n; n++)
            for (const size_t *k = ks; *k; k++, turn++)
                run_case(ref, isa,
                         &(matmul_case){*m, *n, *k, groups[check_below(4)],
                                        (check_fill_i8_kind)(turn % I8_COUNT),
                                        (check_fill_i8_kind)(turn / I8_COUNT % I8_COUNT)});
}

/* Groups longer than a kernel takes at a time, more than one of them, the last one short; more rows than it takes at a time. */
static void run_long_groups(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t lengths[] = {516, 768, 1024, 1500}, ms[] = {1, 2, 7, 95, 97, 103, 193};
    for (size_t g = 0; g < sizeof lengths / sizeof *lengths; g++)
        for (size_t i = 0; i < sizeof ms / sizeof *ms; i++)
            run_case(ref, isa,
                     &(matmul_case){ms[i], i % 2 ? 64 : 77, 2 * lengths[g] + 37 + g, lengths[g], I8_RANDOM,
                                    I8_RANDOM});
}

/* More rows, columns and groups than a kernel keeps in its caches at a time. */
static void run_large(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t groups[] = {0, 64, 96, 128, 1000};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        run_case(ref, isa, &(matmul_case){513 + g * 11, 325, 1097, groups[g], I8_RANDOM, I8_RANDOM});
    run_case(ref, isa, &(matmul_case){20, 70, 64 * 150, 64, I8_RANDOM, I8_RANDOM});
}

static void run_add_scaled(const ll_kernels *ref, const ll_kernels *isa, size_t n) {
    check_case("add_scaled_i32, n %zu", n);
    float *const y = check_floats("y", n), *const expected = check_floats("expected", n),
                 *const scale = check_floats("weight scales", n);
    int32_t *const sum = (int32_t *)(void *)check_floats("sums", n);
    check_fill_floats(y, n, FILL_RANDOM);
    check_fill_floats(scale, n, FILL_RANDOM);
    memcpy(expected, y, n * sizeof *y);
    for (size_t i = 0; i < n; i++) /* beyond 2^24 too, where the sum itself is rounded */
        sum[i] = (int32_t)check_below((size_t)1 << (1 + check_below(31))) - (1 << 29);
    const float x_scale = (float)check_between(0.001, 0.1);
    ref->add_scaled_i32(expected, sum, x_scale, scale, n);
    isa->add_scaled_i32(y, sum, x_scale, scale, n);
    check_same(y, expected, (check_shape){n ? 1 : 0, n, n}, (check_tile){0, 1, 0, n});
}

void check_matmul_i8(const ll_kernels *ref, const ll_kernels *isa) {
    /* Every k up to two steps of 64 bytes and around the group sizes; every m over two tiles; n around the
     * panel. */
    static const size_t all_m[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                   13, 16, 17, 23, 31, 32, 33, 49, 64, 65, 0};
    static const size_t all_n[] = {1, 2, 15, 16, 17, 31, 33, 47, 49, 63, 64, 65, 80, 127, 128, 129, 0};
    static const size_t few_m[] = {1, 2, 7, 0}, few_n[] = {61, 67, 0}, few_k[] = {4, 67, 193, 0};
    static const size_t long_k[] = {255, 256, 257, 383, 384, 385, 511, 513, 576, 1031, 0};
    size_t all_k[130];
    for (size_t n = 0; n < 130; n++)
        run_add_scaled(ref, isa, n);
    for (size_t k = 1; k < 130; k++)
        all_k[k - 1] = k;
    all_k[129] = 0;
    run_sizes(ref, isa, all_m, all_n, few_k);
    run_sizes(ref, isa, few_m, few_n, all_k);
    run_sizes(ref, isa, few_m, few_n, long_k);
    run_case(ref, isa,
             &(matmul_case){7, 65, 65536, 0, I8_HIGH, I8_HIGH}); /* the longest group, at the largest sums */
    run_case(ref, isa, &(matmul_case){7, 65, 65536, 0, I8_LOW, I8_HIGH});
    run_long_groups(ref, isa);
    run_large(ref, isa);
    check_each_shape(run_real_shape, ref, isa);
}
