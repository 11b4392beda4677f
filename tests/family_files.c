/* Families as files: Hugging Face folders and GGUF files, written as their own tools write them. */
#include "family_tokenizers.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SHARDS = 2, PARTS = 3, ALIGNMENT = 32, MAX_TENSORS = 128 };
enum { KIND_U16 = 2, KIND_I32 = 5 }; /* of GGUF metadata */

const char *const ll_form_names[LL_FORMS] = {"hf-f32", "hf-bf16", "gguf", "gguf-split"};

/* The tensors of one file or model. */
typedef struct {
    const ll_family_tensor *tensors[MAX_TENSORS];
    size_t count;
} list;

static void add(list *out, const ll_family_tensor *tensor) {
    if (out->count < MAX_TENSORS)
        out->tensors[out->count++] = tensor;
    else
        ll_test_fail(__FILE__, __LINE__, "more than %d tensors", MAX_TENSORS);
}

/* The part-th of parts runs of neighbours. */
static list part_of(const list *all, size_t part, size_t parts) {
    list out = {.count = 0};
    for (size_t i = all->count * part / parts; i < all->count * (part + 1) / parts; i++)
        add(&out, all->tensors[i]);
    return out;
}

static size_t value_count(const ll_family_tensor *t) {
    return (t->rows ? t->rows : 1) * t->cols;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void align(ll_bytes *bytes, size_t to, char with) {
    while (bytes->length % to)
        ll_put(bytes, &with, 1);
}

static void write_bytes(const char *folder, const char *name, ll_bytes bytes) {
    char path[LL_FAMILY_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ll_test_write(path, bytes.data, bytes.length);
    free(bytes.data);
}

/* ---- Hugging Face ---- */

static void write_json(const char *folder, const char *name, json_t *json) {
    char *text = json_dumps(json, JSON_INDENT(2));
    ll_bytes bytes = {0};
    ll_put(&bytes, text, strlen(text));
    free(text);
    json_decref(json);
    write_bytes(folder, name, bytes);
}

static void write_config(const ll_family *f, size_t which, bool bf16, const char *folder) {
    json_t *json = json_loads(f->configs[which], 0, NULL);
    if (json_object_get(json, "torch_dtype"))
        json_object_set_new(json, "torch_dtype", json_string(bf16 ? "bfloat16" : "float32"));
    write_json(folder, "config.json", json);
}

static void put_values(ll_bytes *data, const ll_family_tensor *t, bool bf16) {
    for (size_t i = 0; i < value_count(t); i++) {
        const uint32_t bits = bits_of(t->values[i]);
        if (bf16)
            ll_put(data, (uint8_t[]){(uint8_t)(bits >> 16), (uint8_t)(bits >> 24)}, 2);
        else
            ll_put_u32(data, bits);
        if (bf16 && (bits & 0xffff)) {
            ll_test_fail(__FILE__, __LINE__, "%s: value %zu is not exact in bfloat16", t->name, i);
            return;
        }
    }
}

static void write_safetensors(const list *tensors, bool bf16, const char *folder, const char *name) {
    json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
    ll_bytes data = {0}, file = {0};
    for (size_t i = 0; i < tensors->count; i++) {
        const ll_family_tensor *t = tensors->tensors[i];
        const size_t start = data.length;
        put_values(&data, t, bf16);
        json_t *shape = t->rows ? json_pack("[I, I]", (json_int_t)t->rows, (json_int_t)t->cols)
                                : json_pack("[I]", (json_int_t)t->cols);
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", bf16 ? "BF16" : "F32", "shape", shape,
                                      "data_offsets", (json_int_t)start, (json_int_t)data.length));
    }
    char *text = json_dumps(header, JSON_COMPACT);
    ll_bytes padded = {0};
    ll_put(&padded, text, strlen(text));
    align(&padded, 8, ' ');
    ll_put_u64(&file, padded.length);
    ll_put(&file, padded.data, padded.length);
    ll_put(&file, data.data, data.length);
    free(text);
    free(padded.data);
    free(data.data);
    json_decref(header);
    write_bytes(folder, name, file);
}

