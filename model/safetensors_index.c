#include "safetensors_parts.h"
#include <stdlib.h>
#include <string.h>

static const size_t MAX_INDEX = 64 << 20;

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A shard lies beside the index: a name that leads elsewhere could make the program read any file. */
static bool plain_name(const char *name) {
    return name && *name && !strchr(name, '/') && !strchr(name, '\\') && !strstr(name, "..");
}

static ll_status collect_names(ll_safetensors_index *index, const char *file, ll_error *error) {
    const char *tensor;
    json_t *value;
    json_object_foreach(index->map, tensor, value) {
        const char *name = json_string_value(value);
        if (!plain_name(name))
            return ll_fail(
                error, LL_BAD_INPUT,
                "%s: tensor %.160s is said to be in %s; expected the name of a file in the same folder", file,
                tensor, ll_json_show(value).text);
        index->names[index->count++] = name;
    }
    qsort(index->names, index->count, sizeof *index->names, compare_texts);
    size_t kept = 0;
    for (size_t i = 0; i < index->count; i++)
        if (kept == 0 || strcmp(index->names[kept - 1], index->names[i]) != 0)
            index->names[kept++] = index->names[i];
    index->count = kept;
    return LL_OK;
}

ll_status ll_safetensors_index_parse(ll_safetensors_index *out, const char *text, size_t length,
                                     const char *name, ll_error *error) {
    *out = (ll_safetensors_index){0};
    if (length > MAX_INDEX)
        return ll_fail(error, LL_BAD_INPUT, "%s: has %zu bytes; an index has at most %zu", name, length,
                       MAX_INDEX);
    LL_TRY(ll_json_parse(&out->root, text, length, name, error));
    out->map = json_object_get(out->root, "weight_map");
    ll_status status = LL_OK;
    if (json_object_size(out->map) == 0)
        status = ll_fail(error, LL_BAD_INPUT,
                         "%s: weight_map is %s; expected an object that names each tensor's file", name,
                         ll_json_show(out->map).text);
    else if (!(out->names = calloc(json_object_size(out->map), sizeof *out->names)))
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its tensors' names", name);
    else
        status = collect_names(out, name, error);
    if (status != LL_OK)
        ll_safetensors_index_free(out);
    return status;
}

void ll_safetensors_index_free(ll_safetensors_index *index) {
    json_decref(index->root);
    free(index->names);
    *index = (ll_safetensors_index){0};
}
