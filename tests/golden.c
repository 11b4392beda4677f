#include "golden.h"
#include "test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/golden/"

/* ---- pieces of JSON: false (NULL) when the file is not as expected ---- */

static bool wrong(const char *path, const char *what) {
    ll_test_fail(__FILE__, __LINE__, "%s: %s; make it again with tests/golden/make_golden.py", path, what);
    return false;
}

static json_t *parse(const char *path, const char *text, size_t length) {
    json_error_t problem;
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        wrong(path, problem.text);
    return root;
}

static json_t *parse_file(const char *path) {
    size_t length = 0;
    char *text = ll_test_read(path, &length);
    json_t *root = text ? parse(path, text, length) : NULL;
    free(text);
    return root;
}

/* The array called key, with *items zeroed elements of size bytes for its members. */
static json_t *array_of(json_t *object, const char *key, void *items, size_t size, size_t *count) {
    json_t *array = json_object_get(object, key);
    const size_t n = json_array_size(array);
    void *memory = json_is_array(array) ? calloc(n + 1, size) : NULL;
    memcpy(items, &memory, sizeof memory);
    *count = memory ? n : 0;
    return memory ? array : NULL;
}

static bool get_size(json_t *object, const char *key, size_t *out) {
    const json_t *value = json_object_get(object, key);
    *out = (size_t)json_integer_value(value);
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool get_real(json_t *object, const char *key, double *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_number_value(value);
    return json_is_number(value);
}

static bool get_bool(json_t *object, const char *key, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    return json_is_boolean(value);
}

static bool get_text(json_t *object, const char *key, char **out) {
    const char *text = json_string_value(json_object_get(object, key));
    *out = text ? strdup(text) : NULL;
    return *out != NULL;
}

static bool get_ids(json_t *object, const char *key, int32_t **out, size_t *count) {
    json_t *array = array_of(object, key, out, sizeof **out, count);
    for (size_t i = 0; i < *count; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_integer(value))
            return false;
        (*out)[i] = (int32_t)json_integer_value(value);
    }
    return array != NULL;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Bytes written in hex; a NUL is appended. */
static bool get_bytes(json_t *object, const char *key, void *out, size_t *length) {
    const json_t *value = json_object_get(object, key);
    const char *hex = json_string_value(value);
    const size_t n = json_string_length(value);
    if (!hex || n % 2 != 0)
        return false;
    char *bytes = malloc(n / 2 + 1);
    bool good = bytes != NULL;
    for (size_t i = 0; good && i < n / 2; i++) {
        const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        good = high >= 0 && low >= 0;
        bytes[i] = (char)(unsigned char)(good ? high * 16 + low : 0);
    }
    if (good)
        bytes[n / 2] = '\0';
    memcpy(out, &bytes, sizeof bytes);
    *length = n / 2;
    return good;
}

/* ---- tokens ---- */

static bool text_read(ll_golden_text *out, json_t *line) {
    return get_bytes(line, "hex", &out->bytes, &out->length) &&
           get_ids(line, "ids", &out->ids, &out->count) && get_bool(line, "lossless", &out->lossless);
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; (text = strchr(text, '\n')); text++)
        lines++;
    return lines;
}

static bool tokens_read(ll_golden_tokens *out, const char *path) {
    *out = (ll_golden_tokens){0};
    char *text = ll_test_read(path, &(size_t){0});
    if (!text)
        return false;
    out->texts = calloc(count_lines(text) + 1, sizeof *out->texts);
    bool good = out->texts != NULL;
    char *line = text;
    for (char *end; good && (end = strchr(line, '\n')); line = end + 1) {
        json_t *root = parse(path, line, (size_t)(end - line));
        good = root && text_read(&out->texts[out->count++], root);
        json_decref(root);
    }
    good = good && *line == '\0' && out->count > 0;
    free(text);
    if (good)
        return true;
    ll_golden_tokens_free(out);
    return wrong(path, "a line is not {hex, ids, lossless}");
}

bool ll_golden_tokens_load(ll_golden_tokens *out) {
    return tokens_read(out, FOLDER "tokens.jsonl");
}

bool ll_golden_tokens_load_pre(ll_golden_tokens *out, const char *pre) {
    char path[64];
    snprintf(path, sizeof path, FOLDER "tokens-%s.jsonl", pre);
    return tokens_read(out, path);
}

void ll_golden_tokens_free(ll_golden_tokens *tokens) {
    for (size_t i = 0; i < tokens->count; i++) {
        free(tokens->texts[i].bytes);
        free(tokens->texts[i].ids);
    }
    free(tokens->texts);
    *tokens = (ll_golden_tokens){0};
}

/* ---- dequantized blocks ---- */

static bool blocks_read(ll_golden_blocks *out, json_t *entry) {
    const char *name = json_string_value(json_object_get(entry, "name"));
    size_t type = 0, value_bytes = 0;
    if (!name || strlen(name) >= sizeof out->name || !get_size(entry, "type", &type))
        return false;
    memcpy(out->name, name, strlen(name) + 1);
    out->type = (uint32_t)type;
    const bool good = get_bytes(entry, "data", &out->data, &out->bytes) &&
                      get_bytes(entry, "values", &out->values, &value_bytes) &&
                      value_bytes % sizeof(float) == 0;
    out->count = value_bytes / sizeof(float);
    return good;
}

bool ll_golden_dequant_load(ll_golden_dequant *out) {
    const char *path = FOLDER "dequant.json";
    *out = (ll_golden_dequant){0};
    json_t *root = parse_file(path);
    if (!root)
        return false;
    json_t *types = array_of(root, "types", &out->types, sizeof *out->types, &out->count);
    bool good = types && out->count > 0;
    for (size_t i = 0; good && i < out->count; i++)
        good = blocks_read(&out->types[i], json_array_get(types, i));
    json_decref(root);
    if (good)
        return true;
    ll_golden_dequant_free(out);
    return wrong(path, "an entry is not {name, type, data, values}");
}

