#include "config_reader.h"
#include <math.h>
#include <string.h>

/* A key that is not known may stretch the rotation in a way that this program does not know. */
static ll_status check_keys(const ll_config_reader *block) {
    static const char *const KNOWN[] = {"rope_type",
                                        "type",
                                        "rope_theta",
                                        "factor",
                                        "low_freq_factor",
                                        "high_freq_factor",
                                        "original_max_position_embeddings",
                                        "partial_rotary_factor"};
    const char *key;
    json_t *value;
    json_object_foreach(block->object, key, value) {
        bool known = json_is_null(value);
        for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
            known = known || strcmp(key, KNOWN[i]) == 0;
        if (!known)
            return ll_config_refuse(block, key, "supported is none such");
    }
    double rotated = 1;
    LL_TRY(ll_config_get_real(block, "partial_rotary_factor", &rotated));
    if (rotated != 1)
        return ll_config_refuse(block, "partial_rotary_factor",
                                "supported is 1 (rotating a part is not supported)");
    return LL_OK;
}

/* rope_type, or type as older configs have it; none of them means the default if nothing is to be scaled. */
static ll_status read_kind(const ll_config_reader *block, ll_rope_kind *kind) {
    static const struct {
        const char *name;
        ll_rope_kind kind;
    } KINDS[] = {{"default", LL_ROPE_PLAIN}, {"linear", LL_ROPE_LINEAR}, {"llama3", LL_ROPE_LLAMA3}};
    const char *type = NULL, *older = NULL;
    LL_TRY(ll_config_get_text(block, "rope_type", &type));
    LL_TRY(ll_config_get_text(block, "type", &older));
    if (type && older && strcmp(type, older) != 0)
        return ll_config_refuse(block, "type", "rope_type is \"%.40s\", expected the same", type);
    const char *key = type ? "rope_type" : "type", *name = type ? type : older;
    if (!name && ll_config_value(block, "factor"))
        return ll_config_refuse(block, "rope_type",
                                "expected \"linear\" or \"llama3\" where there is a factor");
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strcmp(name ? name : "default", KINDS[i].name) == 0) {
            *kind = KINDS[i].kind;
            return LL_OK;
        }
    return ll_config_refuse(block, key, "supported are \"default\", \"linear\" and \"llama3\"");
}

static ll_status read_block(const ll_config_reader *block, ll_rope_scaling *out) {
    LL_TRY(check_keys(block));
    LL_TRY(read_kind(block, &out->kind));
    if (out->kind == LL_ROPE_PLAIN)
        return LL_OK;
    out->factor = NAN;
    LL_TRY(ll_config_get_real(block, "factor", &out->factor));
    if (out->kind == LL_ROPE_LINEAR)
        return LL_OK;
    out->low_factor = out->high_factor = out->original_context = NAN;
    LL_TRY(ll_config_get_real(block, "low_freq_factor", &out->low_factor));
    LL_TRY(ll_config_get_real(block, "high_freq_factor", &out->high_factor));
    return ll_config_get_real(block, "original_max_position_embeddings", &out->original_context);
}

/* The base may stand in the block, outside of it, or in both alike. */
static ll_status read_theta(const ll_config_reader *reader, const ll_config_reader *block, double *out) {
    static const double DEFAULT = 10000;
    double outside = DEFAULT, inside;
    LL_TRY(ll_config_get_real(reader, "rope_theta", &outside));
    inside = outside;
    if (block->object)
        LL_TRY(ll_config_get_real(block, "rope_theta", &inside));
    if (ll_config_value(reader, "rope_theta") && inside != outside)
        return ll_config_refuse(reader, "rope_theta", "%srope_theta is %g, expected the same", block->within,
                                inside);
    *out = inside;
    return LL_OK;
}

ll_status ll_config_read_rope(const ll_config_reader *reader, ll_config *out) {
    json_t *scaling = ll_config_value(reader, "rope_scaling"),
           *parameters = ll_config_value(reader, "rope_parameters");
    if (scaling && parameters && !json_equal(scaling, parameters))
        return ll_config_refuse(reader, "rope_parameters", "rope_scaling is there too, expected one of them");
    const char *key = parameters ? "rope_parameters" : "rope_scaling";
    const ll_config_reader block = {.file = reader->file,
                                    .within = parameters ? "rope_parameters." : "rope_scaling.",
                                    .object = parameters ? parameters : scaling,
                                    .error = reader->error};
    out->rope = (ll_rope_scaling){0};
    if (block.object && !json_is_object(block.object))
        return ll_config_refuse(reader, key, "expected an object or null");
    if (block.object)
        LL_TRY(read_block(&block, &out->rope));
    return read_theta(reader, &block, &out->rope_theta);
}
