/* The paper's tables, the protocol that options name, and what of a timing fits in memory. */
#include "fit.h"
#include "model_list.h"
#include "needs.h"
#include "paper.h"
#include "protocol.h"
#include "test.h"
#include "toy_hf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH = 512 };

static ll_error error;

/* ---- tables ---- */

static void expect_counts(const ll_paper *paper, const char *model, ll_drop_kind kind, const size_t *expected,
                          size_t total) {
    size_t counts[LL_MAX_COUNTS];
    const size_t found = ll_paper_counts(paper, model, kind, counts, LL_MAX_COUNTS);
    CHECK_MSG(found == total, "%s %s: %zu counts, expected %zu", model, ll_drop_kind_name(kind), found,
              total);
    for (size_t i = 0; i < total && i < found; i++)
        CHECK_MSG(counts[i] == expected[i], "%s %s: count %zu is %zu, expected %zu", model,
                  ll_drop_kind_name(kind), i, counts[i], expected[i]);
}

#define COUNTS(...) (const size_t[]){__VA_ARGS__}, sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t)

static void test_counts(void) {
    ll_paper paper;
    CHECK_MSG(ll_paper_load(&paper, NULL, &error) == LL_OK, "%s", error.text);
    expect_counts(&paper, "llama2-13b", LL_ATTN, COUNTS(4, 8, 16, 20));
    expect_counts(&paper, "llama2-13b", LL_MLP, COUNTS(4, 8));
    expect_counts(&paper, "llama2-13b", LL_BLOCK, COUNTS(4, 8));
    expect_counts(&paper, "llama2-13b", LL_JOINT, NULL, 0);
    expect_counts(&paper, "mistral-7b", LL_ATTN, COUNTS(4, 8, 12));
    expect_counts(&paper, "mistral-7b", LL_BLOCK, COUNTS(4, 8));
    expect_counts(&paper, "llama3-8b", LL_ATTN, COUNTS(4, 8, 12, 16, 20));
    expect_counts(&paper, "llama3-8b", LL_MLP, NULL, 0);
    expect_counts(&paper, "llama3-70b", LL_ATTN, COUNTS(4, 8, 16, 32, 40, 48));
    expect_counts(&paper, "llama2-70b", LL_ATTN, COUNTS(4, 8, 16, 32, 40, 48));
    expect_counts(&paper, "llama2-70b", LL_MLP, COUNTS(4, 8, 16, 32));
    expect_counts(&paper, "llama2-70b", LL_BLOCK, COUNTS(4, 8, 16, 32));
    expect_counts(&paper, "smollm2-135m", LL_ATTN, NULL, 0);
    expect_counts(&paper, "", LL_ATTN, NULL, 0);
    size_t few[2] = {0, 77};
    CHECK(ll_paper_counts(&paper, "llama2-13b", LL_ATTN, few, 1) == 1 && few[1] == 77);
}

static void expect_speedup(const ll_paper *paper, const char *model, const char *kind, size_t dropped,
                           double expected) {
    const double found = ll_paper_speedup(paper, model, kind, dropped);
    CHECK_MSG(found == expected, "%s %s-%zu: %g, expected %g", model, kind, dropped, found, expected);
}

