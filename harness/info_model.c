#include "info_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_LENGTH = 4096 }; /* the protocol's prompt and generation together */

/* ---- reading ---- */

static ll_status open_checkpoint(ll_info_model *model, const ll_options *options, ll_error *error) {
    bool here = true;
    model->entry = ll_model_list_find(options->model);
    model->synthetic = options->synthetic;
    if (model->entry && model->synthetic)
        here = false;
    else if (model->entry)
        LL_TRY(ll_model_place(model->entry, NULL, model->path, sizeof model->path, &here, error));
    if (here) {
        LL_TRY(ll_cmd_locate(options, model->path, error));
        LL_TRY(ll_checkpoint_open(&model->checkpoint, model->path, error));
    }
    model->config = here ? *ll_checkpoint_config(model->checkpoint) : model->entry->shape;
    model->alike = ll_model_list_of_shape(&model->config);
    return LL_OK;
}

/* Whether the sizes of a KV-cache of that length stay inside the bounds that a config's own do. */
static ll_status check_length(const ll_config *c, size_t length, ll_error *error) {
    uint64_t values;
    if (!__builtin_mul_overflow((uint64_t)(c->kv_heads * c->head_dim), length, &values) &&
        values <= (uint64_t)1 << 40)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "--length %zu: a KV-cache of that length is beyond any machine",
                   length);
}

static ll_status set_needs(ll_info_model *model, const ll_options *options, uint64_t available,
                           ll_error *error) {
    const ll_config *c = &model->config;
    const size_t usual = c->context < DEFAULT_LENGTH ? c->context : DEFAULT_LENGTH;
    const ll_tensor *embedding = model->checkpoint && !model->synthetic
                                     ? ll_checkpoint_tensor(model->checkpoint, LL_ROLE_EMBEDDING, 0)
                                     : NULL;
    model->setting = (ll_needs_setting){
        .config = c,
        .group = options->group,
        .isa = options->isa,
        .matmul = options->matmul,
        .embedding_bytes = embedding ? embedding->bytes : 0,
        .length = options->length ? options->length : usual,
        .batch = options->batch,
        .threads = options->threads,
    };
    LL_TRY(check_length(c, model->setting.length, error));
    model->has_drop = options->drop != NULL;
    LL_TRY(ll_cmd_mask(options, c, &model->drop, error));
    ll_needs_compute(&model->needs[0], &model->setting, NULL, available);
    ll_needs_compute(&model->needs[1], &model->setting, &model->drop, available);
    return LL_OK;
}

ll_status ll_info_model_read(ll_info_model *out, const ll_options *options, uint64_t available,
                             ll_error *error) {
    *out = (ll_info_model){0};
    ll_status status = open_checkpoint(out, options, error);
    if (status == LL_OK)
        status = set_needs(out, options, available, error);
    if (status != LL_OK)
        ll_info_model_free(out);
    return status;
}

void ll_info_model_free(ll_info_model *model) {
    ll_checkpoint_close(model->checkpoint);
    model->checkpoint = NULL;
}

/* ---- as text ---- */

static void print_identity(const ll_info_model *model) {
    const ll_model_entry *entry = model->entry;
    char text[LL_MODEL_TEXT];
    if (entry) {
        ll_model_source(entry, text);
        printf("%-22s%s (%s)\n%-22s%s\n", "model", entry->name, entry->family, "source", text);
    } else if (model->alike) {
        printf("%-22sas %s\n", "shape", model->alike->name);
    }
    if (model->synthetic)
        printf("%-22sSYNTHETIC, random numbers of this shape\n", "weights");
    if (!model->checkpoint && model->synthetic)
        return;
    if (!model->checkpoint) {
        ll_model_advice(entry, model->path, text);
        printf("%-22snot here (%s); %s\n", "weights", model->path, text);
        return;
    }
    const uint64_t bytes = ll_checkpoint_bytes(model->checkpoint);
    char size[LL_BYTES_TEXT];
    ll_cmd_bytes_text(bytes, size);
    printf("%-22s%s\n", "file", model->path);
    printf("%-22s%s (%" PRIu64 " bytes)\n", "file size", size, bytes);
    for (size_t i = 0; ll_checkpoint_unused(model->checkpoint, i); i++)
        printf("%-22s%s\n", "unused tensor", ll_checkpoint_unused(model->checkpoint, i));
}

/* Weights that a user put at a listed name may be another model's. */
static bool other_shape(const ll_config *a, const ll_config *b) {
    return a->layers != b->layers || a->hidden != b->hidden || a->heads != b->heads ||
           a->kv_heads != b->kv_heads || a->mlp != b->mlp;
}

