/* Segments of several sequences in one pass, sequences rewound and forked: bit for bit what a fresh session of one thread gives
 * that runs a sequence's tokens alone, from the first to the last in one call. Teams of threads play a script, step by step. */
#include "model.h"
#include "real_model.h"
#include "test.h"

#include <string.h>

enum { SEQUENCES = 5, VOCAB = 251, WIDEST = 36, LONG = 1104, SHORT = 144, NO = -1 };
enum { TEAMS = 6, SOME_TEAMS = 3 };

static ll_error error;

static const struct {
    size_t threads, nodes, decode_threads;
} teams[TEAMS] = {{1, 1, 0}, {2, 1, 0}, {3, 2, 0}, {2, 2, 0}, {3, 3, 0}, {3, 1, 2}};

/* UNHEARD: nobody asks for the outputs; SELECTED: ll_session_forward on the only sequence. */
typedef enum { FORWARD, UNHEARD, DECODE, SELECTED } pass_kind;
typedef struct {
    pass_kind kind;
    int count[SEQUENCES], outputs[SEQUENCES]; /* of each sequence's segment; NO: none */
} pass;

/* All who play a script on one kind of model. */
typedef struct {
    char label[64];
    ll_config shape;
    ll_model_options options;
    ll_mask mask;
    size_t teams, steps; /* steps: done */
    ll_model *model[TEAMS];
    ll_session *together[TEAMS];
    int32_t text[SEQUENCES][LONG];
    size_t depth[SEQUENCES];
    float residual[LONG * WIDEST]; /* of a sequence alone */
    float expected[(SEQUENCES * LONG + 1) * WIDEST], found[(SEQUENCES * LONG + 1) * WIDEST]; /* outputs */
} stage;

/* The script that is played, and positions of its sessions. */
static void (*script)(stage *g);
static size_t capacity;

static bool good(const stage *g, ll_status status, const char *what) {
    CHECK_MSG(status == LL_OK, "%s, step %zu, %s: %s", g->label, g->steps, what, error.text);
    return status == LL_OK;
}

/* ---- alone ---- */

/* Other tokens in every step, so that a sequence that goes on anew does so otherwise. */
static int32_t id_at(const stage *g, size_t sequence, size_t i) {
    return (int32_t)((g->steps * 101 + sequence * 13 + i * 29 + i * i * (sequence + g->steps + 3)) % VOCAB);
}

/* The residual stream of all of a sequence's tokens. */
static void run_alone(stage *g, size_t sequence) {
    ll_session *session = NULL;
    ll_status status = ll_session_create(&session, g->model[0], &g->mask, capacity, &error);
    if (status == LL_OK)
        status =
            ll_session_forward(session, g->text[sequence], g->depth[sequence], g->residual, NULL, &error);
    good(g, status, "alone");
    ll_session_destroy(session);
}

/* A sequence's part of a pass; returns the rows of its outputs. */
static size_t go_on_alone(stage *g, const pass *p, size_t sequence, float *rows) {
    const size_t hidden = g->shape.hidden, outputs = p->kind == UNHEARD ? 0 : (size_t)p->outputs[sequence];
    for (int i = 0; i < p->count[sequence]; i++)
        g->text[sequence][g->depth[sequence]++] = id_at(g, sequence, (size_t)i);
    if (outputs) {
        run_alone(g, sequence);
        memcpy(rows, g->residual + (g->depth[sequence] - outputs) * hidden, outputs * hidden * sizeof *rows);
    }
    return outputs;
}

/* ---- together ---- */

static ll_status go_on_together(const stage *g, ll_session *session, const pass *p, float *rows) {
    static int32_t ids[SEQUENCES * LONG];
    ll_segment segments[SEQUENCES] = {{0}};
    size_t count = 0, total = 0;
    for (size_t i = 0; i < SEQUENCES; i++) {
        if (p->count[i] != NO)
            segments[count++] = (ll_segment){i, (size_t)p->count[i], (size_t)p->outputs[i]};
        for (int j = 0; j < p->count[i]; j++)
            ids[total++] = id_at(g, i, (size_t)j);
    }
    ll_session_select(session, segments[0].sequence);
    if (p->kind == SELECTED)
        return ll_session_forward(session, ids, total, rows, NULL, &error);
    return p->kind == DECODE ? ll_session_decode(session, ids, rows, &error)
                             : ll_session_forward_segments(session, ids, segments, count,
                                                           p->kind == UNHEARD ? NULL : rows, &error);
}

