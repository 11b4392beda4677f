#include "fuzz.h"
#include "tokenizer_parts.h"

void ll_fuzz_tokenizer_model(const uint8_t *data, size_t length) {
    enum { ROWS = 1 << 16 };
    ll_tokenizer *tokenizer;
    ll_error error = {""};
    const ll_status status =
        ll_tokenizer_from_protobuf(&tokenizer, (const char *)data, length, "input", ROWS, &error);
    if (ll_fuzz_good(status, &error))
        ll_fuzz_tokenizer(tokenizer, data, length);
    ll_tokenizer_destroy(tokenizer);
}