static void print_shape(const ll_config *c) {
    printf("%-22s%" PRIu64 " (attention layer %" PRIu64 ", MLP layer %" PRIu64 ", embedding and head %" PRIu64
           ")\n",
           "parameters", ll_needs_parameters(c, NULL), ll_config_attn_params(c), ll_config_mlp_params(c),
           ll_config_other_params(c));
    printf("%-22s%zu, hidden %zu, MLP %zu\n", "blocks", c->layers, c->hidden, c->mlp);
    printf("%-22s%zu, KV heads %zu, head_dim %zu\n", "heads", c->heads, c->kv_heads, c->head_dim);
    printf("%-22s%zu, %s\n", "vocabulary", c->vocab,
           c->tied ? "the head is the embedding" : "head of its own");
    char left_out[LL_MASK_TEXT];
    ll_mask_format(&c->dropped, c->layers, left_out);
    if (strcmp(left_out, "none") != 0)
        printf("%-22s%s\n", "left out", left_out);
    printf("%-22s%zu tokens", "context", c->context);
    if (c->window)
        printf(", a token sees the last %zu", c->window);
    printf(", rope theta %g, eps %g\n", c->rope_theta, (double)c->eps);
}

/* One row of the table: the full model, and with the drop; then a note. */
static void print_row(const ll_info_model *model, const char *label, uint64_t full, uint64_t dropped,
                      const char *note) {
    char full_text[LL_BYTES_TEXT], dropped_text[LL_BYTES_TEXT] = "";
    ll_cmd_bytes_text(full, full_text);
    if (model->has_drop)
        ll_cmd_bytes_text(dropped, dropped_text);
    const bool more = model->has_drop || *note;
    printf("  %-30s%-*s", label, more ? 10 : 0, full_text);
    printf("%-*s%s\n", model->has_drop && *note ? 10 : 0, dropped_text, note);
}

enum { NOTE = 160 };

/* What `speed` can do where not all of the model fits. */
static void note_speed(const ll_info_model *model, ll_held held, char note[NOTE]) {
    const size_t resident = model->needs[0].resident[held], used = strlen(note);
    if (resident)
        snprintf(note + used, NOTE - used, "%sspeed --synthetic --resident %zu of %zu blocks",
                 used ? ": " : "", resident, model->config.layers);
}

static void print_total(const ll_info_model *model, const char *label, ll_held held) {
    const ll_needs *full = &model->needs[0], *dropped = &model->needs[1];
    char note[NOTE] = "";
    if (!dropped->fits[held])
        snprintf(note, sizeof note, "more than is available here");
    else if (!full->fits[held])
        snprintf(note, sizeof note, "only with the drop is as much available here");
    if (full->resident[held] < model->config.layers)
        note_speed(model, held, note);
    print_row(model, label, full->total[held], dropped->total[held], note);
}

static void print_needs(const ll_info_model *model) {
    const ll_needs *full = &model->needs[0], *dropped = &model->needs[1];
    const ll_needs_setting *s = &model->setting;
    char head[64], int8[64] = "weights int8, a scale a row";
    snprintf(head, sizeof head, "memory at %zu tokens, batch %zu", s->length, s->batch);
    char drop[LL_MASK_TEXT];
    ll_mask_format(&model->drop, model->config.layers, drop);
    printf("%-31s full%s%s\n", head, model->has_drop ? "      " : "", model->has_drop ? drop : "");
    if (s->group)
        snprintf(int8, sizeof int8, "weights int8, groups of %zu", s->group);
    print_row(model, "weights at 16 bits each", full->published, dropped->published, "");
    print_row(model, "weights f32", full->weights[LL_WEIGHTS_F32], dropped->weights[LL_WEIGHTS_F32], "");
    print_row(model, int8, full->weights[LL_WEIGHTS_INT8], dropped->weights[LL_WEIGHTS_INT8], "");
    print_row(model, "KV-cache f32", full->kv[LL_KV_F32], dropped->kv[LL_KV_F32], "");
    print_row(model, "KV-cache bf16", full->kv[LL_KV_BF16], dropped->kv[LL_KV_BF16], "");
    print_row(model, "KV-cache int8", full->kv[LL_KV_I8], dropped->kv[LL_KV_I8], "");
    print_row(model, "buffers, f32", full->buffers[LL_HELD_F32], dropped->buffers[LL_HELD_F32], "");
    print_row(model, "buffers, int8", full->buffers[LL_HELD_INT8], dropped->buffers[LL_HELD_INT8], "");
    print_total(model, "in all, f32", LL_HELD_F32);
    print_total(model, "in all, int8", LL_HELD_INT8);
    print_total(model, "in all, int8 with --kv int8", LL_HELD_INT8_KV);
    if (s->length > model->config.context)
        printf("  (%zu tokens are more than the context that the model was made for)\n", s->length);
}

