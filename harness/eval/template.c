#include "template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

ll_status ll_string_append(ll_string *s, const char *text, size_t length, ll_error *error) {
    if (s->capacity - s->length <= length) {
        const size_t capacity = 2 * s->capacity + length + 64;
        char *data = realloc(s->data, capacity);
        if (!data)
            return ll_fail(error, LL_NO_RESOURCE, "no memory for a text of %zu bytes", capacity);
        s->data = data;
        s->capacity = capacity;
    }
    if (length)
        memcpy(s->data + s->length, text, length);
    s->length += length;
    s->data[s->length] = 0;
    return LL_OK;
}

void ll_string_free(ll_string *s) {
    free(s->data);
    *s = (ll_string){0};
}

void ll_strings_free(ll_string *strings, size_t count) {
    for (size_t i = 0; strings && i < count; i++)
        ll_string_free(&strings[i]);
    free(strings);
}

/* ---- paths ---- */

/* One step of a path, "name" or "[2]"; *path goes behind it. NULL: there is no such thing. */
static const json_t *step(const json_t *value, const char **path, const char *end) {
    const char *p = *path;
    if (*p == '[') {
        char *after;
        const unsigned long index = isdigit((unsigned char)p[1]) ? strtoul(p + 1, &after, 10) : 0;
        if (!isdigit((unsigned char)p[1]) || *after != ']' || after >= end)
            return NULL;
        *path = after + 1;
        return json_array_get(value, index);
    }
    if (*p == '.')
        p++;
    const char *stop = p;
    while (stop < end && *stop != '.' && *stop != '[')
        stop++;
    char name[128];
    if (stop == p || (size_t)(stop - p) >= sizeof name)
        return NULL;
    memcpy(name, p, (size_t)(stop - p));
    name[stop - p] = 0;
    *path = stop;
    return json_object_get(value, name);
}

static const json_t *follow(const json_t *value, const char *path, const char *end) {
    while (value && path < end)
        value = step(value, &path, end);
    return value;
}

/* The shortest text that reads as the same number, which is how JSON files mostly have it. */
static ll_status append_real(const json_t *value, ll_string *out, ll_error *error) {
    char text[64];
    size_t length = 0;
    for (size_t digits = 1; digits <= 17; digits++) {
        length = json_dumpb(value, text, sizeof text - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        text[length < sizeof text ? length : 0] = 0;
        if (strtod(text, NULL) == json_real_value(value))
            break;
    }
    return ll_string_append(out, text, strlen(text), error);
}

static ll_status append_value(const json_t *value, const char *path, size_t length, ll_string *out,
                              ll_error *error) {
    char number[32];
    if (json_is_string(value))
        return ll_string_append(out, json_string_value(value), json_string_length(value), error);
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        return ll_string_append(out, number, strlen(number), error);
    }
    if (json_is_real(value))
        return append_real(value, out, error);
    if (json_is_boolean(value))
        return ll_string_append(out, json_is_true(value) ? "true" : "false", json_is_true(value) ? 4 : 5,
                                error);
    return ll_fail(error, LL_BAD_INPUT, "%s \"%.*s\"%s", value ? "field" : "there is no field", (int)length,
                   path, value ? " holds no text" : "");
}

/* ---- filters ---- */

static size_t character(const char *text, size_t length, utf8proc_int32_t *code) {
    const utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, code);
    if (bytes > 0)
        return (size_t)bytes;
    *code = -1;
    return 1;
}

/* What Python's str.isspace holds for white. */
static bool is_space(utf8proc_int32_t code) {
    const utf8proc_category_t category = utf8proc_category(code);
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 31) || code == 0x85 ||
           category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

/* Where the text without white space at both ends begins and ends; of nothing but white space both are 0. */
static void find_ends(const char *text, size_t length, size_t *begin, size_t *end) {
    bool any = false;
    *begin = *end = 0;
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t code;
        const size_t bytes = character(text + at, length - at, &code);
        if (code < 0 || !is_space(code)) {
            *begin = any ? *begin : at;
            *end = at + bytes;
            any = true;
        }
        at += bytes;
    }
}

size_t ll_text_spaces(const char *text, size_t length) {
    size_t runs = 0;
    bool inside = false;
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t code;
        at += character(text + at, length - at, &code);
        const bool space = code >= 0 && is_space(code);
        runs += space && !inside;
        inside = space;
    }
    return runs;
}

size_t ll_text_end(const char *text, size_t length) {
    size_t begin, end;
    find_ends(text, length, &begin, &end);
    return end;
}

void ll_string_strip(ll_string *s, size_t from) {
    size_t begin, end;
    find_ends(s->data + from, s->length - from, &begin, &end);
    memmove(s->data + from, s->data + from + begin, end - begin);
    s->length = from + end - begin;
    s->data[s->length] = 0;
}

