/* Safetensors headers, sound, cut at every byte, mutated, and lying about their sizes. Folders: test_hf_folder.c. */
#include "safetensors.h"
#include "test.h"
#include "toy_hf.h"
#include <stdlib.h>
#include <string.h>

/* ---- helpers ---- */

/* Opens an exact copy, so that a sanitizer sees a read behind it. */
static ll_status open_bytes(ll_safetensors **out, const ll_bytes *file, size_t length, uint8_t **copy,
                            ll_error *error) {
    *copy = malloc(length ? length : 1);
    if (length)
        memcpy(*copy, file->data, length);
    *error = (ll_error){""};
    return ll_safetensors_from_memory(out, *copy, length, "toy.safetensors", error);
}

static void expect_bytes_refused(const ll_bytes *file, const char *part) {
    ll_safetensors *opened;
    uint8_t *copy;
    ll_error error;
    const ll_status status = open_bytes(&opened, file, file->length, &copy, &error);
    CHECK_MSG(status == LL_BAD_INPUT && !opened, "status %d, expected a refusal with \"%s\"", status, part);
    CHECK_CONTAINS(error.text, "toy.safetensors: ");
    CHECK_CONTAINS(error.text, part);
    ll_safetensors_close(opened);
    free(copy);
}

static void expect_refused(const char *header, size_t data_bytes, const char *part) {
    ll_bytes file = ll_toy_safetensors(header, data_bytes);
    expect_bytes_refused(&file, part);
    free(file.data);
}

