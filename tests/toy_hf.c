#include "toy_hf.h"
#include "checkpoint.h"
#include "test.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXTRA_VALUES = 8 };

/* ---- bytes ---- */

static ll_bytes with_header(const ll_bytes *header, const ll_bytes *data) {
    ll_bytes file = {0};
    ll_put_u64(&file, header->length);
    ll_put(&file, header->data, header->length);
    ll_put(&file, data->data, data->length);
    return file;
}

ll_bytes ll_toy_safetensors(const char *header, size_t data_bytes) {
    ll_bytes file = {0};
    ll_put_u64(&file, strlen(header));
    ll_put(&file, header, strlen(header));
    for (size_t i = 0; i < data_bytes; i++)
        ll_put(&file, &(uint8_t){(uint8_t)i}, 1);
    return file;
}

static void write_file(const char *folder, const char *name, ll_bytes *bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ll_test_write(path, bytes->data, bytes->length);
    free(bytes->data);
    *bytes = (ll_bytes){0};
}

static void stretch(const char *folder, const char *name, size_t length) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (truncate(path, (off_t)length) != 0)
        ll_test_fail(path, 0, "cannot be made %zu bytes long", length);
}

/* ---- the model's tensors, file by file ---- */

typedef struct {
    const ll_toy_hf *toy;
    ll_bytes header, data; /* of the file being written */
    size_t bytes;          /* of its tensors: data's, unless they are a hole */
    ll_bytes index;        /* entries of weight_map */
    char file[64];
    uint64_t state;
} writer;

/* Small numbers of either sign, written as the upper bits of a float or as a half with a fixed exponent. */
static void put_value(writer *w, bool norm) {
    w->state = w->state * 6364136223846793005u + 1442695040888963407u;
    const float value = (norm ? 1.0f : 0.0f) + (float)(int32_t)(w->state >> 40 & 0xff) / 512 - 0.25f;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t upper = (uint16_t)(bits >> 16),
                   half = (uint16_t)((bits >> 16 & 0x8000) | (bits >> 13 & 0x3ff) | 0x3000);
    if (w->toy->type == LL_TYPE_F32)
        ll_put_u32(&w->data, bits);
    else
        ll_put(&w->data, w->toy->type == LL_TYPE_BF16 ? &upper : &half, sizeof half);
}

static void put_comma(ll_bytes *list) {
    if (list->length)
        ll_put(list, ", ", 2);
}

static bool is(const char *name, const char *wanted) {
    return wanted && strcmp(name, wanted) == 0;
}

static void put_tensor(writer *w, const char *name, size_t rows, size_t row) {
    put_comma(&w->index);
    ll_put_format(&w->index, "\"%s\": \"%s\"", name, w->file);
    if (is(name, w->toy->missing_tensor))
        return;
    const bool vector = rows == 0;
    row += vector && is(name, w->toy->misshapen_tensor);
    rows += !vector && is(name, w->toy->misshapen_tensor);
    const size_t begin = w->bytes, values = (vector ? 1 : rows) * row;
    w->bytes += values * (w->toy->type == LL_TYPE_F32 ? 4 : 2);
    for (size_t i = 0; !w->toy->hollow && i < values; i++)
        put_value(w, strstr(name, "norm") != NULL);
    put_comma(&w->header);
    ll_put_format(&w->header, "\"%s\": {\"dtype\": \"%s\", \"shape\": [", name,
                  ll_tensor_type_find(w->toy->type)->name);
    if (!vector)
        ll_put_format(&w->header, "%zu, ", rows);
    ll_put_format(&w->header, "%zu], \"data_offsets\": [%zu, %zu]}", row, begin, w->bytes);
}

static void end_file(writer *w, const char *folder) {
    ll_bytes header = {0};
    ll_put_format(&header, "{\"__metadata__\": {\"format\": \"pt\"}, ");
    ll_put(&header, w->header.data, w->header.length);
    ll_put(&header, "}", 1);
    ll_bytes file = with_header(&header, &w->data);
    const size_t length = file.length + (w->toy->hollow ? w->bytes : 0);
    write_file(folder, w->file, &file);
    if (w->toy->hollow)
        stretch(folder, w->file, length);
    free(header.data);
    free(w->header.data);
    free(w->data.data);
    w->header = w->data = (ll_bytes){0};
    w->bytes = 0;
}