/* A team's depths, and the first rows of what its step gave. */
static void compare(const stage *g, size_t team, size_t rows) {
    const size_t hidden = g->shape.hidden;
    size_t same = 0, depths = 0;
    while (same < rows &&
           memcmp(g->found + same * hidden, g->expected + same * hidden, hidden * sizeof(float)) == 0)
        same++;
    for (size_t i = 0; i < SEQUENCES; i++) {
        ll_session_select(g->together[team], i);
        depths += ll_session_depth(g->together[team]) == g->depth[i];
    }
    CHECK_MSG(same == rows && depths == SEQUENCES,
              "%s, %zu threads on %zu nodes, step %zu: %zu of %zu rows and %zu of %d depths are as alone",
              g->label, teams[team].threads, teams[team].nodes, g->steps, same, rows, depths, SEQUENCES);
}

/* The row behind the outputs stays as it was. */
static void go_on(stage *g, pass p) {
    const size_t hidden = g->shape.hidden;
    size_t rows = 0;
    g->steps++;
    for (size_t i = 0; i < SEQUENCES && !ll_test_failed(); i++)
        rows += go_on_alone(g, &p, i, g->expected + rows * hidden);
    memset(g->expected + rows * hidden, 0x5a, hidden * sizeof(float));
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++) {
        memset(g->found, 0x5a, (rows + 1) * hidden * sizeof(float));
        if (good(g, go_on_together(g, g->together[i], &p, g->found), "together"))
            compare(g, i, rows + 1);
    }
}

static void go_on_two(stage *g, size_t a, int count_a, size_t b, int count_b) {
    pass p = {FORWARD, {NO, NO, NO, NO, NO}, {0}};
    p.count[a] = count_a;
    p.outputs[a] = (count_a + 1) / 2;
    p.count[b] = p.outputs[b] = count_b;
    go_on(g, p);
}

static void fork_to(stage *g, size_t from, size_t to, size_t positions) {
    memmove(g->text[to], g->text[from], positions * sizeof **g->text);
    g->depth[to] = positions;
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++)
        if (good(g, ll_session_fork(g->together[i], from, to, positions, &error), "fork"))
            compare(g, i, 0);
}

static void rewind_to(stage *g, size_t sequence, size_t positions) {
    g->depth[sequence] = positions;
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++) {
        ll_session_select(g->together[i], sequence);
        if (good(g, ll_session_rewind(g->together[i], positions, &error), "rewind"))
            compare(g, i, 0);
    }
}

/* ---- stages ---- */

static void open_team(stage *g, size_t i) {
    ll_model_options options = g->options;
    options.threads = teams[i].threads;
    options.placement.virtual_nodes = teams[i].nodes;
    options.placement.decode_threads = teams[i].decode_threads;
    ll_status status = ll_model_synthesize(&g->model[i], &g->shape, &options, &error);
    if (status == LL_OK)
        status = ll_session_create_batch(&g->together[i], g->model[i], &g->mask, SEQUENCES, capacity, &error);
    good(g, status, "a team");
}

static void play_on(stage *g) {
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++)
        open_team(g, i);
    script(g);
    for (size_t i = 0; i < g->teams; i++) {
        ll_session_destroy(g->together[i]);
        ll_model_destroy(g->model[i]);
    }
}

enum { GQA, MHA, WINDOW, DROPS, SHAPES, KINDS = 4 };

/* Of the kinds the first bit is the cache's, the second the weights'. */
static void set_stage(stage *g, size_t which, size_t kind) {
    static const char *const labels[SHAPES] = {"GQA", "MHA", "a window", "drops"};
    static const ll_config shapes[SHAPES] = {
        /* layers, hidden, heads, KV heads, head_dim, MLP, vocabulary, context, window */
        {2, 32, 4, 2, 8, 48, VOCAB, LONG, 0, .rope_theta = 10000, .eps = 1e-5f},
        {2, 36, 3, 3, 10, 40, VOCAB, LONG, 0, .rope_theta = 10000, .eps = 1e-5f},
        {2, 32, 4, 2, 8, 48, VOCAB, LONG, 21, .rope_theta = 10000, .eps = 1e-5f},
        {3, 32, 4, 2, 8, 48, VOCAB, LONG, 0, .rope_theta = 10000, .eps = 1e-5f},
    };
    memset(g, 0, sizeof *g);
    g->shape = shapes[which];
    g->options = (ll_model_options){.group = 32, .kv_i8 = kind % 2};
    g->options.weights = kind / 2 ? LL_WEIGHTS_F32 : LL_WEIGHTS_INT8;
    g->mask.attn[0] = g->mask.attn[1] = g->mask.mlp[1] = which == DROPS;
    snprintf(g->label, sizeof g->label, "%s, %s weights, KV-cache %s", labels[which],
             ll_weights_kind_name(g->options.weights), g->options.kv_i8 ? "int8" : "of floats");
}

