#include "fuzz.h"
#include "safetensors_parts.h"

#include <string.h>

static void read_file(const uint8_t *data, size_t length) {
    ll_safetensors *files;
    ll_error error = {""};
    if (!ll_fuzz_good(ll_safetensors_from_memory(&files, data, length, "input", &error), &error))
        return;
    uint64_t bytes = 0;
    for (size_t i = 0; i < ll_safetensors_count(files); i++) {
        const ll_tensor *tensor = ll_safetensors_at(files, i);
        if (ll_safetensors_find(files, tensor->name) != tensor || !ll_safetensors_file_of(files, tensor))
            ll_fuzz_fault("tensor %s is not found", tensor->name);
        ll_fuzz_touch(tensor->data, tensor->bytes);
        bytes += tensor->bytes;
    }
    if (bytes > length || ll_safetensors_bytes(files) != length || ll_safetensors_file_count(files) != 1)
        ll_fuzz_fault("%zu bytes hold %zu of tensors", length, (size_t)bytes);
    ll_safetensors_close(files);
}

static void read_index(const uint8_t *data, size_t length) {
    ll_safetensors_index index;
    ll_error error = {""};
    const ll_status status = ll_safetensors_index_parse(&index, (const char *)data, length, "input", &error);
    if (ll_fuzz_good(status, &error))
        for (size_t i = 0; i < index.count; i++)
            if (!index.names[i][0] || strchr(index.names[i], '/') || strcmp(index.names[i], "..") == 0)
                ll_fuzz_fault("the index leads to %s", index.names[i]);
    ll_safetensors_index_free(&index);
}

void ll_fuzz_safetensors(const uint8_t *data, size_t length) {
    read_file(data, length);
    read_index(data, length);
}
