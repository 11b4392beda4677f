/* What a model is and needs, and what this machine has: from the list or the file's header, before any weight is read. */
#include "info_kernels.h"
#include "info_model.h"
#include "info_placement.h"

#include <stdio.h>

typedef struct {
    ll_info_model model; /* with options->model */
    ll_machine machine;
    ll_kernels kernels;
    char onednn[256]; /* as it would run here */
} ll_facts;

/* ---- as text ---- */

static void print_machine(const ll_facts *info, const ll_options *options) {
    const ll_machine *m = &info->machine;
    char available[LL_BYTES_TEXT], all[LL_BYTES_TEXT], l2[LL_BYTES_TEXT], l3[LL_BYTES_TEXT];
    ll_cmd_bytes_text(m->available, available);
    ll_cmd_bytes_text(m->memory, all);
    ll_cmd_bytes_text(m->l2, l2);
    ll_cmd_bytes_text(m->l3, l3);
    printf("%-22s%s available of %s\n", "memory here", available, all);
    printf("%-22s%s\n", "CPU", m->cpu);
    printf("%-22s%zu nodes, %zu packages, %zu cores, %zu CPUs, L2 %s, L3 %s\n", "topology", m->nodes,
           m->packages, m->cores, m->cpus, l2, l3);
    printf("%-22s%zu (%s)\n", "threads", options->threads ? options->threads : m->threads,
           ll_cmd_threads_reason(options, m));
    printf("%-22s", "ISAs");
    for (size_t i = 0; ll_isa_name(i); i++)
        printf("%s%s%s", i ? ", " : "", ll_isa_name(i),
               !ll_isa_supported(i, ll_cpu_features()) ? " (not on this CPU)"
               : ll_isa_chosen(i, ll_cpu_features())   ? ""
                                                       : " (slower on this CPU, only by --isa)");
    printf("\n");
    for (int op = 0; op < LL_OP_COUNT; op++)
        printf("  %-20s%s\n", ll_op_name((ll_op)op), info->kernels.isa[op]);
    printf("%-22s%s\n", "oneDNN", info->onednn);
}

/* A listed model's size at 16 bits a weight, and packed as the default options do. */
static void print_listed(const ll_model_entry *entry, const ll_options *options) {
    const ll_model_options packed = {.group = options->group, .isa = options->isa, .matmul = options->matmul};
    const uint64_t count = ll_needs_parameters(&entry->shape, NULL);
    char parameters[32], published[LL_BYTES_TEXT], int8[LL_BYTES_TEXT], source[LL_MODEL_TEXT];
    snprintf(parameters, sizeof parameters, "%.1f M", (double)count / 1e6);
    ll_cmd_bytes_text(2 * count, published);
    ll_cmd_bytes_text(ll_config_weight_bytes(&entry->shape, &packed), int8);
    ll_model_source(entry, source);
    printf("  %-20s%-12s%-9s%-9s%s%s\n", entry->name, parameters, published, int8, source,
           entry->is_default ? ", the default" : "");
}

static void print_list(const ll_options *options) {
    printf("%-22s%-12s%-9s%s\n", "models", "parameters", "16 bits", "int8");
    for (size_t i = 0; ll_model_list_at(i); i++)
        print_listed(ll_model_list_at(i), options);
}

/* ---- as JSON ---- */

static void put_integer(json_t *object, const char *key, uint64_t value) {
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *machine_json(const ll_facts *info, const ll_options *options) {
    const ll_machine *m = &info->machine;
    json_t *machine = json_object(), *operations = json_object();
    json_object_set_new(machine, "cpu", json_string(m->cpu));
    put_integer(machine, "nodes", m->nodes);
    put_integer(machine, "packages", m->packages);
    put_integer(machine, "cores", m->cores);
    put_integer(machine, "cpus", m->cpus);
    put_integer(machine, "quota", m->quota);
    put_integer(machine, "threads", options->threads ? options->threads : m->threads);
    json_object_set_new(machine, "threads_reason", json_string(ll_cmd_threads_reason(options, m)));
    put_integer(machine, "l2_bytes", m->l2);
    put_integer(machine, "l3_bytes", m->l3);
    put_integer(machine, "memory_bytes", m->memory);
    put_integer(machine, "available_bytes", m->available);
    for (int op = 0; op < LL_OP_COUNT; op++)
        json_object_set_new(operations, ll_op_name((ll_op)op), json_string(info->kernels.isa[op]));
    json_object_set_new(machine, "isa", operations);
    json_object_set_new(machine, "onednn", json_string(info->onednn));
    return machine;
}

static ll_status print_json(const ll_facts *info, const ll_options *options, ll_error *error) {
    json_t *root = json_object();
    if (options->model)
        json_object_set_new(root, "model", ll_info_model_json(&info->model));
    json_object_set_new(root, "machine", machine_json(info, options));
    return ll_cmd_print_json(root, error);
}

static ll_status show_kernels(const ll_facts *info, const ll_options *options, ll_error *error) {
    if (options->json)
        return ll_cmd_print_json(ll_info_kernels_json(&info->kernels, options->isa), error);
    ll_info_kernels_print(&info->kernels, options->isa);
    return LL_OK;
}

static void print_text(const ll_facts *info, const ll_options *options) {
    if (options->model)
        ll_info_model_print(&info->model);
    print_machine(info, options);
    if (!options->model)
        print_list(options);
}

ll_status ll_cmd_info(const ll_options *options, ll_error *error) {
    ll_facts info = {0};
    const ll_model_options wanted = ll_cmd_model_options(options, options->weights);
    LL_TRY(ll_model_select_kernels(&info.kernels, &wanted, error));
    if (options->kernels && options->model)
        return ll_fail(error, LL_BAD_USAGE,
                       "--kernels tells of this machine, the same for every model: leave \"%s\" out",
                       options->model);
    if (options->drop && !options->model)
        return ll_fail(error, LL_BAD_USAGE, "--drop needs a MODEL to leave something out of");
    if (options->synthetic && !options->model)
        return ll_fail(error, LL_BAD_USAGE, "--synthetic needs a MODEL whose shape to take");
    if (options->kernels)
        return show_kernels(&info, options, error);
    if (options->show_placement)
        return ll_info_placement(options, error);
    if (options->dry_run || options->topology || options->svg)
        return ll_fail(error, LL_BAD_USAGE, "--dry-run, --topology and --svg go with --placement");
    LL_TRY(ll_machine_probe(&info.machine, "", error));
    ll_model_describe_onednn(info.onednn, sizeof info.onednn);
    if (options->model)
        LL_TRY(ll_info_model_read(&info.model, options, info.machine.available, error));
    ll_status status = LL_OK;
    if (options->json)
        status = print_json(&info, options, error);
    else
        print_text(&info, options);
    ll_info_model_free(&info.model);
    return status;
}
