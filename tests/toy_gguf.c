#include "toy_gguf.h"
#include "dequant.h"
#include "test.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 32, LETTERS = 26, BLOCK = 32, TOKEN_NORMAL = 1, TOKEN_UNUSED = 5 };
enum { KIND_U32 = 4, KIND_I32 = 5, KIND_F32 = 6, KIND_BOOL = 7, KIND_TEXT = 8, KIND_ARRAY = 9 };

/* ---- metadata ---- */

static void put_f32(ll_bytes *bytes, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ll_put_u32(bytes, bits);
}

static void put_key(ll_bytes *bytes, const char *key, uint32_t kind) {
    ll_put_text(bytes, key);
    ll_put_u32(bytes, kind);
}

void ll_put_key_u32(ll_bytes *bytes, const char *key, uint32_t value) {
    put_key(bytes, key, KIND_U32);
    ll_put_u32(bytes, value);
}

void ll_put_key_f32(ll_bytes *bytes, const char *key, float value) {
    put_key(bytes, key, KIND_F32);
    put_f32(bytes, value);
}

void ll_put_key_bool(ll_bytes *bytes, const char *key, bool value) {
    put_key(bytes, key, KIND_BOOL);
    ll_put(bytes, &(uint8_t){value ? 1 : 0}, 1);
}

void ll_put_key_text(ll_bytes *bytes, const char *key, const char *value) {
    put_key(bytes, key, KIND_TEXT);
    ll_put_text(bytes, value);
}

static void put_key_array(ll_bytes *bytes, const char *key, uint32_t element, size_t count) {
    put_key(bytes, key, KIND_ARRAY);
    ll_put_u32(bytes, element);
    ll_put_u64(bytes, count);
}

/* ---- metadata ---- */

/* The metadata table of a file that is being written. */
typedef struct {
    const ll_toy *toy;
    ll_bytes bytes;
    size_t count;
} keys;

/* Whether to write a key; counts it. */
static bool wants(keys *k, const char *key) {
    if (k->toy->missing_key && strcmp(k->toy->missing_key, key) == 0)
        return false;
    k->count++;
    return true;
}

static void put_size(keys *k, const char *key, size_t value) {
    if (wants(k, key))
        ll_put_key_u32(&k->bytes, key, (uint32_t)value);
}

static void put_number(keys *k, const char *key, float value) {
    if (wants(k, key))
        ll_put_key_f32(&k->bytes, key, value);
}

static void put_string(keys *k, const char *key, const char *value) {
    if (wants(k, key))
        ll_put_key_text(&k->bytes, key, value);
}

static void put_shape(keys *k) {
    const ll_toy *t = k->toy;
    put_string(k, "general.architecture", t->architecture ? t->architecture : "llama");
    put_size(k, "llama.block_count", t->layers);
    put_size(k, "llama.context_length", t->context);
    put_size(k, "llama.embedding_length", t->hidden);
    put_size(k, "llama.feed_forward_length", t->mlp);
    put_size(k, "llama.attention.head_count", t->heads);
    put_size(k, "llama.attention.head_count_kv", t->kv_heads);
    if (t->heads * t->head_dim !=
        t->hidden) { /* as the converter: only a head size that cannot be derived is told */
        put_size(k, "llama.attention.key_length", t->head_dim);
        put_size(k, "llama.attention.value_length", t->head_dim);
    }
    put_size(k, "llama.rope.dimension_count", t->head_dim);
    put_number(k, "llama.rope.freq_base", (float)t->theta);
    put_number(k, "llama.attention.layer_norm_rms_epsilon", t->eps);
}

/* Byte-level BPE writes bytes as characters: printable ones as themselves, the others as U+0100 and on, in
 * order. */
static size_t byte_as_text(unsigned byte, char out[4]) {
    unsigned code = byte, hidden = 0;
    for (unsigned b = 0; b <= byte; b++) {
        const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        code = printable ? b : 0x100 + hidden;
        hidden += printable ? 0 : 1;
    }
    if (code < 0x80)
        return (size_t)sprintf(out, "%c", (char)code);
    return (size_t)sprintf(out, "%c%c", (char)(0xc0 | code >> 6), (char)(0x80 | (code & 0x3f)));
}

static size_t pair_count(const ll_toy *toy) {
    const size_t beyond_bytes = toy->vocab > 256 ? toy->vocab - 256 : 0;
    return beyond_bytes < LETTERS * LETTERS ? beyond_bytes : LETTERS * LETTERS;
}

static void put_token(ll_bytes *bytes, const ll_toy *toy, size_t id) {
    char text[32];
    if (id < 256) {
        byte_as_text((unsigned)id, text);
    } else if (id - 256 < pair_count(toy)) {
        const unsigned pair = (unsigned)(id - 256);
        sprintf(text, "%c%c", (char)('a' + pair / LETTERS), (char)('a' + pair % LETTERS));
    } else {
        sprintf(text, "<unused_%zu>", id);
    }
    ll_put_text(bytes, text);
}

