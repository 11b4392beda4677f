/* What the readers of JSON files share. Private to model/. */
#ifndef LL_JSON_H
#define LL_JSON_H
#include "error.h"
#include <jansson.h>

/* Parses one JSON object (the caller calls json_decref). Names a key that is there twice, and refuses NUL in
 * texts. name is the file's in the sentence. */
ll_status ll_json_parse(json_t **out, const char *text, size_t length, const char *name, ll_error *error);

typedef struct {
    char text[64];
} ll_json_shown;
/* A value as a sentence shows what was found: "32", "\"gelu\"", "null", "a list of 3". */
ll_json_shown ll_json_show(const json_t *value);
#endif