static void expect_sound(const char *header, size_t data_bytes, size_t count) {
    ll_bytes file = ll_toy_safetensors(header, data_bytes);
    ll_safetensors *opened;
    uint8_t *copy;
    ll_error error;
    const ll_status status = open_bytes(&opened, &file, file.length, &copy, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    if (status == LL_OK)
        CHECK_MSG(ll_safetensors_count(opened) == count, "%zu tensors of %s", ll_safetensors_count(opened),
                  header);
    ll_safetensors_close(opened);
    free(copy);
    free(file.data);
}

#define ENTRY(dtype, shape, offsets)                                                                         \
    "{\"dtype\": " dtype ", \"shape\": " shape ", \"data_offsets\": " offsets "}"
#define ONE(entry) "{\"t\": " entry "}"

/* ---- sound files ---- */

static const char SMALL[] =
    "{\"__metadata__\": {\"format\": \"pt\"},"
    "\"later\":" ENTRY("\"BF16\"", "[2]",
                       "[54, 58]") ","
                                   "\"matrix\":" ENTRY(
                                       "\"F32\"", "[3, 4]",
                                       "[0, 48]") ","
                                                  "\"scalar\":" ENTRY(
                                                      "\"F16\"", "[]",
                                                      "[48, 50]") ","
                                                                  "\"nothing\":" ENTRY(
                                                                      "\"F16\"", "[4, 0]",
                                                                      "[50, 50]") ","
                                                                                  "\"cube\":" ENTRY(
                                                                                      "\"F16\"",
                                                                                      "[1, 2, 1, 1]",
                                                                                      "[50, 54]") "}   ";
enum { SMALL_DATA = 58 };

static void check_small(const ll_safetensors *s, const uint8_t *data) {
    static const char *const IN_ORDER[] = {"matrix", "scalar", "nothing", "cube", "later"};
    for (size_t i = 0; i < 5; i++) {
        const ll_tensor *t = ll_safetensors_at(s, i);
        CHECK_MSG(strcmp(t->name, IN_ORDER[i]) == 0, "tensor %zu is %s", i, t->name);
        CHECK(ll_safetensors_find(s, IN_ORDER[i]) == t);
        CHECK(strcmp(ll_safetensors_file_of(s, t), "toy.safetensors") == 0);
    }
    const ll_tensor *matrix = ll_safetensors_at(s, 0), *scalar = ll_safetensors_at(s, 1),
                    *nothing = ll_safetensors_at(s, 2), *cube = ll_safetensors_at(s, 3),
                    *later = ll_safetensors_at(s, 4);
    CHECK(matrix->type == LL_TYPE_F32 && matrix->n_dims == 2 && matrix->dims[0] == 4 &&
          matrix->dims[1] == 3 && matrix->dims[2] == 1 && matrix->dims[3] == 1);
    CHECK(matrix->values == 12 && matrix->bytes == 48 && matrix->data == data);
    CHECK(scalar->type == LL_TYPE_F16 && scalar->n_dims == 1 && scalar->dims[0] == 1 && scalar->values == 1 &&
          scalar->bytes == 2 && scalar->data == data + 48);
    CHECK(nothing->values == 0 && nothing->bytes == 0 && nothing->dims[0] == 0 && nothing->dims[1] == 4);
    CHECK(cube->n_dims == 4 && cube->dims[0] == 1 && cube->dims[2] == 2 && cube->dims[3] == 1);
    CHECK(later->type == LL_TYPE_BF16 && later->data == data + 54);
}

static void test_small_file(void) {
    ll_bytes file = ll_toy_safetensors(SMALL, SMALL_DATA);
    ll_safetensors *s;
    uint8_t *copy;
    ll_error error;
    if (open_bytes(&s, &file, file.length, &copy, &error) == LL_OK) {
        CHECK(ll_safetensors_count(s) == 5 && ll_safetensors_at(s, 5) == NULL);
        CHECK(ll_safetensors_find(s, "matri") == NULL && ll_safetensors_find(s, "") == NULL);
        CHECK(ll_safetensors_find(s, "__metadata__") == NULL);
        CHECK(ll_safetensors_bytes(s) == file.length && ll_safetensors_file_count(s) == 1);
        CHECK(strcmp(ll_safetensors_file_path(s, 0), "toy.safetensors") == 0);
        CHECK(ll_safetensors_file_path(s, 1) == NULL);
        check_small(s, copy + 8 + strlen(SMALL));
    } else {
        CHECK_MSG(false, "%s", error.text);
    }
    ll_safetensors_close(s);
    ll_safetensors_close(NULL);
    free(copy);
    free(file.data);
}

/* The file's own place in memory and the header's length give the data any alignment. */
static void test_any_header_length(void) {
    for (size_t spaces = 0; spaces < 17; spaces++) {
        char header[160] = ONE(ENTRY("\"F32\"", "[1]", "[0, 4]"));
        memset(header + strlen(header), ' ', spaces);
        expect_sound(header, 4, 1);
    }
}

static void test_metadata(void) {
    static const char *const SOUND[] = {"{}", "null", "{\"a\": \"\", \"b\": \"\\n\"}"};
    static const char *const WRONG[] = {"1", "[]", "\"pt\"", "{\"a\": 1}", "{\"a\": null}", "{\"a\": {}}"};
    char header[256];
    for (size_t i = 0; i < sizeof SOUND / sizeof *SOUND; i++) {
        snprintf(header, sizeof header, "{\"__metadata__\": %s, \"t\": %s}", SOUND[i],
                 ENTRY("\"F32\"", "[1]", "[0, 4]"));
        expect_sound(header, 4, 1);
    }
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        snprintf(header, sizeof header, "{\"t\": %s, \"__metadata__\": %s}",
                 ENTRY("\"F32\"", "[1]", "[0, 4]"), WRONG[i]);
        expect_refused(header, 4, "__metadata__ is not an object of texts");
    }
}

/* ---- cut and mutated files ---- */

