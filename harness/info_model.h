/* The model's part of `layerlab info`: what it is, where its weights are, what it needs. Private to cmd_info.c. */
#ifndef LL_INFO_MODEL_H
#define LL_INFO_MODEL_H
#include "checkpoint.h"
#include "cmd.h"
#include "model_list.h"
#include "needs.h"

typedef struct {
    const ll_model_entry *entry; /* NULL: given by its path */
    const ll_model_entry *alike; /* the listed model of this shape; NULL: none */
    ll_checkpoint *checkpoint;   /* NULL: its weights are not here, or not looked for */
    char path[LL_CMD_PATH];      /* of the weights, or where they would be; empty when not looked for */
    bool synthetic;              /* random weights of this shape are meant, no file's */
    ll_config config;
    ll_needs_setting setting;
    ll_mask drop;
    bool has_drop;
    ll_needs needs[2]; /* full, and with the drop */
} ll_info_model;

/* Reads headers only; a listed model needs no file. setting points into out: it is not to be copied. */
ll_status ll_info_model_read(ll_info_model *out, const ll_options *options, uint64_t available,
                             ll_error *error);
void ll_info_model_free(ll_info_model *model);
void ll_info_model_print(const ll_info_model *model);
json_t *ll_info_model_json(const ll_info_model *model);
#endif