static void write_shards(const list *all, const char *folder) {
    json_t *map = json_object();
    size_t bytes = 0;
    for (size_t shard = 0; shard < SHARDS; shard++) {
        const list tensors = part_of(all, shard, SHARDS);
        char name[64];
        snprintf(name, sizeof name, "model-%05zu-of-%05d.safetensors", shard + 1, SHARDS);
        write_safetensors(&tensors, true, folder, name);
        for (size_t i = 0; i < tensors.count; i++) {
            json_object_set_new(map, tensors.tensors[i]->name, json_string(name));
            bytes += 2 * value_count(tensors.tensors[i]);
        }
    }
    write_json(folder, "model.safetensors.index.json",
               json_pack("{s:{s:I}, s:o}", "metadata", "total_size", (json_int_t)bytes, "weight_map", map));
}

static void write_hf(const ll_family *f, const list *tensors, bool bf16, size_t config, const char *folder) {
    write_config(f, config, bf16, folder);
    write_json(folder, "tokenizer.json", ll_family_tokenizer_json(f));
    write_json(folder, "tokenizer_config.json", ll_family_tokenizer_config());
    if (bf16)
        write_shards(tensors, folder);
    else
        write_safetensors(tensors, false, folder, "model.safetensors");
}

/* ---- GGUF ---- */

/* Metadata of a file that is being written. */
typedef struct {
    ll_bytes bytes;
    uint64_t count;
} keys;

static void put_size(keys *k, const char *key, size_t value) {
    ll_put_key_u32(&k->bytes, key, (uint32_t)value);
    k->count++;
}

static void put_number(keys *k, const char *key, double value) {
    ll_put_key_f32(&k->bytes, key, (float)value);
    k->count++;
}

static void put_string(keys *k, const char *key, const char *value) {
    ll_put_key_text(&k->bytes, key, value);
    k->count++;
}

static void put_shape(keys *k, const ll_config *c) {
    put_string(k, "general.architecture", "llama");
    put_size(k, "llama.vocab_size", c->vocab);
    put_size(k, "llama.block_count", c->layers);
    put_size(k, "llama.context_length", c->context);
    put_size(k, "llama.embedding_length", c->hidden);
    put_size(k, "llama.feed_forward_length", c->mlp);
    put_size(k, "llama.attention.head_count", c->heads);
    put_size(k, "llama.attention.head_count_kv", c->kv_heads);
    if (c->heads * c->head_dim != c->hidden) {
        put_size(k, "llama.attention.key_length", c->head_dim);
        put_size(k, "llama.attention.value_length", c->head_dim);
    }
    if (c->window)
        put_size(k, "llama.attention.sliding_window", c->window);
    put_size(k, "llama.rope.dimension_count", c->head_dim);
    put_number(k, "llama.rope.freq_base", c->rope_theta);
    if (c->rope.kind == LL_ROPE_LINEAR) {
        put_string(k, "llama.rope.scaling.type", "linear");
        put_number(k, "llama.rope.scaling.factor", c->rope.factor);
    }
    put_number(k, "llama.attention.layer_norm_rms_epsilon", (double)c->eps);
}

