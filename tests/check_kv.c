#include "check_kv.h"
#include "bf16.h"
#include "check.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *check_kv_name(ll_kv_type type) {
    static const char *const names[CHECK_KV_TYPES] = {"f32", "bf16", "int8"};
    return names[type];
}

ll_kv check_kv_make(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim) {
    const size_t bytes = ll_kv_bytes(type, capacity, kv_heads, head_dim);
    ll_kv kv = {.k = check_bytes("K cache", bytes),
                .v = check_bytes("V cache", bytes),
                .capacity = capacity,
                .kv_heads = kv_heads,
                .head_dim = head_dim,
                .type = type};
    if (type == LL_KV_I8) {
        kv.k_scale = check_floats("K scales", kv_heads * capacity);
        kv.v_scale = check_floats("V scales", kv_heads * capacity);
    }
    return kv;
}

void check_kv_zero(const ll_kv *kv) {
    const size_t bytes = ll_kv_bytes(kv->type, kv->capacity, kv->kv_heads, kv->head_dim);
    const size_t scale_bytes = ll_kv_scale_bytes(kv->type, kv->capacity, kv->kv_heads);
    memset(kv->k, 0, bytes);
    memset(kv->v, 0, bytes);
    if (scale_bytes) {
        memset(kv->k_scale, 0, scale_bytes);
        memset(kv->v_scale, 0, scale_bytes);
    }
}

void check_kv_stored(ll_kv_type type, float *stored, const float *x, size_t head_dim) {
    float amax = 0;
    for (size_t d = 0; d < head_dim; d++)
        amax = amax != amax || x[d] != x[d] ? NAN : fmaxf(amax, fabsf(x[d]));
    for (size_t d = 0; d < head_dim; d++) {
        if (type == LL_KV_F32)
            stored[d] = x[d];
        else if (type == LL_KV_BF16)
            stored[d] = ll_bf16_to_f32(ll_bf16_from_f32(x[d]));
        else
            stored[d] = amax == 0 ? 0 : rintf(x[d] * (127 / amax)) * (amax / 127);
    }
}

typedef struct {
    ll_kv_type type;
    size_t capacity, kv_heads, head_dim, pos0, rows;
    check_fill fill;
} store_case;

static void same_scales(const float *got, const float *expected, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        CHECK_THAT(check_untouched(got, i) == check_untouched(expected, i) &&
                       check_same_float(got[i], expected[i]),
                   "the %s scales differ from ref's: %zu is %a, ref has %a", name, i, (double)got[i],
                   (double)expected[i]);
}

static void same_cache(const ll_kv *got, const ll_kv *expected) {
    const size_t bytes = ll_kv_bytes(got->type, got->capacity, got->kv_heads, got->head_dim);
    CHECK_THAT(memcmp(got->k, expected->k, bytes) == 0, "the K cache differs from ref's");
    CHECK_THAT(memcmp(got->v, expected->v, bytes) == 0, "the V cache differs from ref's");
    if (got->type != LL_KV_I8)
        return;
    same_scales(got->k_scale, expected->k_scale, got->kv_heads * got->capacity, "K");
    same_scales(got->v_scale, expected->v_scale, got->kv_heads * got->capacity, "V");
}

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
    same_cache(&got, &expected);
}

void check_kv_store(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t dims[] = {2, 4, 6, 10, 16, 18, 30, 32, 34, 64, 66, 80, 96, 128};
    static const size_t heads[] = {1, 2, 3};
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (size_t h = 0; h < 3; h++)
            for (int fill = 0; fill < FILL_COUNT; fill++) {
                const size_t capacity = LL_KV_BLOCK * (1 + check_below(4)), pos0 = check_below(capacity);
                const size_t rows = check_below(capacity - pos0 + 1);
                for (int type = 0; type < CHECK_KV_TYPES; type++)
                    run_store(ref, isa,
                              &(store_case){(ll_kv_type)type, capacity, heads[h], dims[d], pos0, rows,
                                            (check_fill)fill});
            }
}
