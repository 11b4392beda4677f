/* A sweep in parts: which rows are whose, what a part refuses, and that the parts merged are the whole sweep. */
#include "shard.h"
#include "test.h"
#include "toy_sweep.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LAYERS = 8, MASKS = 40 };

static uint64_t state = 9;

static size_t below(size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % limit;
}

/* Some of them the same; the first drops nothing. */
static void make_masks(ll_mask masks[MASKS], const ll_mask *at[MASKS]) {
    for (size_t i = 0; i < MASKS; i++) {
        masks[i] = (ll_mask){0};
        at[i] = &masks[i];
        for (size_t k = i ? below(4) : 0; k > 0; k--) {
            masks[i].attn[below(LAYERS)] = true;
            masks[i].mlp[below(LAYERS)] = true;
        }
    }
}

static bool same_mask(const ll_mask *a, const ll_mask *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static size_t count_masks(const ll_mask masks[MASKS], const size_t part[MASKS], size_t wanted) {
    size_t count = 0;
    for (size_t i = 0; i < MASKS; i++) {
        bool first = part[i] == wanted;
        for (size_t k = 0; k < i; k++)
            first &= !same_mask(&masks[i], &masks[k]);
        count += first;
    }
    return count;
}

/* Modules that a pass goes through before it meets the first that is dropped in one of the two alone. */
static size_t in_common(const ll_mask *a, const ll_mask *b) {
    size_t at = 0;
    while (at < 2 * LAYERS &&
           (at % 2 ? a->mlp[at / 2] == b->mlp[at / 2] : a->attn[at / 2] == b->attn[at / 2]))
        at++;
    return at;
}

/* The most that a mask has in common with one of those before it, of the same part (0: of any). */
static size_t shared(const ll_mask masks[MASKS], const size_t part[MASKS], bool within) {
    size_t sum = 0;
    for (size_t i = 0; i < MASKS; i++) {
        size_t best = 0;
        for (size_t k = 0; k < i; k++)
            if (!within || part[i] == part[k]) {
                const size_t common = in_common(&masks[i], &masks[k]);
                best = common > best ? common : best;
            }
        sum += best;
    }
    return sum;
}

static void test_parts(void) {
    static ll_mask masks[MASKS];
    const ll_mask *at[MASKS];
    size_t part[MASKS];
    make_masks(masks, at);
    for (size_t parts = 1; parts <= 50; parts++) {
        size_t most = 0, least = MASKS;
        REQUIRE(ll_shard_parts(at, MASKS, LAYERS, parts, part, NULL) == LL_OK);
        for (size_t p = 1; p <= parts; p++) {
            const size_t count = count_masks(masks, part, p);
            most = count > most ? count : most;
            least = count < least ? count : least;
        }
        CHECK_MSG(most - least <= 1, "%zu parts: %zu to %zu drops", parts, least, most);
        CHECK(part[0] == 1);
        for (size_t i = 0; i < MASKS; i++) {
            CHECK(part[i] >= 1 && part[i] <= parts);
            for (size_t k = 0; k < i; k++)
                CHECK(!same_mask(&masks[i], &masks[k]) || part[i] == part[k]);
        }
    }
}

/* Cut anywhere, each part begins anew once; dealt out like cards, almost nothing would be shared. */
static void test_neighbours(void) {
    static ll_mask masks[MASKS];
    const ll_mask *at[MASKS];
    size_t part[MASKS], dealt[MASKS];
    make_masks(masks, at);
    REQUIRE(ll_shard_parts(at, MASKS, LAYERS, 4, part, NULL) == LL_OK);
    for (size_t i = 0; i < MASKS; i++)
        dealt[i] = i % 4;
    const size_t all = shared(masks, part, false), ours = shared(masks, part, true),
                 cards = shared(masks, dealt, true);
    CHECK_MSG(all - ours <= 4 * 2 * LAYERS && ours > cards, "shared %zu of %zu, dealt out %zu", ours, all,
              cards);
}

static void sweep_parts(const char *folder, size_t parts) {
    for (size_t i = 1; i <= parts; i++) {
        char shard[32];
        snprintf(shard, sizeof shard, "%zu/%zu", i, parts);
        CHECK_MSG(ll_toy_sweep(folder, "--shard", shard, NULL) == 0, "part %s: %s", shard, ll_toy_said());
    }
}

static size_t lines(char *text) {
    size_t count = 0;
    for (const char *at = text; at && *at; at++)
        count += *at == '\n';
    free(text);
    return count;
}

static void test_merged(void) {
    struct stat info;
    REQUIRE(ll_toy_sweep_begin());
    CHECK_MSG(ll_toy_sweep("whole", NULL) == 0, "%s", ll_toy_said());
    sweep_parts("three", 3);
    /* The full model's rows are those of part 1 alone, and no part has a report. */
    CHECK(lines(ll_toy_sweep_rows("three/shard-1-of-3", "quality", false)) +
              lines(ll_toy_sweep_rows("three/shard-2-of-3", "quality", false)) +
              lines(ll_toy_sweep_rows("three/shard-3-of-3", "quality", false)) ==
          LL_TOY_SWEEP_ROWS);
    CHECK(lines(ll_toy_sweep_rows("three/shard-2-of-3", "speed", false)) ==
          lines(ll_toy_sweep_rows("three/shard-2-of-3", "quality", false)));
    CHECK(stat(ll_toy_sweep_path("three/shard-1-of-3/report.md"), &info) != 0);
    /* In whatever order they are named, and one of them twice. */
    CHECK_MSG(ll_toy_merge("merged", "three/shard-3-of-3", "three/shard-1-of-3", "three/shard-2-of-3",
                           "three/shard-1-of-3", NULL) == 0,
              "%s", ll_toy_said());
    ll_toy_sweep_same("whole", "merged", false);
    CHECK(stat(ll_toy_sweep_path("merged/report.md"), &info) == 0);
    CHECK(stat(ll_toy_sweep_path("merged/placement.svg"), &info) == 0);
    /* A sweep goes on from there: nothing is missing. */
    char *before = ll_test_read(ll_toy_sweep_path("merged/speed.csv"), &(size_t){0});
    CHECK(ll_toy_sweep("merged", NULL) == 0);
    char *after = ll_test_read(ll_toy_sweep_path("merged/speed.csv"), &(size_t){0});
    CHECK(before && after && strcmp(before, after) == 0);
    free(before);
    free(after);
    /* From then on its rows may be a sweep's own, which are no merge's to replace. */
    CHECK(ll_toy_merge("merged", "three/shard-1-of-3", "--partial", "--force", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "merged: is not just what an earlier merge made");
    CHECK(ll_toy_sweep("three/shard-1-of-3", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "shard-1-of-3: holds part 1 of 3 of a sweep; add --shard, or choose");
}

/* Other weights and other orders beside the sweep's own: every part has its drops' rows of these, part 1 those of pruned weights. */
static void test_variants(void) {
#define VARIANTS                                                                                             \
    "--no-speed", "--precisions", "f32,int8:128,int8:32+kv8", "--wanda", "2:4,attn@3,mlp@2", "--orders", "all"
    REQUIRE(ll_toy_sweep_begin());
    CHECK_MSG(ll_toy_sweep("wide", VARIANTS, NULL) == 0, "%s", ll_toy_said());
    for (size_t i = 3; i >= 1; i--) {
        char shard[32];
        snprintf(shard, sizeof shard, "%zu/3", i);
        CHECK_MSG(ll_toy_sweep("wides", VARIANTS, "--shard", shard, NULL) == 0, "part %s: %s", shard,
                  ll_toy_said());
    }
    CHECK_MSG(
        ll_toy_merge("of-wides", "wides/shard-3-of-3", "wides/shard-2-of-3", "wides/shard-1-of-3", NULL) == 0,
        "%s", ll_toy_said());
    static const char *const files[] = {"importance", "plans", "quality", "tasks"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *a = ll_toy_sweep_rows("wide", files[i], false),
             *b = ll_toy_sweep_rows("of-wides", files[i], false);
        CHECK_MSG(a && b && strcmp(a, b) == 0, "%s.csv differs", files[i]);
        free(a);
        free(b);
    }
}

/* What follows from timings, which are different in each part, is part 1's alone. */
static void test_costs(void) {
    REQUIRE(ll_toy_sweep_begin());
    for (size_t i = 1; i <= 4; i++) {
        char shard[32];
        snprintf(shard, sizeof shard, "%zu/4", i);
        CHECK_MSG(ll_toy_sweep("dear", "--orders", "reverse,cost", "--shard", shard, NULL) == 0,
                  "part %s: %s", shard, ll_toy_said());
    }
    CHECK_MSG(ll_toy_merge("of-dear", "dear/shard-4-of-4", "dear/shard-2-of-4", "dear/shard-1-of-4",
                           "dear/shard-3-of-4", NULL) == 0,
              "%s", ll_toy_said());
    char *plans = ll_toy_sweep_rows("of-dear", "plans", false),
         *costs = ll_toy_sweep_rows("of-dear", "costs", false);
    CHECK(plans && strstr(plans, ",cost,") && costs && strstr(costs, ",attn,"));
    free(plans);
    free(costs);
    CHECK(ll_toy_sweep("dear", "--orders", "cost", "--shard", "1/4", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "holds a part of another sweep: its orders is ");
}

/* More parts than there are different drops: some have no row, and all together are the sweep. */
static void test_more_parts_than_rows(void) {
    REQUIRE(ll_toy_sweep_begin());
    CHECK(ll_toy_sweep("small", "--no-speed", NULL) == 0);
    for (size_t i = 1; i <= 15; i++) {
        char shard[32];
        snprintf(shard, sizeof shard, "%zu/15", i);
        CHECK_MSG(ll_toy_sweep("many", "--no-speed", "--shard", shard, NULL) == 0, "part %s: %s", shard,
                  ll_toy_said());
    }
    CHECK_MSG(ll_toy_merge("of-many", "many/shard-1-of-15", "many/shard-2-of-15", "many/shard-3-of-15",
                           "many/shard-4-of-15", "many/shard-5-of-15", "many/shard-6-of-15",
                           "many/shard-7-of-15", "many/shard-8-of-15", "many/shard-9-of-15",
                           "many/shard-10-of-15", "many/shard-11-of-15", "many/shard-12-of-15",
                           "many/shard-13-of-15", "many/shard-14-of-15", "many/shard-15-of-15", NULL) == 0,
              "%s", ll_toy_said());
    char *a = ll_toy_sweep_rows("small", "quality", false),
         *b = ll_toy_sweep_rows("of-many", "quality", false);
    CHECK(a && b && strcmp(a, b) == 0);
    free(a);
    free(b);
}

/* A folder holds one part of one sweep. */
static void test_other_sweep(void) {
    REQUIRE(ll_toy_sweep_begin());
    CHECK(ll_toy_sweep("own", "--no-speed", "--shard", "2/2", NULL) == 0);
    CHECK(ll_toy_sweep("own", "--shard", "2/2", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(),
                   "holds a part of another sweep: its prompt is -, this one's 8; choose another --out");
    CHECK(ll_toy_sweep("own", "--no-speed", "--weights", "f32", "--shard", "2/2", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "its weights is int8 128 bf16, this one's f32 NA f32");
    CHECK(ll_toy_sweep("own", "--no-speed", "--shard", "2/2", NULL) == 0);
    /* The same folder by another name. */
    CHECK(rename(ll_toy_sweep_path("own/shard-2-of-2"), ll_toy_sweep_path("own/shard-1-of-2")) == 0);
    CHECK(ll_toy_sweep("own", "--no-speed", "--shard", "1/2", NULL) == 1);
    CHECK_CONTAINS(ll_toy_said(), "holds part 2 of 2, not 1 of 2");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("shard/parts", test_parts);
    ll_test_run("shard/neighbours", test_neighbours);
    ll_test_run("shard/merged", test_merged);
    ll_test_run("shard/variants", test_variants);
    ll_test_run("shard/costs", test_costs);
    ll_test_run("shard/more parts than rows", test_more_parts_than_rows);
    ll_test_run("shard/other sweep", test_other_sweep);
    return ll_test_end();
}
