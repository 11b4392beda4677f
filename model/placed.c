/* Where threads and memory are, as the system says. */
#include "session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const ll_placement *ll_model_placement(const ll_model *model) {
    return &model->placement;
}
const ll_topology *ll_model_topology(const ll_model *model) {
    return model->topology;
}
void ll_model_set_decode_threads(ll_model *model, size_t threads) {
    model->placement.options.decode_threads = threads < model->placement.threads ? threads : 0;
}
size_t ll_model_decode_threads(const ll_model *model) {
    const ll_placement *p = &model->placement;
    size_t sum = 0;
    for (size_t i = 0; i < p->nodes; i++)
        sum += ll_placement_some(p, i, p->options.decode_threads);
    return sum;
}
double ll_model_waited(const ll_model *model) {
    return ll_team_waited(model->team);
}

/* ---- asking ---- */

/* Adds the pages of a zone, which the plan gives to a node (nodes of the placement: to all). */
static void add_pages(ll_placed *out, const ll_model *model, const uint8_t *base, size_t bytes, size_t node) {
    const ll_placement *p = &model->placement;
    size_t on[LL_MAX_NODES] = {0}, elsewhere = 0;
    out->pages_known &= ll_topology_find_pages(model->topology, base, bytes, on, &elsewhere);
    for (size_t i = 0; i < model->topology->nodes; i++) {
        out->on[i] += on[i];
        if (node < p->nodes) {
            out->pages[node] += on[i];
            out->there[node] += i == p->node[node].index ? on[i] : 0;
        }
    }
    out->elsewhere += elsewhere;
    if (node < p->nodes)
        out->pages[node] += elsewhere;
}

static void add_arena(ll_placed *out, const ll_model *model, const ll_arena *arena) {
    for (size_t i = 0; i < arena->zones; i++)
        add_pages(out, model, arena->base + arena->zone[i], ll_arena_zone_bytes(arena, i), i);
    out->memory_error = out->memory_error ? out->memory_error : arena->error;
}

static uint64_t huge_bytes(void) {
    char line[256];
    uint64_t kilobytes = 0, found = UINT64_MAX;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "AnonHugePages: %" SCNu64, &kilobytes) == 1)
            found = kilobytes * 1024;
    if (file)
        fclose(file);
    return found;
}

ll_placed ll_model_read_placement(const ll_model *model, const ll_session *session) {
    ll_placed out = {.huge_bytes = huge_bytes(), .pages_known = true};
    out.bound = ll_team_bound(model->team, &out.thread_error);
    add_arena(&out, model, &model->weights.arena);
    if (session)
        add_arena(&out, model, &session->arena);
    return out;
}

/* ---- in a line ---- */

typedef struct {
    char *at;
    size_t left;
} line;

static void add(line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(line *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(l->at, l->left, format, arguments);
    va_end(arguments);
    const size_t used = length < 0 ? 0 : (size_t)length < l->left ? (size_t)length : l->left - 1;
    l->at += used;
    l->left -= used;
}

static void add_nodes(line *l, const ll_model *model) {
    const ll_placement *p = &model->placement;
    for (size_t i = 0; i < p->nodes; i++) {
        const ll_place_node *n = &p->node[i];
        if (p->options.virtual_nodes)
            add(l, "%svirtual node %zu CPUs ", i ? ", " : "", i);
        else if (p->options.numa == LL_NUMA_SPLIT)
            add(l, "%snode %u CPUs ", i ? ", " : "", model->topology->node[n->index].os);
        else
            add(l, "CPUs ");
        char cpus[128];
        ll_placement_cpus(p, i, cpus, sizeof cpus);
        add(l, "%s", cpus);
    }
}

void ll_placed_text(const ll_model *model, const ll_placed *placed, char *out, size_t capacity) {
    const ll_placement *p = &model->placement;
    line l = {out, capacity};
    size_t pages = 0, there = 0;
    for (size_t i = 0; i < p->nodes; i++) {
        pages += placed->pages[i];
        there += placed->there[i];
    }
    add(&l, "%s: ", ll_numa_name(p->options.numa));
    add_nodes(&l, model);
    if (p->options.unbound)
        add(&l, "; threads unbound");
    else
        add(&l, "; %zu of %zu threads bound", placed->bound, p->threads);
    if (placed->thread_error)
        add(&l, " (%s)", strerror(placed->thread_error));
    if (!placed->pages_known)
        add(&l, "; where pages are is not known");
    else if (p->options.numa == LL_NUMA_SPLIT && pages)
        add(&l, "; %.1f %% of pages in place", 100 * (double)there / (double)pages);
    if (placed->memory_error)
        add(&l, " (memory not bound: %s)", strerror(placed->memory_error));
    if (ll_model_decode_threads(model) < p->threads)
        add(&l, "; %zu threads decode", ll_model_decode_threads(model));
}