void ll_golden_dequant_free(ll_golden_dequant *dequant) {
    for (size_t i = 0; i < dequant->count; i++) {
        free(dequant->types[i].data);
        free(dequant->types[i].values);
    }
    free(dequant->types);
    *dequant = (ll_golden_dequant){0};
}

/* ---- logits ---- */

static bool position_read(ll_golden_position *out, json_t *entry, size_t index_count) {
    size_t argmax = 0, count = 0;
    json_t *logits = array_of(entry, "logits", &out->logits, sizeof *out->logits, &count);
    bool good = logits && count == index_count && get_size(entry, "position", &out->position) &&
                get_size(entry, "argmax", &argmax) && get_real(entry, "margin", &out->margin) &&
                get_real(entry, "logsumexp", &out->logsumexp);
    out->argmax = (int32_t)argmax;
    for (size_t i = 0; good && i < count; i++) {
        good = json_is_number(json_array_get(logits, i));
        out->logits[i] = (float)json_number_value(json_array_get(logits, i));
    }
    return good;
}

static bool case_read(ll_golden_case *out, json_t *entry, size_t index_count) {
    if (!get_text(entry, "drop", &out->drop) || !get_ids(entry, "ids", &out->ids, &out->id_count))
        return false;
    json_t *positions =
        array_of(entry, "positions", &out->positions, sizeof *out->positions, &out->position_count);
    bool good = positions && out->position_count > 0;
    for (size_t i = 0; good && i < out->position_count; i++)
        good = position_read(&out->positions[i], json_array_get(positions, i), index_count) &&
               out->positions[i].position < out->id_count;
    return good;
}

bool ll_golden_logits_load(ll_golden_logits *out) {
    const char *path = FOLDER "logits.json";
    *out = (ll_golden_logits){0};
    json_t *root = parse_file(path);
    if (!root)
        return false;
    bool good = get_ids(root, "indices", &out->indices, &out->index_count);
    json_t *cases = good ? array_of(root, "cases", &out->cases, sizeof *out->cases, &out->count) : NULL;
    good = cases && out->count > 0;
    for (size_t i = 0; good && i < out->count; i++)
        good = case_read(&out->cases[i], json_array_get(cases, i), out->index_count);
    json_decref(root);
    if (good)
        return true;
    ll_golden_logits_free(out);
    return wrong(path, "a case is not {drop, ids, positions}");
}

static void case_free(ll_golden_case *one) {
    for (size_t i = 0; i < one->position_count; i++)
        free(one->positions[i].logits);
    free(one->positions);
    free(one->ids);
    free(one->drop);
}

void ll_golden_logits_free(ll_golden_logits *logits) {
    for (size_t i = 0; i < logits->count; i++)
        case_free(&logits->cases[i]);
    free(logits->cases);
    free(logits->indices);
    *logits = (ll_golden_logits){0};
}

/* ---- importance ---- */

static bool module_read(ll_golden_module *out, const char *line) {
    int end = 0;
    return sscanf(line, "%7[a-z],%zu,%lf%n", out->kind, &out->layer, &out->importance, &end) == 3 &&
           line[end] == '\n';
}

bool ll_golden_importance_load(ll_golden_importance *out) {
    const char *path = FOLDER "importance.csv", *header = "kind,layer,importance\n";
    *out = (ll_golden_importance){0};
    char *text = ll_test_read(path, &(size_t){0});
    if (!text)
        return false;
    out->modules = calloc(count_lines(text) + 1, sizeof *out->modules);
    bool good = out->modules && strncmp(text, header, strlen(header)) == 0;
    const char *line = good ? text + strlen(header) : text;
    while (good && *line) {
        good = module_read(&out->modules[out->count++], line);
        line = good ? strchr(line, '\n') + 1 : line;
    }
    free(text);
    if (good && out->count > 0)
        return true;
    ll_golden_importance_free(out);
    return wrong(path, "a line is not kind,layer,importance");
}

void ll_golden_importance_free(ll_golden_importance *importance) {
    free(importance->modules);
    *importance = (ll_golden_importance){0};
}

/* ---- perplexity ---- */

static bool score_read(ll_golden_score *out, json_t *entry) {
    return get_text(entry, "drop", &out->drop) && get_size(entry, "window", &out->window) &&
           get_size(entry, "first_window", &out->first_window) &&
           get_size(entry, "max_windows", &out->max_windows) && get_size(entry, "tokens", &out->tokens) &&
           get_real(entry, "mean_nll", &out->mean_nll) && get_real(entry, "perplexity", &out->perplexity) &&
           get_bool(entry, "quick", &out->quick);
}

bool ll_golden_perplexity_load(ll_golden_perplexity *out) {
    const char *path = FOLDER "perplexity.json";
    *out = (ll_golden_perplexity){0};
    json_t *root = parse_file(path);
    if (!root)
        return false;
    json_t *scores = array_of(root, "scores", &out->scores, sizeof *out->scores, &out->count);
    bool good = scores && out->count > 0 && get_size(root, "text_tokens", &out->text_tokens);
    for (size_t i = 0; good && i < out->count; i++)
        good = score_read(&out->scores[i], json_array_get(scores, i));
    json_decref(root);
    if (good)
        return true;
    ll_golden_perplexity_free(out);
    return wrong(path, "a score lacks a field");
}

void ll_golden_perplexity_free(ll_golden_perplexity *perplexity) {
    for (size_t i = 0; i < perplexity->count; i++)
        free(perplexity->scores[i].drop);
    free(perplexity->scores);
    *perplexity = (ll_golden_perplexity){0};
}