/* Every kind meets every team on one shape, and some on another; sanitizers see enough with some. */
static void play(void) {
    static stage g;
    for (size_t which = 0; which < SHAPES; which++)
        for (size_t kind = 0; kind < KINDS && !ll_test_failed(); kind++) {
            if ((kind == 0 || kind == 3) != (which % 2 == 0))
                continue;
            set_stage(&g, which, kind);
            g.teams = which < WINDOW && !ll_test_quick() ? TEAMS : SOME_TEAMS;
            play_on(&g);
        }
}

/* ---- scripts ---- */

/* Few rows and many, more than a pass takes, together and alone; single steps as segments and as decode. What a pass takes
 * ends within outputs, within what is silent, and with a segment. */
static void unlike_lengths(stage *g) {
    static const pass passes[] = {
        {FORWARD, {0, 1, 5, NO, 37}, {0, 1, 2, 0, 0}},
        {FORWARD, {2, 3, 0, 1, 4}, {1, 3, 0, 0, 4}},
        {FORWARD, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
        {DECODE, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}},
        {FORWARD, {1, NO, 1, 1, NO}, {1, 0, 0, 1, 0}},
        {FORWARD, {3, 9, 0, 2, NO}, {0}},
        {FORWARD, {0, 0, NO, NO, 0}, {0}},
        {FORWARD, {NO, NO, NO, NO, NO}, {0}},
        {FORWARD, {NO, 600, 3, 513, 1}, {0, 600, 0, 100, 1}},
        {FORWARD, {500, 12, 0, 40, 5}, {0, 12, 0, 1, 5}},
        {FORWARD, {NO, NO, 1027, NO, 2}, {0, 0, 5, 0, 2}},
        {UNHEARD, {300, 7, 33, 165, 90}, {300, 0, 3, 1, 90}},
        {FORWARD, {20, 1, 16, 31, 32}, {20, 1, 16, 31, 32}},
        {FORWARD, {NO, 9, 2, NO, 3}, {0, 2, 0, 0, 3}},
        {SELECTED, {NO, NO, NO, 30, NO}, {0, 0, 0, 30, 0}},
    };
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        go_on(g, passes[i]);
}

/* Buffers are as long as the capacity: passes that do not hold what a call brings. */
static void back_and_on(stage *g) {
    go_on(g, (pass){FORWARD, {40, 100, NO, 18, 64}, {3, 100, 0, 0, 1}});
    rewind_to(g, 1, 17);
    rewind_to(g, 3, 16);
    rewind_to(g, 4, 64); /* where it is */
    rewind_to(g, 2, 0);
    go_on(g, (pass){FORWARD, {20, 50, 3, 20, 2}, {20, 50, 3, 20, 2}});
    rewind_to(g, 1, 66);
    rewind_to(g, 0, 15);
    go_on(g, (pass){DECODE, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}});
    rewind_to(g, 1, 1);
    rewind_to(g, 4, 0);
    go_on_two(g, 1, 70, 4, 9);
    rewind_to(g, 1, 65);
    go_on(g, (pass){DECODE, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}});
}

/* A copy made while passes leave a layer out has that layer's cache too. */
static void mask_first_layer(stage *g, bool masked) {
    ll_mask mask = g->mask;
    mask.attn[0] = mask.attn[0] || masked;
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++)
        good(g, ll_session_set_mask(g->together[i], &mask, &error), "mask");
}

/* The first positions of sequence 2, onto one before it or behind it that had other content; then both go on. */
static void forks(stage *g) {
    static const size_t firsts[] = {0, 1, 15, 16, 17, 63, 64, 65, 70};
    go_on(g, (pass){FORWARD, {NO, 9, 70, NO, 3}, {0, 9, 1, 0, 3}});
    fork_to(g, 2, 3, 33); /* which has had nothing */
    go_on_two(g, 2, 4, 3, 6);
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        const size_t to = i % 2 ? 4 : 0;
        rewind_to(g, to, 0);
        go_on_two(g, to, 80, 1, 1);
        rewind_to(g, 2, 70);
        fork_to(g, 2, to, firsts[i]);
        go_on_two(g, 2, 3, to, 5);
    }
    rewind_to(g, 0, 0);
    go_on_two(g, 0, 60, 1, 1);
    mask_first_layer(g, true);
    fork_to(g, 2, 0, 40);
    mask_first_layer(g, false);
    go_on_two(g, 0, 2, 2, 2);
    fork_to(g, 2, 2, 31); /* onto itself */
    fork_to(g, 2, 1, 20);
    fork_to(g, 1, 4, 19); /* a copy's */
    go_on(g, (pass){DECODE, {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}});
    go_on(g, (pass){FORWARD, {NO, 30, 2, 3, 2}, {0, 30, 2, 1, 2}});
}

