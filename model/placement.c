#include "placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ll_numa_name(ll_numa numa) {
    return numa == LL_NUMA_SPLIT ? "split" : numa == LL_NUMA_INTERLEAVE ? "interleave" : "off";
}

/* ---- shares ---- */

void ll_share(size_t total, size_t part, size_t parts, size_t unit, size_t *begin, size_t *end) {
    const size_t units = total / unit + (total % unit != 0);
    *begin = units * part / parts * unit;
    *end = units * (part + 1) / parts * unit;
    *begin = *begin < total ? *begin : total;
    *end = *end < total ? *end : total;
}

void ll_placement_share(const ll_placement *p, size_t node, size_t total, size_t unit, size_t *begin,
                        size_t *end) {
    const ll_place_node *n = &p->node[node];
    size_t unused;
    ll_share(total, n->first, p->threads, unit, begin, &unused);
    ll_share(total, n->first + n->threads - 1, p->threads, unit, &unused, end);
}

/* Shares out total among count in proportion to size: the whole parts, then one each to the largest rests, the first of equals. */
static void apportion(size_t total, const size_t *size, size_t count, size_t *out) {
    size_t all = 0, given = 0;
    for (size_t i = 0; i < count; i++)
        all += size[i];
    for (size_t i = 0; i < count; i++)
        given += out[i] = total * size[i] / all;
    for (; given < total; given++) {
        size_t best = 0, most = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t rest =
                out[i] > total * size[i] / all ? 0 : total * size[i] % all; /* it has it already */
            if (rest > most) {
                best = i;
                most = rest;
            }
        }
        out[best]++;
    }
}

static int by_number(const void *a, const void *b) {
    const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

void ll_placement_cpus(const ll_placement *p, size_t node, char *out, size_t capacity) {
    const ll_place_node *n = &p->node[node];
    unsigned cpu[LL_MAX_THREADS];
    size_t used = 0;
    memcpy(cpu, p->cpu + n->first, n->threads * sizeof *cpu);
    qsort(cpu, n->threads, sizeof *cpu, by_number);
    *out = 0;
    for (size_t i = 0, last; i < n->threads && used < capacity; i = last + 1) {
        for (last = i; last + 1 < n->threads && cpu[last + 1] <= cpu[last] + 1;)
            last++; /* a CPU may have several threads */
        used += (size_t)snprintf(out + used, capacity - used, cpu[last] > cpu[i] ? "%s%u-%u" : "%s%u",
                                 i ? "," : "", cpu[i], cpu[last]);
    }
}

size_t ll_placement_some(const ll_placement *p, size_t node, size_t threads) {
    size_t size[LL_MAX_NODES], out[LL_MAX_NODES];
    if (threads == 0 || threads >= p->threads)
        return p->node[node].threads;
    if (threads <= p->nodes)
        return 1;
    for (size_t i = 0; i < p->nodes; i++)
        size[i] = p->node[i].threads - 1;
    apportion(threads - p->nodes, size, p->nodes, out);
    return 1 + out[node];
}

/* ---- the nodes to use ---- */

/* "0, 1 and 3" of the nodes that have cores. */
static void list_usable(const ll_topology *t, char *out, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; i < t->nodes && used < capacity; i++)
        if (t->node[i].cores)
            used += (size_t)snprintf(out + used, capacity - used, "%s%u", used ? "," : "", t->node[i].os);
}

static ll_status find_node(const ll_topology *t, unsigned os, size_t *index, ll_error *error) {
    char usable[128] = "";
    for (*index = 0; *index < t->nodes && t->node[*index].os != os; ++*index)
        continue;
    if (*index < t->nodes && t->node[*index].cores)
        return LL_OK;
    list_usable(t, usable, sizeof usable);
    return ll_fail(error, LL_BAD_USAGE, "node %u %s; the nodes that have some are %s", os,
                   *index < t->nodes ? "has no cores for this process" : "does not exist, or has no memory",
                   usable);
}

/* The chosen nodes, by their place in the topology, each once. */
static ll_status choose(const ll_topology *t, const ll_placement_options *o, bool chosen[LL_MAX_NODES],
                        ll_error *error) {
    for (size_t i = 0; i < t->nodes; i++)
        chosen[i] = o->nodes == 0 && t->node[i].cores > 0;
    for (size_t i = 0; i < o->nodes; i++) {
        size_t index;
        LL_TRY(find_node(t, o->node[i], &index, error));
        if (chosen[index])
            return ll_fail(error, LL_BAD_USAGE, "node %u is named twice", o->node[i]);
        chosen[index] = true;
    }
    return LL_OK;
}

/* ---- threads to cores ---- */

/* Cores [from, to) of the topology: one node's, or one last-level cache's of it. */
typedef struct {
    size_t from, to;
} cores;

static cores cores_of(const ll_topology *t, size_t node) {
    cores c = {0, 0};
    while (c.from < t->cores && t->core[c.from].node != node)
        c.from++;
    for (c.to = c.from; c.to < t->cores && t->core[c.to].node == node;)
        c.to++;
    return c;
}

static size_t caches_of(const ll_topology *t, cores all, cores *out) {
    size_t count = 0;
    for (size_t i = all.from; i < all.to; i++) {
        if (i == all.from || t->core[i].cache != t->core[i - 1].cache)
            out[count++] = (cores){i, i};
        out[count - 1].to = i + 1;
    }
    return count;
}