static void test_cut_at_every_byte(void) {
    ll_bytes file = ll_toy_safetensors(SMALL, SMALL_DATA);
    for (size_t length = 0; length < file.length; length++) {
        ll_safetensors *s;
        uint8_t *copy;
        ll_error error;
        const ll_status status = open_bytes(&s, &file, length, &copy, &error);
        CHECK_MSG(status == LL_BAD_INPUT, "cut to %zu bytes: status %d", length, status);
        char sizes[32];
        snprintf(sizes, sizeof sizes, "has %zu bytes", length);
        CHECK_CONTAINS(error.text, sizes);
        CHECK_CONTAINS(error.text, "it is cut");
        ll_safetensors_close(s);
        free(copy);
    }
    free(file.data);
}

/* Any byte another one: a sentence or a sound file, never a crash. */
static void test_mutated_bytes(void) {
    static const uint8_t BYTES[] = {0, 0xff, '"', '}', '{', '0', '9', '-', '\\', ','};
    ll_bytes file = ll_toy_safetensors(SMALL, SMALL_DATA);
    for (size_t i = 0; i < 8 + strlen(SMALL); i++)
        for (size_t b = 0; b < sizeof BYTES; b++) {
            const uint8_t kept = file.data[i];
            file.data[i] = BYTES[b];
            ll_safetensors *s;
            uint8_t *copy;
            ll_error error;
            const ll_status status = open_bytes(&s, &file, file.length, &copy, &error);
            CHECK_MSG(status == LL_OK || (status == LL_BAD_INPUT && error.text[0]), "byte %zu = %u: %d", i,
                      BYTES[b], status);
            ll_safetensors_close(s);
            free(copy);
            file.data[i] = kept;
        }
    free(file.data);
}

static void expect_length_refused(uint64_t length, const char *part) {
    ll_bytes file = ll_toy_safetensors(ONE(ENTRY("\"F32\"", "[1]", "[0, 4]")), 4);
    for (size_t i = 0; i < 8; i++)
        file.data[i] = (uint8_t)(length >> 8 * i);
    expect_bytes_refused(&file, part);
    free(file.data);
}

static void test_header_length(void) {
    const size_t file_bytes = 8 + strlen(ONE(ENTRY("\"F32\"", "[1]", "[0, 4]"))) + 4;
    expect_length_refused(UINT64_MAX, "a header of 18446744073709551615 follows");
    expect_length_refused(INT64_MAX, "a header of 9223372036854775807 follows");
    expect_length_refused(UINT64_MAX - 7, "follows: it is cut");
    expect_length_refused(file_bytes, "follows: it is cut");
    expect_length_refused(file_bytes - 7, "follows: it is cut");
    expect_length_refused(file_bytes - 8, "no sound JSON");  /* it takes the data for JSON */
    expect_length_refused(file_bytes - 13, "no sound JSON"); /* the last } is not in it */
    expect_length_refused(0, "does not start with {");
    expect_length_refused(1, "no sound JSON");
}

static void test_no_header(void) {
    expect_refused("", 0, "does not start with {");
    expect_refused("", 9, "does not start with {");
    expect_refused("[]", 0, "does not start with {");
    expect_refused(" {}", 0, "does not start with {");
    expect_refused("null", 0, "does not start with {");
    expect_refused("{}", 0, "holds no tensors");
    expect_refused("{} {}", 0, "no sound JSON");
    expect_refused("{\"__metadata__\": {}}", 0, "holds no tensors");
    expect_refused("{\"t\": ", 0, "no sound JSON at line 1, column");
    char deep[5000];
    memset(deep, '[', sizeof deep - 1);
    memcpy(deep, "{\"t\":", 5);
    deep[sizeof deep - 1] = 0;
    expect_refused(deep, 0, "no sound JSON");
}

static void test_other_formats(void) {
    static const struct {
        const char *start, *part;
    } FILES[] = {{"GGUF\3\0\0\0\0\0\0\0", "not a safetensors file but a GGUF file"},
                 {"PK\3\4abcdefgh", "not a safetensors file but a zip or PyTorch file"},
                 {"<!DOCTYPE html>", "a web page"},
                 {"<html><head></head>", "a web page"}};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        ll_bytes file = {0};
        ll_put(&file, FILES[i].start, 12);
        expect_bytes_refused(&file, FILES[i].part);
        free(file.data);
    }
}