static void put_short(keys *k, const char *key, size_t value) {
    ll_put_text(&k->bytes, key);
    ll_put_u32(&k->bytes, KIND_U16);
    ll_put(&k->bytes, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
    k->count++;
}

/* As llama-gguf-split numbers parts: from 0. */
static void put_split(keys *k, size_t part, size_t tensors) {
    put_short(k, "split.no", part);
    put_short(k, "split.count", PARTS);
    ll_put_text(&k->bytes, "split.tensors.count");
    ll_put_u32(&k->bytes, KIND_I32);
    ll_put_u32(&k->bytes, (uint32_t)tensors);
    k->count++;
}

/* llama.cpp rotates neighbours, so of a head's two halves rows are taken in turn; biases go with their rows. */
static void put_permuted(ll_bytes *data, const ll_family_tensor *t, size_t head_dim) {
    const size_t rows = t->rows ? t->rows : t->cols, cols = t->rows ? t->cols : 1, half = head_dim / 2;
    for (size_t r = 0; r < rows; r++) {
        const size_t within = r % head_dim, from = r - within + within % 2 * half + within / 2;
        for (size_t i = 0; i < cols; i++)
            ll_put_u32(data, bits_of(t->values[from * cols + i]));
    }
}

static void write_gguf(const ll_family *f, const list *tensors, keys k, const char *folder,
                       const char *name) {
    ll_bytes file = {0}, data = {0};
    ll_put(&file, "GGUF", 4);
    ll_put_u32(&file, 3);
    ll_put_u64(&file, tensors->count);
    ll_put_u64(&file, k.count);
    ll_put(&file, k.bytes.data, k.bytes.length);
    free(k.bytes.data);
    for (size_t i = 0; i < tensors->count; i++) {
        const ll_family_tensor *t = tensors->tensors[i];
        ll_put_text(&file, t->gguf_name);
        ll_put_u32(&file, t->rows ? 2 : 1);
        ll_put_u64(&file, t->cols);
        if (t->rows)
            ll_put_u64(&file, t->rows);
        ll_put_u32(&file, LL_TYPE_F32);
        align(&data, ALIGNMENT, 0);
        ll_put_u64(&file, data.length);
        if (strstr(t->gguf_name, "attn_q.") || strstr(t->gguf_name, "attn_k."))
            put_permuted(&data, t, f->config.head_dim);
        else
            put_values(&data, t, false);
    }
    align(&file, ALIGNMENT, 0);
    align(&data, ALIGNMENT, 0);
    ll_put(&file, data.data, data.length);
    free(data.data);
    write_bytes(folder, name, file);
}

/* Llama 3.1's scaling is no key in GGUF but a divisor a frequency, as f32. */
static void rope_divisors(const ll_config *c, float *out) {
    const ll_rope_scaling *r = &c->rope;
    for (size_t i = 0; i < c->head_dim / 2; i++) {
        const double wavelength = 2 * acos(-1) * pow(c->rope_theta, 2.0 * (double)i / (double)c->head_dim);
        const double smooth =
            (r->original_context / wavelength - r->low_factor) / (r->high_factor - r->low_factor);
        out[i] = wavelength < r->original_context / r->high_factor ? 1
                 : wavelength > r->original_context / r->low_factor
                     ? (float)r->factor
                     : (float)(1 / ((1 - smooth) / r->factor + smooth));
    }
}

static void write_gguf_form(const ll_family *f, list all, bool split, const char *folder) {
    float divisors[64];
    ll_family_tensor rope = {
        .gguf_name = "rope_freqs.weight", .cols = f->config.head_dim / 2, .values = divisors};
    if (f->config.rope.kind == LL_ROPE_LLAMA3) {
        rope_divisors(&f->config, divisors);
        add(&all, &rope);
    }
    keys k = {.count = 0};
    put_shape(&k, &f->config);
    k.count += ll_family_tokenizer_keys(&k.bytes, f);
    if (!split) {
        write_gguf(f, &all, k, folder, "model.gguf");
        return;
    }
    for (size_t part = 0; part < PARTS; part++, k = (keys){.count = 0}) {
        const list tensors = part_of(&all, part, PARTS);
        put_split(&k, part, all.count);
        char name[64];
        snprintf(name, sizeof name, "model-%05zu-of-%05d.gguf", part + 1, PARTS);
        write_gguf(f, &tensors, k, folder, name);
    }
}

/* ---- either ---- */

bool ll_family_write(const ll_family *f, ll_form form, const ll_family_change *change,
                     char path[LL_FAMILY_PATH]) {
    const bool failed_before = ll_test_failed(), hf = form == LL_FORM_HF_F32 || form == LL_FORM_HF_BF16;
    char folder[LL_FAMILY_PATH - 40];
    snprintf(folder, sizeof folder, "%s/%s-%s", ll_test_folder(), f->name, ll_form_names[form]);
    mkdir(folder, 0777);
    snprintf(path, LL_FAMILY_PATH, "%s%s", folder,
             form == LL_FORM_GGUF         ? "/model.gguf"
             : form == LL_FORM_GGUF_SPLIT ? "/model-00002-of-00003.gguf"
                                          : "");
    list all = {.count = 0};
    for (size_t i = 0; i < f->tensor_count; i++)
        if (!change->without_dropped || !f->tensors[i].dropped)
            add(&all, &f->tensors[i]);
    ll_family_tensor head = f->tensors[0]; /* the embedding, upside down */
    if (change->other_head) {
        strcpy(head.name, "lm_head.weight");
        head.values = malloc(value_count(&head) * sizeof *head.values);
        for (size_t i = 0; head.values && i < value_count(&head); i++)
            head.values[i] = f->tensors[0].values[value_count(&head) - 1 - i];
        add(&all, &head);
    }
    if (hf)
        write_hf(f, &all, form == LL_FORM_HF_BF16, change->config, folder);
    else
        write_gguf_form(f, all, form == LL_FORM_GGUF_SPLIT, folder);
    if (change->other_head)
        free(head.values);
    return failed_before || !ll_test_failed();
}
