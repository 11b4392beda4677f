#include "export_parts.h"
#include <stdlib.h>
#include <string.h>

static bool is_gguf(const ll_export_job *job) {
    return ll_checkpoint_format(job->source) == LL_FORMAT_GGUF;
}

const char *ll_kept_name(const ll_export_job *job, const ll_kept *kept, char room[LL_TENSOR_NAME]) {
    if (kept->role == LL_ROLE_COUNT || !ll_role_in_block(kept->role))
        return kept->tensor->name;
    ll_role_name(ll_checkpoint_format(job->source), kept->role, job->new_layer[kept->layer], room);
    return room;
}

/* ---- what remains ---- */

static void merge_drops(ll_export_job *job, const ll_mask *more) {
    job->dropped = ll_checkpoint_config(job->source)->dropped;
    ll_mask_add(&job->dropped, more);
}

/* GGUF numbers blocks without holes: those dropped whole go, what is left of others is listed. */
static void number_layers(ll_export_job *job) {
    const ll_config *config = ll_checkpoint_config(job->source);
    job->expected = *config;
    job->expected.dropped = (ll_mask){0};
    size_t number = 0;
    for (size_t layer = 0; layer < config->layers; layer++) {
        job->gone[layer] = is_gguf(job) && job->dropped.attn[layer] && job->dropped.mlp[layer];
        if (job->gone[layer])
            continue;
        job->expected.dropped.attn[number] = job->dropped.attn[layer];
        job->expected.dropped.mlp[number] = job->dropped.mlp[layer];
        job->new_layer[layer] = number++;
    }
    job->expected.layers = number;
}

/* Which tensor it is; role LL_ROLE_COUNT: none that the program knows. */
static ll_kept identify(const ll_export_job *job, const ll_tensor *tensor) {
    const ll_format format = ll_checkpoint_format(job->source);
    const size_t layers = ll_checkpoint_config(job->source)->layers;
    const char *digits = strpbrk(tensor->name, "0123456789");
    const size_t layer = digits ? (size_t)strtoull(digits, NULL, 10) : 0;
    ll_kept kept = {tensor, LL_ROLE_COUNT, layer};
    for (int role = 0; role < LL_ROLE_COUNT && layer < layers; role++) {
        char name[LL_TENSOR_NAME];
        ll_role_name(format, (ll_role)role, layer, name);
        if (strcmp(name, tensor->name) == 0)
            kept.role = (ll_role)role;
    }
    return kept;
}

/* Whether a module that is dropped has it. Of biases a configuration may know nothing. */
static bool is_dropped(const ll_export_job *job, const ll_kept *kept) {
    ll_config all = *ll_checkpoint_config(job->source);
    all.dropped = job->dropped;
    all.bias_qkv = all.bias_o = all.bias_mlp = true;
    return kept->role != LL_ROLE_COUNT && ll_role_in_block(kept->role) &&
           !ll_role_needed(&all, kept->role, kept->layer);
}

static void add_tensor(ll_export_job *job, const ll_tensor *tensor) {
    const ll_kept kept = identify(job, tensor);
    job->total++;
    job->total_bytes += tensor->bytes;
    if (is_dropped(job, &kept))
        return;
    job->kept[job->count++] = kept;
    job->bytes += tensor->bytes;
}

static ll_status list_kept(ll_export_job *job) {
    const char *path = ll_checkpoint_path(job->source);
    size_t tensors = 0;
    if (is_gguf(job))
        LL_TRY(ll_gguf_parts_open(&job->parts, path, job->error));
    else
        LL_TRY(ll_safetensors_open(&job->files, path, job->error));
    for (size_t i = 0; i < job->parts.count; i++)
        tensors += ll_gguf_tensor_count(job->parts.part[i]);
    tensors += job->files ? ll_safetensors_count(job->files) : 0;
    job->kept = calloc(tensors + 1, sizeof *job->kept);
    if (!job->kept)
        return ll_fail(job->error, LL_NO_RESOURCE, "%s: no memory for a list of %zu tensors", path, tensors);
    for (size_t i = 0; i < job->parts.count; i++)
        for (size_t t = 0; t < ll_gguf_tensor_count(job->parts.part[i]); t++)
            add_tensor(job, ll_gguf_tensor_at(job->parts.part[i], t));
    for (size_t t = 0; job->files && t < tensors; t++)
        add_tensor(job, ll_safetensors_at(job->files, t));
    return LL_OK;
}

static ll_status check_drops(const ll_export_job *job) {
    const size_t layers = ll_checkpoint_config(job->source)->layers;
    const char *path = ll_checkpoint_path(job->source);
    const bool none = ll_mask_count(job->dropped.attn, layers) + ll_mask_count(job->dropped.mlp, layers) == 0;
    const bool nothing_new =
        memcmp(&job->dropped, &ll_checkpoint_config(job->source)->dropped, sizeof job->dropped) == 0;
    if (none || (!job->options->lists_only && nothing_new && job->count == job->total))
        return ll_fail(job->error, LL_BAD_USAGE, "%s: nothing to drop%s; name modules, for example attn:%zu",
                       path, none ? "" : " that it does not drop already", layers - 1);
    if (job->expected.layers == 0 && !job->options->lists_only)
        return ll_fail(job->error, LL_BAD_USAGE, "%s: all %zu blocks are dropped; keep one", path, layers);
    return LL_OK;
}