/* ---- duplicates and names ---- */

#define TENSOR(name) "\"" name "\":" ENTRY("\"F32\"", "[1]", "[0, 4]")

static void test_duplicate_keys(void) {
    expect_refused("{" TENSOR("a") "," TENSOR("a") "}", 4, "the key \"a\" is there twice");
    /* a name longer than the parser itself shows */
    expect_refused("{" TENSOR("a") "," TENSOR("model.layers.10.self_attn.q_proj.weight") "," TENSOR(
                       "model.layers.10.self_attn.q_proj.weight") "}",
                   4, "the key \"model.layers.10.self_attn.q_proj.weight\" is there twice");
    expect_refused("{" TENSOR("x\\\"y") "," TENSOR("x\\\"y") "}", 4, "the key \"x\\\"y\" is there twice");
    expect_refused("{" TENSOR("\\u0061") "," TENSOR("a") "}", 4, "the key \"a\" is there twice");
    expect_refused("{" TENSOR("") "," TENSOR("") "}", 4, "the key \"\" is there twice");
    expect_refused("{\"__metadata__\": {}, \"__metadata__\": {}}", 0, "\"__metadata__\" is there twice");
    expect_refused("{\"__metadata__\": {\"k\": \"\", \"k\": \"\"}}", 0, "\"k\" is there twice");
    expect_refused("{\"t\": {\"dtype\": \"F32\", \"dtype\": \"F32\"}}", 4, "\"dtype\" is there twice");
}

static void test_names(void) {
    expect_sound("{" TENSOR("m\\u00e9t\\u00e9o \xc3\xa9 \xe6\xa8\xa1") "}", 4, 1);
    expect_refused("{" TENSOR("") "}", 4, "name is empty");
    expect_refused("{" TENSOR("a\\u0000b") "}", 4, "no sound JSON");
    expect_refused("{" TENSOR("\xff\xfe") "}", 4, "no sound JSON");
    expect_refused("{" TENSOR("a\nb") "}", 4, "no sound JSON");
    /* what a terminal would obey does not reach it */
    expect_refused("{\"\\u001b[2J\": 1}", 4, "tensor ?[2J: is 1");
}

/* ---- one entry ---- */

static void test_entry_kinds(void) {
    expect_refused(ONE("[]"), 4, "tensor t: is a list of 0; expected an object");
    expect_refused(ONE("{}"), 4, "tensor t: its dtype is absent");
    expect_refused(ONE("{\"dtype\": \"F32\"}"), 4, "tensor t: its shape is absent");
    expect_refused(ONE("{\"dtype\": \"F32\", \"shape\": [1]}"), 4, "tensor t: its data_offsets are absent");
    expect_refused(ONE(ENTRY("7", "[1]", "[0, 4]")), 4, "its dtype is 7");
    expect_refused(ONE(ENTRY("\"F32\"", "1", "[0, 4]")), 4, "its shape is 1;");
    expect_refused(ONE(ENTRY("\"F32\"", "{}", "[0, 4]")), 4, "its shape is an object");
    expect_refused(ONE(ENTRY("\"F32\"", "[1.0]", "[0, 4]")), 4, "a size of its shape is 1.0");
    expect_refused(ONE(ENTRY("\"F32\"", "[true]", "[0, 4]")), 4, "a size of its shape is true");
    expect_refused(ONE(ENTRY("\"F32\"", "[-1, -1]", "[0, 4]")), 4, "a size of its shape is -1");
    expect_refused(ONE(ENTRY("\"F32\"", "[1,1,1,1,1]", "[0, 4]")), 4, "its shape is a list of 5");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[0]")), 4, "its data_offsets are a list of 1");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[0, 4, 4]")), 4, "its data_offsets are a list of 3");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[0, 4.0]")), 4, "expected two whole numbers");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[\"0\", 4]")), 4, "expected two whole numbers");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "{\"0\": 0, \"1\": 4}")), 4, "data_offsets are an object");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[-4, 0]")), 4, "its data_offsets are -4 to 0");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[4, 0]")), 4, "its data_offsets are 4 to 0");
}

