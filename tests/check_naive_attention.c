/* RoPE, the cache and attention of ref against plain arrays in double: no layout, no sharing of code. */
#include "check.h"
#include "check_kv.h"
#include <float.h>
#include <math.h>
#include <string.h>

/* b sin rounds once, the fma once more. */
static void check_rotated(const float *got, const float *x, const float *cos, const float *sin, size_t half) {
    for (size_t d = 0; d < half; d++) {
        const double a = (double)x[d], b = (double)x[d + half], c = (double)cos[d], s = (double)sin[d];
        const double bound = 0x1p-23 * fmax(fabs(a * c) + fabs(b * s), fabs(b * c) + fabs(a * s));
        CHECK_THAT(fabs((double)got[d] - (a * c - b * s)) <= bound, "first half, %zu: %g", d, (double)got[d]);
        CHECK_THAT(fabs((double)got[d + half] - (b * c + a * s)) <= bound, "second half, %zu: %g", d,
                   (double)got[d + half]);
    }
}

void check_naive_rope_f32(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    for (size_t half = 1; half <= 65; half++) {
        enum { ROWS = 3, HEADS = 2 };
        const size_t width = HEADS * 2 * half;
        check_case("head_dim %zu", 2 * half);
        float *const x = check_floats("x", ROWS * width), *const before =
                                                              check_floats("copy of x", ROWS * width);
        float *const cos = check_floats("cos", ROWS * half), *const sin = check_floats("sin", ROWS * half);
        check_fill_floats(x, ROWS * width, FILL_RANDOM);
        check_fill_floats(cos, ROWS * half, FILL_RANDOM);
        check_fill_floats(sin, ROWS * half, FILL_RANDOM);
        memcpy(before, x, ROWS * width * sizeof *x);
        isa->rope_f32(x, width, ROWS, HEADS, 2 * half, cos, sin);
        for (size_t i = 0; i < ROWS * HEADS; i++)
            check_rotated(x + i * 2 * half, before + i * 2 * half, cos + i / HEADS * half,
                          sin + i / HEADS * half, half);
    }
}

/* x to 8 significant bits, ties to even, no smaller than bf16's least step. */
static double nearest_bf16(float x) {
    int exponent;
    frexp((double)x, &exponent);
    const double step = ldexp(1, (exponent > -125 ? exponent : -125) - 8);
    const double value = nearbyint((double)x / step) * step;
    return fabs(value) >= 0x1p128 ? copysign(INFINITY, (double)x) : value;
}

/* The element of a cache at index i. */
static double cache_element(const ll_kv *kv, const void *cache, size_t i) {
    float value;
    if (kv->type == LL_KV_BF16) {
        const uint32_t bits = (uint32_t)((const uint16_t *)cache)[i] << 16;
        memcpy(&value, &bits, sizeof value);
    } else {
        value = ((const float *)cache)[i];
    }
    return (double)value;
}

/* Whether q and scale are the quantized x of a row whose largest magnitude is amax. */
static bool is_quantized(int8_t q, float scale, float x, double amax) {
    if (!check_same_float(scale, (float)(amax / 127)))
        return false;
    if (amax < 127.0 / FLT_MAX) /* its inverse is beyond float */
        return q == (x > 0 ? 127 : x < 0 ? -127 : 0);
    return fabs((double)q * amax - 127 * (double)x) <= (0.5 + 0x1p-15) * amax;
}

static double largest(const float *x, size_t count) {
    double amax = 0;
    for (size_t i = 0; i < count; i++)
        amax = fmax(amax, fabs((double)x[i]));
    return amax;
}