static void put_role(writer *w, ll_role role, size_t layer) {
    ll_config shape = w->toy->config;
    if (!w->toy->without_dropped)
        shape.dropped = (ll_mask){0};
    if (!ll_role_needed(&shape, role, layer))
        return;
    char name[LL_TENSOR_NAME];
    size_t row, rows;
    ll_role_name(LL_FORMAT_HF, role, layer, name);
    ll_role_shape(&shape, role, &row, &rows);
    put_tensor(w, name, rows, row);
}

/* A shard holds neighbouring blocks; the first one also what belongs to none. */
static void write_shard(writer *w, const char *folder, size_t shard, size_t shards) {
    const size_t layers = w->toy->config.layers;
    for (int role = 0; role < LL_ROLE_COUNT; role++) {
        if (!ll_role_in_block((ll_role)role) && shard == 0)
            put_role(w, (ll_role)role, 0);
        for (size_t l = layers * shard / shards; l < layers * (shard + 1) / shards; l++)
            if (ll_role_in_block((ll_role)role))
                put_role(w, (ll_role)role, l);
    }
    if (w->toy->extra_tensor && shard == 0)
        put_tensor(w, w->toy->extra_tensor, 0, EXTRA_VALUES);
    end_file(w, folder);
}

/* ---- config.json and index ---- */

static const char *truth(bool value) {
    return value ? "true" : "false";
}

static void write_config(const ll_toy_hf *toy, const char *folder) {
    const ll_config *c = &toy->config;
    ll_bytes text = {0};
    ll_put_format(&text, "{\"model_type\": \"%s\", \"architectures\": [\"%sForCausalLM\"], ",
                  c->window ? "mistral" : "llama", c->window ? "Mistral" : "Llama");
    ll_put_format(&text, "\"num_hidden_layers\": %zu, \"hidden_size\": %zu, \"intermediate_size\": %zu, ",
                  c->layers, c->hidden, c->mlp);
    ll_put_format(&text, "\"num_attention_heads\": %zu, \"num_key_value_heads\": %zu, \"head_dim\": %zu, ",
                  c->heads, c->kv_heads, c->head_dim);
    ll_put_format(&text, "\"vocab_size\": %zu, \"max_position_embeddings\": %zu, ", c->vocab, c->context);
    if (c->window)
        ll_put_format(&text, "\"sliding_window\": %zu, ", c->window);
    ll_put_format(&text, "\"attention_bias\": %s, \"mlp_bias\": %s, \"tie_word_embeddings\": %s, ",
                  truth(c->bias_qkv), truth(c->bias_mlp), truth(c->tied));
    ll_put_format(&text, "\"rope_theta\": %.17g, \"rms_norm_eps\": %.9g%s}", c->rope_theta, (double)c->eps,
                  toy->more_keys ? toy->more_keys : "");
    write_file(folder, "config.json", &text);
}

static void write_index(const writer *w, const char *folder) {
    ll_bytes text = {0};
    ll_put_format(&text, "{\"metadata\": {\"total_size\": 0}, \"weight_map\": {");
    ll_put(&text, w->index.data, w->index.length);
    ll_put_format(&text, "%s}}", w->toy->more_index ? w->toy->more_index : "");
    write_file(folder, "model.safetensors.index.json", &text);
}

/* ---- the folder ---- */

ll_toy_hf ll_toy_hf_default(void) {
    return (ll_toy_hf){.config = {.layers = 3,
                                  .hidden = 32,
                                  .heads = 4,
                                  .kv_heads = 2,
                                  .head_dim = 8,
                                  .mlp = 64,
                                  .vocab = 256,
                                  .context = 256,
                                  .rope_theta = 10000,
                                  .eps = 1e-5f},
                       .type = LL_TYPE_F32,
                       .seed = 1};
}

bool ll_toy_hf_write(const char *folder, const ll_toy_hf *toy) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        ll_test_fail(folder, 0, "cannot be made");
        return false;
    }
    const bool failed_before = ll_test_failed();
    write_config(toy, folder);
    writer w = {.toy = toy, .state = toy->seed};
    const size_t shards = toy->shards ? toy->shards : 1;
    for (size_t i = 0; i < shards; i++) {
        if (toy->shards)
            snprintf(w.file, sizeof w.file, "model-%zu.safetensors", i + 1);
        else
            snprintf(w.file, sizeof w.file, "model.safetensors");
        write_shard(&w, folder, i, shards);
    }
    if (toy->shards)
        write_index(&w, folder);
    free(w.index.data);
    return failed_before || !ll_test_failed();
}
