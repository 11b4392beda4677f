#include "check.h"
#include "check_kv.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How the scores run over the positions. RISING: each block has a larger maximum than all before it, so that
 * every sum so far must be rescaled; FALLING: none has; SHARP: a few positions outweigh all others; UNEVEN: some
 * positions are zero and some have one value far above their others, which int8 rounds to nothing. */
typedef enum {
    SCORES_RANDOM,
    SCORES_SHARP,
    SCORES_RISING,
    SCORES_FALLING,
    SCORES_EQUAL,
    SCORES_UNEVEN,
    SCORES_COUNT
} score_kind;

/* What positions hold that no row sees, before the first row's window and after the last row, as in a cache that was
 * used before. */
typedef enum { UNSEEN_NOTHING, UNSEEN_HUGE, UNSEEN_NAN, UNSEEN_COUNT } unseen_kind;

typedef struct {
    ll_kv_type type;
    size_t kv_heads, share, head_dim; /* share: query heads that read one KV head */
    size_t pos0, rows, window;
    score_kind scores;
    unseen_kind unseen;
} attention_case;

typedef struct {
    ll_kv kv;
    float *q, *k, *v; /* k, v: the stored values, row-major */
    check_shape q_shape, out_shape;
    size_t kv_width, heads;
    float scale;
    double rounding; /* 2^-9 where the kernel rounds q and weights to bf16, else 0 */
    bool rounded;    /* q is bf16 already */
} attention_data;

static const char *score_name(score_kind kind) {
    static const char *const names[SCORES_COUNT] = {"random",  "sharp", "rising",
                                                    "falling", "equal", "uneven"};
    return names[kind];
}

static const char *unseen_name(unseen_kind kind) {
    static const char *const names[UNSEEN_COUNT] = {"nothing", "huge values", "NaN"};
    return names[kind];
}

/* The first position that row r sees. */
static size_t first_seen(const attention_case *c, size_t r) {
    const size_t end = c->pos0 + r + 1;
    return c->window && c->window < end ? end - c->window : 0;
}

static double uneven(size_t pos, size_t d, size_t head_dim, double high) {
    if (pos % 3 == 0)
        return 0;
    return pos % 3 == 1 && d == pos % head_dim ? high : check_between(-2, 2);
}

/* One element of K at position pos; q is 1 everywhere for RISING and FALLING, so the score is head_dim times
 * this. */
static double k_element(const attention_case *c, size_t pos, size_t d) {
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
    case SCORES_UNEVEN:
        return uneven(pos, d, c->head_dim, 30);
    default:
        return check_between(-2, 2);
    }
}

static double v_element(const attention_case *c, size_t pos, size_t d) {
    return c->scores == SCORES_UNEVEN ? uneven(pos + 1, d, c->head_dim, -1e4) : check_between(-3, 3);
}

/* The given and the stored values of one position. */
static void fill_position(const attention_case *c, size_t pos, float *k, float *v) {
    const bool seen = pos >= first_seen(c, 0) && pos < c->pos0 + c->rows;
    const double other = c->unseen == UNSEEN_NAN ? (double)NAN : 1e30;
    for (size_t i = 0; i < c->kv_heads * c->head_dim; i++) {
        const size_t d = i % c->head_dim;
        k[i] = (float)(seen || c->unseen == UNSEEN_NOTHING ? k_element(c, pos, d) : other);
        v[i] = (float)(seen || c->unseen == UNSEEN_NOTHING ? v_element(c, pos, d) : other);
    }
}

static void fill_cache(const attention_case *c, attention_data *data, const ll_kernels *ref) {
    const size_t rows = c->unseen == UNSEEN_NOTHING ? c->pos0 + c->rows : data->kv.capacity;
    const size_t width = data->kv_width;
    data->k = check_floats("k", rows * width);
    data->v = check_floats("v", rows * width);
    for (size_t pos = 0; pos < rows; pos++)
        fill_position(c, pos, data->k + pos * width, data->v + pos * width);
    check_kv_zero(&data->kv);
    ref->kv_store(&data->kv, 0, rows, data->k, width, data->v, width);
    for (size_t i = 0; i < rows * width; i += c->head_dim) { /* from here on as stored */
        check_kv_stored(c->type, data->k + i, data->k + i, c->head_dim);
        check_kv_stored(c->type, data->v + i, data->v + i, c->head_dim);
    }
}

