#include "bf16.h"
#include "check.h"
#include "check_kv.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How the scores run over the positions. RISING: each block has a larger maximum than all before it, so that
 * every sum so far must be rescaled; FALLING: none has; SHARP: a few positions outweigh all others. */
typedef enum {
    SCORES_RANDOM,
    SCORES_SHARP,
    SCORES_RISING,
    SCORES_FALLING,
    SCORES_EQUAL,
    SCORES_COUNT
} score_kind;

typedef struct {
    ll_kv_type type;
    size_t kv_heads, share, head_dim; /* share: query heads that read one KV head */
    size_t pos0, rows;
    score_kind scores;
    bool later; /* positions after the last row hold large values, as in a cache that was used before */
} attention_case;

typedef struct {
    ll_kv kv;
    float *q, *k, *v; /* k, v: the stored values, row-major */
    check_shape q_shape, out_shape;
    size_t kv_width, heads;
    float scale;
} attention_data;

static const char *score_name(score_kind kind) {
    static const char *const names[SCORES_COUNT] = {"random", "sharp", "rising", "falling", "equal"};
    return names[kind];
}

static float stored(ll_kv_type type, double value) {
    return type == LL_KV_BF16 ? ll_bf16_to_f32(ll_bf16_from_f32((float)value)) : (float)value;
}

/* One element of K at position pos; q is 1 everywhere for RISING and FALLING, so the score is head_dim times
 * this. */
static double k_element(const attention_case *c, size_t pos) {
    const double step =
        0.75 / sqrt((double)c->head_dim); /* 0.75 a position after scale = 1 / sqrt(head_dim) */
    switch (c->scores) {
    case SCORES_RISING:
        return step * (double)pos;
    case SCORES_FALLING:
        return -step * (double)pos;
    case SCORES_EQUAL:
        return 0.5;
    case SCORES_SHARP:
        return check_between(-12, 12);
    default:
        return check_between(-2, 2);
    }
}

static void fill_cache(const attention_case *c, attention_data *data, const ll_kernels *ref) {
    const size_t used = c->pos0 + c->rows, stored_rows = c->later ? data->kv.capacity : used;
    data->k = check_floats("k", stored_rows * data->kv_width);
    data->v = check_floats("v", stored_rows * data->kv_width);
    for (size_t i = 0; i < stored_rows * data->kv_width; i++) {
        const size_t pos = i / data->kv_width;
        data->k[i] = stored(c->type, pos < used ? k_element(c, pos) : 1e30);
        data->v[i] = stored(c->type, pos < used ? check_between(-3, 3) : 1e30);
    }
    const size_t bytes = ll_kv_bytes(c->type, data->kv.capacity, c->kv_heads, c->head_dim);
    memset(data->kv.k, 0, bytes);
    memset(data->kv.v, 0, bytes);
    ref->kv_store(&data->kv, 0, stored_rows, data->k, data->kv_width, data->v, data->kv_width);
}

static attention_data make_data(const attention_case *c, const ll_kernels *ref) {
    const size_t heads = c->kv_heads * c->share, width = heads * c->head_dim, used = c->pos0 + c->rows;
    const size_t capacity = (used + check_below(2 * LL_KV_BLOCK) + LL_KV_BLOCK) / LL_KV_BLOCK * LL_KV_BLOCK;
    attention_data data = {.kv = check_kv_make(c->type, capacity, c->kv_heads, c->head_dim),
                           .q_shape = {c->rows, width, width + check_below(3)},
                           .out_shape = {c->rows, width, width + check_below(3)},
                           .kv_width = c->kv_heads * c->head_dim,
                           .heads = heads,
                           .scale = (float)(1 / sqrt((double)c->head_dim))};
    const bool ones = c->scores == SCORES_RISING || c->scores == SCORES_FALLING;
    data.q = check_floats("q", check_cells(data.q_shape));
    for (size_t r = 0; r < c->rows; r++)
        for (size_t i = 0; i < width; i++)
            data.q[r * data.q_shape.ld + i] = ones ? 1.0f : (float)check_between(-2, 2);
    fill_cache(c, &data, ref);
    return data;
}

/* The contract's bound for query head h of row r. */
static double bound_of(const attention_case *c, const attention_data *data, size_t r, size_t h) {
    const size_t positions = c->pos0 + r + 1, kv_head = h / c->share;
    const float *const q = data->q + r * data->q_shape.ld + h * c->head_dim;
    double most_score = 0, most_v = 0;
    for (size_t j = 0; j < positions; j++) {
        const size_t at = j * data->kv_width + kv_head * c->head_dim;
        double score = 0;
        for (size_t d = 0; d < c->head_dim; d++) {
            score += fabs((double)q[d] * (double)data->k[at + d]);
            most_v = fmax(most_v, fabs((double)data->v[at + d]));
        }
        most_score = fmax(most_score, score * (double)data->scale);
    }
    return (double)(c->head_dim + positions + 64) * 0x1p-23 * (1 + most_score) * most_v;
}