/* ---- what is refused ---- */

static void check_passes_refused(ll_session *session) {
    static const int32_t ids[SHORT] = {0}, high[] = {1, 2, 3, VOCAB}, negative[] = {1, -7, 2, 3};
    const struct {
        const int32_t *ids;
        ll_segment segments[3];
        ll_status status;
        const char *why;
    } all[] = {
        {ids, {{3, 1, 1}, {1, 1, 1}, {4, 1, 1}}, LL_BAD_USAGE, "segment 1 is of sequence 1: expected ascend"},
        {ids, {{0, 1, 1}, {1, 1, 1}, {1, 1, 1}}, LL_BAD_USAGE, "segment 2 is of sequence 1: expected ascend"},
        {ids, {{0, 1, 1}, {1, 1, 1}, {5, 0, 0}}, LL_BAD_USAGE, "segment 2 is of sequence 5: expected"},
        {ids, {{5, 1, 1}, {6, 1, 1}, {7, 1, 1}}, LL_BAD_USAGE, "segment 0 is of sequence 5: expected"},
        {ids, {{0, 1, 1}, {2, 2, 3}, {3, 1, 1}}, LL_BAD_USAGE, "segment 1 has 2 tokens: no 3 outputs"},
        {ids, {{0, 1, 1}, {1, 1, 1}, {2, 0, 1}}, LL_BAD_USAGE, "segment 2 has 0 tokens: no 1 outputs"},
        {ids, {{0, 1, 1}, {1, 115, 1}, {2, 1, 1}}, LL_BAD_INPUT, "115 tokens at depth 30 do not fit in 144"},
        {ids, {{0, 1, 1}, {1, SIZE_MAX, 0}, {2, 1, 1}}, LL_BAD_INPUT, "do not fit in 144 positions"},
        {high, {{0, 1, 1}, {1, 0, 0}, {2, 3, 0}}, LL_BAD_INPUT, "token 3 has id 251, expected 0 to 250"},
        {negative, {{0, 1, 1}, {2, 2, 0}, {4, 1, 1}}, LL_BAD_INPUT, "token 1 has id -7"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        float rows[8 * WIDEST] = {0}, zero[8 * WIDEST] = {0};
        CHECK(ll_session_forward_segments(session, all[i].ids, all[i].segments, 3, rows, &error) ==
              all[i].status);
        CHECK_CONTAINS(error.text, all[i].why);
        CHECK(memcmp(rows, zero, sizeof zero) == 0);
    }
}

static void check_moves_refused(ll_session *s) {
    ll_session_select(s, 1);
    CHECK(ll_session_rewind(s, SIZE_MAX, &error) == LL_BAD_USAGE);
    CHECK(ll_session_rewind(s, 31, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "sequence 1 cannot be rewound to position 31: it is at 30");
    CHECK(ll_session_fork(s, 1, 1, 31, &error) == LL_BAD_USAGE);
    CHECK(ll_session_fork(s, 1, 0, 31, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "31 positions of sequence 1 cannot go to sequence 0");
    CHECK(ll_session_fork(s, SEQUENCES, 0, 0, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "of sequence 5 cannot go to sequence 0: expected sequences below 5, and "
                               "positions that it has reached");
    CHECK(ll_session_fork(s, 1, SEQUENCES, 1, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "1 positions of sequence 1 cannot go to sequence 5");
}

/* Sequences go on as if nothing had been asked, one to its last position. */
static void refusals(stage *g) {
    go_on(g, (pass){FORWARD, {20, 30, 3, NO, 5}, {20, 1, 3, 0, 5}});
    for (size_t i = 0; i < g->teams && !ll_test_failed(); i++) {
        check_passes_refused(g->together[i]);
        check_moves_refused(g->together[i]);
        compare(g, i, 0);
    }
    go_on(g, (pass){FORWARD, {3, 3, 0, 1, 2}, {3, 3, 0, 1, 2}});
    go_on(g, (pass){FORWARD, {NO, SHORT - 33, NO, 2, 9}, {0, 7, 0, 2, 9}});
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t capacity;
        void (*script)(stage *g);
    } all[] = {{"segments/lengths", LONG, unlike_lengths},
               {"segments/rewind", SHORT, back_and_on},
               {"segments/fork", SHORT, forks},
               {"segments/refused", SHORT, refusals}};
    ll_test_begin(argc, argv);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        capacity = all[i].capacity;
        script = all[i].script;
        ll_test_run(all[i].name, play);
    }
    return ll_test_end();
}
