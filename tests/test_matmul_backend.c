/* oneDNN as the int8 matmul against our own kernels: the same bits, matrix by matrix and over whole models. */
#include "logits.h"
#include "matmul.h"
#include "real_model.h"
#include "run_info.h"
#include "test.h"
#include "toy_gguf.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static ll_error error;

/* ---- matrices ---- */

typedef enum { DATA_RANDOM, DATA_HIGH, DATA_LOW, DATA_ALTERNATE, DATA_COUNT } data_kind;

static uint64_t random_state = 1;
static uint32_t draw(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33);
}

/* HIGH by HIGH is what pairs of products saturate at most with. */
static void fill(int8_t *q, size_t count, data_kind kind) {
    for (size_t i = 0; i < count; i++)
        q[i] = (int8_t)(kind == DATA_HIGH        ? 127
                        : kind == DATA_LOW       ? -127
                        : kind == DATA_ALTERNATE ? (i % 2 ? 127 : -127)
                                                 : (int)(draw() % 255) - 127);
}

static void fill_scales(float *scale, size_t count) {
    for (size_t i = 0; i < count; i++)
        scale[i] = (float)(draw() % 1000) / 7000;
}

static void *taken(size_t bytes) {
    const size_t rounded = (bytes + LL_ALIGN) / LL_ALIGN * LL_ALIGN;
    void *at = aligned_alloc(LL_ALIGN, rounded);
    return at ? memset(at, 0xA5, rounded) : NULL;
}

typedef struct {
    size_t n, k, group;
    data_kind x, w;
} matrix_case;

enum { ROWS = 200, GUARD = 64 };

/* Packed, with what a caller must have for it; the bytes behind packed weights and scratch hold a pattern. */
typedef struct {
    ll_matmul *matmul;
    ll_packed w;
    uint8_t *data, *scratch;
    size_t bytes, scratch_bytes;
} packed;

static bool pack(packed *out, ll_matmul *matmul, const matrix_case *c, const int8_t *q, const float *scale) {
    const size_t groups = (c->k + c->group - 1) / c->group;
    *out = (packed){.matmul = matmul};
    error.text[0] = 0;
    if (matmul->prepare(matmul, c->n, c->k, c->group, &error) != LL_OK) {
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
        return false;
    }
    out->bytes = matmul->bytes(matmul, c->n, c->k, c->group);
    out->scratch_bytes = matmul->scratch_bytes(matmul, c->n, c->k, c->group);
    out->data = taken(out->bytes + GUARD);
    out->scratch = taken(out->scratch_bytes + GUARD);
    out->w = (ll_packed){out->data, c->n, c->k, c->group, groups};
    const size_t columns = matmul->columns(matmul, c->n);
    bool done = true;
    for (size_t n0 = (c->n - 1) / columns * columns + columns; n0; n0 -= columns) { /* the last one first */
        const size_t first = n0 - columns, end = n0 < c->n ? n0 : c->n;
        done &= matmul->pack(matmul, &out->w, first, end, q + first * c->k, scale + first * groups);
    }
    CHECK_MSG(done && columns % LL_PANEL == 0, "packing %zu x %zu", c->n, c->k);
    return done;
}

static void release(packed *p) {
    for (size_t i = 0; i < GUARD; i++)
        CHECK_MSG(p->data[p->bytes + i] == 0xA5 && p->scratch[p->scratch_bytes + i] == 0xA5,
                  "n %zu k %zu: written behind the end", p->w.n, p->w.k);
    free(p->data);
    free(p->scratch);
}

static bool multiply(const packed *p, float *y, const ll_act *x, size_t m0, size_t m1, size_t n0, size_t n1) {
    return p->matmul->run(p->matmul, y, p->w.n, x, m0, m1, &p->w, n0, n1, p->scratch);
}

/* Rows [m0, m1) by columns from a block's start on; nothing else of y is written. */
static void compare(const packed *own, const packed *other, const ll_act *x, size_t m0, size_t m1,
                    size_t n0) {
    const size_t n = own->w.n;
    float *expected = taken(ROWS * n * sizeof *expected), *y = taken(ROWS * n * sizeof *y);
    CHECK(multiply(own, expected, x, m0, m1, n0, n));
    CHECK(multiply(other, y, x, m0, m1, n0, n));
    CHECK_MSG(memcmp(y, expected, ROWS * n * sizeof *y) == 0,
              "n %zu k %zu group %zu, rows %zu to %zu, columns from %zu", n, own->w.k, own->w.group, m0, m1,
              n0);
    free(expected);
    free(y);
}

