/* Private to the reader of config.json: typed values of a JSON object, and the parts of the config that have rules of
 * their own. A key that is null counts as absent. */
#ifndef LL_CONFIG_READER_H
#define LL_CONFIG_READER_H
#include "config.h"
#include "json.h"

typedef struct {
    const char *file;
    const char *within; /* what precedes a key in sentences: "" or "rope_scaling." */
    json_t *object;
    ll_error *error;
} ll_config_reader;

/* NULL: absent or null. */
json_t *ll_config_value(const ll_config_reader *reader, const char *key);
/* LL_BAD_INPUT: "file: key K is FOUND; EXPECTED". */
ll_status ll_config_refuse(const ll_config_reader *reader, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Whole numbers from 1 to max. These leave *out alone when the key is absent, but a size of 0 is then an error: the
 * key is needed. */
ll_status ll_config_get_size(const ll_config_reader *reader, const char *key, size_t max, size_t *out);
/* Positive numbers. Absent: *out stays, NAN is an error. */
ll_status ll_config_get_real(const ll_config_reader *reader, const char *key, double *out);
ll_status ll_config_get_bool(const ll_config_reader *reader, const char *key, bool *out);
ll_status ll_config_get_text(const ll_config_reader *reader, const char *key, const char **out);

/* rope_theta, rope_scaling and rope_parameters. */
ll_status ll_config_read_rope(const ll_config_reader *reader, ll_config *out);
/* drop_attn_list, drop_mlp_list, and what else says "drop"; layers is known. */
ll_status ll_config_read_drops(const ll_config_reader *reader, ll_config *out);
#endif