static void put_vocabulary(keys *k) {
    const ll_toy *toy = k->toy;
    put_string(k, "tokenizer.ggml.model", "gpt2");
    put_string(k, "tokenizer.ggml.pre", toy->pre ? toy->pre : "smollm");
    if (wants(k, "tokenizer.ggml.tokens")) {
        put_key_array(&k->bytes, "tokenizer.ggml.tokens", KIND_TEXT, toy->vocab);
        for (size_t id = 0; id < toy->vocab; id++)
            put_token(&k->bytes, toy, id);
    }
    if (wants(k, "tokenizer.ggml.token_type")) {
        put_key_array(&k->bytes, "tokenizer.ggml.token_type", KIND_I32, toy->vocab);
        for (size_t id = 0; id < toy->vocab; id++)
            ll_put_u32(&k->bytes, id < 256 + pair_count(toy) ? TOKEN_NORMAL : TOKEN_UNUSED);
    }
    if (wants(k, "tokenizer.ggml.merges")) {
        put_key_array(&k->bytes, "tokenizer.ggml.merges", KIND_TEXT, pair_count(toy));
        for (unsigned i = 0; i < pair_count(toy); i++) {
            char merge[8];
            sprintf(merge, "%c %c", (char)('a' + i / LETTERS), (char)('a' + i % LETTERS));
            ll_put_text(&k->bytes, merge);
        }
    }
    put_size(k, "tokenizer.ggml.bos_token_id", 0);
    put_size(k, "tokenizer.ggml.eos_token_id", 0);
    if (wants(k, "tokenizer.ggml.add_bos_token"))
        ll_put_key_bool(&k->bytes, "tokenizer.ggml.add_bos_token", false);
}

/* ---- weights ---- */

/* splitmix64: the same model for the same seed, everywhere. */
static float next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)(int64_t)(z >> 40) * 0x1p-23f - 1.0f; /* [-1, 1) */
}

static ll_toy_tensor *add_tensor(ll_toy_weights *weights, const char *name, size_t rows, size_t cols) {
    weights->tensors = realloc(weights->tensors, (weights->count + 1) * sizeof *weights->tensors);
    float *values = calloc(rows * cols, sizeof *values);
    if (!weights->tensors || !values) {
        perror("toy_gguf");
        exit(1);
    }
    ll_toy_tensor *tensor = &weights->tensors[weights->count++];
    *tensor = (ll_toy_tensor){.rows = rows, .cols = cols, .values = values};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    return tensor;
}

/* Norm weights near 1; matrices such that their outputs are about as large as their inputs. */
static void add_random(const ll_toy *toy, ll_toy_weights *weights, uint64_t *state, const char *name,
                       size_t rows, size_t cols) {
    if (toy->missing_tensor && strcmp(name, toy->missing_tensor) == 0)
        return;
    const bool vector = rows == 1;
    const bool misshapen = toy->misshapen_tensor && strcmp(name, toy->misshapen_tensor) == 0;
    ll_toy_tensor *tensor =
        add_tensor(weights, name, rows + (misshapen && !vector), cols + (misshapen && vector));
    const float spread = vector ? 0.25f : sqrtf(3.0f / (float)cols);
    for (size_t i = 0; i < tensor->rows * tensor->cols; i++)
        tensor->values[i] = (vector ? 1.0f : 0.0f) + spread * next_random(state);
    if (toy->edit)
        toy->edit(name, tensor->values, tensor->rows, tensor->cols, toy->edit_context);
}

static void add_layer(const ll_toy *t, ll_toy_weights *weights, uint64_t *state, size_t layer) {
    const struct {
        const char *suffix;
        size_t rows, cols;
    } parts[] = {
        {"attn_norm", 1, t->hidden},
        {"attn_q", t->heads * t->head_dim, t->hidden},
        {"attn_k", t->kv_heads * t->head_dim, t->hidden},
        {"attn_v", t->kv_heads * t->head_dim, t->hidden},
        {"attn_output", t->hidden, t->heads * t->head_dim},
        {"ffn_norm", 1, t->hidden},
        {"ffn_gate", t->mlp, t->hidden},
        {"ffn_up", t->mlp, t->hidden},
        {"ffn_down", t->hidden, t->mlp},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.%s.weight", layer, parts[i].suffix);
        add_random(t, weights, state, name, parts[i].rows, parts[i].cols);
    }
    for (size_t i = 1; t->biases && i <= 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%zu.%s.bias", layer, parts[i].suffix);
        add_random(t, weights, state, name, 1, parts[i].rows);
    }
}