/* The int8 caches, value by value in the order of the rows. */
static void check_cache_i8(const ll_kv *kv, const float *k, const float *v) {
    const size_t dim = kv->head_dim, quads = (dim + 3) / 4, rows = kv->kv_heads * kv->capacity;
    const int8_t *const qk = kv->k, *const qv = kv->v;
    for (size_t i = 0; i < rows * quads * 4; i++) {
        const size_t row = i / (quads * 4), d = i % (quads * 4);
        const size_t block = row / 16, lane = row % 16,
                     at = ((block * quads + d / 4) * 16 + lane) * 4 + d % 4;
        const size_t from = (row % kv->capacity * kv->kv_heads + row / kv->capacity) * dim;
        if (d >= dim) {
            CHECK_THAT(qk[at] == 0 && qv[i] == 0, "row %zu: padding %zu is not zero", row, d);
            continue;
        }
        CHECK_THAT(is_quantized(qk[at], kv->k_scale[row], k[from + d], largest(k + from, dim)),
                   "K row %zu, %zu: %d x %g of %g", row, d, qk[at], (double)kv->k_scale[row],
                   (double)k[from + d]);
        CHECK_THAT(is_quantized(qv[i], kv->v_scale[row], v[from + d], largest(v + from, dim)),
                   "V row %zu, %zu: %d x %g of %g", row, d, qv[i], (double)kv->v_scale[row],
                   (double)v[from + d]);
    }
}

/* Walks the caches in the order of their bytes, and asks for each element where it came from. */
static void check_cache(const ll_kv *kv, const float *k, const float *v) {
    const size_t dim = kv->head_dim, width = kv->kv_heads * dim, pair = kv->type == LL_KV_BF16 ? 2 : 1;
    size_t i = 0;
    for (size_t head = 0; head < kv->kv_heads; head++)
        for (size_t block = 0; block < kv->capacity / 16; block++)
            for (size_t d = 0; d < dim; d += pair)
                for (size_t lane = 0; lane < 16; lane++)
                    for (size_t p = 0; p < pair; p++, i++) {
                        const float from = k[(block * 16 + lane) * width + head * dim + d + p];
                        const double expected = pair == 2 ? nearest_bf16(from) : (double)from;
                        CHECK_THAT(cache_element(kv, kv->k, i) == expected,
                                   "K element %zu is %g, expected %g", i, cache_element(kv, kv->k, i),
                                   expected);
                    }
    for (i = 0; i < kv->kv_heads * kv->capacity * dim; i++) {
        const float from = v[i / dim % kv->capacity * width + i / dim / kv->capacity * dim + i % dim];
        const double expected = pair == 2 ? nearest_bf16(from) : (double)from;
        CHECK_THAT(cache_element(kv, kv->v, i) == expected, "V element %zu is %g, expected %g", i,
                   cache_element(kv, kv->v, i), expected);
    }
}

void check_naive_kv_store(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    static const check_fill fills[] = {FILL_RANDOM, FILL_WIDE, FILL_TINY, FILL_HUGE};
    for (int turn = 0; turn < 4 * CHECK_KV_TYPES; turn++) {
        const ll_kv_type type = (ll_kv_type)(turn / 4);
        const size_t heads = 1 + check_below(3), dim = 2 * (1 + check_below(20)), capacity = 48,
                     width = heads * dim;
        check_case("%s, %zu heads of %zu, %s", check_kv_name(type), heads, dim,
                   check_fill_name(fills[turn % 4]));
        const ll_kv kv = check_kv_make(type, capacity, heads, dim);
        float *const k = check_floats("k", capacity * width), *const v = check_floats("v", capacity * width);
        check_fill_floats(k, capacity * width, fills[turn % 4]);
        check_fill_floats(v, capacity * width, fills[turn % 4]);
        const size_t first = check_below(capacity); /* in two calls */
        isa->kv_store(&kv, 0, first, k, width, v, width);
        isa->kv_store(&kv, first, capacity - first, k + first * width, width, v + first * width, width);
        (type == LL_KV_I8 ? check_cache_i8 : check_cache)(&kv, k, v);
    }
}

