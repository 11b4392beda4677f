#include "gguf_reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_DIMS = 4,
    /* The shortest tensor entry: name length, one byte of name, number of dimensions, one dimension, type,
       offset. */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8,
    DEFAULT_ALIGNMENT = 32,
};

static ll_status read_dims(ll_gguf_reader *reader, ll_tensor *tensor) {
    LL_TRY(ll_gguf_take_u32(reader, &tensor->n_dims));
    if (tensor->n_dims < 1 || tensor->n_dims > MAX_DIMS)
        return ll_gguf_refuse(reader, "has %" PRIu32 " dimensions, expected 1 to %d", tensor->n_dims,
                              MAX_DIMS);
    tensor->values = 1;
    for (uint32_t d = 0; d < MAX_DIMS; d++) {
        tensor->dims[d] = 1;
        if (d < tensor->n_dims)
            LL_TRY(ll_gguf_take_u64(reader, &tensor->dims[d]));
        if (tensor->dims[d] == 0)
            return ll_gguf_refuse(reader, "dimension %" PRIu32 " is 0, expected at least 1", d);
        if (__builtin_mul_overflow(tensor->values, tensor->dims[d], &tensor->values))
            return ll_gguf_refuse(reader, "the product of its dimensions passes 2^64");
    }
    return LL_OK;
}

static ll_status read_type(ll_gguf_reader *reader, ll_tensor *tensor) {
    LL_TRY(ll_gguf_take_u32(reader, &tensor->type));
    const ll_tensor_type_info *info = ll_tensor_type_find(tensor->type);
    if (!info)
        return ll_gguf_refuse(reader,
                              "has type %" PRIu32
                              "; readable are F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, "
                              "Q5_K and Q6_K: convert the model to one of them",
                              tensor->type);
    if (tensor->dims[0] % info->block != 0)
        return ll_gguf_refuse(reader, "has rows of %" PRIu64 " values, expected a multiple of %zu (type %s)",
                              tensor->dims[0], info->block, info->name);
    if (__builtin_mul_overflow(tensor->values / info->block, info->block_bytes, &tensor->bytes))
        return ll_gguf_refuse(reader, "its size in bytes passes 2^64");
    return LL_OK;
}

static ll_status read_tensor(ll_gguf_reader *reader, ll_tensor *tensor, uint64_t *offset) {
    ll_text name;
    LL_TRY(ll_gguf_take_name(reader, &name));
    ll_gguf_place(reader, "tensor %.*s", (int)(name.length < 80 ? name.length : 80), name.data);
    LL_TRY(read_dims(reader, tensor));
    LL_TRY(read_type(reader, tensor));
    LL_TRY(ll_gguf_take_u64(reader, offset));
    char *copy = strndup(name.data, name.length);
    if (!copy)
        return ll_fail(reader->error, LL_NO_RESOURCE, "%s: no memory for the tensors' names",
                       reader->gguf->path);
    tensor->name = copy;
    return LL_OK;
}

/* Tensors' data start at the first aligned byte behind the tables. */
static ll_status find_alignment(const ll_gguf *gguf, ll_gguf_reader *reader, uint64_t *alignment) {
    bool found;
    LL_TRY(ll_gguf_get_u64(gguf, "general.alignment", alignment, &found, reader->error));
    if (!found)
        *alignment = DEFAULT_ALIGNMENT;
    ll_gguf_place(reader, "key general.alignment");
    if (*alignment == 0 || (*alignment & (*alignment - 1)) != 0 || *alignment > UINT32_MAX)
        return ll_gguf_refuse(reader, "is %" PRIu64 ", expected a power of two", *alignment);
    return LL_OK;
}

static ll_status place_tensor(ll_gguf_reader *reader, ll_tensor *tensor, uint64_t offset,
                              uint64_t alignment) {
    const ll_gguf *gguf = reader->gguf;
    ll_gguf_place(reader, "tensor %.80s", tensor->name);
    if (offset % alignment != 0)
        return ll_gguf_refuse(reader, "starts at %" PRIu64 " of the data, expected a multiple of %" PRIu64,
                              offset, alignment);
    const uint64_t start = (reader->at + alignment - 1) / alignment * alignment;
    if (start > gguf->bytes || offset > gguf->bytes - start || tensor->bytes > gguf->bytes - start - offset)
        return ll_gguf_refuse(reader,
                              "its %" PRIu64 " bytes at %" PRIu64 " + %" PRIu64
                              " pass the end of the file (%" PRIu64
                              " bytes): it is cut or damaged, fetch it again",
                              tensor->bytes, start, offset, gguf->bytes);
    tensor->data = gguf->data + start + offset;
    return LL_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const ll_tensor *const *)a)->name, (*(const ll_tensor *const *)b)->name);
}

