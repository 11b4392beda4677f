/* The texts of a Hugging Face folder, around one small sound model: config.json, tokenizer_config.json,
 * generation_config.json and model.safetensors.index.json, with a NUL between one and the next. */
#include "checkpoint.h"
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One block, every size 2 but for the 3 tokens. */
static const struct {
    const char *name, *shape;
    size_t bytes;
} tensors[] = {
    {"model.embed_tokens", "3,2", 24},
    {"model.norm", "2", 8},
    {"lm_head", "3,2", 24},
    {"model.layers.0.input_layernorm", "2", 8},
    {"model.layers.0.post_attention_layernorm", "2", 8},
    {"model.layers.0.self_attn.q_proj", "2,2", 16},
    {"model.layers.0.self_attn.k_proj", "2,2", 16},
    {"model.layers.0.self_attn.v_proj", "2,2", 16},
    {"model.layers.0.self_attn.o_proj", "2,2", 16},
    {"model.layers.0.mlp.gate_proj", "2,2", 16},
    {"model.layers.0.mlp.up_proj", "2,2", 16},
    {"model.layers.0.mlp.down_proj", "2,2", 16},
};
static const char tokenizer_json[] =
    "{\"added_tokens\":[{\"id\":2,\"content\":\"<s>\",\"special\":true}],"
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[]}}";

typedef enum {
    CONFIG,
    TOKENIZER_CONFIG,
    GENERATION_CONFIG,
    INDEX,
    TEXTS,
    TOKENIZER = TEXTS,
    WEIGHTS,
    SHARD,
    FILES
} file;
static const char *const names[FILES] = {"config.json",
                                         "tokenizer_config.json",
                                         "generation_config.json",
                                         "model.safetensors.index.json",
                                         "tokenizer.json",
                                         "model.safetensors",
                                         "m"};

static const char *path_in(const char *folder, file which) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[which]);
    return path;
}

static void put(const char *folder, file which, const void *data, size_t length) {
    FILE *stream = fopen(path_in(folder, which), "wb");
    if (!stream || fwrite(data, 1, length, stream) != length || fclose(stream) != 0)
        ll_fuzz_fault("%s/%s cannot be written", folder, names[which]);
}

/* With an index there is no whole file, and its shards are looked for. */
static void put_weights(const char *folder) {
    enum { COUNT = sizeof tensors / sizeof *tensors, MOST = 4096 };
    static char bytes[MOST];
    uint64_t at = 0, header = 0;
    for (size_t i = 0; i < COUNT; at += tensors[i++].bytes)
        header += (uint64_t)snprintf(
            bytes + 8 + header, MOST - 8 - header,
            "%s\"%s.weight\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}%s", i ? "," : "{",
            tensors[i].name, tensors[i].shape, (size_t)at, (size_t)at + tensors[i].bytes,
            i + 1 < COUNT ? "" : "}");
    memcpy(bytes, &header, sizeof header);
    memset(bytes + 8 + header, 0, (size_t)at);
    put(folder, access(path_in(folder, INDEX), F_OK) == 0 ? SHARD : WEIGHTS, bytes, 8 + header + at);
}

/* A text that is empty is no file. */
static void put_texts(const char *folder, const uint8_t *data, size_t length) {
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = length ? memchr(data, 0, length) : NULL;
        const size_t bytes = end ? (size_t)(end - data) : length;
        if (bytes)
            put(folder, (file)i, data, bytes);
        data += end ? bytes + 1 : bytes;
        length -= end ? bytes + 1 : bytes;
    }
}

static void use(const ll_checkpoint *checkpoint, const uint8_t *data, size_t length) {
    ll_error error = {""};
    ll_tokenizer *tokenizer = NULL;
    for (size_t i = 0; ll_checkpoint_unused(checkpoint, i); i++)
        ll_fuzz_touch(ll_checkpoint_unused(checkpoint, i), strlen(ll_checkpoint_unused(checkpoint, i)));
    for (size_t i = 0; i < ll_checkpoint_file_count(checkpoint); i++)
        ll_fuzz_touch(ll_checkpoint_file(checkpoint, i), strlen(ll_checkpoint_file(checkpoint, i)));
    if (ll_fuzz_good(ll_checkpoint_tokenizer(&tokenizer, checkpoint, &error), &error))
        ll_fuzz_tokenizer(tokenizer, data, length);
    ll_tokenizer_destroy(tokenizer);
}

void ll_fuzz_folder(const uint8_t *data, size_t length) {
    char folder[] = "/dev/shm/layerlab-fuzz-XXXXXX";
    ll_checkpoint *checkpoint = NULL;
    ll_error error = {""};
    if (!mkdtemp(folder))
        ll_fuzz_fault("no folder can be made in /dev/shm");
    put_texts(folder, data, length);
    put(folder, TOKENIZER, tokenizer_json, sizeof tokenizer_json - 1);
    put_weights(folder);
    if (ll_fuzz_good(ll_checkpoint_open(&checkpoint, folder, &error), &error))
        use(checkpoint, data, length);
    ll_checkpoint_close(checkpoint);
    for (int i = 0; i < FILES; i++)
        unlink(path_in(folder, (file)i));
    rmdir(folder);
}
