#include "info_placement.h"
#include "placement_svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const ll_placement *plan;
    const ll_topology *topology;
    const ll_placed *placed; /* NULL: a plan only */
    ll_config shape;
    size_t batch, positions;
    ll_node_bytes bytes[LL_MAX_NODES + 1];
} facts;

/* What the model of a decode step on several nodes rests on (model/README.md): a node's bandwidth, and what a barrier across
 * nodes takes. */
enum { NODE_GBS = 200, BARRIER_NS = 1500, BARRIERS_A_BLOCK = 10 };

static const char *node_name(const facts *f, size_t i, char text[32]) {
    const ll_placement *p = f->plan;
    if (p->options.virtual_nodes)
        snprintf(text, 32, "virtual %zu", i);
    else if (p->options.numa == LL_NUMA_SPLIT)
        snprintf(text, 32, "%u", f->topology->node[p->node[i].index].os);
    else
        snprintf(text, 32, "all %zu", p->memory_nodes);
    return text;
}

/* ---- what a second node would gain ---- */

static uint64_t total_of(const facts *f) {
    uint64_t sum = 0;
    for (size_t i = 0; i <= f->plan->nodes; i++)
        sum += f->bytes[i].weights + f->bytes[i].session;
    return sum;
}

/* Seconds of a decode step on these nodes and on one: the largest share over a node's bandwidth, and the barriers. */
static double predicted(const facts *f) {
    uint64_t most = 0, all = 0;
    for (size_t i = 0; i < f->plan->nodes; i++) {
        most = f->bytes[i].weights > most ? f->bytes[i].weights : most;
        all += f->bytes[i].weights;
    }
    const double rate = NODE_GBS * 1e9,
                 barriers = (double)(f->shape.layers * BARRIERS_A_BLOCK) * BARRIER_NS * 1e-9;
    return (double)all / rate / ((double)most / rate + barriers);
}

/* ---- as text ---- */

static void print_node(const facts *f, size_t i) {
    char name[32], cpus[256], weights[LL_BYTES_TEXT], session[LL_BYTES_TEXT];
    ll_cmd_bytes_text(f->bytes[i].weights, weights);
    ll_cmd_bytes_text(f->bytes[i].session, session);
    printf("node %-17s%zu threads, weights %s, KV-cache and buffers %s\n", node_name(f, i, name),
           f->plan->node[i].threads, weights, session);
    if (f->placed && f->placed->pages_known && f->placed->pages[i] && f->plan->options.numa == LL_NUMA_SPLIT)
        printf("%-22s%zu of %zu pages looked at are on it (%.2f %%)\n", "  pages", f->placed->there[i],
               f->placed->pages[i], 100 * (double)f->placed->there[i] / (double)f->placed->pages[i]);
    ll_placement_cpus(f->plan, i, cpus, sizeof cpus);
    printf("%-22s%s\n", "  CPUs of its threads", cpus);
}

static void print_found(const facts *f) {
    const ll_placed *placed = f->placed;
    printf("%-22s%zu of %zu are bound to their CPU, says the system", "threads", placed->bound,
           f->plan->threads);
    printf(placed->thread_error ? ": %s\n" : "\n", strerror(placed->thread_error));
    if (placed->memory_error)
        printf("%-22snot bound: %s\n", "memory", strerror(placed->memory_error));
    if (placed->huge_bytes != UINT64_MAX) {
        char huge[LL_BYTES_TEXT];
        ll_cmd_bytes_text(placed->huge_bytes, huge);
        printf("%-22s%s of the process's memory\n", "huge pages", huge);
    }
    if (!placed->pages_known) {
        printf("%-22sthe system does not say where they are\n", "pages");
        return;
    }
    printf("%-22s", "pages by node");
    for (size_t i = 0; i < f->topology->nodes; i++)
        printf("%s%u: %zu", i ? ", " : "", f->topology->node[i].os, placed->on[i]);
    printf("%s\n", placed->elsewhere ? ", and some elsewhere" : "");
}

static void print_text(const facts *f) {
    const ll_placement *p = f->plan;
    char all[LL_BYTES_TEXT], shared[LL_BYTES_TEXT];
    ll_cmd_bytes_text(total_of(f), all);
    ll_cmd_bytes_text(f->bytes[p->nodes].weights + f->bytes[p->nodes].session, shared);
    printf("%-22s%s: %zu threads on %zu node%s of %zu%s\n", "placement", ll_numa_name(p->options.numa),
           p->threads, p->nodes, p->nodes > 1 ? "s" : "", f->topology->nodes,
           p->crowded ? ", more threads than cores" : "");
    printf("%-22s%s, %zu sequences of %zu positions; %s of it shared by all nodes\n", "memory", all, f->batch,
           f->positions, shared);
    for (size_t i = 0; i < p->nodes; i++)
        print_node(f, i);
    if (f->placed)
        print_found(f);
    if (p->nodes > 1 && !p->options.virtual_nodes)
        printf("%-22s%.2f times as fast as one of these nodes, at %d GB/s a node and %.1f us a barrier "
               "(model/README.md)\n",
               "decode, predicted", predicted(f), NODE_GBS, BARRIER_NS / 1e3);
    if (f->topology->sizes_lie)
        printf("%-22sthe nodes' sizes do not add up to the machine's memory, so they are not relied on\n",
               "note");
    if (f->topology->slow_left_out)
        printf("%-22scores of slower kinds are left out\n", "note");
}

/* ---- as JSON ---- */

