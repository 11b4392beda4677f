/* What loading takes of memory: packed weights and little beside, whatever the file's form. */
#include "checkpoint.h"
#include "model.h"
#include "real_model.h"
#include "test.h"
#include "toy_gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

enum { PATH = 512, SHARDS = 3, MIB = 1 << 20 };

static ll_error error;

/* ---- a model of some 280 MB, written in bf16 without being held ---- */

static const ll_config large = {.layers = 2,
                                .hidden = 2048,
                                .heads = 16,
                                .kv_heads = 4,
                                .head_dim = 128,
                                .mlp = 4096,
                                .vocab = 16384,
                                .context = 512,
                                .rope_theta = 10000,
                                .eps = 1e-5f};

typedef struct {
    ll_role role;
    size_t layer, row, rows; /* rows 0: a vector */
    uint64_t bytes;          /* in bf16; a vector of a GGUF file is in f32 */
} item;

enum { MAX_ITEMS = 64 };

/* Every tensor of the model, of shard shard of shards; returns how many. */
static size_t list_items(item out[MAX_ITEMS], ll_format format, size_t shard, size_t shards) {
    size_t count = 0, seen = 0;
    for (int r = 0; r < LL_ROLE_COUNT; r++)
        for (size_t layer = 0; layer < (ll_role_in_block((ll_role)r) ? large.layers : 1); layer++) {
            item one = {.role = (ll_role)r, .layer = layer};
            if (!ll_role_needed(&large, one.role, layer) || seen++ % shards != shard || count == MAX_ITEMS)
                continue;
            ll_role_shape(&large, one.role, &one.row, &one.rows);
            const size_t width = format == LL_FORMAT_GGUF && !one.rows ? sizeof(float) : sizeof(uint16_t);
            one.bytes = (uint64_t)one.row * (one.rows ? one.rows : 1) * width;
            out[count++] = one;
        }
    return count;
}

/* Norms of ones; else numbers of either sign from 1/64 to 1/32, the same again after a while. */
static void put_values(FILE *file, const item *one, ll_format format) {
    enum { BLOCK = 1 << 16 };
    static uint16_t values[BLOCK];
    uint32_t state = 1;
    for (size_t i = 0; i < BLOCK; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (uint16_t)((state >> 16 & 0x807f) | 0x3c80);
    }
    for (size_t i = 0; !one->rows && i < BLOCK; i++) /* f32 1 is 0x3f800000, little end first */
        values[i] = format == LL_FORMAT_GGUF && i % 2 == 0 ? 0 : 0x3f80;
    for (uint64_t left = one->bytes; left;) {
        const size_t part = left < sizeof values ? (size_t)left : sizeof values;
        CHECK(fwrite(values, 1, part, file) == part);
        left -= part;
    }
}

static void put_data(const char *path, const ll_bytes *header, const item *items, size_t count,
                     ll_format format) {
    FILE *file = fopen(path, "wb");
    REQUIRE(file);
    CHECK(fwrite(header->data, 1, header->length, file) == header->length);
    for (size_t i = 0; i < count; i++)
        put_values(file, &items[i], format);
    CHECK_MSG(fclose(file) == 0, "%s cannot be written", path);
}

/* ---- Hugging Face ---- */