static attention_data make_data(const attention_case *c, const ll_kernels *ref, const ll_kernels *isa) {
    const size_t heads = c->kv_heads * c->share, width = heads * c->head_dim, used = c->pos0 + c->rows;
    const size_t spare = check_below(2) ? check_below(2 * LL_KV_BLOCK)
                                        : 0; /* often none: what is read past V is caught then */
    const size_t capacity = (used + spare + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK;
    attention_data data = {.kv = check_kv_make(c->type, capacity, c->kv_heads, c->head_dim),
                           .q_shape = {c->rows, width, width + check_below(3)},
                           .out_shape = {c->rows, width, width + check_below(3)},
                           .kv_width = c->kv_heads * c->head_dim,
                           .heads = heads,
                           .scale = (float)(1 / sqrt((double)c->head_dim)),
                           .rounding = c->type == LL_KV_BF16 && isa->attention_rounds ? 0x1p-9 : 0};
    const bool ones = c->scores == SCORES_RISING || c->scores == SCORES_FALLING;
    data.q = check_floats("q", check_cells(data.q_shape));
    for (size_t r = 0; r < c->rows; r++)
        for (size_t i = 0; i < width; i++)
            data.q[r * data.q_shape.ld + i] = ones ? 1.0f : (float)check_between(-2, 2);
    fill_cache(c, &data, ref);
    return data;
}

/* The contract's bound for query head h of row r. What rounding adds to it is of q, unless that is bf16 already, and of
 * weights, which are 1 if the scores are equal. */
static double bound_of(const attention_case *c, const attention_data *data, size_t r, size_t h) {
    const size_t first = first_seen(c, r), positions = c->pos0 + r + 1 - first, kv_head = h / c->share;
    const float *const q = data->q + r * data->q_shape.ld + h * c->head_dim;
    double most_score = 0, most_v = 0;
    for (size_t j = first; j < first + positions; j++) {
        const size_t at = j * data->kv_width + kv_head * c->head_dim;
        double score = 0;
        for (size_t d = 0; d < c->head_dim; d++) {
            score += fabs((double)q[d] * (double)data->k[at + d]);
            most_v = fmax(most_v, fabs((double)data->v[at + d]));
        }
        most_score = fmax(most_score, score * (double)data->scale);
    }
    const double rounded = c->scores == SCORES_EQUAL ? 0 : data->rounded ? 1 : 1 + most_score;
    const double steps = (double)(c->head_dim + positions + 64) * 0x1p-23;
    return (steps * (1 + most_score) + data->rounding * rounded) * most_v;
}

static float *attend(const ll_kernels *table, const attention_case *c, const attention_data *data,
                     check_tile rows_and_heads, const char *name) {
    const size_t r0 = rows_and_heads.m0, width = data->out_shape.ld;
    float *const out = check_floats(name, check_cells(data->out_shape));
    void *const scratch = check_bytes("scratch", table->attention_scratch_bytes(&data->kv, data->heads));
    table->attention(out + r0 * width, width, data->q + r0 * data->q_shape.ld, data->q_shape.ld, &data->kv,
                     c->pos0 + r0, rows_and_heads.m1 - r0, data->heads, rows_and_heads.n0, rows_and_heads.n1,
                     data->scale, c->window, scratch);
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
                CHECK_THAT(expected[at] != expected[at] ? got[at] != got[at] : error <= bound,
                           "row %zu head %zu: out[%zu] is %g, ref has %g: error %.3g, bound %.3g", r, h, d,
                           (double)got[at], (double)expected[at], error, bound);
            }
        }
}

static void name_case(const attention_case *c, const char *more) {
    check_case("%s, %zu KV heads for %zu heads of %zu, %zu rows at %zu, window %zu, %s scores, %s unseen%s",
               check_kv_name(c->type), c->kv_heads, c->kv_heads * c->share, c->head_dim, c->rows, c->pos0,
               c->window, score_name(c->scores), unseen_name(c->unseen), more);
}

