/* Logits by tiles equal logits whole, bit for bit, and every row meets every id once; scores made of tiles equal scores
 * made of whole rows. */
#include "logits.h"
#include "quality.h"
#include "sampler.h"
#include "test.h"
#include "toy_gguf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 300, VOCAB = LL_LOGITS_IDS * 2 + 77 };
static ll_error error;

static void edit_head(const char *name, float *values, size_t rows, size_t cols, void *context) {
    if (strcmp(name, "output_norm.weight") == 0 || strcmp(name, "token_embd.weight") == 0)
        for (size_t i = 0; i < rows * cols; i++)
            values[i] *= *(const float *)context;
}

/* A model whose final norm and head (and embedding: they are one) are multiplied by factor. */
static ll_model *load(ll_weights_kind weights, size_t threads, float factor) {
    char path[1024];
    ll_toy toy = ll_toy_default();
    toy.vocab = VOCAB;
    toy.context = 512;
    toy.edit = edit_head;
    toy.edit_context = &factor;
    ll_model *model = NULL;
    const ll_model_options options = {.weights = weights, .group = 32, .threads = threads};
    snprintf(path, sizeof path, "%s/toy.gguf", ll_test_folder());
    if (ll_toy_write(path, &toy, NULL))
        CHECK_MSG(ll_model_load(&model, path, &options, &error) == LL_OK, "%s", error.text);
    return model;
}

typedef struct {
    float *logits[LL_LOGITS_SETS]; /* [ROWS][VOCAB] */
    unsigned char met[ROWS][VOCAB];
} gathered;

static void gather(void *context, const ll_logits_tile *tile) {
    gathered *g = context;
    for (size_t r = 0; r < tile->rows; r++)
        for (size_t i = 0; i < tile->ids; i++) {
            g->met[tile->row + r][tile->id + i]++;
            for (size_t set = 0; set < LL_LOGITS_SETS && tile->logits[set]; set++)
                g->logits[set][(tile->row + r) * VOCAB + tile->id + i] =
                    tile->logits[set][r * LL_LOGITS_IDS + i];
        }
}

static void random_rows(float *x, size_t n, uint64_t seed) {
    ll_random random = {seed};
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(ll_random_unit(&random) - 0.5);
}

/* The first rows of sets residual streams. */
static void check_sets(ll_session *session, float *const residual[], size_t sets, size_t rows) {
    const float *const streams[] = {residual[0], residual[1]};
    float *whole = malloc(rows * VOCAB * sizeof *whole);
    gathered *g = calloc(1, sizeof *g);
    for (size_t set = 0; set < sets; set++)
        g->logits[set] = calloc(ROWS * VOCAB, sizeof(float));
    const ll_logits_visitor visitor = {gather, g};
    CHECK_MSG(ll_session_visit_logits(session, streams, sets, rows, &visitor, &error) == LL_OK, "%s",
              error.text);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < VOCAB; i++)
            if (g->met[r][i] != (r < rows ? 1 : 0)) {
                ll_test_fail(__FILE__, __LINE__, "row %zu, id %zu: met %d times", r, i, g->met[r][i]);
                r = ROWS - 1;
                break;
            }
    for (size_t set = 0; set < sets; set++) {
        CHECK(ll_session_logits(session, streams[set], rows, whole, &error) == LL_OK);
        CHECK_MSG(memcmp(whole, g->logits[set], rows * VOCAB * sizeof *whole) == 0,
                  "%zu rows, set %zu of %zu: not the same bits", rows, set, sets);
        free(g->logits[set]);
    }
    free(g);
    free(whole);
}

static void check_model(ll_weights_kind weights, size_t threads, size_t capacity) {
    static const size_t counts[] = {1, 2, 17, 129, 256, ROWS};
    const ll_mask full = {0};
    ll_model *model = load(weights, threads, 1);
    REQUIRE(model);
    const size_t n = ROWS * ll_model_config(model)->hidden;
    float *residual[] = {malloc(n * sizeof(float)), malloc(n * sizeof(float))};
    random_rows(residual[0], n, 1);
    random_rows(residual[1], n, 2);
    ll_session *session = NULL;
    CHECK_MSG(ll_session_create(&session, model, &full, capacity, &error) == LL_OK, "%s", error.text);
    for (size_t i = 0; session && i < sizeof counts / sizeof *counts; i++) {
        check_sets(session, residual, 1, counts[i]);
        check_sets(session, residual, 2, counts[i]);
    }
    ll_session_destroy(session);
    ll_model_destroy(model);
    free(residual[0]);
    free(residual[1]);
}

static void test_tiles(void) {
    check_model(LL_WEIGHTS_INT8, 1, 512);
    check_model(LL_WEIGHTS_INT8, 3, 100);
    check_model(LL_WEIGHTS_F32, 2, 512);
    check_model(LL_WEIGHTS_F32, 1, 1); /* the least of buffers */
}

static void ignore(void *context, const ll_logits_tile *tile) {
    (void)context;
    CHECK(tile->rows > 0);
}