static void test_overflows(void) {
    expect_refused(ONE(ENTRY("\"F32\"", "[4294967296, 4294967296]", "[0, 4]")), 4, "passes 2^64");
    expect_refused(ONE(ENTRY("\"F32\"", "[9223372036854775807, 3]", "[0, 4]")), 4, "passes 2^64");
    expect_refused(ONE(ENTRY("\"F32\"", "[2147483648, 2147483648, 4, 1]", "[0, 4]")), 4, "passes 2^64");
    /* 2^62 + 1 values of 4 bytes wrap to 4 bytes */
    expect_refused(ONE(ENTRY("\"F32\"", "[4611686018427387905]", "[0, 4]")), 4, "pass 2^64 bytes");
    expect_refused(ONE(ENTRY("\"F16\"", "[9223372036854775807]", "[0, 4]")), 4, "need 18446744073709551614");
    expect_refused(ONE(ENTRY("\"F32\"", "[9223372036854775808]", "[0, 4]")), 4, "no sound JSON");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[9223372036854775803, 9223372036854775807]")), 4,
                   "its header needs 9223372036854775");
    expect_refused(ONE(ENTRY("\"F32\"", "[1000000000000]", "[0, 4000000000000]")), 4,
                   "bytes, its header needs 4000000000");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[0, 18446744073709551620]")), 4, "no sound JSON");
}

static void test_sizes(void) {
    expect_refused(ONE(ENTRY("\"F32\"", "[2]", "[0, 4]")), 4, "give it 4 bytes; its shape and dtype need 8");
    expect_refused(ONE(ENTRY("\"F16\"", "[1]", "[0, 4]")), 4, "give it 4 bytes; its shape and dtype need 2");
    expect_refused(ONE(ENTRY("\"BF16\"", "[]", "[0, 4]")), 4, "give it 4 bytes; its shape and dtype need 2");
    expect_refused(ONE(ENTRY("\"F32\"", "[0]", "[0, 4]")), 4, "give it 4 bytes; its shape and dtype need 0");
    expect_refused(ONE(ENTRY("\"F32\"", "[1]", "[0, 0]")), 4, "give it 0 bytes; its shape and dtype need 4");
}

static void test_places(void) {
#define AT(name, offsets) "\"" name "\":" ENTRY("\"F32\"", "[1]", offsets)
    expect_sound("{" AT("b", "[4, 8]") "," AT("a", "[0, 4]") "}", 8, 2);
    expect_refused("{" AT("a", "[0, 4]") "," AT("b", "[0, 4]") "}", 4, "(they overlap)");
    expect_refused("{" AT("a", "[0, 4]") "," AT("b", "[2, 6]") "}", 6, "tensor b: its bytes start at 2");
    expect_refused("{" AT("a", "[0, 4]") "," AT("b", "[6, 10]") "}", 10,
                   "tensor b: its bytes start at 6 of the data; expected 4, where those before it end (there "
                   "is a hole)");
    expect_refused("{" AT("a", "[4, 8]") "}", 8, "tensor a: its bytes start at 4 of the data; expected 0");
    expect_refused("{" AT("a", "[0, 4]") "}", 7, "has 3 bytes behind its last tensor");
    expect_refused("{" AT("a", "[0, 4]") ",\"n\":" ENTRY("\"F32\"", "[0]", "[2, 2]") "}", 4, "they overlap");
    expect_refused("{" AT("a", "[0, 4]") ",\"n\":" ENTRY("\"F32\"", "[0]", "[8, 8]") "}", 4,
                   "its header needs");
    expect_refused("{" AT("a", "[0, 4]") ",\"n\":" ENTRY("\"F32\"", "[0]", "[8, 8]") "}", 8, "a hole");
}