static json_t *node_json(const facts *f, size_t i) {
    char name[32];
    const ll_place_node *n = &f->plan->node[i];
    json_t *node = json_object(), *cpus = json_array();
    for (size_t t = n->first; t < n->first + n->threads; t++)
        json_array_append_new(cpus, json_integer(f->plan->cpu[t]));
    json_object_set_new(node, "node", json_string(node_name(f, i, name)));
    json_object_set_new(node, "cpus", cpus);
    json_object_set_new(node, "weight_bytes", json_integer((json_int_t)f->bytes[i].weights));
    json_object_set_new(node, "session_bytes", json_integer((json_int_t)f->bytes[i].session));
    if (f->placed && f->placed->pages_known && f->plan->options.numa == LL_NUMA_SPLIT) {
        json_object_set_new(node, "pages", json_integer((json_int_t)f->placed->pages[i]));
        json_object_set_new(node, "pages_in_place", json_integer((json_int_t)f->placed->there[i]));
    }
    return node;
}

static ll_status print_json(const facts *f, ll_error *error) {
    const ll_placement *p = f->plan;
    json_t *root = json_object(), *nodes = json_array(), *on = json_object();
    for (size_t i = 0; i < p->nodes; i++)
        json_array_append_new(nodes, node_json(f, i));
    json_object_set_new(root, "numa", json_string(ll_numa_name(p->options.numa)));
    json_object_set_new(root, "virtual", json_boolean(p->options.virtual_nodes > 0));
    json_object_set_new(root, "threads", json_integer((json_int_t)p->threads));
    json_object_set_new(root, "nodes", nodes);
    json_object_set_new(root, "shared_bytes",
                        json_integer((json_int_t)(f->bytes[p->nodes].weights + f->bytes[p->nodes].session)));
    if (f->placed) {
        if (f->placed->huge_bytes != UINT64_MAX)
            json_object_set_new(root, "huge_bytes", json_integer((json_int_t)f->placed->huge_bytes));
        json_object_set_new(root, "threads_bound", json_integer((json_int_t)f->placed->bound));
        for (size_t i = 0; f->placed->pages_known && i < f->topology->nodes; i++) {
            char name[16];
            snprintf(name, sizeof name, "%u", f->topology->node[i].os);
            json_object_set_new(on, name, json_integer((json_int_t)f->placed->on[i]));
        }
    }
    json_object_set_new(root, "pages_by_node", on);
    if (p->nodes > 1 && !p->options.virtual_nodes)
        ll_cmd_put_real(root, "predicted_decode_speedup", predicted(f));
    return ll_cmd_print_json(root, error);
}

/* ---- the command ---- */

static size_t positions_of(const facts *f, const ll_options *options) {
    enum { USUAL = 4096 };
    return options->length ? options->length : f->shape.context < USUAL ? f->shape.context : USUAL;
}

static ll_status show(facts *f, const ll_options *options, ll_error *error) {
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    f->batch = options->batch ? options->batch : 1;
    f->positions = positions_of(f, options);
    if (f->positions > f->shape.context)
        return ll_fail(error, LL_BAD_INPUT, "%zu positions asked, but this model's context is %zu positions",
                       f->positions, f->shape.context);
    LL_TRY(ll_placement_bytes(f->bytes, &f->shape, &wanted, f->plan, f->topology, f->batch, f->positions,
                              error));
    if (options->svg) {
        const ll_placement_picture picture = {options->model, f->plan, f->topology, f->bytes, f->placed};
        LL_TRY(ll_placement_draw(&picture, options->svg, error));
    }
    if (options->json)
        return print_json(f, error);
    print_text(f);
    return LL_OK;
}

static ll_status show_plan(facts *f, const ll_options *options, ll_error *error) {
    ll_topology *topology;
    ll_placement plan;
    ll_machine machine;
    LL_TRY(ll_cmd_shape(options, &f->shape, error));
    LL_TRY(ll_machine_probe(&machine, "", error));
    LL_TRY(ll_topology_load(&topology, options->topology, error));
    f->topology = topology;
    f->plan = &plan;
    ll_status status = ll_placement_plan(&plan, topology, &options->placement, options->threads,
                                         options->topology ? 0 : machine.quota, error);
    if (status == LL_OK)
        status = show(f, options, error);
    ll_topology_free(topology);
    return status;
}

static ll_status show_found(facts *f, const ll_options *options, ll_error *error) {
    const ll_mask full = {0};
    char path[LL_CMD_PATH];
    ll_model *model;
    ll_session *session;
    LL_TRY(ll_cmd_load(options, options->weights, &model, path, error));
    f->shape = *ll_model_config(model);
    f->plan = ll_model_placement(model);
    f->topology = ll_model_topology(model);
    const size_t positions = options->length           ? options->length
                             : f->shape.context < 4096 ? f->shape.context
                                                       : 4096;
    ll_status status = ll_session_create_batch(&session, model, &full, options->batch ? options->batch : 1,
                                               positions, error);
    if (status == LL_OK) {
        const ll_placed placed = ll_model_read_placement(model, session);
        f->placed = &placed;
        status = show(f, options, error);
        ll_session_destroy(session);
    }
    ll_model_destroy(model);
    return status;
}

ll_status ll_info_placement(const ll_options *options, ll_error *error) {
    facts f = {0};
    if (!options->model)
        return ll_fail(error, LL_BAD_USAGE, "--placement needs a MODEL whose threads and memory to place");
    return options->dry_run || options->topology ? show_plan(&f, options, error)
                                                 : show_found(&f, options, error);
}