void ll_info_model_print(const ll_info_model *model) {
    print_identity(model);
    if (model->entry && other_shape(&model->config, &model->entry->shape))
        printf("%-22sthese weights have another shape than %s\n", "warning", model->entry->name);
    print_shape(&model->config);
    print_needs(model);
}

/* ---- as JSON ---- */

static void put_integer(json_t *object, const char *key, uint64_t value) {
    const uint64_t largest = INT64_MAX; /* what JSON's integers hold here */
    json_object_set_new(object, key, json_integer((json_int_t)(value < largest ? value : largest)));
}

static void put_identity(json_t *out, const ll_info_model *model) {
    const ll_model_entry *entry = model->entry;
    json_object_set_new(out, "name", entry ? json_string(entry->name) : json_null());
    json_object_set_new(out, "family", entry ? json_string(entry->family) : json_null());
    json_object_set_new(out, "source", entry ? json_string(entry->source) : json_null());
    json_object_set_new(out, "licence", entry ? json_string(entry->licence) : json_null());
    json_object_set_new(out, "gated", entry ? json_boolean(entry->gated) : json_null());
    json_object_set_new(out, "shape_of",
                        !entry && model->alike ? json_string(model->alike->name) : json_null());
    json_object_set_new(out, "synthetic", json_boolean(model->synthetic));
    const bool looked = model->checkpoint || !model->synthetic;
    json_object_set_new(out, "file", looked ? json_string(model->path) : json_null());
    json_object_set_new(out, "here", looked ? json_boolean(model->checkpoint != NULL) : json_null());
    json_t *unused = json_array();
    if (!model->checkpoint) {
        json_object_set_new(out, "file_bytes", json_null());
    } else {
        put_integer(out, "file_bytes", ll_checkpoint_bytes(model->checkpoint));
        for (size_t i = 0; ll_checkpoint_unused(model->checkpoint, i); i++)
            json_array_append_new(unused, json_string(ll_checkpoint_unused(model->checkpoint, i)));
    }
    json_object_set_new(out, "unused_tensors", unused);
}

static void put_shape(json_t *out, const ll_config *c) {
    put_integer(out, "parameters", ll_needs_parameters(c, NULL));
    put_integer(out, "layers", c->layers);
    put_integer(out, "hidden", c->hidden);
    put_integer(out, "heads", c->heads);
    put_integer(out, "kv_heads", c->kv_heads);
    put_integer(out, "head_dim", c->head_dim);
    put_integer(out, "mlp", c->mlp);
    put_integer(out, "vocab", c->vocab);
    put_integer(out, "context", c->context);
    put_integer(out, "window", c->window);
    json_object_set_new(out, "rope_theta", json_real(c->rope_theta));
    json_object_set_new(out, "eps", json_real((double)c->eps));
    json_object_set_new(out, "tied", json_boolean(c->tied));
    char left_out[LL_MASK_TEXT];
    ll_mask_format(&c->dropped, c->layers, left_out);
    json_object_set_new(out, "left_out", json_string(left_out));
}

static void put_held(json_t *out, const char *key, const ll_needs *needs, ll_weights_kind weights,
                     ll_kv_type kv, ll_held held) {
    json_t *memory = json_object();
    put_integer(memory, "weight_bytes", needs->weights[weights]);
    put_integer(memory, "kv_bytes", needs->kv[kv]);
    json_object_set_new(memory, "fits", json_boolean(needs->fits[held]));
    put_integer(memory, "buffer_bytes", needs->buffers[held]);
    put_integer(memory, "total_bytes", needs->total[held]);
    put_integer(memory, "resident_blocks", needs->resident[held]);
    json_object_set_new(out, key, memory);
}

static void put_needs(json_t *out, const ll_needs *needs) {
    json_t *published = json_object();
    put_integer(published, "weight_bytes", needs->published);
    json_object_set_new(out, "bf16", published);
    put_held(out, "f32", needs, LL_WEIGHTS_F32, LL_KV_F32, LL_HELD_F32);
    put_held(out, "int8", needs, LL_WEIGHTS_INT8, LL_KV_BF16, LL_HELD_INT8);
    put_held(out, "int8_kv_int8", needs, LL_WEIGHTS_INT8, LL_KV_I8, LL_HELD_INT8_KV);
}

json_t *ll_info_model_json(const ll_info_model *model) {
    json_t *out = json_object();
    put_identity(out, model);
    put_shape(out, &model->config);
    put_integer(out, "length", model->setting.length);
    put_integer(out, "batch", model->setting.batch);
    put_needs(out, &model->needs[0]);
    if (!model->has_drop)
        return out;
    json_t *dropped = json_object();
    char drop[LL_MASK_TEXT];
    ll_mask_format(&model->drop, model->config.layers, drop);
    json_object_set_new(dropped, "drop", json_string(drop));
    put_needs(dropped, &model->needs[1]);
    json_object_set_new(out, "dropped", dropped);
    return out;
}