/* Fewer threads than cores are spread over the last-level caches, since each has bandwidth of its own; those of a cache stay
 * together. */
static bool place_few(const ll_topology *t, cores all, size_t threads, unsigned *cpu) {
    const size_t most = all.to - all.from;
    cores *cache = malloc(most * sizeof *cache);
    size_t *size = malloc(2 * most * sizeof *size), *share = size + most;
    if (cache && size) {
        const size_t count = caches_of(t, all, cache);
        for (size_t i = 0; i < count; i++)
            size[i] = cache[i].to - cache[i].from;
        apportion(threads, size, count, share);
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < share[i]; j++)
                *cpu++ = t->core[cache[i].from + j].cpu[0];
    }
    const bool done = cache && size;
    free(cache);
    free(size);
    return done;
}

/* More threads than cores: every core has one before any has two, then their siblings, then all again. Neighbours share a core. */
static void place_many(const ll_topology *t, cores all, size_t threads, unsigned *cpu) {
    const size_t count = all.to - all.from;
    for (size_t i = 0; i < count; i++) {
        const ll_core *core = &t->core[all.from + i];
        const size_t here = threads / count + (i < threads % count);
        for (size_t j = 0; j < here; j++)
            *cpu++ = core->cpu[j % core->cpus];
    }
}

static ll_status place(ll_placement *out, const ll_topology *t, ll_error *error) {
    size_t first = 0;
    for (size_t i = 0; i < out->nodes; i++) {
        ll_place_node *n = &out->node[i];
        const cores all = cores_of(t, n->index);
        n->first = first;
        if (n->threads > all.to - all.from)
            place_many(t, all, n->threads, out->cpu + first);
        else if (!place_few(t, all, n->threads, out->cpu + first))
            return ll_fail(error, LL_NO_RESOURCE, "no memory to place threads");
        first += n->threads;
    }
    return LL_OK;
}

/* ---- the whole ---- */

/* One team of all, where memory is not split. Pages come from the nodes that were asked for, of all that there are otherwise: those
 * without threads too. */
static void merge(ll_placement *p, const ll_topology *t, const bool chosen[LL_MAX_NODES]) {
    for (size_t i = 0; i < t->nodes; i++)
        if (chosen[i] || p->options.nodes == 0)
            p->memory_node[p->memory_nodes++] = i;
    p->node[0].threads = p->threads;
    p->nodes = 1;
}

/* So many teams as if they were of different nodes. */
static void pretend(ll_placement *p, size_t nodes) {
    const size_t index = p->node[0].index;
    for (size_t i = 0; i < nodes; i++) {
        size_t end;
        ll_share(p->threads, i, nodes, 1, &p->node[i].first, &end);
        p->node[i].threads = end - p->node[i].first;
        p->node[i].index = index;
    }
    p->nodes = nodes;
}

static ll_status check_options(const ll_placement_options *o, size_t threads, ll_error *error) {
    if (threads > LL_MAX_THREADS)
        return ll_fail(error, LL_BAD_USAGE, "%zu threads: expected 1 to %d", threads, LL_MAX_THREADS);
    if (o->virtual_nodes > LL_MAX_NODES)
        return ll_fail(error, LL_BAD_USAGE, "%zu virtual nodes: expected 1 to %d", o->virtual_nodes,
                       LL_MAX_NODES);
    if (o->virtual_nodes && (o->numa != LL_NUMA_SPLIT || o->nodes))
        return ll_fail(error, LL_BAD_USAGE,
                       "virtual nodes are a split of one node: leave out other nodes, interleave and off");
    return LL_OK;
}

ll_status ll_placement_plan(ll_placement *out, const ll_topology *t, const ll_placement_options *o,
                            size_t threads, size_t quota, ll_error *error) {
    bool chosen[LL_MAX_NODES] = {false};
    size_t size[LL_MAX_NODES] = {0}, share[LL_MAX_NODES] = {0}, count = 0, all = 0;
    *out = (ll_placement){.options = *o};
    LL_TRY(check_options(o, threads, error));
    LL_TRY(choose(t, o, chosen, error));
    for (size_t i = 0; i < t->nodes; i++)
        if (chosen[i] && (!o->virtual_nodes || count == 0)) {
            out->node[count] = (ll_place_node){.index = i};
            all += size[count++] = t->node[i].cores;
        }
    out->threads = threads ? threads : quota && quota < all ? quota : all;
    if (out->threads < o->virtual_nodes)
        out->threads = o->virtual_nodes;
    out->crowded = out->threads > (quota && quota < all ? quota : all);
    apportion(out->threads, size, count, share);
    for (size_t i = 0; i < count; i++)
        if (share[i])
            out->node[out->nodes++] = (ll_place_node){.index = out->node[i].index, .threads = share[i]};
    LL_TRY(place(out, t, error));
    if (o->virtual_nodes)
        pretend(out, o->virtual_nodes);
    else if (o->numa != LL_NUMA_SPLIT)
        merge(out, t, chosen);
    return LL_OK;
}

ll_status ll_placement_threads(size_t *out, const ll_placement_options *options, size_t threads, size_t quota,
                               ll_error *error) {
    ll_topology *topology;
    ll_placement plan;
    LL_TRY(ll_topology_load(&topology, NULL, error));
    const ll_status status = ll_placement_plan(&plan, topology, options, threads, quota, error);
    *out = plan.threads;
    ll_topology_free(topology);
    return status;
}
