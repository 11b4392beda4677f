#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void ll_fuzz_fault(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

bool ll_fuzz_good(ll_status status, const ll_error *error) {
    if (status == LL_OK)
        return true;
    if (status != LL_BAD_INPUT && status != LL_BAD_USAGE)
        ll_fuzz_fault("status %d from an input: %s", (int)status, error->text);
    const size_t length = strnlen(error->text, sizeof error->text);
    if (length == 0 || length == sizeof error->text || strpbrk(error->text, "\r\n"))
        ll_fuzz_fault("no line of text explains status %d", (int)status);
    return false;
}

int ll_fuzz_file(const uint8_t *data, size_t length, char path[LL_FUZZ_PATH]) {
    const int file = memfd_create("input", MFD_CLOEXEC);
    if (file < 0 || write(file, data, length) != (ssize_t)length)
        ll_fuzz_fault("no file of %zu bytes can be made in memory", length);
    snprintf(path, LL_FUZZ_PATH, "/proc/self/fd/%d", file);
    return file;
}

void ll_fuzz_touch(const void *data, size_t length) {
    static volatile uint8_t sum;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)data)[i]);
}

static void encode(const ll_tokenizer *tokenizer, const char *text, size_t length) {
    ll_ids ids = {0};
    ll_error error = {""};
    const ll_status status = ll_tokenizer_encode(tokenizer, text, length, &ids, &error);
    /* A pattern that takes too many steps is refused as what runs out of a resource. */
    if (status != LL_NO_RESOURCE && ll_fuzz_good(status, &error))
        for (size_t i = 0; i < ids.count; i++)
            if (ids.data[i] < 0 || (size_t)ids.data[i] >= ll_tokenizer_size(tokenizer))
                ll_fuzz_fault("id %d of %zu tokens", (int)ids.data[i], ll_tokenizer_size(tokenizer));
    ll_ids_free(&ids);
}

void ll_fuzz_tokenizer(const ll_tokenizer *tokenizer, const uint8_t *data, size_t length) {
    static const char text[] =
        " The  answer's 1234567,\n\n\ta\xcc\x81 \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\xff"
        "\xe2\x96\x81<s>ab abc</s><0x0A>I'LL \0 ";
    enum { END = 64 };
    encode(tokenizer, text, sizeof text - 1);
    encode(tokenizer, "", 0);
    const size_t end = length < END ? length : END;
    encode(tokenizer, (const char *)data + (length - end), end);
    const size_t count = ll_tokenizer_size(tokenizer);
    for (size_t id = 0; id <= count && id <= INT32_MAX; id++) {
        const ll_text bytes = ll_tokenizer_decode(tokenizer, (int32_t)id);
        ll_fuzz_touch(bytes.data, bytes.length);
    }
    const int32_t bos = ll_tokenizer_bos(tokenizer), eos = ll_tokenizer_eos(tokenizer);
    if (bos < -1 || bos >= (int32_t)count || eos < -1 || eos >= (int32_t)count ||
        (ll_tokenizer_adds_bos(tokenizer) && bos < 0))
        ll_fuzz_fault("bos %d, eos %d of %zu tokens", (int)bos, (int)eos, count);
}