static ll_toy_weights make_weights(const ll_toy *toy) {
    ll_toy_weights weights = {0};
    uint64_t state = toy->seed;
    add_random(toy, &weights, &state, "token_embd.weight", toy->vocab, toy->hidden);
    for (size_t layer = 0; layer < toy->layers; layer++)
        add_layer(toy, &weights, &state, layer);
    add_random(toy, &weights, &state, "output_norm.weight", 1, toy->hidden);
    if (!toy->tied)
        add_random(toy, &weights, &state, "output.weight", toy->vocab, toy->hidden);
    if (toy->extra_tensor)
        add_random(toy, &weights, &state, toy->extra_tensor, 2, BLOCK);
    return weights;
}

/* ---- the file's types ---- */

static void put_f16(ll_bytes *bytes, float value) {
    int exponent;
    const float magnitude = fabsf(value);
    frexpf(magnitude, &exponent); /* magnitude in [2^(exponent - 1), 2^exponent) */
    if (exponent < -13)
        exponent = -13; /* subnormal: multiples of 2^-24 */
    const uint32_t steps =
        (uint32_t)lrintf(ldexpf(magnitude, 11 - exponent)); /* 10 bits below the leading one */
    const uint32_t half =
        magnitude == 0 ? 0 : steps + (uint32_t)(exponent + 13) * 1024; /* a carry raises the exponent */
    ll_put_u16(bytes, (uint16_t)(half | (signbit(value) ? 0x8000u : 0u)));
}

static void put_bf16(ll_bytes *bytes, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    ll_put_u16(bytes, (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16));
}