static void test_speedups(void) {
    ll_paper paper;
    CHECK_MSG(ll_paper_load(&paper, "results/paper", &error) == LL_OK, "%s", error.text);
    expect_speedup(&paper, "llama2-13b", "attn", 8, 1.13);
    expect_speedup(&paper, "llama2-13b", "attn", 20, 1.40);
    expect_speedup(&paper, "llama2-13b", "mlp", 8, 1.08);
    expect_speedup(&paper, "llama2-13b", "block", 8, 1.24);
    expect_speedup(&paper, "mistral-7b", "attn", 8, 1.23);
    expect_speedup(&paper, "mistral-7b", "block", 4, 1.14);
    expect_speedup(&paper, "llama3-8b", "attn", 20, 1.52);
    expect_speedup(&paper, "llama3-70b", "attn", 16, 1.17);
    expect_speedup(&paper, "llama2-70b", "attn", 48, 1.62);
    expect_speedup(&paper, "llama2-70b", "block", 32, 1.67);
    expect_speedup(&paper, "llama2-70b", "mlp", 16, 1.08);
    const double none[] = {
        ll_paper_speedup(&paper, "llama2-13b", "attn", 12),
        ll_paper_speedup(&paper, "llama2-13b", "joint", 8),
        ll_paper_speedup(&paper, "llama2-13b", "none", 0),
        ll_paper_speedup(&paper, "gpt-2", "attn", 8),
        ll_paper_speedup(&paper, "llama2-13", "attn", 8),
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        CHECK_MSG(isnan(none[i]), "number %zu is %g", i, none[i]);
    /* Every row but the baselines, and each model by a name of the list. */
    CHECK_MSG(paper.count == 8 + 7 + 5 + 6 + 14, "%zu rows", paper.count);
    for (size_t i = 0; i < paper.count; i++)
        CHECK_MSG(ll_model_list_find(paper.rows[i].model), "%s is no listed model", paper.rows[i].model);
}

/* ---- damaged tables ---- */

static const char *const tables[] = {"table1_drop_modules.csv", "table2_llama3.csv", "table3_llama2_70b.csv"};
enum { TABLES = sizeof tables / sizeof *tables };

/* A copy of the tables in which the first `from` of one is `to`. */
static bool damage(char folder[PATH], size_t table, const char *from, const char *to) {
    static int number;
    snprintf(folder, PATH, "%.400s/paper%d", ll_test_folder(), number++);
    bool good = mkdir(folder, 0777) == 0;
    for (size_t i = 0; i < TABLES && good; i++) {
        char path[2 * PATH];
        snprintf(path, sizeof path, "results/paper/%s", tables[i]);
        char *text = ll_test_read(path, NULL);
        snprintf(path, sizeof path, "%s/%s", folder, tables[i]);
        char *at = text && i == table ? strstr(text, from) : NULL;
        good = text && (at || i != table);
        if (at) {
            ll_test_write(path, text, (size_t)(at - text));
            FILE *file = fopen(path, "ab");
            good = file && fputs(to, file) >= 0 && fputs(at + strlen(from), file) >= 0 && fclose(file) == 0;
        } else if (text) {
            ll_test_write(path, text, strlen(text));
        }
        free(text);
    }
    CHECK_MSG(good, "%s: \"%s\" cannot be changed", tables[table], from);
    return good;
}

static void expect_damaged(size_t table, const char *from, const char *to, const char *place) {
    char folder[PATH], path[2 * PATH];
    ll_paper paper;
    REQUIRE(damage(folder, table, from, to));
    snprintf(path, sizeof path, "%s/%s", folder, tables[table]);
    error.text[0] = 0;
    CHECK(ll_paper_load(&paper, folder, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, path);
    CHECK_CONTAINS(error.text, place);
    CHECK(!strchr(error.text, '\n'));
}

static void test_damaged(void) {
    char folder[PATH], path[2 * PATH];
    ll_paper paper;
    REQUIRE(damage(folder, 0, "attn-8,", "attn-8,")); /* an unchanged copy is sound */
    CHECK(ll_paper_load(&paper, folder, &error) == LL_OK);
    expect_damaged(0, "mlp-4,54.9,", "mlp-4,54.9,1,", "line 5");
    expect_damaged(0, "mlp-8,", "mlp-4,", "lines 5 and 6"); /* twice the same key */
    expect_damaged(1, "llama3-8b,attn-8,81.1,", "llama3-8b,attn-8,", "line 4");
    expect_damaged(2, "block-4,63.8,", "block-4,", "line 3");
    expect_damaged(0, "attn-8,", "atn-8,", "line 8: method atn-8");
    expect_damaged(0, "attn-8,", "attn,", "line 8: method attn");
    expect_damaged(0, "attn-8,", "attn-0,", "line 8: method attn-0");
    expect_damaged(0, "attn-8,", "attn-8x,", "line 8: method attn-8x");
    expect_damaged(1, "67.4,1.07,", "67.4,fast,", "line 3: method attn-4 with speedup fast");
    expect_damaged(2, "model,method", "model,methods", "method");
    REQUIRE(damage(folder, 1, "attn-8,", "attn-8,"));
    snprintf(path, sizeof path, "%s/%s", folder, tables[1]);
    CHECK(remove(path) == 0);
    CHECK(ll_paper_load(&paper, folder, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, path);
}

/* ---- protocols ---- */

/* The protocol of a command line that begins with sweep MODEL. */
static ll_status protocol_of(ll_protocol *out, const char *model, const char *const *more) {
    char *argv[16] = {(char *)(uintptr_t) "layerlab", (char *)(uintptr_t) "sweep", (char *)(uintptr_t)model};
    int argc = 3;
    ll_options options;
    bool done;
    for (; more && *more; more++)
        argv[argc++] = (char *)(uintptr_t)*more;
    const ll_status status = ll_options_parse(&options, argc, argv, &done, &error);
    return status == LL_OK ? ll_protocol_of(out, &options, &error) : status;
}

#define ARGUMENTS(...)                                                                                       \
    (const char *const[]) {                                                                                  \
        __VA_ARGS__, NULL                                                                                    \
    }

static void expect_protocol(const char *model, const char *const *more, const char *name, size_t attn,
                            size_t joint, size_t prompt, size_t repetitions) {
    ll_protocol p = {.name = "none"};
    const ll_status status = protocol_of(&p, model, more);
    CHECK_MSG(status == LL_OK, "%s: %s", model, error.text);
    CHECK_MSG(strcmp(p.name, name) == 0, "%s: protocol %s, expected %s", model, p.name, name);
    CHECK_MSG(p.counts[LL_ATTN].total == attn && p.counts[LL_JOINT].total == joint,
              "%s, %s: %zu counts of attention and %zu of joint, expected %zu and %zu", model, name,
              p.counts[LL_ATTN].total, p.counts[LL_JOINT].total, attn, joint);
    CHECK_MSG(p.speed.prompt == prompt && p.speed.generate == prompt && p.speed.repetitions == repetitions,
              "%s, %s: %zu + %zu tokens, %zu times", model, name, p.speed.prompt, p.speed.generate,
              p.speed.repetitions);
    size_t rows = 1;
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        rows += p.counts[kind].total;
        for (size_t i = 1; i < p.counts[kind].total; i++)
            CHECK(p.counts[kind].count[i - 1] < p.counts[kind].count[i]);
    }
    CHECK(ll_protocol_rows(&p) == rows);
}

static void test_protocols(void) {
    expect_protocol("smollm2-135m", NULL, "quick", 3, 3, 512, 3);
    expect_protocol("smollm2-135m", ARGUMENTS("--quick"), "quick", 3, 3, 512, 3);
    expect_protocol("smollm2-135m", ARGUMENTS("--full"), "full", 12, 12, 2048, 5);
    expect_protocol("some/path.gguf", NULL, "quick", 3, 3, 512, 3);
    expect_protocol("llama2-7b", NULL, "quick", 3, 3, 512, 3); /* listed, but in no table */
    expect_protocol("llama2-13b", NULL, "paper", 4, 0, 2048, 3);
    expect_protocol("llama2-13b", ARGUMENTS("--quick"), "quick", 1, 0, 512, 2);
    expect_protocol("llama2-13b", ARGUMENTS("--full"), "full", 12, 12, 2048, 5);
    expect_protocol("llama3-8b", NULL, "paper", 5, 0, 2048, 3);
    expect_protocol("llama2-70b", NULL, "paper", 6, 0, 2048, 3);
    expect_protocol("llama2-13b", ARGUMENTS("--counts", "6,2"), "paper", 2, 2, 2048, 3);
    expect_protocol("smollm2-135m", ARGUMENTS("--full", "--counts", "5"), "full", 1, 1, 2048, 5);
    ll_protocol p;
    CHECK(protocol_of(&p, "llama2-13b", ARGUMENTS("--quick", "--full")) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "--quick");
    CHECK_CONTAINS(error.text, "--full");
}

/* A copy at any path, known by its shape; a config.json and headers are all that is read. */
static void test_protocol_of_path(void) {
    char folder[PATH];
    snprintf(folder, sizeof folder, "%s/my-own", ll_test_folder());
    ll_toy_hf toy = ll_toy_hf_default();
    toy.hollow = true;
    toy.config = ll_model_list_find("llama2-13b")->shape;
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_protocol(folder, NULL, "paper", 4, 0, 2048, 3);
    expect_protocol(folder, ARGUMENTS("--quick"), "quick", 1, 0, 512, 2);
    toy.config.mlp += 64;
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_protocol(folder, NULL, "quick", 3, 3, 512, 3);
}

static void test_overrides(void) {
    ll_protocol p;
    REQUIRE(protocol_of(&p, "llama2-13b", ARGUMENTS("--counts", "6,2")) == LL_OK);
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        CHECK(p.counts[kind].count[0] == 2 && p.counts[kind].count[1] == 6);
    const char *const more[] = {"--prompt", "100", "--repetitions", "7", "--samples", "9",
                                "--length", "64",  "--batch",       "3", NULL};
    CHECK_MSG(protocol_of(&p, "llama2-13b", more) == LL_OK, "%s", error.text);
    CHECK(p.speed.prompt == 100 && p.speed.generate == 100 && p.speed.repetitions == 7);
    CHECK(p.samples == 9 && p.length == 64 && p.speed.batch == 3);
    CHECK(p.counts[LL_ATTN].total == 4 && p.counts[LL_ATTN].count[3] == 20);
    REQUIRE(protocol_of(&p, "llama2-13b", ARGUMENTS("--prompt", "100", "--generate", "50")) == LL_OK);
    CHECK(p.speed.prompt == 100 && p.speed.generate == 50);
}

/* ---- what fits ---- */

static uint64_t sum_of(const ll_fit *fit) {
    return fit->weights + fit->session + LL_NEEDS_RESERVE;
}

/* Bytes of that many resident blocks and sequences, whether they fit or not. */
static uint64_t needed(const ll_fit_request *request, size_t resident, size_t batch) {
    ll_fit_request r = *request;
    ll_model_options options = *r.options;
    options.resident = resident;
    r.options = &options;
    r.batch = batch;
    ll_fit fit;
    ll_fit_find(&fit, &r, &error);
    CHECK(fit.resident == resident && fit.batch == batch);
    return sum_of(&fit);
}

/* What was found fits in what it saw of the machine, and is no less than the shape's weights and session. */
static void expect_fits(const ll_fit *fit, const ll_fit_request *r) {
    ll_model_options options = *r->options;
    options.resident = fit->resident;
    CHECK(fit->available > 0 && fit->resident >= 1 && fit->resident <= r->shape->layers && fit->batch >= 1);
    CHECK_MSG(sum_of(fit) <= fit->available, "more than there is");
    CHECK(fit->weights == ll_config_weight_bytes(r->shape, &options));
    CHECK(fit->session >= ll_config_session_bytes(r->shape, r->options, fit->batch, r->capacity));
}

static ll_config small_shape(void) {
    ll_config shape = ll_model_list_find("smollm2-135m")->shape;
    shape.vocab = 1000;
    return shape;
}

/* The largest batch: one more is more than there is, or than there may be. */
static void test_largest_batch(void) {
    const ll_config shape = small_shape();
    const ll_model_options options = {.group = 128};
    const ll_fit_request r = {
        .shape = &shape, .options = &options, .capacity = shape.context, .batch = LL_BATCH_MAX};
    ll_fit fit;
    CHECK_MSG(ll_fit_find(&fit, &r, &error) == LL_OK, "%s", error.text);
    expect_fits(&fit, &r);
    CHECK(fit.resident == shape.layers);
    CHECK_MSG(fit.batch == LL_MAX_BATCH || needed(&r, shape.layers, fit.batch + 1) > fit.available,
              "batch %zu fits, and so would one more", fit.batch);
}

static void test_asked_batch(void) {
    const ll_config shape = small_shape();
    const ll_model_options options = {.group = 128}, half = {.group = 128, .resident = 15};
    ll_fit_request r = {.shape = &shape, .options = &options, .capacity = 64, .batch = 3};
    ll_fit fit;
    CHECK(ll_fit_find(&fit, &r, &error) == LL_OK && fit.batch == 3);
    expect_fits(&fit, &r);
    const uint64_t whole = fit.weights;
    r.options = &half;
    r.synthetic = true;
    CHECK(ll_fit_find(&fit, &r, &error) == LL_OK && fit.resident == 15 && fit.weights < whole);
    expect_fits(&fit, &r);
    r.capacity = (size_t)1 << 40; /* of what does not fit the refusal has every figure */
    r.batch = 2;
    CHECK(ll_fit_find(&fit, &r, &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "1099511627776 positions, batch 2)");
}

/* A shape of 70 billion parameters and more blocks than any machine holds, whose blocks are kept in part. */
static void test_resident(void) {
    ll_config shape = ll_model_list_find("llama3-70b")->shape;
    shape.layers = LL_MAX_LAYERS; /* 1.7 TB in float32 */
    shape.vocab = 1000;
    shape.hidden /= 8;
    shape.heads = shape.kv_heads = 1;
    const ll_model_options options = {.weights = LL_WEIGHTS_F32, .group = 128};
    ll_machine machine;
    REQUIRE(ll_machine_probe(&machine, "", &error) == LL_OK);
    const uint64_t layer_bytes = 12 * (uint64_t)shape.hidden;   /* of gate, up and down a unit of width */
    shape.mlp = machine.available / layer_bytes / 64 / 16 * 16; /* so that some 60 of the blocks fit */
    ll_fit_request r = {.shape = &shape, .options = &options, .synthetic = true, .capacity = 16, .batch = 1};
    ll_fit fit;
    const ll_status status = ll_fit_find(&fit, &r, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    if (status == LL_OK) {
        expect_fits(&fit, &r);
        CHECK_MSG(fit.resident >= 8 && fit.resident < shape.layers, "%zu blocks are kept", fit.resident);
        CHECK(needed(&r, fit.resident + 1, 1) > fit.available);
    }
    r.batch = LL_BATCH_MAX; /* the batch does not take the blocks' place */
    CHECK(ll_fit_find(&fit, &r, &error) == LL_OK);
    expect_fits(&fit, &r);
    CHECK(needed(&r, fit.resident, fit.batch + 1) > fit.available || fit.batch == LL_MAX_BATCH);
    r.synthetic = false;
    CHECK(ll_fit_find(&fit, &r, &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "GB of weights,");
    CHECK_CONTAINS(error.text, "are available");
    CHECK_CONTAINS(error.text, "--synthetic --resident");
    const ll_model_options all = {.weights = LL_WEIGHTS_F32, .group = 128, .resident = LL_MAX_LAYERS};
    r.options = &all; /* asked for, so nothing is left out in silence */
    r.synthetic = true;
    CHECK(ll_fit_find(&fit, &r, &error) == LL_NO_RESOURCE);
}

/* Sequences that no memory holds. */
static void test_refused(void) {
    ll_config shape = ll_model_list_find("llama3-70b")->shape;
    shape.layers = LL_MAX_LAYERS;
    shape.kv_heads = shape.heads;
    const ll_model_options options = {.group = 128};
    for (int synthetic = 0; synthetic < 2; synthetic++) {
        const size_t batches[] = {LL_MAX_BATCH, LL_BATCH_MAX};
        for (size_t i = 0; i < 2; i++) {
            const ll_fit_request r = {.shape = &shape,
                                      .options = &options,
                                      .synthetic = synthetic,
                                      .capacity = 1 << 20,
                                      .batch = batches[i]};
            ll_fit fit;
            CHECK(ll_fit_find(&fit, &r, &error) == LL_NO_RESOURCE);
            CHECK_CONTAINS(error.text, "1048576 positions, batch ");
            CHECK_CONTAINS(error.text, "of KV-cache and buffers");
            CHECK_CONTAINS(error.text, "are available: ask for fewer tokens, a smaller --batch");
            CHECK_CONTAINS(error.text, "--kv int8");
            CHECK(!strchr(error.text, '\n'));
        }
    }
}

static void test_peak(void) {
    enum { BYTES = 48 << 20 };
    const uint64_t before = ll_peak_memory();
    CHECK(before > 1 << 20 && before % 1024 == 0);
    char *more = malloc(BYTES);
    REQUIRE(more);
    memset(more, 1, BYTES);
    CHECK(ll_peak_memory() >= before && ll_peak_memory() >= BYTES);
    free(more);
    CHECK(ll_peak_memory() >= BYTES); /* the most that there was, not what there is */
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("paper/counts", test_counts);
    ll_test_run("paper/speedups", test_speedups);
    ll_test_run("paper/damaged tables", test_damaged);
    ll_test_run("protocol/of every model", test_protocols);
    ll_test_run("protocol/of a model at a path", test_protocol_of_path);
    ll_test_run("protocol/what options say", test_overrides);
    ll_test_run("fit/the largest batch", test_largest_batch);
    ll_test_run("fit/a batch that is asked", test_asked_batch);
    ll_test_run("fit/resident blocks", test_resident);
    ll_test_run("fit/refusals", test_refused);
    ll_test_run("fit/peak memory", test_peak);
    return ll_test_end();
}
