/* A GGUF file without dropped modules: keys and tensors copied, but for those that number the blocks. */
#include "export_parts.h"
#include "gguf_reader.h"
#include <stdlib.h>
#include <string.h>

/* The header: "GGUF", version, number of tensors, number of keys. */
enum {
    VERSION_AT = 4,
    METADATA_AT = 4 + 4 + 8 + 8,
    LENGTH_BYTES = 8,
    KIND_BYTES = 4,
    DEFAULT_ALIGNMENT = 32
};

typedef struct {
    ll_gguf_entry *entries; /* in the file's order */
    size_t count;
    const uint8_t *end; /* of the last one */
    size_t layers;      /* before */
    const ll_export_job *job;
} metadata;

static bool key_is(ll_text key, const char *name) {
    return key.length == strlen(name) && memcmp(key.data, name, key.length) == 0;
}

static int compare_places(const void *a, const void *b) {
    const char *left = ((const ll_gguf_entry *)a)->key.data, *right = ((const ll_gguf_entry *)b)->key.data;
    return (left > right) - (left < right);
}

/* The opened file has its keys sorted; read again, they say where the last one ends. */
static ll_status read_metadata(metadata *out, const ll_export_job *job) {
    const ll_gguf *first = job->parts.part[0];
    ll_gguf again = {.path = first->path, .data = first->data, .bytes = first->bytes};
    ll_gguf_reader reader = {.gguf = &again, .at = METADATA_AT, .error = job->error};
    const ll_status status = ll_gguf_read_metadata(&again, &reader, first->entry_count);
    qsort(again.entries, again.entry_count, sizeof *again.entries, compare_places);
    *out = (metadata){.entries = again.entries,
                      .count = again.entry_count,
                      .end = first->data + reader.at,
                      .layers = ll_checkpoint_config(job->source)->layers,
                      .job = job};
    return status;
}

static const uint8_t *entry_begin(const ll_gguf_entry *entry) {
    return (const uint8_t *)entry->key.data - LENGTH_BYTES;
}

static const uint8_t *entry_end(const metadata *m, size_t index) {
    return index + 1 < m->count ? entry_begin(&m->entries[index + 1]) : m->end;
}

/* What is written anew, or has no meaning in one file. */
static bool is_left_out(const ll_gguf_entry *entry) {
    static const char *const KEYS[] = {"split.no", "split.count", "split.tensors.count", LL_GGUF_DROP_ATTN,
                                       LL_GGUF_DROP_MLP};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        if (key_is(entry->key, KEYS[i]))
            return true;
    return false;
}

/* An array of the architecture with one item a block. Four of a head's sections are none, whatever the number of blocks. */
static bool is_per_layer(const metadata *m, const ll_gguf_entry *entry) {
    static const char PREFIX[] = "llama.";
    return entry->kind == LL_KIND_ARRAY && entry->count == m->layers && entry->key.length > strlen(PREFIX) &&
           memcmp(entry->key.data, PREFIX, strlen(PREFIX)) == 0 &&
           !key_is(entry->key, "llama.rope.dimension_sections");
}

/* The items of the blocks that are kept. */
static ll_status put_per_layer(ll_export_file *file, const metadata *m, const ll_gguf_entry *entry,
                               const uint8_t *end) {
    const uint8_t *begin = entry_begin(entry), *item = entry->data;
    const size_t even = (size_t)(end - item) / m->layers;
    LL_TRY(ll_export_put(file, begin, (uint64_t)(entry->data - LENGTH_BYTES - begin)));
    LL_TRY(ll_export_put_number(file, m->job->expected.layers, LENGTH_BYTES));
    for (size_t layer = 0; layer < m->layers; layer++) {
        const uint64_t bytes = entry->element == LL_KIND_TEXT ? LENGTH_BYTES + ll_load_u64(item) : even;
        if (!m->job->gone[layer])
            LL_TRY(ll_export_put(file, item, bytes));
        item += bytes;
    }
    return LL_OK;
}

static ll_status put_entry(ll_export_file *file, const metadata *m, size_t index) {
    const ll_gguf_entry *entry = &m->entries[index];
    const uint8_t *begin = entry_begin(entry), *end = entry_end(m, index);
    if (is_per_layer(m, entry))
        return put_per_layer(file, m, entry, end);
    if (!key_is(entry->key, "llama.block_count"))
        return ll_export_put(file, begin, (uint64_t)(end - begin));
    LL_TRY(ll_export_put(file, begin, (uint64_t)(entry->data - begin)));
    return ll_export_put_number(file, m->job->expected.layers, (size_t)(end - entry->data));
}

