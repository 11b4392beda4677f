#include "json.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The key whose closing quote is the byte before end: Jansson tells where it found a key the second time, not
 * its name. */
static ll_status refuse_duplicate(const char *text, size_t end, const char *name, ll_error *error) {
    size_t begin = end - 1;
    while (begin > 0 && (text[begin - 1] != '"' || (begin > 1 && text[begin - 2] == '\\')))
        begin--;
    const size_t length = end - 1 - begin;
    return ll_fail(error, LL_BAD_INPUT, "%s: the key \"%.*s\" is there twice; expected once", name,
                   (int)(length < 200 ? length : 200), text + begin);
}

ll_status ll_json_parse(json_t **out, const char *text, size_t length, const char *name, ll_error *error) {
    json_error_t problem;
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &problem);
    if (!*out) {
        const enum json_error_code code = json_error_code(&problem);
        if (code == json_error_out_of_memory || !problem.text[0]) /* it seldom gives the code */
            return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its JSON of %zu bytes", name, length);
        if (code == json_error_duplicate_key && problem.position >= 2 && (size_t)problem.position <= length)
            return refuse_duplicate(text, (size_t)problem.position, name, error);
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: no sound JSON at line %d, column %d: %s; the file is cut or damaged", name,
                       problem.line, problem.column, problem.text);
    }
    if (json_is_object(*out))
        return LL_OK;
    json_decref(*out);
    *out = NULL;
    return ll_fail(error, LL_BAD_INPUT, "%s: its JSON is no object; expected {...}", name);
}

/* As JSON has it, so that 4.0 is not taken for the whole number 4. */
static void show_real(char *out, size_t room, double value) {
    const int length = snprintf(out, room, "%.15g", value);
    if (!strpbrk(out, ".e"))
        snprintf(out + length, room - (size_t)length, ".0");
}

ll_json_shown ll_json_show(const json_t *value) {
    ll_json_shown s;
    const size_t room = sizeof s.text;
    if (json_is_string(value))
        snprintf(s.text, room, "\"%.60s\"", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(s.text, room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        show_real(s.text, room, json_real_value(value));
    else if (json_is_array(value))
        snprintf(s.text, room, "a list of %zu", json_array_size(value));
    else if (json_is_object(value))
        snprintf(s.text, room, "an object");
    else
        snprintf(s.text, room, "%s",
                 json_is_true(value)    ? "true"
                 : json_is_false(value) ? "false"
                 : value                ? "null"
                                        : "absent");
    return s;
}
