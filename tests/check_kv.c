#include "check_kv.h"
#include "check.h"
#include <stdio.h>
#include <string.h>

const char *check_kv_name(ll_kv_type type) {
    return type == LL_KV_BF16 ? "bf16" : "f32";
}

ll_kv check_kv_make(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim) {
    const size_t bytes = ll_kv_bytes(type, capacity, kv_heads, head_dim);
    return (ll_kv){check_bytes("K cache", bytes),
                   check_bytes("V cache", bytes),
                   capacity,
                   kv_heads,
                   head_dim,
                   type,
                   NULL,
                   NULL};
}

typedef struct {
    ll_kv_type type;
    size_t capacity, kv_heads, head_dim, pos0, rows;
    check_fill fill;
} store_case;

static void run_store(const ll_kernels *ref, const ll_kernels *isa, const store_case *c) {
    check_case("%s, capacity %zu, %zu heads of %zu, %zu rows at %zu, %s", check_kv_name(c->type), c->capacity,
               c->kv_heads, c->head_dim, c->rows, c->pos0, check_fill_name(c->fill));
    const size_t width = c->kv_heads * c->head_dim;
    const check_shape k_shape = {c->rows, width, width + check_below(3)},
                      v_shape = {c->rows, width, width + check_below(3)};
    float *const k = check_floats("k", check_cells(k_shape)), *const v =
                                                                  check_floats("v", check_cells(v_shape));
    for (size_t r = 0; r < c->rows; r++) {
        check_fill_floats(k + r * k_shape.ld, width, c->fill);
        check_fill_floats(v + r * v_shape.ld, width, c->fill);
    }
    const ll_kv expected = check_kv_make(c->type, c->capacity, c->kv_heads, c->head_dim);
    const ll_kv got = check_kv_make(c->type, c->capacity, c->kv_heads, c->head_dim);
    ref->kv_store(&expected, c->pos0, c->rows, k, k_shape.ld, v, v_shape.ld);
    isa->kv_store(&got, c->pos0, c->rows, k, k_shape.ld, v, v_shape.ld);
    const size_t bytes = ll_kv_bytes(c->type, c->capacity, c->kv_heads, c->head_dim);
    CHECK_THAT(memcmp(got.k, expected.k, bytes) == 0, "the K cache differs from ref's");
    CHECK_THAT(memcmp(got.v, expected.v, bytes) == 0, "the V cache differs from ref's");
}

void check_kv_store(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t dims[] = {2, 4, 6, 10, 16, 18, 30, 32, 34, 64, 66, 80, 96, 128};
    static const size_t heads[] = {1, 2, 3};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t h = 0; h < 3; h++)
            for (int fill = 0; fill < FILL_COUNT; fill++) {
                const size_t capacity = LL_KV_BLOCK * (1 + check_below(4)), pos0 = check_below(capacity);
                const size_t rows = check_below(capacity - pos0 + 1);
                run_store(
                    ref, isa,
                    &(store_case){LL_KV_BF16, capacity, heads[h], dims[d], pos0, rows, (check_fill)fill});
                run_store(
                    ref, isa,
                    &(store_case){LL_KV_F32, capacity, heads[h], dims[d], pos0, rows, (check_fill)fill});
            }
}