static void run_case(ll_matmul *own, ll_matmul *onednn, const matrix_case *c) {
    const size_t groups = (c->k + c->group - 1) / c->group, columns = onednn->columns(onednn, c->n);
    int8_t *q = taken(c->n * c->k);
    float *scale = taken(c->n * groups * sizeof *scale);
    void *buffer = taken(ll_act_bytes(ROWS, c->k, c->group));
    ll_act x = ll_act_place(buffer, ROWS, c->k, c->group);
    packed a = {0}, b = {0};
    fill(q, c->n * c->k, c->w);
    fill_scales(scale, c->n * groups);
    fill_scales(x.scale, ROWS * groups);
    for (size_t r = 0; r < ROWS; r++)
        fill(x.q + r * x.ld, c->k, c->x);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < c->k; i++)
            x.sum[r * groups + i / c->group] += x.q[r * x.ld + i];
    if (pack(&a, own, c, q, scale) && pack(&b, onednn, c, q, scale)) {
        for (size_t m = 1; m <= 17; m += c->n < 100 ? 1 : 8) /* every number of rows, and of steps for them */
            compare(&a, &b, &x, m, 2 * m, 0);
        compare(&a, &b, &x, 3, 67, 0);
        compare(&a, &b, &x, 0, ROWS, (c->n - 1) / columns * columns);
        release(&a);
        release(&b);
    }
    free(q);
    free(scale);
    free(buffer);
}

static void run_matrices(size_t threads) {
    static const size_t ns[] = {1, 64, 97, 576, 1300}, ks[] = {1, 61, 128, 131, 576};
    const ll_model_options options = {.matmul = LL_MATMUL_ONEDNN, .threads = threads};
    ll_kernels kernels;
    ll_matmul *own = NULL, *onednn = NULL;
    size_t turn = 0;
    REQUIRE(ll_kernels_select(&kernels, ll_cpu_features(), NULL) == LL_OK);
    CHECK(ll_matmul_create(&own, &kernels, &(ll_model_options){0}, &error) == LL_OK);
    for (size_t n = 0; own && n < sizeof ns / sizeof *ns; n++) {
        CHECK_MSG(ll_matmul_create(&onednn, &kernels, &options, &error) == LL_OK, "%s", error.text);
        for (size_t k = 0; onednn && k < sizeof ks / sizeof *ks; k++)
            for (size_t g = 0; g < 3; g++, turn++) {
                const size_t group[] = {32, 128, ks[k]};
                run_case(own, onednn,
                         &(matrix_case){ns[n], ks[k], group[g] < ks[k] ? group[g] : ks[k],
                                        (data_kind)(turn % DATA_COUNT),
                                        (data_kind)(turn / DATA_COUNT % DATA_COUNT)});
            }
        ll_matmul_destroy(onednn);
    }
    ll_matmul_destroy(own);
}

/* Blocks of two widths: they follow from the threads. */
static void test_matrices(void) {
    run_matrices(1);
    if (!ll_test_quick())
        run_matrices(3);
}

/* The largest sums that there are, over as long a group as there is in a model of the list, and every pair of signs. */
static void test_largest_sums(void) {
    ll_kernels kernels;
    ll_matmul *own = NULL, *onednn = NULL;
    REQUIRE(ll_kernels_select(&kernels, ll_cpu_features(), NULL) == LL_OK);
    const ll_model_options options = {.matmul = LL_MATMUL_ONEDNN, .threads = 1};
    CHECK(ll_matmul_create(&own, &kernels, &(ll_model_options){0}, &error) == LL_OK);
    CHECK_MSG(ll_matmul_create(&onednn, &kernels, &options, &error) == LL_OK, "%s", error.text);
    for (int i = 0; own && onednn && i < DATA_COUNT * DATA_COUNT; i++)
        run_case(own, onednn,
                 &(matrix_case){64, i % 3 ? 128 : 28672, i % 3 ? 128 : 28672, (data_kind)(i % DATA_COUNT),
                                (data_kind)(i / DATA_COUNT)});
    ll_matmul_destroy(own);
    ll_matmul_destroy(onednn);
}

/* ---- models ---- */

static const char *toy_path(void) {
    static char path[512];
    ll_toy toy = ll_toy_default();
    toy.hidden = 96; /* a tail beside a group of 32, and of 128 none that is whole */
    toy.heads = 12;
    toy.mlp = 352;
    toy.vocab = 700;
    toy.biases = true;
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    return ll_toy_write(path, &toy, NULL) ? path : NULL;
}

static ll_model *load(const char *path, ll_matmul_kind matmul, size_t group, size_t threads) {
    ll_model *model = NULL;
    const ll_model_options options = {.matmul = matmul, .group = group, .threads = threads};
    error.text[0] = 0;
    CHECK_MSG(ll_model_load(&model, path, &options, &error) == LL_OK, "%s", error.text);
    return model;
}