/* ---- dtypes ---- */

static void test_dtypes(void) {
    static const struct {
        const char *name;
        size_t bytes;
    } UNREAD[] = {{"F64", 8}, {"I64", 8}, {"U64", 8},     {"I32", 4},     {"U32", 4}, {"I16", 2},  {"U16", 2},
                  {"I8", 1},  {"U8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"f32", 4}, {"BOOL", 1}, {"", 4}};
    for (size_t i = 0; i < sizeof UNREAD / sizeof *UNREAD; i++) {
        char header[256], part[128];
        snprintf(header, sizeof header,
                 "{\"t\": {\"dtype\": \"%s\", \"shape\": [1], \"data_offsets\": [0, %zu]}}", UNREAD[i].name,
                 UNREAD[i].bytes);
        snprintf(part, sizeof part, "tensor t: its dtype is \"%s\"; readable are F32, F16 and BF16",
                 UNREAD[i].name);
        expect_refused(header, UNREAD[i].bytes, part);
    }
}

/* A buffer of older transformers is no weight: left out whatever its dtype, but its bytes count. */
static void test_ignorable(void) {
#define BUFFER "model.layers.0.self_attn.rotary_emb.inv_freq"
    static const char *const DTYPES[] = {"F32", "F64", "I64", "Q99"};
    for (size_t i = 0; i < sizeof DTYPES / sizeof *DTYPES; i++) {
        const size_t bytes = i == 0 ? 4 : 8;
        char header[256];
        snprintf(header, sizeof header,
                 "{\"%s\": {\"dtype\": \"%s\", \"shape\": [1], \"data_offsets\": [0, %zu]}, "
                 "\"t\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [%zu, %zu]}}",
                 BUFFER, DTYPES[i], bytes, bytes, bytes + 4);
        expect_sound(header, bytes + 4, 1);
    }
    expect_refused("{\"" BUFFER "\":" ENTRY("\"F32\"", "[2]", "[0, 4]") "}", 4, "shape and dtype need 8");
    expect_refused("{\"" BUFFER "\":" ENTRY("\"I64\"", "[1]", "[4, 12]") "}", 12, "there is a hole");
    expect_refused("{\"" BUFFER "\":" ENTRY("8", "[1]", "[0, 8]") "}", 8, "its dtype is 8");
    expect_refused("{\"inv_freq\":" ENTRY("\"I64\"", "[1]", "[0, 8]") "}", 8, "tensor inv_freq: its dtype");
    expect_refused("{\"" BUFFER ".weight\":" ENTRY("\"I64\"", "[1]", "[0, 8]") "}", 8, "its dtype");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("safetensors/small file", test_small_file);
    ll_test_run("safetensors/any header length", test_any_header_length);
    ll_test_run("safetensors/metadata", test_metadata);
    ll_test_run("safetensors/cut at every byte", test_cut_at_every_byte);
    ll_test_run("safetensors/mutated bytes", test_mutated_bytes);
    ll_test_run("safetensors/header length", test_header_length);
    ll_test_run("safetensors/no header", test_no_header);
    ll_test_run("safetensors/other formats", test_other_formats);
    ll_test_run("safetensors/duplicate keys", test_duplicate_keys);
    ll_test_run("safetensors/names", test_names);
    ll_test_run("safetensors/kinds of an entry's values", test_entry_kinds);
    ll_test_run("safetensors/overflows", test_overflows);
    ll_test_run("safetensors/sizes", test_sizes);
    ll_test_run("safetensors/places", test_places);
    ll_test_run("safetensors/dtypes", test_dtypes);
    ll_test_run("safetensors/buffers that are no weights", test_ignorable);
    return ll_test_end();
}