/* ---- whether what was written is what should be ---- */

static ll_status differs(const ll_export_job *job, const char *what) {
    return ll_fail(job->error, LL_BAD_INPUT,
                   "%s: what was written does not read back as it should (%s); nothing is kept of it",
                   job->path, what);
}

static bool same_shape(const ll_config *a, const ll_config *b) {
    return a->layers == b->layers && a->hidden == b->hidden && a->heads == b->heads &&
           a->kv_heads == b->kv_heads && a->head_dim == b->head_dim && a->mlp == b->mlp &&
           a->vocab == b->vocab && a->context == b->context && a->window == b->window &&
           a->rope_theta == b->rope_theta && a->rope.kind == b->rope.kind &&
           a->rope.factor == b->rope.factor && a->eps == b->eps && a->tied == b->tied &&
           memcmp(&a->dropped, &b->dropped, sizeof a->dropped) == 0;
}

static bool same_tensor(const ll_tensor *a, const ll_tensor *b) {
    return a && a->type == b->type && a->n_dims == b->n_dims && a->bytes == b->bytes &&
           memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

static ll_status check_tensors(const ll_export_job *job, const ll_export_job *written) {
    if (written->count != job->count || written->total != job->count)
        return differs(job, "number of tensors");
    for (size_t i = 0; i < job->count; i++) {
        char room[LL_TENSOR_NAME];
        const char *name = ll_kept_name(job, &job->kept[i], room);
        const ll_tensor *found = written->kept[i].tensor;
        if (strcmp(found->name, name) != 0 || !same_tensor(found, job->kept[i].tensor))
            return differs(job, name);
    }
    return LL_OK;
}

static void close_job(ll_export_job *job) {
    ll_gguf_parts_close(&job->parts);
    ll_safetensors_close(job->files);
    free(job->kept);
}

/* Reads what is beside as any user's checkpoint. */
static ll_status check_written(const ll_export_job *job, uint64_t *bytes) {
    ll_checkpoint *checkpoint;
    LL_TRY(ll_checkpoint_open(&checkpoint, job->beside, job->error));
    ll_export_job written = {.source = checkpoint, .options = job->options, .error = job->error};
    ll_status status =
        same_shape(ll_checkpoint_config(checkpoint), &job->expected) ? LL_OK : differs(job, "shape");
    if (status == LL_OK)
        status = list_kept(&written);
    if (status == LL_OK)
        status = check_tensors(job, &written);
    *bytes = ll_checkpoint_bytes(checkpoint);
    close_job(&written);
    ll_checkpoint_close(checkpoint);
    return status;
}

/* ---- the export ---- */

static ll_status write_lists(const ll_export_job *job, uint64_t *bytes) {
    char *text;
    size_t length;
    LL_TRY(ll_export_config(job, &text, &length));
    const ll_status status = ll_export_put_file(job, job->beside, NULL, text, length);
    free(text);
    *bytes = length;
    return status;
}

static ll_status write_all(const ll_export_job *job, uint64_t *bytes) {
    enum { ROOM_FOR_LISTS = 1 << 16 };
    const uint64_t others = ll_checkpoint_bytes(job->source) - job->total_bytes;
    if (job->options->lists_only)
        return write_lists(job, bytes);
    LL_TRY(ll_export_check_room(job, job->bytes + others + ROOM_FOR_LISTS));
    LL_TRY(is_gguf(job) ? ll_export_gguf(job) : ll_export_hf(job));
    return check_written(job, bytes);
}

static ll_status run(ll_export_job *job, const char *path, ll_export_result *out) {
    const bool folder = !is_gguf(job) && !job->options->lists_only;
    merge_drops(job, job->options->drop);
    number_layers(job);
    LL_TRY(list_kept(job));
    LL_TRY(check_drops(job));
    LL_TRY(ll_export_check_target(job, path, folder));
    ll_status status = write_all(job, &out->bytes);
    if (status == LL_OK)
        status = ll_export_place(job, folder);
    if (status != LL_OK)
        ll_export_discard(job);
    out->dropped = job->dropped;
    out->layers = job->expected.layers;
    out->listed = memcmp(&job->expected.dropped, &(ll_mask){0}, sizeof(ll_mask)) != 0;
    out->tensors = job->count;
    out->source_tensors = job->total;
    out->source_bytes = ll_checkpoint_bytes(job->source);
    return status;
}

ll_status ll_export(ll_export_result *out, const ll_checkpoint *source, const char *path,
                    const ll_export_options *options, ll_error *error) {
    *out = (ll_export_result){0};
    ll_export_job *job = calloc(1, sizeof *job);
    if (!job)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to export it", ll_checkpoint_path(source));
    job->source = source;
    job->options = options;
    job->error = error;
    const ll_status status = run(job, path, out);
    close_job(job);
    free(job);
    return status;
}