static size_t thread_count(void) {
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    while (tasks && (entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

enum { TOKENS = 150 }; /* more than oneDNN's longest step */

static void some_ids(int32_t *ids, size_t vocab) {
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * 2654435761u + 17) % vocab);
}

/* Before anything else: a thread that oneDNN starts stays. */
static void test_starts_no_threads(void) {
    const char *path = toy_path();
    REQUIRE(path && thread_count() == 1);
    ll_model *model = load(path, LL_MATMUL_ONEDNN, 32, 1);
    REQUIRE(model);
    int32_t ids[TOKENS];
    const ll_mask full = {{false}, {false}};
    some_ids(ids, ll_model_config(model)->vocab);
    free(ll_logits_in_steps(model, &full, ids, TOKENS, TOKENS));
    CHECK_MSG(thread_count() == 1, "%zu threads with --threads 1", thread_count());
    ll_model_destroy(model);
}

static void compare_models(const ll_model *own, const ll_model *onednn, size_t tokens, size_t step) {
    const size_t vocab = ll_model_config(own)->vocab;
    int32_t ids[TOKENS];
    const ll_mask mask = {.attn = {false, true}, .mlp = {true}};
    some_ids(ids, vocab);
    float *expected = ll_logits_in_steps(own, &mask, ids, tokens, tokens),
          *got = ll_logits_in_steps(onednn, &mask, ids, tokens, step);
    CHECK_MSG(memcmp(got, expected, tokens * vocab * sizeof *got) == 0, "steps of %zu", step);
    free(expected);
    free(got);
}

static void test_toy_logits(void) {
    static const size_t groups[] = {0, 32, 128}, steps[] = {1, 7, TOKENS};
    const char *path = toy_path();
    REQUIRE(path);
    for (size_t g = 0; g < 3; g++) {
        ll_model *own = load(path, LL_MATMUL_OWN, groups[g], 2);
        for (size_t threads = 1; own && threads <= 4; threads++) {
            ll_model *onednn = load(path, LL_MATMUL_ONEDNN, groups[g], threads);
            for (size_t s = 0; onednn && s < 3; s++)
                compare_models(own, onednn, TOKENS, steps[s]);
            ll_model_destroy(onednn);
        }
        ll_model_destroy(own);
    }
}

static void test_real_logits(void) {
    const char *path = ll_test_model();
    if (!path)
        return;
    ll_model *own = load(path, LL_MATMUL_OWN, 128, 2), *onednn = load(path, LL_MATMUL_ONEDNN, 128, 2);
    if (own && onednn) {
        compare_models(own, onednn, ll_test_quick() ? 8 : 70, 70);
        if (!ll_test_quick())
            compare_models(own, onednn, 4, 1);
    }
    ll_model_destroy(own);
    ll_model_destroy(onednn);
}

/* ---- what is told ---- */

static void test_memory(void) {
    ll_config shape = {.layers = 2,
                       .hidden = 160,
                       .heads = 4,
                       .kv_heads = 2,
                       .head_dim = 40,
                       .mlp = 200,
                       .vocab = 300,
                       .context = 64,
                       .rope_theta = 10000,
                       .eps = 1e-5f};
    ll_model *own = NULL, *onednn = NULL;
    ll_model_options options = {.group = 32, .threads = 2};
    REQUIRE(ll_model_synthesize(&own, &shape, &options, &error) == LL_OK);
    options.matmul = LL_MATMUL_ONEDNN;
    CHECK_MSG(ll_model_synthesize(&onednn, &shape, &options, &error) == LL_OK, "%s", error.text);
    if (onednn) {
        const ll_mask full = {{false}, {false}};
        CHECK(ll_model_weight_bytes(onednn) == ll_config_weight_bytes(&shape, &options));
        const double parts = ll_model_matmul_note(onednn) ? 1.5 : 0.9;
        CHECK(ll_model_cost(onednn, &full).weight_bytes > parts * ll_model_cost(own, &full).weight_bytes);
        compare_models(own, onednn, 64, 64);
        char text[512];
        ll_isa_text(ll_model_kernels(own), text, sizeof text);
        CHECK(!strstr(text, "onednn"));
        ll_isa_text(ll_model_kernels(onednn), text, sizeof text);
        CHECK_CONTAINS(text, " matmul_i8=onednn-");
    }
    ll_model_destroy(own);
    ll_model_destroy(onednn);
}

static void test_f32_is_refused(void) {
    const char *path = toy_path();
    const ll_model_options options = {.weights = LL_WEIGHTS_F32, .matmul = LL_MATMUL_ONEDNN};
    ll_model *model = NULL;
    REQUIRE(path);
    CHECK(ll_model_load(&model, path, &options, &error) == LL_BAD_USAGE && !model);
    CHECK_CONTAINS(error.text, "matmul onednn: is for int8 weights, these are f32");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("matmul_backend/no threads of its own", test_starts_no_threads);
    ll_test_run("matmul_backend/matrices", test_matrices);
    ll_test_run("matmul_backend/largest sums", test_largest_sums);
    ll_test_run("matmul_backend/toy logits", test_toy_logits);
    ll_test_run("matmul_backend/real logits", test_real_logits);
    ll_test_run("matmul_backend/memory and names", test_memory);
    ll_test_run("matmul_backend/f32 is refused", test_f32_is_refused);
    return ll_test_end();
}