static ll_status put_text(ll_export_file *file, const char *text) {
    LL_TRY(ll_export_put_number(file, strlen(text), LENGTH_BYTES));
    return ll_export_put(file, text, strlen(text));
}

static ll_status put_list(ll_export_file *file, const char *key, const bool *dropped, size_t layers) {
    const size_t count = ll_mask_count(dropped, layers);
    if (count == 0)
        return LL_OK;
    LL_TRY(put_text(file, key));
    LL_TRY(ll_export_put_number(file, LL_KIND_ARRAY, KIND_BYTES));
    LL_TRY(ll_export_put_number(file, LL_KIND_I32, KIND_BYTES));
    LL_TRY(ll_export_put_number(file, count, LENGTH_BYTES));
    for (size_t layer = 0; layer < layers; layer++)
        if (dropped[layer])
            LL_TRY(ll_export_put_number(file, layer, sizeof(int32_t)));
    return LL_OK;
}

static ll_status put_metadata(ll_export_file *file, const metadata *m) {
    const ll_config *expected = &m->job->expected;
    const size_t layers = expected->layers;
    size_t keys = (ll_mask_count(expected->dropped.attn, layers) != 0) +
                  (size_t)(ll_mask_count(expected->dropped.mlp, layers) != 0);
    for (size_t i = 0; i < m->count; i++)
        keys += !is_left_out(&m->entries[i]);
    LL_TRY(ll_export_put(file, m->job->parts.part[0]->data, VERSION_AT + sizeof(uint32_t)));
    LL_TRY(ll_export_put_number(file, m->job->count, sizeof(uint64_t)));
    LL_TRY(ll_export_put_number(file, keys, sizeof(uint64_t)));
    for (size_t i = 0; i < m->count; i++)
        if (!is_left_out(&m->entries[i]))
            LL_TRY(put_entry(file, m, i));
    LL_TRY(put_list(file, LL_GGUF_DROP_ATTN, expected->dropped.attn, layers));
    return put_list(file, LL_GGUF_DROP_MLP, expected->dropped.mlp, layers);
}

static uint64_t padding(uint64_t bytes, uint64_t alignment) {
    return (alignment - bytes % alignment) % alignment;
}

static ll_status put_table(ll_export_file *file, uint64_t alignment) {
    const ll_export_job *job = file->job;
    uint64_t offset = 0;
    for (size_t i = 0; i < job->count; i++) {
        const ll_tensor *tensor = job->kept[i].tensor;
        char name[LL_TENSOR_NAME];
        LL_TRY(put_text(file, ll_kept_name(job, &job->kept[i], name)));
        LL_TRY(ll_export_put_number(file, tensor->n_dims, sizeof(uint32_t)));
        for (uint32_t d = 0; d < tensor->n_dims; d++)
            LL_TRY(ll_export_put_number(file, tensor->dims[d], sizeof(uint64_t)));
        LL_TRY(ll_export_put_number(file, tensor->type, sizeof(uint32_t)));
        LL_TRY(ll_export_put_number(file, offset, sizeof(uint64_t)));
        offset += tensor->bytes + padding(tensor->bytes, alignment);
    }
    return LL_OK;
}

static ll_status put_all(ll_export_file *file) {
    const ll_export_job *job = file->job;
    uint64_t alignment = DEFAULT_ALIGNMENT, before = 0;
    bool found;
    LL_TRY(ll_gguf_get_u64(job->parts.part[0], "general.alignment", &alignment, &found, job->error));
    metadata m;
    ll_status status = read_metadata(&m, job);
    if (status == LL_OK)
        status = put_metadata(file, &m);
    free(m.entries);
    if (status == LL_OK)
        status = put_table(file, alignment);
    for (size_t i = 0; i < job->count && status == LL_OK; i++) {
        status = ll_export_pad(file, padding(file->bytes, alignment));
        if (status == LL_OK)
            status = ll_export_put_tensor(file, job->kept[i].tensor, before);
        before += job->kept[i].tensor->bytes;
    }
    return status == LL_OK ? ll_export_pad(file, padding(file->bytes, alignment)) : status;
}

ll_status ll_export_gguf(const ll_export_job *job) {
    ll_export_file file;
    ll_status status = ll_export_create(&file, job, job->beside, NULL);
    if (status == LL_OK)
        status = put_all(&file);
    return ll_export_finish(&file, status);
}
