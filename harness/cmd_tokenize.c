/* Text on standard input to tokens. */
#include "checkpoint.h"
#include "cmd.h"
#include "utf8_char.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ll_status read_stdin(char **data, size_t *length, ll_error *error) {
    size_t capacity = 65536;
    *length = 0;
    *data = malloc(capacity);
    while (*data) {
        *length += fread(*data + *length, 1, capacity - *length, stdin);
        if (ferror(stdin))
            return ll_fail(error, LL_BAD_INPUT, "standard input cannot be read: %s", strerror(errno));
        if (*length < capacity)
            return LL_OK;
        LL_TRY(ll_memory_require(2 * capacity, "standard input", error));
        char *wider = realloc(*data, capacity *= 2);
        if (!wider)
            break;
        *data = wider;
    }
    return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu bytes of standard input", capacity);
}

/* Prints the text such that it stays on its line and says which bytes it holds. */
static void append_escaped(FILE *out, ll_text text) {
    const unsigned char *data = (const unsigned char *)text.data;
    for (size_t i = 0; i < text.length;) {
        const int character = ll_utf8_char(text.data + i, text.length - i);
        const size_t size = character > 0 ? (size_t)character : 0;
        const unsigned char first = data[i];
        if (first == '\n' || first == '\t' || first == '\r' || first == '\\')
            fprintf(out, "\\%c", first == '\n' ? 'n' : first == '\t' ? 't' : first == '\r' ? 'r' : '\\');
        else if (size == 0 || first < 0x20 || first == 0x7f ||
                 (size == 2 && first == 0xc2 && data[i + 1] < 0xa0))
            for (size_t j = 0; j < (size ? size : 1); j++)
                fprintf(out, "\\x%02X", data[i + j]);
        else
            fwrite(data + i, 1, size, out);
        i += size ? size : 1;
    }
}

static ll_status print_json(const ll_tokenizer *tokenizer, const ll_ids *ids, ll_error *error) {
    json_t *array = json_array();
    for (size_t i = 0; i < ids->count; i++) {
        char *text = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&text, &length);
        if (stream) {
            append_escaped(stream, ll_tokenizer_decode(tokenizer, ids->data[i]));
            fclose(stream);
        }
        json_t *token = json_object();
        json_object_set_new(token, "id", json_integer(ids->data[i]));
        json_object_set_new(token, "text", text ? json_string(text) : json_null());
        json_array_append_new(array, token);
        free(text);
    }
    return ll_cmd_print_json(array, error);
}

static ll_status print_tokens(const ll_options *options, const ll_tokenizer *tokenizer, const ll_ids *ids,
                              ll_error *error) {
    if (options->json)
        return print_json(tokenizer, ids, error);
    for (size_t i = 0; i < ids->count; i++) {
        if (options->ids) {
            printf("%s%" PRId32, i ? " " : "", ids->data[i]);
            continue;
        }
        printf("%" PRId32 "\t", ids->data[i]);
        append_escaped(stdout, ll_tokenizer_decode(tokenizer, ids->data[i]));
        printf("\n");
    }
    if (options->ids)
        printf("\n");
    return LL_OK;
}

static ll_status open_tokenizer(const ll_options *options, ll_tokenizer **tokenizer, ll_error *error) {
    char path[LL_CMD_PATH];
    if (options->synthetic)
        return ll_fail(error, LL_BAD_USAGE,
                       "tokenize: a synthetic model has no tokenizer; give the path of a real one");
    LL_TRY(ll_cmd_locate(options, path, error));
    return ll_tokenizer_open(tokenizer, path, error);
}

ll_status ll_cmd_tokenize(const ll_options *options, ll_error *error) {
    ll_tokenizer *tokenizer = NULL;
    ll_ids ids = {0};
    char *text = NULL;
    size_t length = 0;
    ll_status status = open_tokenizer(options, &tokenizer, error);
    if (status == LL_OK)
        status = read_stdin(&text, &length, error);
    if (status == LL_OK)
        status = ll_tokenizer_encode(tokenizer, text, length, &ids, error);
    if (status == LL_OK)
        status = print_tokens(options, tokenizer, &ids, error);
    free(text);
    ll_ids_free(&ids);
    ll_tokenizer_destroy(tokenizer);
    return status;
}
