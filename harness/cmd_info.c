/* What a model is and needs, and what this machine has: from the file's header, before any weight is read. */
#include "cmd.h"
#include "model_list.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct {
    bool has_model;
    char path[LL_CMD_PATH];
    uint64_t file_bytes;
    ll_config config;
    uint64_t params;
    uint64_t weight_bytes[2]; /* by ll_weights_kind */
    uint64_t kv_bytes[2];     /* at the model's context */
    ll_machine machine;
    ll_kernels kernels;
} ll_facts;

static ll_status read_model(ll_facts *info, const ll_options *options, ll_error *error) {
    LL_TRY(ll_cmd_locate(options, info->path, error));
    ll_gguf *gguf = NULL;
    LL_TRY(ll_gguf_open(&gguf, info->path, error));
    info->file_bytes = ll_gguf_file_bytes(gguf);
    const ll_status status = ll_config_from_gguf(&info->config, gguf, error);
    const ll_tensor *embedding = ll_gguf_tensor_find(gguf, "token_embd.weight");
    const uint64_t embedding_bytes = embedding ? embedding->bytes : 0; /* kept in the file's own type */
    ll_gguf_close(gguf);
    LL_TRY(status);
    const ll_config *c = &info->config;
    info->params =
        c->layers * (ll_config_attn_params(c) + ll_config_mlp_params(c)) + ll_config_other_params(c);
    for (int kind = 0; kind < 2; kind++) {
        const ll_model_options wanted = {(ll_weights_kind)kind, options->group, 0, options->isa};
        info->weight_bytes[kind] = ll_config_weight_bytes(c, &wanted) + embedding_bytes;
        const ll_kv_type kv = kind == LL_WEIGHTS_F32 ? LL_KV_F32 : LL_KV_BF16;
        const size_t capacity = (c->context + LL_KV_BLOCK - 1) / LL_KV_BLOCK * LL_KV_BLOCK;
        info->kv_bytes[kind] = 2 * c->layers * ll_kv_bytes(kv, capacity, c->kv_heads, c->head_dim);
    }
    info->has_model = true;
    return LL_OK;
}

/* ---- as text ---- */

static void print_bytes(const char *label, uint64_t bytes) {
    char text[LL_BYTES_TEXT];
    ll_cmd_bytes_text(bytes, text);
    printf("%-22s%s (%" PRIu64 " bytes)\n", label, text, bytes);
}

/* What each kind of weights takes, and whether there is as much. */
static void print_needs(const ll_facts *info, const ll_options *options) {
    for (int kind = 0; kind < 2; kind++) {
        const uint64_t needed = info->weight_bytes[kind] + info->kv_bytes[kind];
        char weights[LL_BYTES_TEXT], kv[LL_BYTES_TEXT], sum[LL_BYTES_TEXT];
        ll_cmd_bytes_text(info->weight_bytes[kind], weights);
        ll_cmd_bytes_text(info->kv_bytes[kind], kv);
        ll_cmd_bytes_text(needed, sum);
        printf("memory in %-12s%s: weights %s", ll_weights_kind_name((ll_weights_kind)kind), sum, weights);
        if (kind == LL_WEIGHTS_INT8 && options->group)
            printf(" (groups of %zu)", options->group);
        printf(", KV-cache at %zu tokens %s%s\n", info->config.context, kv,
               needed > info->machine.available ? "; more than is available here" : "");
    }
}

static void print_model(const ll_facts *info, const ll_options *options) {
    const ll_config *c = &info->config;
    printf("%-22s%s\n", "file", info->path);
    print_bytes("file size", info->file_bytes);
    printf("%-22s%" PRIu64 " (attention layer %" PRIu64 ", MLP layer %" PRIu64 ", embedding and head %" PRIu64
           ")\n",
           "parameters", info->params, ll_config_attn_params(c), ll_config_mlp_params(c),
           ll_config_other_params(c));
    printf("%-22s%zu, hidden %zu, MLP %zu\n", "blocks", c->layers, c->hidden, c->mlp);
    printf("%-22s%zu, KV heads %zu, head_dim %zu\n", "heads", c->heads, c->kv_heads, c->head_dim);
    printf("%-22s%zu, %s\n", "vocabulary", c->vocab,
           c->tied ? "the head is the embedding" : "head of its own");
    printf("%-22s%zu tokens, rope theta %g, eps %g\n", "context", c->context, c->rope_theta, (double)c->eps);
    print_needs(info, options);
}

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
               ll_isa_supported(i, ll_cpu_features()) ? "" : " (not on this CPU)");
    printf("\n");
    for (int op = 0; op < LL_OP_COUNT; op++)
        printf("  %-20s%s\n", ll_op_name((ll_op)op), info->kernels.isa[op]);
}

static void print_list(void) {
    printf("models\n");
    for (size_t i = 0; ll_model_list_at(i); i++) {
        const ll_model_entry *entry = ll_model_list_at(i);
        char size[LL_BYTES_TEXT];
        ll_cmd_bytes_text(entry->bytes, size);
        printf("  %-20s%s, %s%s\n", entry->name, size, entry->licence,
               entry->is_default ? ", the default" : "");
    }
}

/* ---- as JSON ---- */

static void put_integer(json_t *object, const char *key, uint64_t value) {
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *model_json(const ll_facts *info) {
    const ll_config *c = &info->config;
    json_t *model = json_object();
    json_object_set_new(model, "file", json_string(info->path));
    put_integer(model, "file_bytes", info->file_bytes);
    put_integer(model, "parameters", info->params);
    put_integer(model, "layers", c->layers);
    put_integer(model, "hidden", c->hidden);
    put_integer(model, "heads", c->heads);
    put_integer(model, "kv_heads", c->kv_heads);
    put_integer(model, "head_dim", c->head_dim);
    put_integer(model, "mlp", c->mlp);
    put_integer(model, "vocab", c->vocab);
    put_integer(model, "context", c->context);
    json_object_set_new(model, "rope_theta", json_real(c->rope_theta));
    json_object_set_new(model, "eps", json_real((double)c->eps));
    json_object_set_new(model, "tied", json_boolean(c->tied));
    for (int kind = 0; kind < 2; kind++) {
        json_t *memory = json_object();
        put_integer(memory, "weight_bytes", info->weight_bytes[kind]);
        put_integer(memory, "kv_bytes", info->kv_bytes[kind]);
        json_object_set_new(model, ll_weights_kind_name((ll_weights_kind)kind), memory);
    }
    return model;
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
    return machine;
}

static ll_status print_json(const ll_facts *info, const ll_options *options, ll_error *error) {
    json_t *root = json_object();
    if (info->has_model)
        json_object_set_new(root, "model", model_json(info));
    json_object_set_new(root, "machine", machine_json(info, options));
    return ll_cmd_print_json(root, error);
}

ll_status ll_cmd_info(const ll_options *options, ll_error *error) {
    ll_facts info = {0};
    const ll_status status = ll_kernels_select(&info.kernels, ll_cpu_features(), options->isa);
    if (status != LL_OK)
        return ll_fail(error, status, "ISA %s: this CPU lacks it; leave --isa out to see what it has",
                       options->isa);
    if (options->model)
        LL_TRY(read_model(&info, options, error));
    LL_TRY(ll_machine_probe(&info.machine, "", error));
    if (options->json)
        return print_json(&info, options, error);
    if (info.has_model)
        print_model(&info, options);
    print_machine(&info, options);
    if (!info.has_model)
        print_list();
    return LL_OK;
}