static int compare_places(const void *a, const void *b) {
    const uint8_t *left = (*(const ll_tensor *const *)a)->data;
    const uint8_t *right = (*(const ll_tensor *const *)b)->data;
    return (left > right) - (left < right);
}

/* Overlapping tensors would let a small file ask for much memory. Uses by_name in another order first. */
static ll_status index_tensors(ll_gguf *gguf, ll_gguf_reader *reader) {
    for (size_t i = 0; i < gguf->tensor_count; i++)
        gguf->by_name[i] = &gguf->tensors[i];
    qsort(gguf->by_name, gguf->tensor_count, sizeof *gguf->by_name, compare_places);
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        const ll_tensor *before = gguf->by_name[i - 1], *after = gguf->by_name[i];
        ll_gguf_place(reader, "tensor %.80s", after->name);
        if ((const uint8_t *)before->data + before->bytes > (const uint8_t *)after->data)
            return ll_gguf_refuse(reader, "its bytes overlap those of tensor %.80s", before->name);
    }
    qsort(gguf->by_name, gguf->tensor_count, sizeof *gguf->by_name, compare_names);
    for (size_t i = 1; i < gguf->tensor_count; i++) {
        ll_gguf_place(reader, "tensor %.80s", gguf->by_name[i]->name);
        if (compare_names(&gguf->by_name[i - 1], &gguf->by_name[i]) == 0)
            return ll_gguf_refuse(reader, "is there twice");
    }
    return LL_OK;
}

static ll_status read_table(ll_gguf *gguf, ll_gguf_reader *reader, uint64_t count, uint64_t *offsets) {
    for (uint64_t i = 0; i < count; i++) {
        ll_gguf_place(reader, "tensor number %" PRIu64 " of %" PRIu64, i, count);
        LL_TRY(read_tensor(reader, &gguf->tensors[i], &offsets[i]));
        gguf->tensor_count = i + 1;
    }
    reader->checking = true;
    uint64_t alignment;
    LL_TRY(find_alignment(gguf, reader, &alignment));
    for (uint64_t i = 0; i < count; i++)
        LL_TRY(place_tensor(reader, &gguf->tensors[i], offsets[i], alignment));
    return index_tensors(gguf, reader);
}

ll_status ll_gguf_read_tensors(ll_gguf *gguf, ll_gguf_reader *reader, uint64_t count) {
    ll_gguf_place(reader, "table of tensors");
    if (count > ll_gguf_left(reader) / MIN_TENSOR_BYTES)
        return ll_gguf_refuse(reader,
                              "the header counts %" PRIu64 " tensors, the %" PRIu64
                              " bytes left cannot hold them: the file is cut or damaged, fetch it again",
                              count, ll_gguf_left(reader));
    if (count == 0)
        return ll_gguf_refuse(reader, "the file holds no tensors, expected a model");
    gguf->tensors = calloc((size_t)count, sizeof *gguf->tensors);
    gguf->by_name = calloc((size_t)count, sizeof *gguf->by_name);
    uint64_t *offsets = calloc((size_t)count, sizeof *offsets);
    ll_status status = gguf->tensors && gguf->by_name && offsets
                           ? read_table(gguf, reader, count, offsets)
                           : ll_fail(reader->error, LL_NO_RESOURCE, "%s: no memory for %" PRIu64 " tensors",
                                     gguf->path, count);
    free(offsets);
    return status;
}

size_t ll_gguf_tensor_count(const ll_gguf *gguf) {
    return gguf->tensor_count;
}

const ll_tensor *ll_gguf_tensor_at(const ll_gguf *gguf, size_t index) {
    return index < gguf->tensor_count ? &gguf->tensors[index] : NULL;
}

const ll_tensor *ll_gguf_tensor_find(const ll_gguf *gguf, const char *name) {
    const ll_tensor wanted = {.name = name}, *key = &wanted;
    const ll_tensor **hit =
        bsearch(&key, gguf->by_name, gguf->tensor_count, sizeof *gguf->by_name, compare_names);
    return hit ? *hit : NULL;
}
