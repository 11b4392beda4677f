/* Many drops at once: the same bits as each alone, at any memory, interrupted or not; and never more modules than one by one. */
#include "quality_tally.h"
#include "test.h"
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 4, HIDDEN = 36, VOCAB = 1100, PASSAGES = 3, WINDOW = 24, MASKS = 9, MODULES = 2 * LAYERS };

static ll_error error;
static ll_progress progress;

/* Bit i of bits: module i in the order of a pass. */
static ll_mask mask_of(unsigned bits) {
    ll_mask mask = {0};
    for (size_t i = 0; i < MODULES; i++)
        if (bits >> i & 1)
            (i % 2 ? mask.mlp : mask.attn)[i / 2] = true;
    return mask;
}

/* The full model, nested drops, two that are the same, the first module, all. */
static const unsigned drops[MASKS] = {0x40, 0x50, 0x54, 0, 0x41, 0x50, 0x80, 0xFF, 0x02};

static ll_model *make_model(ll_weights_kind weights, size_t threads) {
    const ll_config shape = {.layers = LAYERS,
                             .hidden = HIDDEN,
                             .heads = 6,
                             .kv_heads = 2,
                             .head_dim = 6,
                             .mlp = 50,
                             .vocab = VOCAB,
                             .context = 256,
                             .eps = 1e-5f,
                             .rope_theta = 10000};
    const ll_model_options options = {.weights = weights, .group = 32, .threads = threads, .seed = 7};
    ll_model *model = NULL;
    if (ll_model_synthesize(&model, &shape, &options, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return model;
}

/* Distinct beginnings that keep their last module: what no run can do without. */
static size_t least_modules(const unsigned *bits, size_t count) {
    size_t sum = 0;
    for (unsigned i = 0; i < MODULES; i++)
        for (size_t a = 0; a < count; a++) {
            const unsigned begin = (2u << i) - 1;
            bool is_new = !(bits[a] >> i & 1);
            for (size_t b = 0; b < a; b++)
                is_new = is_new && ((bits[a] ^ bits[b]) & begin) != 0;
            sum += is_new;
        }
    return sum;
}

static void test_counts(void) {
    ll_mask masks[MASKS];
    size_t computed[MASKS] = {0}, sum = 0;
    ll_tree tree;
    for (size_t i = 0; i < MASKS; i++)
        masks[i] = mask_of(drops[i]);
    REQUIRE(ll_tree_make(&tree, masks, MASKS, LAYERS, &error) == LL_OK);
    CHECK(drops[tree.order[0]] == 0);
    const size_t modules = ll_tree_modules(&tree, 0, MASKS, computed);
    CHECK_MSG(modules == least_modules(drops, MASKS), "%zu modules, %zu needed", modules,
              least_modules(drops, MASKS));
    for (size_t i = 0; i < MASKS; i++) {
        CHECK(computed[i] <= ll_mask_modules(&masks[i], LAYERS));
        sum += computed[i];
    }
    CHECK(sum == modules && computed[tree.order[0]] == MODULES && computed[7] == 0);
    for (size_t at = 0; at < MASKS; at++)
        CHECK(ll_tree_modules(&tree, at, at + 1, NULL) == ll_mask_modules(&masks[tree.order[at]], LAYERS));
    CHECK(ll_tree_modules(&tree, 3, 3, NULL) == 0);
    ll_tree_free(&tree);
}

/* Table 1 of the paper, Llama-2-13B (40 blocks): modules of each kind from the last block but one upwards, as its plans have them.
 * Goal: at most 45 % of one by one. */
static void test_paper_plans(void) {
    enum { DEEP = 40, PLANS = 9 };
    static const struct {
        bool attn, mlp;
        size_t count;
    } plans[PLANS] = {{false, false, 0}, {true, true, 4},   {true, true, 8},
                      {false, true, 4},  {false, true, 8},  {true, false, 4},
                      {true, false, 8},  {true, false, 16}, {true, false, 20}};
    ll_mask masks[PLANS];
    size_t asked = 0;
    ll_tree tree;
    memset(masks, 0, sizeof masks);
    for (size_t i = 0; i < PLANS; i++) {
        for (size_t n = 0; n < plans[i].count; n++) {
            masks[i].attn[DEEP - 2 - n] = plans[i].attn;
            masks[i].mlp[DEEP - 2 - n] = plans[i].mlp;
        }
        asked += ll_mask_modules(&masks[i], DEEP);
    }
    REQUIRE(ll_tree_make(&tree, masks, PLANS, DEEP, &error) == LL_OK);
    const size_t modules = ll_tree_modules(&tree, 0, PLANS, NULL);
    CHECK_MSG(modules * 100 <= asked * 45, "%zu of %zu modules", modules, asked);
    ll_tree_free(&tree);
}

/* Passages of unlike lengths, of which more or less is scored. */
static ll_passages make_passages(void) {
    static int32_t ids[PASSAGES * WINDOW];
    static ll_passage cut[PASSAGES] = {{0, WINDOW, WINDOW - 1}, {WINDOW, 5, 4}, {WINDOW + 5, 20, 7}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        ids[i] = (int32_t)((i * 131 + i * i * 7) % VOCAB);
    return (ll_passages){
        .ids = {.data = ids, .count = WINDOW + 25}, .passage = cut, .count = PASSAGES, .longest = WINDOW};
}

static void run(ll_quality *out, const ll_quality_job *job) {
    CHECK_MSG(ll_quality_run(out, job, NULL, NULL, &progress, &error) == LL_OK, "%s", error.text);
}

/* But for what the sharing itself changes. */
static bool same(const ll_quality *a, const ll_quality *b) {
    ll_quality x = *a, y = *b;
    x.modules_computed = y.modules_computed = 0;
    return memcmp(&x, &y, sizeof x) == 0;
}

static void test_bits(void) {
    const ll_passages passages = make_passages();
    ll_mask masks[MASKS];
    for (size_t i = 0; i < MASKS; i++)
        masks[i] = mask_of(drops[i]);
    for (int kind = 0; kind < 2; kind++) {
        ll_model *model = make_model(kind ? LL_WEIGHTS_F32 : LL_WEIGHTS_INT8, 1 + (size_t)kind);
        REQUIRE(model);
        ll_quality alone[MASKS], found[MASKS];
        ll_quality_job job = {.model = model, .passages = &passages, .compare = true};
        for (size_t i = 0; i < MASKS; i++) {
            job.masks = &masks[i];
            job.count = 1;
            run(&alone[i], &job);
        }
        job.masks = masks;
        job.count = MASKS;
        const uint64_t stream = (WINDOW - 1) * HIDDEN * sizeof(float);
        for (uint64_t streams = 1; streams <= MASKS + 1; streams++) {
            job.memory = streams * stream;
            run(found, &job);
            for (size_t i = 0; i < MASKS; i++)
                CHECK_MSG(same(&found[i], &alone[i]), "room for %d streams, drop %zu: %.9g, alone %.9g",
                          (int)streams, i, found[i].perplexity, alone[i].perplexity);
        }
        CHECK(found[3].kl < 1e-6 && found[3].top1 == 1 && found[3].difference == 0 && found[0].kl > 1e-6);
        CHECK(found[0].modules_asked == 46 * 7 && found[7].modules_asked == 0);
        ll_model_destroy(model);
    }
}

/* Errors take passages as independent: by hand from each passage alone. */
static void test_errors(void) {
    const ll_passages passages = make_passages();
    const ll_mask mask = mask_of(drops[1]);
    ll_model *model = make_model(LL_WEIGHTS_INT8, 1);
    REQUIRE(model);
    ll_quality_job job = {.model = model, .passages = &passages, .masks = &mask, .count = 1, .compare = true};
    ll_quality whole, one[PASSAGES];
    run(&whole, &job);
    double loss = 0, difference = 0, tokens = 0;
    for (size_t i = 0; i < PASSAGES; i++) {
        ll_passages alone = passages;
        alone.passage += i;
        alone.count = 1;
        job.passages = &alone;
        run(&one[i], &job);
        CHECK(isnan(one[i].perplexity_stderr) && isnan(one[i].kl_stderr));
        tokens += (double)one[i].tokens;
    }
    for (size_t i = 0; i < PASSAGES; i++) {
        const double n = (double)one[i].tokens, far = (log(one[i].perplexity) - log(whole.perplexity)) * n,
                     apart = (one[i].difference - whole.difference) * n;
        loss += far * far * PASSAGES / (PASSAGES - 1);
        difference += apart * apart * PASSAGES / (PASSAGES - 1);
    }
    loss = sqrt(loss) / tokens;
    difference = sqrt(difference) / tokens;
    CHECK_MSG(fabs(whole.perplexity_stderr / whole.perplexity - loss) < 1e-9 && loss > 0,
              "error of the loss %.9g, expected %.9g", whole.perplexity_stderr / whole.perplexity, loss);
    CHECK_MSG(fabs(whole.difference_stderr - difference) < 1e-9 && difference > 0,
              "error of the difference %.9g, expected %.9g", whole.difference_stderr, difference);
    ll_model_destroy(model);
}

/* Saves what has come so far; the run ends after some passages. */
typedef struct {
    size_t end;
    ll_quality_tally kept;
} interruption;

static ll_status stop(void *context, const ll_quality_tally *tally, ll_error *e) {
    interruption *i = context;
    i->kept.passages = tally->passages;
    memcpy(i->kept.sums, tally->sums, MASKS * sizeof *tally->sums);
    return tally->passages == i->end ? ll_fail(e, LL_NO_RESOURCE, "stopped") : LL_OK;
}

static void test_interrupted(void) {
    const ll_passages passages = make_passages();
    ll_mask masks[MASKS];
    for (size_t i = 0; i < MASKS; i++)
        masks[i] = mask_of(drops[i]);
    ll_model *model = make_model(LL_WEIGHTS_INT8, 2);
    REQUIRE(model);
    const ll_quality_job job = {
        .model = model, .passages = &passages, .masks = masks, .count = MASKS, .compare = true};
    ll_quality whole[MASKS], found[MASKS];
    run(whole, &job);
    for (size_t end = 1; end < PASSAGES; end++) {
        ll_quality_sums begun[MASKS], kept[MASKS];
        memset(begun, 0, sizeof begun);
        interruption i = {end, {.sums = kept}};
        const ll_quality_keeper keeper = {stop, &i};
        ll_quality_tally tally = {.sums = begun};
        CHECK(ll_quality_run(found, &job, &tally, &keeper, &progress, &error) == LL_NO_RESOURCE);
        CHECK(i.kept.passages == end);
        CHECK(ll_quality_run(found, &job, &i.kept, NULL, &progress, &error) == LL_OK);
        CHECK(memcmp(found, whole, sizeof whole) == 0);
    }
    ll_model_destroy(model);
}

/* A file that an interrupted run left: read as written; of another key, or damaged, it is worth nothing. A drop that it names twice would
 * stand for one that is missing. */
static void test_part(void) {
    const char *const names[] = {"none", "attn:1", "none"};
    ll_quality_sums sums[] = {{.loss = {1, 2, 3}}, {.kl = {0.1, 1e-300, -0.5}}, {.loss = {1, 2, 3}}};
    const ll_quality_tally tally = {2, sums};
    ll_quality_part part;
    char path[512];
    snprintf(path, sizeof path, "%s/quality.part.json", ll_test_folder());
    REQUIRE(ll_quality_part_write(names, 2, &tally, "key", path, &error) == LL_OK);
    ll_quality_part_read(&part, 2, "key", path);
    CHECK(part.count == 2 && part.tally.passages == 2 && strcmp(part.drops[1], "attn:1") == 0 &&
          memcmp(part.tally.sums, sums, 2 * sizeof *sums) == 0);
    ll_quality_part_free(&part);
    ll_quality_part_read(&part, 2, "another", path);
    CHECK(part.count == 0 && !part.drops);
    ll_quality_part_read(&part, 1, "key", path); /* more passages than there are */
    CHECK(part.count == 0 && !part.drops);
    REQUIRE(ll_quality_part_write(names, 3, &tally, "key", path, &error) == LL_OK);
    ll_quality_part_read(&part, 2, "key", path);
    CHECK(part.count == 0 && !part.drops);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_progress_begin(&progress, "test", 1, true);
    ll_test_run("tree/modules that run", test_counts);
    ll_test_run("tree/the paper's plans of llama2-13b", test_paper_plans);
    ll_test_run("tree/the bits of each drop alone, at any memory", test_bits);
    ll_test_run("tree/errors from the spread of passages", test_errors);
    ll_test_run("tree/a run that was interrupted", test_interrupted);
    ll_test_run("tree/the file that it leaves", test_part);
    return ll_test_end();
}