/* One query head over count positions of one KV head; kv and head k, v address its first row. */
static void attend(double *out, double *bound, const float *q, const float *k, const float *v, size_t stride,
                   size_t dim, size_t count, double scale) {
    double total = 0, most_v = 0, most_score = 0;
    memset(out, 0, dim * sizeof *out);
    for (size_t j = 0; j < count; j++) {
        double score = 0, magnitude = 0;
        for (size_t d = 0; d < dim; d++) {
            score += scale * (double)q[d] * (double)k[j * stride + d];
            magnitude += fabs(scale * (double)q[d] * (double)k[j * stride + d]);
        }
        const double weight = exp(score); /* small scores: no maximum to subtract */
        most_score = fmax(most_score, magnitude);
        total += weight;
        for (size_t d = 0; d < dim; d++) {
            out[d] += weight * (double)v[j * stride + d];
            most_v = fmax(most_v, fabs((double)v[j * stride + d]));
        }
    }
    for (size_t d = 0; d < dim; d++)
        out[d] /= total;
    /* The roundings of double, and the last one to float. */
    *bound = ((double)(dim + count + 64) * 0x1p-52 * (1 + most_score) + 0x1p-24) * most_v;
}

/* Whole numbers up to 127 / 32, which every kind of cache holds as they are: each row of head_dim has a 127. */
static void fill_storable(float *x, size_t count, size_t dim) {
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(i % dim == 0 ? 127 : (int)check_below(255) - 127) / 32;
}

static void run_attention(const ll_kernels *isa, ll_kv_type type, const size_t shape[6]) {
    const size_t kv_heads = shape[0], share = shape[1], dim = shape[2], pos0 = shape[3], rows = shape[4];
    const size_t window = shape[5], used = pos0 + rows, kv_width = kv_heads * dim, width = share * kv_width;
    check_case("%s, %zu KV heads x %zu of %zu, %zu rows at %zu, window %zu", check_kv_name(type), kv_heads,
               share, dim, rows, pos0, window);
    const ll_kv kv = check_kv_make(type, 64, kv_heads, dim);
    float *const k = check_floats("k", used * kv_width), *const v = check_floats("v", used * kv_width);
    float *const q = check_floats("q", rows * width), *const out = check_floats("out", rows * width);
    fill_storable(k, used * kv_width, dim);
    fill_storable(v, used * kv_width, dim);
    check_fill_floats(q, rows * width, FILL_RANDOM);
    isa->kv_store(&kv, 0, used, k, kv_width, v, kv_width);
    void *const scratch = check_bytes("scratch", isa->attention_scratch_bytes(&kv, kv_heads * share));
    const float scale = 0.125f;
    isa->attention(out, width, q, width, &kv, pos0, rows, kv_heads * share, 0, kv_heads, scale, window,
                   scratch);
    for (size_t i = 0; i < rows * kv_heads * share; i++) {
        const size_t row = i / (kv_heads * share), head = i % (kv_heads * share), end = pos0 + row + 1;
        const size_t count = window && window < end ? window : end;
        const size_t from = head / share * dim + (end - count) * kv_width;
        double expected[128], bound;
        attend(expected, &bound, q + i * dim, k + from, v + from, kv_width, dim, count, (double)scale);
        for (size_t d = 0; d < dim; d++)
            CHECK_THAT(fabs((double)out[i * dim + d] - expected[d]) <= bound,
                       "row %zu head %zu: out[%zu] is %.9g, exactly %.9g", row, head, d,
                       (double)out[i * dim + d], expected[d]);
    }
}

void check_naive_attention(const ll_kernels *ref, const ll_kernels *isa) {
    (void)ref;
    static const size_t shapes[][6] = {/* KV heads, share, head_dim, pos0, rows, window */
                                       {1, 1, 2, 0, 1, 0},     {2, 1, 6, 3, 4, 0},    {3, 3, 64, 0, 20, 0},
                                       {2, 4, 10, 31, 5, 0},   {1, 8, 128, 40, 2, 0}, {2, 2, 18, 10, 30, 1},
                                       {1, 3, 32, 30, 20, 17}, {2, 1, 64, 0, 40, 39}};
    for (int type = 0; type < CHECK_KV_TYPES; type++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            run_attention(isa, (ll_kv_type)type, shapes[s]);
}