static void test_not_finite(void) {
    ll_model *model = load(LL_WEIGHTS_F32, 2, 1e20f);
    REQUIRE(model);
    const ll_mask full = {0};
    ll_session *session = NULL;
    REQUIRE(ll_session_create(&session, model, &full, 8, &error) == LL_OK);
    float *residual = malloc(3 * ll_model_config(model)->hidden * sizeof *residual);
    random_rows(residual, 3 * ll_model_config(model)->hidden, 3);
    const float *const streams[] = {residual};
    const ll_logits_visitor visitor = {ignore, NULL};
    CHECK(ll_session_visit_logits(session, streams, 1, 3, &visitor, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "logits are not finite");
    free(residual);
    ll_session_destroy(session);
    ll_model_destroy(model);
}

/* ---- scores ---- */
enum { WINDOW = 290, WINDOWS = 2, SCORED = WINDOWS * (WINDOW - 1) };

static double lse_of(const float *x) {
    double sum = 0;
    for (size_t i = 0; i < VOCAB; i++)
        sum += exp((double)x[i]);
    return log(sum);
}

static double kl_of(const float *full, const float *dropped) {
    const double full_lse = lse_of(full), dropped_lse = lse_of(dropped);
    double kl = 0;
    for (size_t i = 0; i < VOCAB; i++) {
        const double log_p = (double)full[i] - full_lse;
        kl += exp(log_p) * (log_p - (double)dropped[i] + dropped_lse);
    }
    return kl;
}

/* The same by whole rows of logits and plain sums. */
static ll_quality naive(const ll_model *model, const ll_mask *mask, const ll_passages *passages) {
    ll_quality sum = {0};
    const ll_mask none = {0};
    for (size_t w = 0; w < WINDOWS; w++) {
        const int32_t *ids = passages->ids.data + w * WINDOW;
        float *full = ll_logits_in_steps(model, &none, ids, WINDOW, WINDOW),
              *dropped = ll_logits_in_steps(model, mask, ids, WINDOW, WINDOW);
        for (size_t i = 0; i + 1 < WINDOW; i++) {
            const float *f = full + i * VOCAB, *d = dropped + i * VOCAB;
            sum.perplexity += (lse_of(d) - (double)d[ids[i + 1]]) / SCORED;
            sum.kl += kl_of(f, d) / SCORED;
            sum.top1 += (ll_argmax(f, VOCAB) == ll_argmax(d, VOCAB)) / (double)SCORED;
        }
        free(full);
        free(dropped);
    }
    sum.perplexity = exp(sum.perplexity);
    return sum;
}

static ll_quality scored(const ll_model *model, const ll_mask *mask, const ll_passages *passages) {
    ll_quality quality = {0};
    ll_progress progress;
    const ll_quality_job job = {
        .model = model, .passages = passages, .masks = mask, .count = 1, .compare = true};
    ll_progress_begin(&progress, "test", 1, true);
    CHECK_MSG(ll_quality_run(&quality, &job, NULL, NULL, &progress, &error) == LL_OK, "%s", error.text);
    return quality;
}

static void test_scores(void) {
    int32_t ids[WINDOWS * WINDOW];
    ll_random random = {4};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        ids[i] = (int32_t)(ll_random_next(&random) % VOCAB);
    ll_passage cut[WINDOWS];
    for (size_t w = 0; w < WINDOWS; w++)
        cut[w] = (ll_passage){w * WINDOW, WINDOW, WINDOW - 1};
    const ll_passages passages = {
        .ids = {.data = ids, .count = WINDOWS * WINDOW}, .passage = cut, .count = WINDOWS, .longest = WINDOW};
    ll_mask mask = {0};
    mask.attn[1] = mask.mlp[2] = true;
    ll_model *one = load(LL_WEIGHTS_INT8, 1, 3), *two = load(LL_WEIGHTS_INT8, 2, 3);
    REQUIRE(one && two);
    const ll_quality expected = naive(one, &mask, &passages), found = scored(one, &mask, &passages),
                     again = scored(two, &mask, &passages);
    CHECK_MSG(fabs(found.perplexity / expected.perplexity - 1) < 1e-6, "perplexity %.9g, expected %.9g",
              found.perplexity, expected.perplexity);
    CHECK_MSG(fabs(found.kl - expected.kl) < 1e-6 + 1e-5 * expected.kl, "KL %.9g, expected %.9g", found.kl,
              expected.kl);
    CHECK_MSG(fabs(found.top1 - expected.top1) < 1e-9 && found.top1 > 0 && found.top1 < 1,
              "top-1 %g, expected %g", found.top1, expected.top1);
    CHECK(expected.kl > 1e-3);
    CHECK(memcmp(&found, &again, sizeof found) == 0); /* at any thread count */
    ll_model_destroy(one);
    ll_model_destroy(two);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("logits/tiles equal whole rows, every id once", test_tiles);
    ll_test_run("logits/what is not finite is refused", test_not_finite);
    ll_test_run("logits/scores of tiles equal scores of whole rows", test_scores);
    return ll_test_end();
}
