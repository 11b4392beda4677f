#include "tree.h"

#include <stdlib.h>
#include <string.h>

/* Modules in the order in which a pass meets them. */
static ll_module module_at(size_t step) {
    return (ll_module){step % 2 ? LL_MLP : LL_ATTN, step / 2};
}

size_t ll_mask_modules(const ll_mask *mask, size_t layers) {
    return 2 * layers - ll_mask_count(mask->attn, layers) - ll_mask_count(mask->mlp, layers);
}

static bool comes_before(const ll_tree *tree, size_t a, size_t b) {
    for (size_t step = 0; step < 2 * tree->layers; step++) {
        const ll_module module = module_at(step);
        if (ll_mask_drops(&tree->masks[a], module) != ll_mask_drops(&tree->masks[b], module))
            return ll_mask_drops(&tree->masks[b], module);
    }
    return a < b;
}

/* By insertion: a sweep has some dozens. */
ll_status ll_tree_make(ll_tree *out, const ll_mask *masks, size_t count, size_t layers, ll_error *error) {
    *out = (ll_tree){
        .layers = layers, .count = count, .masks = masks, .order = malloc((count + 1) * sizeof *out->order)};
    if (!out->order)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a tree of %zu drops", count);
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && comes_before(out, i, out->order[at - 1]); at--)
            out->order[at] = out->order[at - 1];
        out->order[at] = i;
    }
    return LL_OK;
}

void ll_tree_free(ll_tree *tree) {
    free(tree->order);
    tree->order = NULL;
}

/* Masks that are alike so far: order[at .. end). */
typedef struct {
    const ll_tree *tree;
    size_t first; /* of all that run together */
    size_t last;  /* behind them */
    size_t *end;  /* [last - first] where at + first begins such a range, its end; else 0 */
    ll_session *session;
    const int32_t *ids;
    size_t count, hidden;
    float *const *streams; /* NULL: only counted */
    size_t *computed;      /* [tree->count] or NULL */
    size_t modules;        /* that ran */
    ll_progress *progress;
} walk;

/* The first of range [at, end) that drops the module: those that keep it come before. */
static size_t first_dropping(const walk *w, size_t at, size_t end, ll_module module) {
    const ll_tree *tree = w->tree;
    while (at < end && !ll_mask_drops(&tree->masks[tree->order[w->first + at]], module))
        at++;
    return at;
}

static void copy_stream(const walk *w, size_t to, size_t from) {
    if (w->streams)
        memcpy(w->streams[to], w->streams[from], w->count * w->hidden * sizeof(float));
}

static ll_status run_kept(walk *w, size_t at, ll_module module, ll_error *error) {
    w->modules++;
    if (w->computed)
        w->computed[w->tree->order[w->first + at]]++;
    if (!w->streams)
        return LL_OK;
    LL_TRY(ll_session_run_module(w->session, module, w->streams[at], w->count, NULL, error));
    ll_progress_step(w->progress, 1);
    return LL_OK;
}

/* A range in which some keep the module and some drop it becomes two; those that keep it run it. */
static ll_status pass_module(walk *w, ll_module module, ll_error *error) {
    const size_t all = w->last - w->first;
    for (size_t at = 0, end; at < all; at = end) {
        end = w->end[at];
        const size_t split = first_dropping(w, at, end, module);
        if (split == at)
            continue;
        if (split < end) {
            copy_stream(w, split, at);
            w->end[at] = split;
            w->end[split] = end;
        }
        LL_TRY(run_kept(w, at, module, error));
    }
    return LL_OK;
}

static ll_status pass_all(walk *w, ll_error *error) {
    const size_t all = w->last - w->first;
    w->end = calloc(all + 1, sizeof *w->end);
    if (!w->end)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a tree of %zu drops", all);
    w->end[0] = all;
    ll_status status = LL_OK;
    if (w->streams)
        status = ll_session_embed(w->session, w->ids, w->count, w->streams[0], error);
    for (size_t step = 0; status == LL_OK && step < 2 * w->tree->layers; step++)
        status = pass_module(w, module_at(step), error);
    for (size_t at = 0, end; status == LL_OK && at < all; at = end) {
        end = w->end[at];
        for (size_t same = at + 1; same < end; same++)
            copy_stream(w, same, at);
    }
    free(w->end);
    return status;
}

size_t ll_tree_modules(const ll_tree *tree, size_t first, size_t end, size_t *computed) {
    walk w = {.tree = tree, .first = first, .last = end, .computed = computed};
    return first < end && pass_all(&w, NULL) == LL_OK ? w.modules : 0;
}

ll_status ll_tree_run(const ll_tree *tree, size_t first, size_t end, ll_session *session, const int32_t *ids,
                      size_t count, size_t hidden, float *const *streams, ll_progress *progress,
                      ll_error *error) {
    walk w = {.tree = tree,
              .first = first,
              .last = end,
              .session = session,
              .ids = ids,
              .count = count,
              .hidden = hidden,
              .streams = streams,
              .progress = progress};
    return first < end ? pass_all(&w, error) : LL_OK;
}
