#include "config_reader.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

json_t *ll_config_value(const ll_config_reader *reader, const char *key) {
    json_t *value = json_object_get(reader->object, key);
    return json_is_null(value) ? NULL : value;
}

ll_status ll_config_refuse(const ll_config_reader *reader, const char *key, const char *format, ...) {
    char expected[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expected, sizeof expected, format, arguments);
    va_end(arguments);
    return ll_fail(reader->error, LL_BAD_INPUT, "%s: key %s%.80s is %s; %s", reader->file, reader->within,
                   key, ll_json_show(json_object_get(reader->object, key)).text, expected);
}

ll_status ll_config_get_size(const ll_config_reader *reader, const char *key, size_t max, size_t *out) {
    const json_t *value = ll_config_value(reader, key);
    if (!value && *out)
        return LL_OK;
    const json_int_t number = json_integer_value(value); /* 0 for any other kind */
    if (number < 1 || (uint64_t)number > max)
        return ll_config_refuse(reader, key, "expected a whole number from 1 to %zu", max);
    *out = (size_t)number;
    return LL_OK;
}

ll_status ll_config_get_real(const ll_config_reader *reader, const char *key, double *out) {
    const json_t *value = ll_config_value(reader, key);
    if (!value && !isnan(*out))
        return LL_OK;
    const double number = json_number_value(value);
    if (!(number > 0) || !isfinite(number))
        return ll_config_refuse(reader, key, "expected a positive number");
    *out = number;
    return LL_OK;
}

ll_status ll_config_get_bool(const ll_config_reader *reader, const char *key, bool *out) {
    const json_t *value = ll_config_value(reader, key);
    if (value && !json_is_boolean(value))
        return ll_config_refuse(reader, key, "expected true or false");
    if (value)
        *out = json_is_true(value);
    return LL_OK;
}

ll_status ll_config_get_text(const ll_config_reader *reader, const char *key, const char **out) {
    const json_t *value = ll_config_value(reader, key);
    if (value && !json_is_string(value))
        return ll_config_refuse(reader, key, "expected a text");
    if (value)
        *out = json_string_value(value);
    return LL_OK;
}
