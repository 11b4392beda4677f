/* Readers of tokenizer.json share these; private to model/tokenizer_json*.c and the folder's reader. */
#ifndef LL_TOKENIZER_JSON_H
#define LL_TOKENIZER_JSON_H
#include "json.h"
#include "tokenizer_parts.h"

typedef struct {
    ll_tokenizer *tokenizer;
    const char *name; /* the file's */
    ll_error *error;
} ll_json_reader;

enum { LL_JSON_PLACE = 128 };

/* An object whose keys are all in allowed (up to NULL); place: what the sentence calls it. */
ll_status ll_json_check_keys(const ll_json_reader *r, const json_t *object, const char *place,
                             const char *const *allowed);
/* A value of true or false; absent or null: otherwise. */
ll_status ll_json_get_flag(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                           bool otherwise, bool *out);
ll_status ll_json_get_text(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                           ll_text *out);
ll_status ll_json_get_array(const ll_json_reader *r, const json_t *object, const char *place, const char *key,
                            const json_t **out);
/* The type of a component, which must be an object. */
ll_status ll_json_get_type(const ll_json_reader *r, const json_t *component, const char *place,
                           const char **out);
ll_text ll_json_text(const json_t *string);

/* ---- parts of the file; NULL or null: there is none ---- */
ll_status ll_json_read_normalizer(const ll_json_reader *r, const json_t *normalizer, const char *place);
ll_status ll_json_read_pre(const ll_json_reader *r, const json_t *pre, const char *place);
/* The id that goes before a text; -1: none. */
ll_status ll_json_read_post(const ll_json_reader *r, const json_t *post, const char *place, int32_t *first);
/* Vocabulary, merges, added tokens; after the normalizer and the pre-tokenizer. rows: of the embedding. */
ll_status ll_json_read_model(const ll_json_reader *r, const json_t *model, const json_t *added, size_t rows);
/* What the added tokens are looked for as; after the model. */
ll_status ll_json_read_added(const ll_json_reader *r, const json_t *added);
#endif