static void put_q8_0(ll_bytes *bytes, const float values[BLOCK]) {
    float largest = 0;
    for (size_t i = 0; i < BLOCK; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    put_f16(bytes, largest / 127);
    for (size_t i = 0; i < BLOCK; i++)
        ll_put(bytes, &(int8_t){(int8_t)(largest > 0 ? lrintf(values[i] / largest * 127) : 0)}, 1);
}

static void put_q4_1(ll_bytes *bytes, const float values[BLOCK]) {
    float low = values[0], high = values[0];
    for (size_t i = 1; i < BLOCK; i++) {
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    put_f16(bytes, (high - low) / 15);
    put_f16(bytes, low);
    unsigned q[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        q[i] = high > low ? (unsigned)lrintf((values[i] - low) / (high - low) * 15) : 0;
    for (size_t i = 0; i < BLOCK / 2; i++)
        ll_put(bytes, &(uint8_t){(uint8_t)(q[i] | q[i + BLOCK / 2] << 4)}, 1);
}

static void put_row(ll_bytes *bytes, uint32_t type, const float *values, size_t count) {
    const size_t step = ll_tensor_type_find(type)->block;
    for (size_t i = 0; i < count; i += step) {
        if (type == LL_TYPE_Q8_0)
            put_q8_0(bytes, values + i);
        else if (type == LL_TYPE_Q4_1)
            put_q4_1(bytes, values + i);
        else if (type == LL_TYPE_F16)
            put_f16(bytes, values[i]);
        else if (type == LL_TYPE_BF16)
            put_bf16(bytes, values[i]);
        else
            put_f32(bytes, values[i]);
    }
}

/* ---- the file ---- */

static uint32_t type_of(const ll_toy *toy, const ll_toy_tensor *tensor) {
    if (strstr(tensor->name, ".bias"))
        return toy->bias_type;
    return tensor->rows == 1 ? LL_TYPE_F32 : toy->type;
}

static bool is_permuted(const ll_toy_tensor *tensor) {
    return strstr(tensor->name, ".attn_q.") || strstr(tensor->name, ".attn_k.");
}

/* Which row of the model is written as row r: of a head's two halves, rows are taken in turn. */
static size_t model_row(const ll_toy *toy, const ll_toy_tensor *tensor, size_t r) {
    if (!is_permuted(tensor))
        return r;
    const size_t head = r / toy->head_dim, within = r % toy->head_dim;
    const size_t row = head * toy->head_dim + within % 2 * (toy->head_dim / 2) + within / 2;
    return row < (tensor->rows == 1 ? tensor->cols : tensor->rows) ? row : r;
}

/* As put_tensor_data: of a vector, its values are permuted. */
static void put_vector(ll_bytes *data, const ll_toy *toy, ll_toy_tensor *tensor) {
    const size_t start = data->length;
    float *written = calloc(tensor->cols, sizeof *written);
    if (!written) {
        perror("toy_gguf");
        exit(1);
    }
    for (size_t i = 0; i < tensor->cols; i++)
        written[i] = tensor->values[model_row(toy, tensor, i)];
    put_row(data, type_of(toy, tensor), written, tensor->cols);
    ll_dequant(type_of(toy, tensor), data->data + start, tensor->cols, written);
    for (size_t i = 0; i < tensor->cols; i++)
        tensor->values[model_row(toy, tensor, i)] = written[i];
    free(written);
}

/* Appends the tensor's data; its values become what a reader gets. */
static void put_tensor_data(ll_bytes *data, const ll_toy *toy, ll_toy_tensor *tensor) {
    const uint32_t type = type_of(toy, tensor);
    const ll_tensor_type_info *info = ll_tensor_type_find(type);
    const size_t row_bytes = tensor->cols / info->block * info->block_bytes, start = data->length;
    for (size_t r = 0; r < tensor->rows; r++)
        put_row(data, type, tensor->values + model_row(toy, tensor, r) * tensor->cols, tensor->cols);
    for (size_t r = 0; r < tensor->rows; r++)
        ll_dequant(type, data->data + start + r * row_bytes, tensor->cols,
                   tensor->values + model_row(toy, tensor, r) * tensor->cols);
}

static void align(ll_bytes *bytes) {
    while (bytes->length % ALIGNMENT)
        ll_put(bytes, "", 1);
}

static void put_tensor_info(ll_bytes *bytes, const ll_toy *toy, const ll_toy_tensor *tensor,
                            uint64_t offset) {
    ll_put_text(bytes, tensor->name);
    ll_put_u32(bytes, tensor->rows == 1 ? 1 : 2);
    ll_put_u64(bytes, tensor->cols);
    if (tensor->rows > 1)
        ll_put_u64(bytes, tensor->rows);
    ll_put_u32(bytes, type_of(toy, tensor));
    ll_put_u64(bytes, offset);
}

static void put_file(ll_bytes *file, const ll_toy *toy, ll_toy_weights *weights) {
    keys k = {.toy = toy};
    put_shape(&k);
    put_vocabulary(&k);
    if (toy->more_keys)
        k.count += toy->more_keys(&k.bytes);
    ll_put(file, "GGUF", 4);
    ll_put_u32(file, 3);
    ll_put_u64(file, weights->count);
    ll_put_u64(file, k.count);
    ll_put(file, k.bytes.data, k.bytes.length);
    free(k.bytes.data);
    ll_bytes data = {0};
    for (size_t i = 0; i < weights->count; i++) {
        align(&data);
        put_tensor_info(file, toy, &weights->tensors[i], data.length);
        (weights->tensors[i].rows == 1 ? put_vector : put_tensor_data)(&data, toy, &weights->tensors[i]);
    }
    align(file);
    align(&data);
    ll_put(file, data.data, data.length);
    free(data.data);
}

static bool is_writable(const ll_toy *toy) {
    const uint32_t types[] = {LL_TYPE_F32, LL_TYPE_F16, LL_TYPE_BF16, LL_TYPE_Q8_0, LL_TYPE_Q4_1};
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        known = known || types[i] == toy->type;
    if (!known)
        return false;
    const size_t block = ll_tensor_type_find(toy->type)->block;
    return toy->hidden % block == 0 && toy->mlp % block == 0 && toy->heads * toy->head_dim % block == 0;
}

ll_toy ll_toy_default(void) {
    return (ll_toy){.layers = 3,
                    .hidden = 32,
                    .heads = 4,
                    .kv_heads = 2,
                    .head_dim = 8,
                    .mlp = 64,
                    .context = 256,
                    .vocab = 256,
                    .theta = 10000,
                    .eps = 1e-5f,
                    .tied = true,
                    .type = LL_TYPE_F32,
                    .seed = 1};
}

bool ll_toy_write(const char *path, const ll_toy *toy, ll_toy_weights *weights) {
    if (weights)
        *weights = (ll_toy_weights){0};
    if (!is_writable(toy)) {
        ll_test_fail(__FILE__, __LINE__, "the writer cannot write matrices of type %u with these sizes",
                     toy->type);
        return false;
    }
    ll_toy_weights made = make_weights(toy);
    ll_bytes file = {0};
    put_file(&file, toy, &made);
    const bool failed_before = ll_test_failed();
    ll_test_write(path, file.data, file.length);
    free(file.data);
    if (weights)
        *weights = made;
    else
        ll_toy_free(&made);
    return failed_before || !ll_test_failed();
}

const float *ll_toy_find(const ll_toy_weights *weights, const char *format, ...) {
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < weights->count; i++)
        if (strcmp(weights->tensors[i].name, name) == 0)
            return weights->tensors[i].values;
    return NULL;
}

void ll_toy_free(ll_toy_weights *weights) {
    for (size_t i = 0; i < weights->count; i++)
        free(weights->tensors[i].values);
    free(weights->tensors);
    *weights = (ll_toy_weights){0};
}
