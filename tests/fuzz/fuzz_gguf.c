#include "checkpoint.h"
#include "dequant.h"
#include "fuzz.h"
#include "gguf_parts.h"
#include "gguf_reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_texts(const ll_gguf *gguf, const char *key) {
    ll_text *texts;
    size_t count;
    ll_error error = {""};
    if (!ll_fuzz_good(ll_gguf_get_text_array(gguf, key, &texts, &count, NULL, &error), &error))
        return;
    for (size_t i = 0; i < count; i++)
        ll_fuzz_touch(texts[i].data, texts[i].length);
    free(texts);
}

static void read_numbers(const ll_gguf *gguf, const char *key) {
    int64_t *values;
    size_t count;
    ll_error error = {""};
    if (!ll_fuzz_good(ll_gguf_get_i64_array(gguf, key, &values, &count, NULL, &error), &error))
        return;
    ll_fuzz_touch(values, count * sizeof *values);
    free(values);
}

/* Every key as every kind. */
static void read_keys(const ll_gguf *gguf) {
    for (size_t i = 0; i < gguf->entry_count; i++) {
        const ll_text name = gguf->entries[i].key;
        char *key = strndup(name.data, name.length);
        ll_error error = {""};
        uint64_t whole;
        double real;
        bool flag;
        ll_text text;
        ll_fuzz_good(ll_gguf_get_u64(gguf, key, &whole, NULL, &error), &error);
        ll_fuzz_good(ll_gguf_get_f64(gguf, key, &real, NULL, &error), &error);
        ll_fuzz_good(ll_gguf_get_bool(gguf, key, &flag, NULL, &error), &error);
        if (ll_fuzz_good(ll_gguf_get_text(gguf, key, &text, NULL, &error), &error))
            ll_fuzz_touch(text.data, text.length);
        read_texts(gguf, key);
        read_numbers(gguf, key);
        free(key);
    }
}

static void read_tensors(const ll_gguf *gguf) {
    enum { WIDEST = 4096 };
    for (size_t i = 0; i < ll_gguf_tensor_count(gguf); i++) {
        const ll_tensor *tensor = ll_gguf_tensor_at(gguf, i);
        if (ll_gguf_tensor_find(gguf, tensor->name) != tensor)
            ll_fuzz_fault("tensor %s is not found", tensor->name);
        ll_fuzz_touch(tensor->data, tensor->bytes);
        static float row[WIDEST];
        if (tensor->dims[0] <= WIDEST)
            ll_dequant(tensor->type, tensor->data, (size_t)tensor->dims[0], row);
    }
}

/* As the program opens it: every tensor that the shape needs, and those that nothing needs. */
static void open_checkpoint(const uint8_t *data, size_t length) {
    char path[LL_FUZZ_PATH];
    ll_checkpoint *checkpoint = NULL;
    ll_error error = {""};
    const int file = ll_fuzz_file(data, length, path);
    if (ll_fuzz_good(ll_checkpoint_open(&checkpoint, path, &error), &error))
        for (size_t i = 0; ll_checkpoint_unused(checkpoint, i); i++)
            ll_fuzz_touch(ll_checkpoint_unused(checkpoint, i), 1);
    ll_checkpoint_close(checkpoint);
    close(file);
}

void ll_fuzz_gguf(const uint8_t *data, size_t length) {
    enum { ROWS = 1 << 16 };
    ll_gguf *gguf;
    ll_config config;
    ll_tokenizer *tokenizer;
    ll_error error = {""};
    if (!ll_fuzz_good(ll_gguf_from_memory(&gguf, data, length, "input", &error), &error))
        return;
    read_keys(gguf);
    read_tensors(gguf);
    const ll_gguf_parts parts = {&gguf, 1};
    if (ll_fuzz_good(ll_config_from_gguf(&config, &parts, &error), &error))
        open_checkpoint(data, length);
    if (ll_fuzz_good(ll_tokenizer_from_gguf(&tokenizer, gguf, ROWS, &error), &error))
        ll_fuzz_tokenizer(tokenizer, data, length);
    ll_tokenizer_destroy(tokenizer);
    ll_gguf_close(gguf);
}