static void write_text(const char *folder, const char *name, ll_bytes *text) {
    char path[2 * PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    ll_test_write(path, text->data, text->length);
    free(text->data);
    *text = (ll_bytes){0};
}

static void write_safetensors(const char *folder, size_t shard, size_t shards, ll_bytes *index) {
    item items[MAX_ITEMS];
    char path[2 * PATH], file[64] = "model.safetensors", name[LL_TENSOR_NAME];
    const size_t count = list_items(items, LL_FORMAT_HF, shard, shards);
    ll_bytes json = {0}, header = {0};
    uint64_t at = 0;
    if (shards > 1)
        snprintf(file, sizeof file, "model-%zu.safetensors", shard + 1);
    for (size_t i = 0; i < count; i++, at += items[i - 1].bytes) {
        ll_role_name(LL_FORMAT_HF, items[i].role, items[i].layer, name);
        ll_put_format(&json, "%s\"%s\": {\"dtype\": \"BF16\", \"shape\": [", i ? ", " : "{", name);
        if (items[i].rows)
            ll_put_format(&json, "%zu, ", items[i].rows);
        ll_put_format(&json, "%zu], \"data_offsets\": [%" PRIu64 ", %" PRIu64 "]}", items[i].row, at,
                      at + items[i].bytes);
        ll_put_format(index, "%s\"%s\": \"%s\"", index->length ? ", " : "{\"weight_map\": {", name, file);
    }
    ll_put_format(&json, "}");
    while (json.length % sizeof(uint64_t))
        ll_put_format(&json, " ");
    ll_put_u64(&header, json.length);
    ll_put(&header, json.data, json.length);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    put_data(path, &header, items, count, LL_FORMAT_HF);
    free(json.data);
    free(header.data);
}

static void write_hf(const char *folder, size_t shards) {
    ll_bytes text = {0}, index = {0};
    REQUIRE(mkdir(folder, 0777) == 0);
    ll_put_format(&text, "{\"model_type\": \"llama\", \"num_hidden_layers\": %zu, \"hidden_size\": %zu, ",
                  large.layers, large.hidden);
    ll_put_format(&text,
                  "\"num_attention_heads\": %zu, \"num_key_value_heads\": %zu, \"intermediate_size\": %zu, ",
                  large.heads, large.kv_heads, large.mlp);
    ll_put_format(&text, "\"vocab_size\": %zu, \"max_position_embeddings\": %zu, \"rms_norm_eps\": 1e-5, ",
                  large.vocab, large.context);
    ll_put_format(&text, "\"rope_theta\": 10000, \"tie_word_embeddings\": false}");
    write_text(folder, "config.json", &text);
    ll_put_format(&text, "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": []}}");
    write_text(folder, "tokenizer.json", &text);
    for (size_t shard = 0; shard < shards; shard++)
        write_safetensors(folder, shard, shards, &index);
    ll_put_format(&index, "}}");
    if (shards > 1)
        write_text(folder, "model.safetensors.index.json", &index);
    free(index.data);
}

/* ---- GGUF ---- */

static size_t put_shape(ll_bytes *keys) {
    const struct {
        const char *key;
        size_t value;
    } sizes[] = {
        {"llama.block_count", large.layers},         {"llama.context_length", large.context},
        {"llama.embedding_length", large.hidden},    {"llama.feed_forward_length", large.mlp},
        {"llama.attention.head_count", large.heads}, {"llama.attention.head_count_kv", large.kv_heads},
        {"tokenizer.ggml.bos_token_id", 0},          {"tokenizer.ggml.eos_token_id", 0},
    };
    enum { SIZES = sizeof sizes / sizeof *sizes };
    for (size_t i = 0; i < SIZES; i++)
        ll_put_key_u32(keys, sizes[i].key, (uint32_t)sizes[i].value);
    ll_put_key_f32(keys, "llama.attention.layer_norm_rms_epsilon", large.eps);
    ll_put_key_text(keys, "general.architecture", "llama");
    ll_put_key_text(keys, "tokenizer.ggml.model", "gpt2");
    ll_put_key_text(keys, "tokenizer.ggml.pre", "smollm");
    return SIZES + 4;
}

static size_t put_tokens(ll_bytes *keys) {
    enum { KIND_I32 = 5, KIND_TEXT = 8, KIND_ARRAY = 9, NORMAL = 1 };
    static const char *const names[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.token_type",
                                        "tokenizer.ggml.merges"};
    for (size_t i = 0; i < 3; i++) {
        ll_put_text(keys, names[i]);
        ll_put_u32(keys, KIND_ARRAY);
        ll_put_u32(keys, i == 1 ? KIND_I32 : KIND_TEXT);
        ll_put_u64(keys, i == 2 ? 0 : large.vocab);
        for (size_t id = 0; i < 2 && id < large.vocab; id++) {
            char text[32];
            snprintf(text, sizeof text, "t%zu", id);
            if (i == 0)
                ll_put_text(keys, text);
            else
                ll_put_u32(keys, NORMAL);
        }
    }
    return 3;
}

static void write_gguf(const char *path) {
    enum { ALIGNMENT = 32 };
    item items[MAX_ITEMS];
    char name[LL_TENSOR_NAME];
    const size_t count = list_items(items, LL_FORMAT_GGUF, 0, 1);
    ll_bytes header = {0}, keys = {0};
    const size_t key_count = put_shape(&keys) + put_tokens(&keys);
    ll_put(&header, "GGUF", 4);
    ll_put_u32(&header, 3);
    ll_put_u64(&header, count);
    ll_put_u64(&header, key_count);
    ll_put(&header, keys.data, keys.length);
    uint64_t at = 0; /* every size is a multiple of the alignment */
    for (size_t i = 0; i < count; i++, at += items[i - 1].bytes) {
        ll_role_name(LL_FORMAT_GGUF, items[i].role, items[i].layer, name);
        ll_put_text(&header, name);
        ll_put_u32(&header, items[i].rows ? 2 : 1);
        ll_put_u64(&header, items[i].row);
        if (items[i].rows)
            ll_put_u64(&header, items[i].rows);
        ll_put_u32(&header, items[i].rows ? LL_TYPE_BF16 : LL_TYPE_F32);
        ll_put_u64(&header, at);
    }
    while (header.length % ALIGNMENT)
        ll_put(&header, "", 1);
    put_data(path, &header, items, count, LL_FORMAT_GGUF);
    free(keys.data);
    free(header.data);
}