static float *attend(const ll_kernels *table, const attention_data *data, check_tile rows_and_heads,
                     size_t pos0, const char *name) {
    const size_t r0 = rows_and_heads.m0, width = data->out_shape.ld;
    float *const out = check_floats(name, check_cells(data->out_shape));
    void *const scratch = check_bytes("scratch", table->attention_scratch_bytes(&data->kv, data->heads));
    table->attention(out + r0 * width, width, data->q + r0 * data->q_shape.ld, data->q_shape.ld, &data->kv,
                     pos0 + r0, rows_and_heads.m1 - r0, data->heads, rows_and_heads.n0, rows_and_heads.n1,
                     data->scale, 0, scratch);
    return out;
}

static void compare_with_ref(const attention_case *c, const attention_data *data, const float *got,
                             const float *expected) {
    for (size_t r = 0; r < c->rows; r++)
        for (size_t h = 0; h < data->heads; h++) {
            const double bound = bound_of(c, data, r, h);
            for (size_t d = 0; d < c->head_dim; d++) {
                const size_t at = r * data->out_shape.ld + h * c->head_dim + d;
                const double error = fabs((double)got[at] - (double)expected[at]);
                CHECK_THAT(error <= bound,
                           "row %zu head %zu: out[%zu] is %g, ref has %g: error %.3g, bound %.3g", r, h, d,
                           (double)got[at], (double)expected[at], error, bound);
            }
        }
}

static void run_case(const ll_kernels *ref, const ll_kernels *isa, const attention_case *c) {
    check_case("%s, %zu KV heads for %zu heads of %zu, %zu rows at %zu, %s scores%s", check_kv_name(c->type),
               c->kv_heads, c->kv_heads * c->share, c->head_dim, c->rows, c->pos0, score_name(c->scores),
               c->later ? ", later positions used" : "");
    const attention_data data = make_data(c, ref);
    const check_tile all = {0, c->rows, 0, c->kv_heads};
    const float *const expected = attend(ref, &data, all, c->pos0, "expected");
    const float *const got = attend(isa, &data, all, c->pos0, "out");
    compare_with_ref(c, &data, got, expected);
    const size_t head_columns = c->share * c->head_dim;
    check_same(got, got, data.out_shape, (check_tile){0, c->rows, 0, c->kv_heads * head_columns});

    /* A row alone, and a KV head alone, give the bits they have among others; all other cells stay untouched.
     */
    const size_t row = check_below(c->rows), head = check_below(c->kv_heads);
    const check_tile part = {row, row + 1, head, head + 1};
    check_same(attend(isa, &data, part, c->pos0, "out"), got, data.out_shape,
               (check_tile){row, row + 1, head * head_columns, (head + 1) * head_columns});
    const check_tile half = {row, c->rows, 0, head};
    check_same(attend(isa, &data, half, c->pos0, "out"), got, data.out_shape,
               (check_tile){row, c->rows, 0, head * head_columns});
}

void check_attention(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t heads[][2] = {{1, 1}, {3, 3}, {2, 4}, {4, 1}, {2, 8}, {1, 5}};
    static const size_t dims[] = {2, 6, 10, 16, 30, 32, 34, 64, 80, 96, 128};
    static const size_t starts[] = {0, 1, 14, 15, 16, 17, 31, 47, 63, 64, 65, 127, 128, 200};
    static const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
            const size_t *const h = heads[check_below(6)];
            attention_case c = {LL_KV_BF16, h[0],      h[1],          dims[check_below(11)],
                                starts[s],  counts[n], SCORES_RANDOM, check_below(2) == 0};
            c.scores = (score_kind)check_below(SCORES_COUNT);
            run_case(ref, isa, &c);
            c.type = LL_KV_F32;
            run_case(ref, isa, &c);
        }
    for (int scores = 0; scores < SCORES_COUNT; scores++) { /* many tiles of queries and positions */
        run_case(ref, isa, &(attention_case){LL_KV_BF16, 3, 3, 64, 1, 131, (score_kind)scores, true});
        run_case(ref, isa, &(attention_case){LL_KV_F32, 1, 4, 64, 1000, 2, (score_kind)scores, true});
        run_case(ref, isa, &(attention_case){LL_KV_BF16, 2, 4, 128, 700, 3, (score_kind)scores, false});
    }
}