static ll_status capitalize(ll_string *s, size_t from, ll_error *error) {
    ll_string out = {0};
    ll_status status = LL_OK;
    for (size_t at = from; at < s->length && status == LL_OK;) {
        utf8proc_int32_t code;
        utf8proc_uint8_t bytes[4];
        const size_t length = character(s->data + at, s->length - at, &code);
        if (code < 0) {
            status = ll_string_append(&out, s->data + at, length, error);
        } else {
            code = at == from ? utf8proc_totitle(code) : utf8proc_tolower(code);
            status = ll_string_append(&out, (char *)bytes, (size_t)utf8proc_encode_char(code, bytes), error);
        }
        at += length;
    }
    s->length = from;
    if (status == LL_OK && out.length)
        status = ll_string_append(s, out.data, out.length, error);
    ll_string_free(&out);
    return status;
}

static ll_status cut(ll_string *s, size_t from, const char *mark, size_t length, bool after,
                     ll_error *error) {
    const char *found = length ? memmem(s->data + from, s->length - from, mark, length) : NULL;
    if (!found)
        return ll_fail(error, LL_BAD_INPUT, "the text has no \"%.*s\": \"%.60s\"", (int)length, mark,
                       s->data + from);
    const size_t at = (size_t)(found - s->data);
    if (!after) {
        s->length = at;
    } else {
        memmove(s->data + from, found + length, s->length - at - length);
        s->length -= at + length - from;
    }
    s->data[s->length] = 0;
    return LL_OK;
}

static bool is(const char *name, size_t length, const char *wanted) {
    return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

/* Filters what was appended from on. */
static ll_status filter(ll_string *s, size_t from, const char *name, size_t length, ll_error *error) {
    const char *colon = memchr(name, ':', length);
    const size_t head = colon ? (size_t)(colon - name) : length;
    LL_TRY(ll_string_append(s, "", 0, error)); /* so that there is a text */
    if (is(name, length, "strip"))
        ll_string_strip(s, from);
    else if (is(name, length, "capitalize"))
        return capitalize(s, from, error);
    else if (is(name, length, "words"))
        for (size_t i = from; i < s->length; i++)
            s->data[i] = s->data[i] == '_' ? ' ' : s->data[i];
    else if (colon && (is(name, head, "before") || is(name, head, "after")))
        return cut(s, from, colon + 1, length - head - 1, is(name, head, "after"), error);
    else
        return ll_fail(error, LL_BAD_INPUT,
                       "no filter is called \"%.*s\"; there are strip, capitalize, words, before:X, after:X",
                       (int)length, name);
    return LL_OK;
}

/* ---- templates ---- */

/* What stands between {{ and }}. */
static ll_status render_field(const char *text, const char *end, const json_t *document, ll_string *out,
                              ll_error *error) {
    const size_t from = out->length;
    const char *bar = memchr(text, '|', (size_t)(end - text));
    const char *stop = bar ? bar : end;
    LL_TRY(append_value(follow(document, text, stop), text, (size_t)(stop - text), out, error));
    while (bar) {
        const char *name = bar + 1;
        bar = memchr(name, '|', (size_t)(end - name));
        stop = bar ? bar : end;
        LL_TRY(filter(out, from, name, (size_t)(stop - name), error));
    }
    return LL_OK;
}

ll_status ll_template_render(const char *template, const json_t *document, ll_string *out, ll_error *error) {
    LL_TRY(ll_string_append(out, "", 0, error));
    while (*template) {
        const char *open = strstr(template, "{{");
        LL_TRY(ll_string_append(out, template, open ? (size_t)(open - template) : strlen(template), error));
        if (!open)
            break;
        const char *close = strstr(open, "}}");
        if (!close)
            return ll_fail(error, LL_BAD_INPUT, "\"{{\" without \"}}\": \"%.60s\"", open);
        LL_TRY(render_field(open + 2, close, document, out, error));
        template = close + 2;
    }
    return LL_OK;
}

static ll_status render_element(const json_t *list, const json_t *elements, size_t i, const json_t *document,
                                const char *rest, ll_string *out, ll_error *error) {
    if (!elements)
        return ll_template_render(json_string_value(json_array_get(list, i)), document, out, error);
    return append_value(follow(json_array_get(elements, i), rest, rest + strlen(rest)), rest, strlen(rest),
                        out, error);
}

ll_status ll_template_list(const json_t *list, const json_t *document, ll_string **out, size_t *count,
                           ll_error *error) {
    const char *path = json_string_value(list), *mark = path ? strstr(path, "[]") : NULL;
    const json_t *elements = mark ? follow(document, path, mark) : NULL;
    *out = NULL;
    if (path && !json_is_array(elements))
        return ll_fail(error, LL_BAD_INPUT, "there is no list \"%s\"", path);
    *count = json_array_size(path ? elements : list);
    *out = calloc(*count + 1, sizeof **out);
    if (!*out)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu texts", *count);
    ll_status status = LL_OK;
    for (size_t i = 0; i < *count && status == LL_OK; i++)
        status = render_element(list, elements, i, document, path ? mark + 2 : "", &(*out)[i], error);
    if (status != LL_OK) {
        ll_strings_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return status;
}