/* ---- loading it in a process of its own ---- */

typedef struct {
    ll_status status;
    uint64_t peak, file_pages, packed;
    char text[sizeof error.text];
} outcome;

/* A field of /proc/self/status, in bytes. */
static uint64_t status_field(const char *name) {
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoull(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return kib * 1024;
}

static void load_in_child(const char *path, ll_weights_kind weights, outcome *out) {
    const ll_model_options options = {.weights = weights, .group = 128, .threads = 2};
    ll_model *model = NULL;
    out->status = ll_model_load(&model, path, &options, &error);
    memcpy(out->text, error.text, sizeof out->text);
    if (model)
        out->packed = ll_model_weight_bytes(model);
    out->peak = status_field("VmHWM:");
    out->file_pages = status_field("RssFile:");
}

static bool load_apart(const char *path, ll_weights_kind weights, outcome *out) {
    outcome *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        load_in_child(path, weights, shared);
        _exit(0);
    }
    int status = -1;
    const bool good = child > 0 && waitpid(child, &status, 0) == child && status == 0;
    *out = *shared;
    munmap(shared, sizeof *shared);
    return good;
}

static void check_load(const char *path, ll_weights_kind weights) {
    /* The largest tensor has 64 MB: not even one is in memory whole beside the packed ones. */
    enum { BESIDE = 48 * MIB, FILE_PAGES = 32 * MIB };
    outcome found = {0};
    CHECK(load_apart(path, weights, &found));
    CHECK_MSG(found.status == LL_OK, "%s: %s", path, found.text);
    CHECK_MSG(found.packed > 0 && found.peak >= found.packed, "%s: a peak of %" PRIu64 " bytes cannot be",
              path, found.peak);
    CHECK_MSG(found.peak <= found.packed + BESIDE,
              "%s as %s: peak %" PRIu64 " MB, more than the packed %" PRIu64 " MB and %d MB beside", path,
              ll_weights_kind_name(weights), found.peak / MIB, found.packed / MIB, BESIDE / MIB);
    CHECK_MSG(found.file_pages <= FILE_PAGES, "%s: %" PRIu64 " MB of files stay in memory", path,
              found.file_pages / MIB);
}

/* Says so and skips where such a file cannot be written or loaded. */
static bool is_possible(void) {
    enum { DISK = 400, MEMORY = 1500 };
    struct statvfs disk = {0};
    if (SANITIZED)
        ll_test_skip("memory", "sanitizers take memory of their own");
    else if (ll_test_quick())
        ll_test_skip("time", "LL_TEST_QUICK is set");
    else if (statvfs(ll_test_folder(), &disk) != 0 ||
             (uint64_t)disk.f_bavail * disk.f_frsize < (uint64_t)DISK * MIB)
        ll_test_skip("disk", "a model of 280 MB has no room");
    else if (ll_memory_require((uint64_t)MEMORY * MIB, "the test", &error) != LL_OK)
        ll_test_skip("memory", error.text);
    else
        return true;
    return false;
}

static void remove_large(const char *path) {
    char command[PATH + 16];
    snprintf(command, sizeof command, "rm -r '%s'", path);
    CHECK(system(command) == 0);
}

static void check_hf(size_t shards) {
    char path[PATH];
    if (!is_possible())
        return;
    snprintf(path, sizeof path, "%s/hf%zu", ll_test_folder(), shards);
    write_hf(path, shards);
    check_load(path, LL_WEIGHTS_INT8);
    check_load(path, LL_WEIGHTS_F32);
    remove_large(path);
}

static void test_one_file(void) {
    check_hf(1);
}

static void test_shards(void) {
    check_hf(SHARDS);
}

static void test_gguf(void) {
    char path[PATH];
    if (!is_possible())
        return;
    snprintf(path, sizeof path, "%s/large.gguf", ll_test_folder());
    write_gguf(path);
    check_load(path, LL_WEIGHTS_INT8);
    check_load(path, LL_WEIGHTS_F32);
    remove_large(path);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("memory/one file", test_one_file);
    ll_test_run("memory/shards", test_shards);
    ll_test_run("memory/GGUF", test_gguf);
    return ll_test_end();
}