static void run_case(const ll_kernels *ref, const ll_kernels *isa, const attention_case *c) {
    name_case(c, "");
    attention_data data = make_data(c, ref, isa);
    const check_tile all = {0, c->rows, 0, c->kv_heads};
    const float *const expected = attend(ref, c, &data, all, "expected");
    const float *const got = attend(isa, c, &data, all, "out");
    compare_with_ref(c, &data, got, expected);
    const size_t head_columns = c->share * c->head_dim;
    const check_tile everything = {0, c->rows, 0, c->kv_heads * head_columns};
    check_same(got, got, data.out_shape, everything);
    if (data.rounding > 0) { /* q rounded before the call gives the same bits, and ref's to a closer bound */
        check_kv_stored(LL_KV_BF16, data.q, data.q, check_cells(data.q_shape));
        data.rounded = true;
        check_same(attend(isa, c, &data, all, "out"), got, data.out_shape, everything);
        compare_with_ref(c, &data, got, attend(ref, c, &data, all, "expected"));
    }

    /* A row alone, and a KV head alone, give the bits they have among others; all other cells stay untouched.
     */
    const size_t row = check_below(c->rows), head = check_below(c->kv_heads);
    const check_tile part = {row, row + 1, head, head + 1};
    check_same(attend(isa, c, &data, part, "out"), got, data.out_shape,
               (check_tile){row, row + 1, head * head_columns, (head + 1) * head_columns});
    const check_tile half = {row, c->rows, 0, head};
    check_same(attend(isa, c, &data, half, "out"), got, data.out_shape,
               (check_tile){row, c->rows, 0, head * head_columns});
}

/* One value of one position is NaN: of K, every row that sees it becomes NaN; of V, that dimension, or all in int8. The
 * others stay what they are. */
static void run_nan(const ll_kernels *ref, const ll_kernels *isa, const attention_case *c, bool in_k) {
    name_case(c, in_k ? ", a NaN in K" : ", a NaN in V");
    attention_data data = make_data(c, ref, isa);
    const size_t used = c->pos0 + c->rows, first = first_seen(c, 0), pos = first + check_below(used - first);
    float *const row = check_floats("row", data.kv_width), *const zeros =
                                                               check_floats("zeros", data.kv_width);
    check_fill_floats(row, data.kv_width, FILL_RANDOM);
    memset(zeros, 0, data.kv_width * sizeof *zeros);
    row[check_below(data.kv_width)] = NAN;
    ref->kv_store(&data.kv, pos, 1, in_k ? row : zeros, data.kv_width, in_k ? zeros : row, data.kv_width);
    for (size_t i = 0; i < data.kv_width; i++) { /* what bounds the rest */
        data.k[pos * data.kv_width + i] = in_k ? row[i] : 0;
        data.v[pos * data.kv_width + i] = in_k ? 0 : row[i];
    }
    const check_tile all = {0, c->rows, 0, c->kv_heads};
    compare_with_ref(c, &data, attend(isa, c, &data, all, "out"), attend(ref, c, &data, all, "expected"));
}

/* A cache of which only the blocks of 64 positions that a row sees are there: an older one is never read. */
static void run_unread(const ll_kernels *ref, const ll_kernels *isa, ll_kv_type type) {
    enum { GONE = 64, POSITION = 64 }; /* positions; bytes of each, so that those gone are one guard page */
    static const size_t sizes[CHECK_KV_TYPES] = {sizeof(float), sizeof(uint16_t), 1};
    attention_case c = {type, 1, 4, POSITION / sizes[type], 60, 3, 50, SCORES_RANDOM, UNSEEN_NOTHING};
    name_case(&c, ", older positions not there");
    attention_data data = make_data(&c, ref, isa);
    const check_tile all = {0, c.rows, 0, 1};
    const float *const expected = attend(isa, &c, &data, all, "expected");
    data.kv.k = (void *)((uintptr_t)data.kv.k - GONE * POSITION);
    data.kv.v = (void *)((uintptr_t)data.kv.v - GONE * POSITION);
    if (type == LL_KV_I8) {
        data.kv.k_scale = (float *)((uintptr_t)data.kv.k_scale - GONE * sizeof(float));
        data.kv.v_scale = (float *)((uintptr_t)data.kv.v_scale - GONE * sizeof(float));
    }
    data.kv.capacity += GONE;
    c.pos0 += GONE;
    check_same(attend(isa, &c, &data, all, "out"), expected, data.out_shape,
               (check_tile){0, c.rows, 0, data.out_shape.width});
}

