/* GGUF files, sound, cut at every byte, mutated, and lying about their sizes. */
#include "gguf_parts.h"
#include "test.h"
#include "toy_gguf.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { KIND_TEXT = 8, KIND_ARRAY = 9, KIND_U64 = 10 };

static const char *test_path(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", ll_test_folder(), name);
    return path;
}

/* ---- hand-made files ---- */

static ll_bytes begin_file(uint32_t version, uint64_t tensors, uint64_t keys) {
    ll_bytes file = {0};
    ll_put(&file, "GGUF", 4);
    ll_put_u32(&file, version);
    ll_put_u64(&file, tensors);
    ll_put_u64(&file, keys);
    return file;
}

static void put_tensor(ll_bytes *file, const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type,
                       uint64_t offset) {
    ll_put_text(file, name);
    ll_put_u32(file, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        ll_put_u64(file, dims[i]);
    ll_put_u32(file, type);
    ll_put_u64(file, offset);
}

/* Pads to the data's start and adds so many bytes of data. */
static void put_data(ll_bytes *file, size_t bytes) {
    while (file->length % 32)
        ll_put(file, "", 1);
    for (size_t i = 0; i < bytes; i++)
        ll_put(file, &(uint8_t){(uint8_t)i}, 1);
}

static void put_array(ll_bytes *file, const char *key, uint32_t element, uint64_t count) {
    ll_put_text(file, key);
    ll_put_u32(file, KIND_ARRAY);
    ll_put_u32(file, element);
    ll_put_u64(file, count);
}

/* Every kind of value, and two tensors whose data end with the file. */
static ll_bytes small_file(void) {
    ll_bytes file = begin_file(3, 2, 13);
    for (uint32_t kind = 0; kind < 13; kind++) {
        static const size_t BYTES[13] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        char key[16];
        snprintf(key, sizeof key, "key.%u", kind);
        if (kind == KIND_TEXT) {
            ll_put_key_text(&file, key, "text");
        } else if (kind == KIND_ARRAY) {
            put_array(&file, key, KIND_TEXT, 2);
            ll_put_text(&file, "one");
            ll_put_text(&file, "");
        } else {
            ll_put_text(&file, key);
            ll_put_u32(&file, kind);
            ll_put(&file, "\1\0\0\0\0\0\0\0", BYTES[kind]);
        }
    }
    put_tensor(&file, "matrix", 2, (const uint64_t[]){4, 3}, LL_TYPE_F32, 0);
    put_tensor(&file, "vector", 1, (const uint64_t[]){32}, LL_TYPE_Q8_0, 64);
    put_data(&file, 64 + 34);
    return file;
}

/* ---- sound files ---- */

static void test_small_file(void) {
    ll_bytes file = small_file();
    ll_test_write(test_path("small.gguf"), file.data, file.length);
    ll_gguf *gguf;
    ll_error error = {""};
    ll_status status = ll_gguf_open(&gguf, test_path("small.gguf"), &error);
    free(file.data);
    REQUIRE(status == LL_OK);
    CHECK(ll_gguf_file_bytes(gguf) == file.length);
    CHECK(strcmp(ll_gguf_path(gguf), test_path("small.gguf")) == 0);
    CHECK(ll_gguf_tensor_count(gguf) == 2);
    const ll_tensor *vector = ll_gguf_tensor_find(gguf, "vector"),
                    *matrix = ll_gguf_tensor_find(gguf, "matrix");
    CHECK(vector && vector == ll_gguf_tensor_at(gguf, 1) && matrix == ll_gguf_tensor_at(gguf, 0));
    CHECK(ll_gguf_tensor_find(gguf, "vecto") == NULL && ll_gguf_tensor_find(gguf, "") == NULL &&
          ll_gguf_tensor_at(gguf, 2) == NULL);
    CHECK(matrix->n_dims == 2 && matrix->dims[0] == 4 && matrix->dims[1] == 3 && matrix->dims[2] == 1);
    CHECK(matrix->values == 12 && matrix->bytes == 48 && vector->values == 32 && vector->bytes == 34);
    CHECK(((const uint8_t *)vector->data)[0] == 64 && ((const uint8_t *)vector->data)[33] == 97);
    ll_gguf_close(gguf);
    ll_gguf_close(NULL);
}

static void check_numbers(const ll_gguf *gguf, ll_error *error) {
    bool found = false;
    for (uint32_t kind = 0; kind < 13; kind++) {
        char key[16];
        uint64_t whole = 0;
        double real = 0;
        snprintf(key, sizeof key, "key.%u", kind);
        const bool is_integer = kind < 6 || kind == 10 || kind == 11, is_real = kind == 6 || kind == 12;
        const ll_status as_u64 = ll_gguf_get_u64(gguf, key, &whole, &found, error);
        CHECK_MSG(found && as_u64 == (is_integer ? LL_OK : LL_BAD_INPUT) && whole == (is_integer ? 1 : 0),
                  "kind %u as u64: status %d, value %ju", kind, as_u64, (uintmax_t)whole);
        const ll_status as_f64 = ll_gguf_get_f64(gguf, key, &real, &found, error);
        CHECK_MSG(as_f64 == (is_integer || is_real ? LL_OK : LL_BAD_INPUT), "kind %u as f64: status %d", kind,
                  as_f64);
        CHECK_MSG(!is_integer || real == 1, "kind %u as f64: %g", kind, real);
        CHECK_MSG(!is_real || real == (kind == 6 ? 0x1p-149 : 0x1p-1074), "kind %u as f64: %g", kind, real);
    }
}

static void test_values(void) {
    ll_bytes file = small_file();
    ll_test_write(test_path("small.gguf"), file.data, file.length);
    free(file.data);
    ll_gguf *gguf;
    ll_error error = {""};
    REQUIRE(ll_gguf_open(&gguf, test_path("small.gguf"), &error) == LL_OK);
    check_numbers(gguf, &error);
    bool flag = false, found = true;
    uint64_t whole;
    CHECK(ll_gguf_get_bool(gguf, "key.7", &flag, NULL, &error) == LL_OK && flag);
    CHECK(ll_gguf_get_bool(gguf, "key.0", &flag, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "key key.0 is of kind uint8, expected a bool");
    CHECK(ll_gguf_get_u64(gguf, "absent", &whole, &found, &error) == LL_OK && !found);
    CHECK(ll_gguf_get_u64(gguf, "absent", &whole, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "small.gguf: key absent is missing");
    ll_text text, *texts;
    size_t count;
    int64_t *integers;
    CHECK(ll_gguf_get_text(gguf, "key.8", &text, NULL, &error) == LL_OK &&
          memcmp(text.data, "text", text.length) == 0);
    CHECK(ll_gguf_get_text_array(gguf, "key.9", &texts, &count, NULL, &error) == LL_OK);
    CHECK(count == 2 && texts[0].length == 3 && memcmp(texts[0].data, "one", 3) == 0 && texts[1].length == 0);
    free(texts);
    CHECK(ll_gguf_get_i64_array(gguf, "key.9", &integers, &count, NULL, &error) == LL_BAD_INPUT && !integers);
    CHECK_CONTAINS(error.text, "array of text, expected an array of integers");
    ll_gguf_close(gguf);
}

static void test_signed_values(void) {
    ll_bytes file = begin_file(2, 1, 3);
    ll_put_text(&file, "minus");
    ll_put_u32(&file, 1);
    ll_put(&file, "\xff", 1);
    put_array(&file, "shorts", 3, 2);
    ll_put(&file, "\xfe\xff\x02\x00", 4);
    put_array(&file, "large", KIND_U64, 1);
    ll_put_u64(&file, 1ull << 63);
    put_tensor(&file, "t", 1, (const uint64_t[]){1}, LL_TYPE_F32, 0);
    put_data(&file, 4);
    ll_test_write(test_path("signed.gguf"), file.data, file.length);
    free(file.data);
    ll_gguf *gguf;
    ll_error error = {""};
    REQUIRE(ll_gguf_open(&gguf, test_path("signed.gguf"), &error) == LL_OK);
    uint64_t whole;
    double real;
    int64_t *shorts;
    size_t count;
    CHECK(ll_gguf_get_u64(gguf, "minus", &whole, NULL, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "key minus is -1, expected 0 or more");
    CHECK(ll_gguf_get_f64(gguf, "minus", &real, NULL, &error) == LL_OK && real == -1);
    CHECK(ll_gguf_get_i64_array(gguf, "shorts", &shorts, &count, NULL, &error) == LL_OK && count == 2);
    CHECK(shorts && shorts[0] == -2 && shorts[1] == 2);
    free(shorts);
    CHECK(ll_gguf_get_i64_array(gguf, "large", &shorts, &count, NULL, &error) == LL_BAD_INPUT && !shorts);
    CHECK_CONTAINS(error.text, "key large: item 0 is 9223372036854775808");
    ll_gguf_close(gguf);
}

/* A large vocabulary is walked, not copied: far below a second even where checks are slow. */
static void test_large_vocabulary(void) {
    enum { TOKENS = 128 * 1024 };
    ll_bytes file = begin_file(3, 1, 1);
    put_array(&file, "tokenizer.ggml.tokens", KIND_TEXT, TOKENS);
    for (size_t i = 0; i < TOKENS; i++) {
        ll_put_u64(&file, 8);
        ll_put(&file, "8 bytes.", 8);
    }
    put_tensor(&file, "t", 1, (const uint64_t[]){1}, LL_TYPE_F32, 0);
    put_data(&file, 4);
    ll_test_write(test_path("large.gguf"), file.data, file.length);
    free(file.data);
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    ll_gguf *gguf;
    ll_error error = {""};
    REQUIRE(ll_gguf_open(&gguf, test_path("large.gguf"), &error) == LL_OK);
    ll_text *tokens;
    size_t count;
    CHECK(ll_gguf_get_text_array(gguf, "tokenizer.ggml.tokens", &tokens, &count, NULL, &error) == LL_OK);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    CHECK(count == TOKENS && tokens && tokens[TOKENS - 1].length == 8);
    CHECK_MSG(seconds < 0.5, "took %.2f s", seconds);
    free(tokens);
    ll_gguf_close(gguf);
}

/* ---- files that must be refused ---- */

/* Opens the bytes as a file; expects LL_BAD_INPUT with one line that names the file and holds part. Frees the
 * bytes. */
static void expect_refused(ll_bytes file, const char *part) {
    ll_test_write(test_path("hostile.gguf"), file.length ? file.data : (const uint8_t *)"", file.length);
    free(file.data);
    ll_gguf *gguf = (ll_gguf *)&file;
    ll_error error = {""};
    const ll_status status = ll_gguf_open(&gguf, test_path("hostile.gguf"), &error);
    CHECK_MSG(status == LL_BAD_INPUT, "status %d, expected a refusal with \"%s\"", status, part);
    CHECK_CONTAINS(error.text, "hostile.gguf: ");
    CHECK_CONTAINS(error.text, part);
    CHECK(status == LL_OK || gguf == NULL);
    if (status == LL_OK)
        ll_gguf_close(gguf);
}

static void expect_text_refused(const char *text, const char *part) {
    ll_bytes file = {0};
    ll_put(&file, text, strlen(text));
    expect_refused(file, part);
}

static void test_other_formats(void) {
    expect_text_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 98362432\n",
                        "run git lfs pull");
    expect_text_refused("\x40\x01\1\1\1\1\1\1{\"a\":{\"dtype\":\"F32\"}}", "is a safetensors file, not GGUF");
    expect_text_refused("PK\x03\x04 zip", "is a zip or PyTorch file");
    expect_text_refused("<!DOCTYPE html><html>404</html>", "is a web page");
    expect_text_refused("ggml old", "starts with bytes 67 67 6d 6c, expected \"GGUF\"");
    expect_text_refused("GG", "has 2 bytes, too few for a GGUF file");
    expect_text_refused("", "is empty");
    ll_gguf *gguf;
    ll_error error = {""};
    CHECK(ll_gguf_open(&gguf, "/nowhere/model.gguf", &error) == LL_BAD_INPUT && !gguf);
    CHECK_CONTAINS(error.text, "/nowhere/model.gguf: cannot be opened: No such file");
    CHECK(ll_gguf_open(&gguf, ll_test_folder(), &error) == LL_BAD_INPUT && !gguf);
    CHECK_CONTAINS(error.text, "is not a file");
    REQUIRE(mkfifo(test_path("pipe"), 0600) == 0);
    CHECK(ll_gguf_open(&gguf, test_path("pipe"), &error) == LL_BAD_INPUT && !gguf);
}

static void test_versions(void) {
    expect_refused(begin_file(1, 1, 0), "GGUF version 1, expected 2 or 3");
    expect_refused(begin_file(4, 1, 0), "GGUF version 4, expected 2 or 3");
    expect_refused(begin_file(0x03000000, 1, 0), "a big-endian file (version 3)");
}

static void test_counts(void) {
    expect_refused(begin_file(3, 1ull << 60, 0), "counts 1152921504606846976 tensors");
    expect_refused(begin_file(3, UINT64_MAX, 0), "tensors, the 0 bytes left cannot hold them");
    expect_refused(begin_file(3, 1, 1ull << 60), "counts 1152921504606846976 keys");
    expect_refused(begin_file(3, 0, 0), "holds no tensors");
}

/* A header with one key that begins like this, padded so that there are bytes to misread. */
static void expect_key_refused(uint32_t kind, const void *value, size_t length, const char *part) {
    ll_bytes file = begin_file(3, 1, 1);
    ll_put_text(&file, "k");
    ll_put_u32(&file, kind);
    ll_put(&file, value, length);
    put_data(&file, 128);
    expect_refused(file, part);
}

static void test_lengths(void) {
    ll_bytes file = begin_file(3, 1, 1);
    ll_put_u64(&file, 1ull << 62);
    put_data(&file, 128);
    expect_refused(file, "key number 0 of 1, before offset 32: needs 4611686018427387904 more bytes");
    expect_key_refused(KIND_TEXT, &(uint64_t){1ull << 62}, 8,
                       "key k, before offset 45: needs 4611686018427387904");
    expect_key_refused(KIND_TEXT, &(uint64_t){1ull << 30}, 8, "needs 1073741824 more bytes");
    expect_key_refused(KIND_TEXT, &(uint64_t){UINT64_MAX}, 8, "needs 18446744073709551615 more bytes");
    expect_key_refused(KIND_TEXT, &(uint64_t){148}, 8, "needs 148 more bytes, the file has 147 left of 192");
    const uint32_t texts[] = {KIND_TEXT, 0x80000000u, 0}; /* little-endian: kind of items, count */
    expect_key_refused(KIND_ARRAY, texts, sizeof texts, "array of 2147483648 items of text");
    const uint32_t wrapping[] = {KIND_U64, 1, 0x20000000u}; /* (2^61 + 1) * 8 = 8 in 64 bits */
    expect_key_refused(KIND_ARRAY, wrapping, sizeof wrapping, "array of 2305843009213693953 items of uint64");
    const uint32_t nested[] = {KIND_ARRAY, 1, 0};
    expect_key_refused(KIND_ARRAY, nested, sizeof nested, "array of arrays");
    const uint32_t unknown[] = {13, 1, 0};
    expect_key_refused(KIND_ARRAY, unknown, sizeof unknown, "a value of kind 13, expected 0 to 12");
    expect_key_refused(200, "", 0, "a value of kind 200");
    expect_key_refused(7, "\2", 1, "a bool with value 2");
}

static void test_names(void) {
    ll_bytes file = begin_file(3, 1, 2);
    ll_put_key_u32(&file, "same", 1);
    ll_put_key_u32(&file, "same", 2);
    put_data(&file, 128);
    expect_refused(file, "key same: is there twice");
    file = begin_file(3, 1, 1);
    ll_put_key_u32(&file, "", 1);
    put_data(&file, 128);
    expect_refused(file, "its name is empty");
    file = begin_file(3, 2, 0);
    for (uint64_t i = 0; i < 2; i++)
        put_tensor(&file, "same", 1, (const uint64_t[]){1}, LL_TYPE_F32, 32 * i);
    put_data(&file, 64);
    expect_refused(file, "tensor same: is there twice");
    file = begin_file(3, 1, 0);
    ll_put_u64(&file, 3);
    ll_put(&file, "a\0b", 3);
    put_data(&file, 128);
    expect_refused(file, "it holds a zero byte");
}

static void expect_tensor_refused(uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t offset,
                                  const char *part) {
    ll_bytes file = begin_file(3, 1, 0);
    put_tensor(&file, "bad", n_dims, dims, type, offset);
    put_data(&file, 256);
    expect_refused(file, part);
}

static void test_tensors(void) {
    const uint64_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, row[1] = {32};
    expect_tensor_refused(9, many, LL_TYPE_F32, 0,
                          "tensor bad, before offset 39: has 9 dimensions, expected 1 to 4");
    expect_tensor_refused(0, many, LL_TYPE_F32, 0, "has 0 dimensions");
    expect_tensor_refused(2, (const uint64_t[]){1ull << 63, 2}, LL_TYPE_F32, 0,
                          "product of its dimensions passes");
    expect_tensor_refused(2, (const uint64_t[]){(1ull << 42) + 1, 1ull << 22}, LL_TYPE_F32, 0,
                          "product of its dimensions passes");
    expect_tensor_refused(1, (const uint64_t[]){1ull << 62}, LL_TYPE_F32, 0, "size in bytes passes 2^64");
    expect_tensor_refused(1, (const uint64_t[]){1ull << 61}, LL_TYPE_F32, 0, "pass the end of the file");
    expect_tensor_refused(2, (const uint64_t[]){4, 0}, LL_TYPE_F32, 0, "dimension 1 is 0");
    expect_tensor_refused(1, row, 200, 0, "has type 200; readable are F32");
    expect_tensor_refused(1, row, 4, 0, "has type 4;");
    expect_tensor_refused(1, (const uint64_t[]){48}, LL_TYPE_Q4_1, 0,
                          "rows of 48 values, expected a multiple of 32");
    expect_tensor_refused(1, row, LL_TYPE_F32, 16, "starts at 16 of the data, expected a multiple of 32");
    expect_tensor_refused(1, row, LL_TYPE_F32, 1ull << 63, "pass the end of the file");
    expect_tensor_refused(1, row, LL_TYPE_F32, UINT64_MAX - 31, "pass the end of the file");
    expect_tensor_refused(1, row, LL_TYPE_F32, 256 - 32, "pass the end of the file");
    ll_bytes file = begin_file(3, 2, 0);
    put_tensor(&file, "below", 1, row, LL_TYPE_F32, 0);
    put_tensor(&file, "above", 1, row, LL_TYPE_F32, 96);
    put_data(&file, 256);
    expect_refused(file, "tensor above: its bytes overlap those of tensor below");
}

static void test_alignment(void) {
    for (uint32_t alignment = 0; alignment <= 48; alignment += 3) {
        if (alignment && (alignment & (alignment - 1)) == 0)
            continue;
        ll_bytes file = begin_file(3, 1, 1);
        ll_put_key_u32(&file, "general.alignment", alignment);
        put_tensor(&file, "t", 1, (const uint64_t[]){1}, LL_TYPE_F32, 0);
        put_data(&file, 256);
        expect_refused(file, "expected a power of two");
    }
    ll_bytes file = begin_file(3, 1, 1);
    ll_put_key_u32(&file, "general.alignment", 1u << 31);
    put_tensor(&file, "t", 1, (const uint64_t[]){1}, LL_TYPE_F32, 0);
    put_data(&file, 256);
    expect_refused(file, "pass the end of the file");
    file = begin_file(3, 1, 1);
    ll_put_key_text(&file, "general.alignment", "32");
    put_tensor(&file, "t", 1, (const uint64_t[]){1}, LL_TYPE_F32, 0);
    put_data(&file, 256);
    expect_refused(file, "key general.alignment is of kind text, expected an integer");
}

/* ---- every prefix, and random damage ---- */

static void test_every_prefix(void) {
    const ll_bytes file = small_file();
    for (size_t length = file.length; length-- > 0;) {
        uint8_t *prefix = malloc(length); /* so that a sanitizer sees a byte read behind it */
        REQUIRE(prefix || length == 0);
        memcpy(prefix, file.data, length);
        ll_gguf *gguf;
        ll_error error = {""};
        const ll_status status = ll_gguf_from_memory(&gguf, prefix, length, "prefix.gguf", &error);
        CHECK_MSG(status == LL_BAD_INPUT && !gguf, "cut to %zu bytes: status %d", length, status);
        CHECK_CONTAINS(error.text, "prefix.gguf: ");
        free(prefix);
    }
    free(file.data);
}

/* Uses all that the file offers, so that a sanitizer sees any access outside it. Returns a sum over what was
 * read. */
static uint64_t read_everything(const ll_gguf *gguf) {
    uint64_t sum = 0;
    for (size_t i = 0; i < ll_gguf_tensor_count(gguf); i++) {
        const ll_tensor *tensor = ll_gguf_tensor_at(gguf, i);
        const uint8_t *data = tensor->data;
        sum += strlen(tensor->name) + data[0] + data[tensor->bytes - 1] +
               (ll_gguf_tensor_find(gguf, tensor->name) == tensor);
    }
    static const char *const ARRAYS[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges",
                                         "tokenizer.ggml.token_type"};
    for (size_t i = 0; i < sizeof ARRAYS / sizeof ARRAYS[0]; i++) {
        ll_text *texts;
        int64_t *integers;
        size_t count;
        bool found;
        if (ll_gguf_get_text_array(gguf, ARRAYS[i], &texts, &count, &found, NULL) == LL_OK)
            for (size_t t = 0; t < count; t++)
                sum += texts[t].length ? (uint8_t)texts[t].data[texts[t].length - 1] : 1;
        free(texts);
        if (ll_gguf_get_i64_array(gguf, ARRAYS[i], &integers, &count, &found, NULL) == LL_OK)
            for (size_t t = 0; t < count; t++)
                sum += (uint64_t)integers[t];
        free(integers);
    }
    ll_config config;
    ll_gguf *one = (ll_gguf *)(uintptr_t)gguf;
    const ll_gguf_parts parts = {.part = &one, .count = 1};
    return sum + (uint64_t)ll_config_from_gguf(&config, &parts, NULL);
}

/* Where the tables end; only damage there can lead the reader astray. */
static size_t header_bytes(const char *path) {
    ll_gguf *gguf;
    if (ll_gguf_open(&gguf, path, NULL) != LL_OK)
        return 0;
    size_t data = 0; /* the first tensor lies at the start of the data */
    for (size_t i = 0; i < ll_gguf_tensor_count(gguf); i++)
        data += (size_t)ll_gguf_tensor_at(gguf, i)->bytes;
    const size_t header = (size_t)ll_gguf_file_bytes(gguf) - data;
    ll_gguf_close(gguf);
    return header;
}

static void test_mutations(void) {
    enum { MUTATIONS = 5000 };
    const char *given = getenv("LL_SEED");
    const unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)time(NULL);
    printf("  LL_SEED=%u\n", seed);
    srandom(seed);
    const char *path = test_path("mutated.gguf");
    ll_toy toy = ll_toy_default();
    toy.vocab = 300;
    REQUIRE(ll_toy_write(path, &toy, NULL));
    const size_t header = header_bytes(path);
    REQUIRE(header > 1000);
    FILE *file = fopen(path, "r+b");
    REQUIRE(file);
    size_t refused = 0, sum = 0;
    for (size_t i = 0; i < MUTATIONS; i++) {
        /* Half of the damage hits the counts, keys' kinds and lengths at the front, which matter most. */
        const long at = random() % (long)(i % 2 ? header : 1000);
        fseek(file, at, SEEK_SET);
        const int sound = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(sound ^ (int)(1 + random() % 255), file);
        fflush(file);
        ll_gguf *gguf;
        ll_error error = {""};
        const ll_status status = ll_gguf_open(&gguf, path, &error);
        if (status == LL_OK)
            sum += read_everything(gguf);
        else
            refused++;
        CHECK_MSG(status == LL_OK || (status == LL_BAD_INPUT && strstr(error.text, "mutated.gguf: ")),
                  "LL_SEED=%u, byte %ld: status %d, \"%s\"", seed, at, status, error.text);
        ll_gguf_close(gguf);
        fseek(file, at, SEEK_SET);
        fputc(sound, file);
    }
    fclose(file);
    CHECK_MSG(refused > MUTATIONS / 50 && refused < MUTATIONS, "%zu of %d refused", refused, MUTATIONS);
    CHECK(sum > 0 && header_bytes(path) == header);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("gguf/small file", test_small_file);
    ll_test_run("gguf/values", test_values);
    ll_test_run("gguf/signed values", test_signed_values);
    ll_test_run("gguf/large vocabulary", test_large_vocabulary);
    ll_test_run("gguf/other formats", test_other_formats);
    ll_test_run("gguf/versions", test_versions);
    ll_test_run("gguf/counts", test_counts);
    ll_test_run("gguf/lengths", test_lengths);
    ll_test_run("gguf/names", test_names);
    ll_test_run("gguf/tensors", test_tensors);
    ll_test_run("gguf/alignment", test_alignment);
    ll_test_run("gguf/every prefix", test_every_prefix);
    ll_test_run("gguf/mutations", test_mutations);
    return ll_test_end();
}