static void run_types(const ll_kernels *ref, const ll_kernels *isa, attention_case c) {
    for (int type = 0; type < CHECK_KV_TYPES; type++) {
        c.type = (ll_kv_type)type;
        run_case(ref, isa, &c);
    }
}

static const size_t windows[] = {1, 2, 15, 16, 17, 63, 64, 65, 5000};
enum { WINDOWS = sizeof windows / sizeof windows[0] };

static void check_starts(const ll_kernels *ref, const ll_kernels *isa) {
    static const size_t heads[][2] = {{1, 1}, {3, 3}, {2, 4}, {4, 1}, {2, 8}, {1, 5}};
    static const size_t dims[] = {2, 6, 10, 16, 30, 32, 34, 64, 80, 96, 128};
    static const size_t starts[] = {0, 1, 14, 15, 16, 17, 31, 47, 63, 64, 65, 127, 128, 200};
    static const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33};
    for (size_t s = 0; s < sizeof starts / sizeof starts[0]; s++)
        for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
            const size_t *const h = heads[check_below(6)];
            const size_t window = check_below(2) ? windows[check_below(WINDOWS)] : 0;
            const attention_case c = {(ll_kv_type)check_below(CHECK_KV_TYPES),
                                      h[0],
                                      h[1],
                                      dims[check_below(11)],
                                      starts[s],
                                      counts[n],
                                      window,
                                      (score_kind)check_below(SCORES_COUNT),
                                      (unseen_kind)check_below(UNSEEN_COUNT)};
            run_case(ref, isa, &c);
        }
}

/* Every window as one row at some depth, and as rows that see different blocks. */
static void check_windows(const ll_kernels *ref, const ll_kernels *isa) {
    for (size_t w = 0; w < WINDOWS; w++) {
        const score_kind scores = (score_kind)check_below(SCORES_COUNT);
        run_types(
            ref, isa,
            (attention_case){LL_KV_F32, 2, 3, 64, 200 + check_below(100), 1, windows[w], scores, UNSEEN_NAN});
        run_types(
            ref, isa,
            (attention_case){LL_KV_F32, 2, 1, 18, check_below(130), 90, windows[w], scores, UNSEEN_NAN});
    }
}

void check_attention(const ll_kernels *ref, const ll_kernels *isa) {
    check_starts(ref, isa);
    check_windows(ref, isa);
    for (int scores = 0; scores < SCORES_COUNT; scores++) { /* many tiles of queries and positions */
        const score_kind s = (score_kind)scores;
        run_types(ref, isa, (attention_case){LL_KV_F32, 3, 3, 64, 1, 131, 0, s, UNSEEN_HUGE});
        run_types(ref, isa, (attention_case){LL_KV_F32, 1, 4, 64, 1000, 2, 0, s, UNSEEN_NAN});
        run_types(ref, isa, (attention_case){LL_KV_F32, 2, 4, 128, 700, 3, 300, s, UNSEEN_NOTHING});
    }
    for (int turn = 0; turn < 8 * CHECK_KV_TYPES; turn++) {
        const ll_kv_type type = (ll_kv_type)(turn % CHECK_KV_TYPES);
        const attention_case c = {
            type, 2, 2, 18, check_below(100), 20, turn % 4 < 2 ? 30 : 0, SCORES_RANDOM, UNSEEN_NAN};
        run_nan(ref, isa, &c, turn % 2 == 0);
        run_unread(ref, isa, type);
    }
}
